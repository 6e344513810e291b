"""What the operator sets: environment (`HEADGATE_*`), `--config FILE`, and Kestra's own form (`KESTRA_CONFIGURATION`).

Later sources win: built-in defaults, Kestra's form, the file, `HEADGATE_*`, the command line. A value that can't be read names its source.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from service.errors import Invalid

LEAST_MEMORY, MOST_MEMORY = 128, 1 << 24  #: MiB: with less a library is not even loaded
_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. Durations are seconds.

    `url` is how people reach the service (links in statuses); empty: made from host and port. `backend` is auto, process or docker.
    `private_addresses`: `http()` and the HTTP tasks in the flows of tracked branches may call loopback and private addresses, too.
    `encryption_key` is base64 of 32 bytes; empty: made at first start. `fetch_interval` is how often a forge's refs are looked at
    without a webhook. `image_digests` is what becomes of an image without a digest: off (nothing), warning or error.
    `library_memory` is how much memory a task that calls a library may take on the runner here, in MiB; 0: half of the machine's.
    `most_depth` is how deep flows may call flows, `most_called` how many executions one execution may cause by calls.
    """

    data: Path = Path(".headgate")
    host: str = "127.0.0.1"
    port: int = 8080
    url: str = ""
    backend: str = "auto"
    slots: int = 4
    runner: bool = True
    library_memory: int = 0
    beat: float = 10.0
    lease: float = 30.0
    fetch_interval: float = 60.0
    timezone: str = "UTC"
    private_addresses: bool = True
    encryption_key: str = ""
    environment_prefix: str = "ENV_"
    globals: Mapping[str, Any] = field(default_factory=dict)
    plugin_defaults: Sequence[Mapping[str, Any]] = ()
    image_digests: str = "off"
    log_level: str = "INFO"
    most_depth: int = 20
    most_called: int = 200_000

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect to the service."""
        return self.host == "localhost" or is_loopback(self.host)

    @property
    def open(self) -> bool:
        """Whether whoever can connect is let in without a token: bound to loopback, and known by no other name.

        A `url` of another host says that a proxy stands before the service; who comes through it has this machine's address, too.
        """
        return self.loopback and (not self.url or is_loopback_name(hostname(self.url)))

    def variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables that templates may read: `ENV_MY_NAME` is `envs.my_name`."""
        prefix = self.environment_prefix
        return {name.removeprefix(prefix).lower(): value for name, value in environ.items() if name.startswith(prefix) and name != prefix}

    def base_url(self, port: int | None = None) -> str:
        """Where people find the service, without a trailing slash."""
        if self.url:
            return self.url.rstrip("/")
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{port or self.port}"


def hostname(url: str) -> str:
    """The host of a URL, lower-case and without a port; empty where there is none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether this is a loopback address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_name(host: str) -> bool:
    """Whether this is a loopback address, or a name that never means anything else (RFC 6761)."""
    return host == "localhost" or host.endswith(".localhost") or is_loopback(host)


def read(environ: Mapping[str, str], config: Path | None = None, **overrides: Any) -> Settings:
    """The settings of this process; raises Invalid with the source and name of a value that is wrong."""
    settings = replace(Settings(), **_from_kestra(environ.get("KESTRA_CONFIGURATION", "")))
    if config is None and environ.get("HEADGATE_CONFIG"):
        config = Path(environ["HEADGATE_CONFIG"])
    if config is not None:
        settings = replace(settings, **_from_file(config))
    settings = replace(settings, **_from_environment(environ))
    settings = replace(settings, **{name: value for name, value in overrides.items() if value is not None})
    if settings.lease < 2 * settings.beat:
        raise Invalid(f"a lease of {settings.lease:g} s is too short for a beat of {settings.beat:g} s: it must last two beats or more")
    return settings


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for setting in fields(Settings):
        name = f"HEADGATE_{setting.name.upper()}"
        if name in environ:
            structured = setting.name in ("globals", "plugin_defaults")
            found[setting.name] = _typed(setting.name, _parsed(environ[name], name) if structured else environ[name], name)
    return found


def _from_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
    except OSError as failure:
        raise Invalid(f"the configuration file {path} can't be read: {failure.strerror}") from failure
    content = _mapping(text, str(path))
    kestra = _kestra(content)
    content = {key: value for key, value in content.items() if key.partition(".")[0] != "kestra"}
    known = {setting.name for setting in fields(Settings)}
    for key in content:
        if key.replace("-", "_") not in known:
            raise Invalid(f"{path}: unknown setting `{key}` (known: {', '.join(sorted(known))})")
    return kestra | {key.replace("-", "_"): _typed(key.replace("-", "_"), value, f"{path}: {key}") for key, value in content.items()}


def _from_kestra(text: str) -> dict[str, Any]:
    return _kestra(_mapping(text, "KESTRA_CONFIGURATION")) if text.strip() else {}


def _kestra(content: Mapping[str, Any]) -> dict[str, Any]:
    """The four settings of Kestra's form that mean something here; others are left alone, for the text is shared with Kestra."""
    places = {
        "encryption_key": ("encryption", "secret-key"),
        "globals": ("variables", "globals"),
        "environment_prefix": ("variables", "env-vars-prefix"),
        "plugin_defaults": ("plugins", "defaults"),
        "url": ("url",),
    }
    found = {name: _dig(content, ("kestra", *keys)) for name, keys in places.items()}
    return {name: _typed(name, value, f"kestra.{'.'.join(places[name])}") for name, value in found.items() if value is not None}


