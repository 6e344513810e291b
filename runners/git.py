"""What Git tasks share: their common properties, addresses of repositories, and an environment for `git` in which it can do no more than it is asked to.

Credentials go to `git` in its environment, never in an argument, an address or a file of the clone; they are given to the repository's own host
alone, not to one that it redirects to, nor to a submodule's. Nothing that the repository or the flow says is run as a program.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import Field, field_validator

from runners.fields import Dynamic, Natural, Text, is_template, wrong
from runners.protocol import Unusable
from runners.task import RunnerTask

_SCHEMES = ("http", "https", "ssh", "git")
_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}
_SCP = re.compile(r"(?:(?P<user>[^@/:\s]+)@)?(?P<host>[^@/:\s]+):(?P<path>[^\s]+)")
_ODD = re.compile(r"[\x00-\x20\x7f]")
_REF = re.compile(r"(?!-)[^\x00-\x20\x7f~^:?*\[\\]{1,250}")

#: What `gitConfig` may set: nothing of it names a program, a file or an address.
_SETTABLE = re.compile(
    r"core\.(autocrlf|eol|safecrlf|compression|bigfilethreshold|longpaths|symlinks|ignorecase|precomposeunicode|filemode|quotepath)"
    r"|http\.(postbuffer|sslverify|lowspeedlimit|lowspeedtime|version|useragent|followredirects|maxrequests)"
    r"|(user|author|committer)\.(name|email)|(pack|fetch|transfer|clone|advice|index|diff|merge|pull|submodule)\.[a-z]+|protocol\.version|init\.defaultbranch"
)
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
#: Answers git's question for the user and password of one host.
_HELPER = """!f() { test "$1" = get || exit 0; printf 'username=%s\\npassword=%s\\n' "$HEADGATE_GIT_USERNAME" "$HEADGATE_GIT_PASSWORD"; }; f"""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a repository is: `url` has no user and no password in it, except the user of ssh, which is none's secret."""

    scheme: str
    host: str
    port: int
    url: str
    username: str | None = None
    password: str | None = None

    @property
    def origin(self) -> str:
        """The host as git's configuration names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")


def address_of(url: str) -> Address:
    """Reads a repository's address; raises Unusable."""
    url = url.strip()
    if _ODD.search(url):
        raise Unusable("url: an address has no spaces or control characters in it")
    if "://" not in url:
        return _short(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as problem:
        raise Unusable(f"url: not an address: {problem}") from problem
    if parts.scheme not in _SCHEMES:
        raise Unusable(
            f"url: {parts.scheme}:// is not cloned from; the address begins with {', '.join(f'{scheme}://' for scheme in _SCHEMES)} or is user@host:path"
        )
    if not host or host.startswith("-"):
        raise Unusable("url: the address names no host")
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    place = parts.netloc.rpartition("@")[2]
    if parts.scheme == "ssh" and user:
        place = f"{parts.username}@{place}"
    return Address(parts.scheme, host, port, parts._replace(netloc=place).geturl(), user, password)


def _short(url: str) -> Address:
    """`user@host:path`, the short form of ssh."""
    found = _SCP.fullmatch(url)
    if not found or found["host"].startswith("-") or (found["user"] or "").startswith("-"):
        raise Unusable("url: not the address of a repository; write https://host/path or user@host:path")
    return Address("ssh", found["host"], _PORTS["ssh"], url, found["user"])


def a_name(value: str | None, what: str) -> str | None:
    """A branch or tag as it is given to git; raises Unusable for what can't be one."""
    if value is None or not value.strip():
        return None
    if not _REF.fullmatch(value) or ".." in value:
        raise Unusable(f"{what}: {value[:100]!r} can't be the name of a {what}")
    return value


class GitTask(RunnerTask):
    """Properties of all Git tasks."""

    url: Dynamic[Text] | None = Field(None, description="The repository's address: https://host/path, ssh://user@host/path or user@host:path.")
    username: Dynamic[Text] | None = Field(None, description="The user's name, or whatever the host wants beside a token.")
    password: Dynamic[Text] | None = Field(None, description="The password or token; best a secret.")
    private_key: Dynamic[Text] | None = Field(None, description="The private key for ssh, as text; best a secret.")
    passphrase: Dynamic[Text] | None = Field(None, description="The private key's passphrase.")
    branch: Dynamic[Text] | None = Field(None, description="The branch; the repository's default one when absent.")
    trusted_ca_pem_path: Dynamic[Text] | None = Field(None, description="A file of certificates to trust, in place of those of the runner's host.")
    no_proxy: Dynamic[bool] | None = Field(None, description="Go past the proxy that the runner's environment names.")
    connect_timeout: Dynamic[Natural] = Field(10000, description="How long a connection may take, in milliseconds.")
    read_timeout: Dynamic[Natural] = Field(60000, description="How long the host may be silent, in milliseconds.")
    git_config: Dynamic[dict[str, Any]] | None = Field(None, description="Settings for git, like `core.autocrlf`; none that name a program or file.")

    @field_validator("git_config")
    @classmethod
    def _harmless(cls, value: Any) -> Any:
        for name in () if is_template(value) or value is None else _flat(value):
            if not _SETTABLE.fullmatch(name.lower()):
                raise wrong("git_config", f"`{name[:80]}` can't be set here", "settings that name no program, file or address can, like core.autocrlf")
        return value

    def environment(self, address: Address) -> dict[str, str]:
        """What git is told, beside its arguments."""
        env = {name: os.environ[name] for name in _PROXIES if name in os.environ and not self.no_proxy}
        env |= {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": ":".join(_SCHEMES),
            "GIT_LFS_SKIP_SMUDGE": "1",
            "LC_ALL": "C.UTF-8",
        }
        login = self._login(address)
        helper = {f"credential.{address.origin}.helper": _HELPER} if login else {}
        return {**env, **_as_environment({**self._settings(), **helper}), **login}

    def _settings(self) -> dict[str, str]:
        settings = {
            "advice.detachedHead": "false",
            "core.hooksPath": "/dev/null",
            "core.fsmonitor": "false",
            "credential.helper": "",
            "http.lowSpeedLimit": "1",
            "http.lowSpeedTime": str(max(1, int(self.read_timeout) // 1000)),
            **{name: _setting(value) for name, value in _flat(self.git_config or {}).items()},
        }
        if self.trusted_ca_pem_path:
            settings["http.sslCAInfo"] = self.trusted_ca_pem_path
        return settings

    def _login(self, address: Address) -> dict[str, str]:
        password = self.password or address.password
        user = self.username or address.username or ("x-access-token" if password else None)
        if any(set("\n\r\0") & set(text.strip()) for text in (user, password) if text):
            raise Unusable("username and password are of one line each")
        if address.scheme not in ("http", "https") or user is None:
            return {}
        return {"HEADGATE_GIT_USERNAME": user.strip(), "HEADGATE_GIT_PASSWORD": (password or "").strip()}


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their whole names: `core: {eol: lf}` and `core.eol: lf` are one."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        inner = {f"{name}.{key}": entry for key, entry in _flat(value).items()} if isinstance(value, Mapping) else {str(name): value}
        flat |= inner
    return flat


def _setting(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_environment(settings: Mapping[str, str]) -> dict[str, str]:
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return env