def _dig(content: Any, keys: Sequence[str]) -> Any:
    """A value by its path; `a.b: 1` and `a: {b: 1}` are the same, as in Kestra's own files."""
    for at, key in enumerate(keys):
        if not isinstance(content, Mapping):
            return None
        for end in range(len(keys), at + 1, -1):
            joined = ".".join(keys[at:end])
            if joined in content:
                return _dig(content[joined], keys[end:])
        content = content.get(key)
    return content


def _parsed(text: str, source: str) -> Any:
    try:
        return json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, Loader=yaml.CSafeLoader)
    except (ValueError, yaml.YAMLError) as failure:
        raise Invalid(f"{source} is neither YAML nor JSON: {failure}") from failure


def _mapping(text: str, source: str) -> dict[str, Any]:
    content = _parsed(text, source)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise Invalid(f"{source} must hold a mapping of settings")
    return content


def _typed(name: str, value: Any, source: str) -> Any:
    default = getattr(Settings(), name)
    try:
        found = _READERS[type(default)](value)
    except (KeyError, ValueError, TypeError) as failure:
        raise Invalid(f"{source} is `{value}`, which is not {_WANTED.get(type(default), 'of the right type')}") from failure
    wanted, fits = _FITTING.get(name, ("", None))
    if fits is not None and not fits(found):
        raise Invalid(f"{source} is `{value}`, which is not {wanted}")
    return found


def _list(value: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(entry, Mapping) for entry in value):
        raise ValueError(value)
    return tuple(value)


def _map(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(value)
    return dict(value)


_READERS: Mapping[type, Any] = {
    bool: lambda value: _FLAGS[str(value).strip().lower()],
    int: lambda value: int(str(value)),
    float: lambda value: float(str(value)),
    str: str,
    tuple: _list,
    dict: _map,
    type(Path()): lambda value: Path(str(value)).expanduser(),
}
_SECONDS = ("a number of seconds above 0", lambda value: 0 < value < inf)
#: What a value must be besides its type, in words and as a test.
_FITTING: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "image_digests": ("off, warning or error", lambda value: value in ("off", "warning", "error")),
    "backend": ("auto, process or docker", lambda value: value in ("auto", "process", "docker")),
    "port": ("a port (0 to 65535)", lambda value: 0 <= value <= 65_535),
    "slots": ("a number from 1 to 1000", lambda value: 1 <= value <= 1_000),
    "library_memory": (
        f"a number of MiB from {LEAST_MEMORY} to {MOST_MEMORY:,}, or 0 for half of the machine's memory",
        lambda value: value == 0 or LEAST_MEMORY <= value <= MOST_MEMORY,
    ),
    "beat": _SECONDS,
    "lease": _SECONDS,
    "fetch_interval": _SECONDS,
    "log_level": ("DEBUG, INFO, WARNING or ERROR", lambda value: value.upper() in ("DEBUG", "INFO", "WARNING", "ERROR")),
}
_WANTED = {bool: "yes or no", int: "a whole number", float: "a number", tuple: "a list of mappings", dict: "a mapping"}
