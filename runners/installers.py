"""Installs Python packages into a new environment, by uv or by pip. Standard library only: see `environments`."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: What uv may keep besides, in bytes; how long an installer may take, in seconds.
UV_SIZE, PATIENCE = 2 << 30, 1800.0

#: A requirement that means the same wherever and whenever it stands: a name, perhaps with extras, a version or an address.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[^\]]*\]\s*)?([<>=!~;(][^/]*|@\s*(git\+)?https?://\S+.*)?")
_FILES = (".whl", ".zip", ".gz", ".bz2", ".txt", ".toml")


class Failed(Exception):
    """No environment: the message says why."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The environment that a task wants: the requirements, which stand in the file `listed`. `uv` is the program, where there is one."""

    requirements: tuple[str, ...]
    listed: Path
    version: str | None
    uv: str | None
    cached: bool

    @property
    def lasting(self) -> bool:
        """Whether it may be kept: not with files of the working directory in it, which are others the next time."""
        return self.cached and all(_PLAIN.fullmatch(one) and not one.endswith(_FILES) for one in self.requirements)

    def key(self, environ: Mapping[str, str]) -> str:
        """What it is known by."""
        settings = sorted((name, value) for name, value in environ.items() if name.startswith(("UV_", "PIP_")))
        parts = [self.version or _identity(environ), sorted(set(self.requirements)), bool(self.uv), settings]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def read(path: Path) -> tuple[str, ...]:
    """The requirements of a file; raises Failed."""
    try:
        return tuple(line for line in path.read_text("utf-8").splitlines() if line.strip())
    except OSError as problem:
        raise Failed(f"the list of the dependencies can't be read: {problem.strerror}") from problem


def install(target: Path, scope: Path, wish: Wish, environ: Mapping[str, str]) -> None:
    """Makes the environment; what uv keeps stands in the folder `scope`. Raises Failed."""
    if wish.uv:
        _with_uv(wish.uv, target, scope, wish, environ)
    else:
        _with_pip(target, wish, environ)


def _with_uv(uv: str, target: Path, scope: Path, wish: Wish, environ: Mapping[str, str]) -> None:
    cache = scope / ".uv"
    places = {"UV_CACHE_DIR": str(cache), "UV_PYTHON_INSTALL_DIR": str(scope / ".python")}
    # A task that writes into its environment is not to change what the next one is made of; and the machine's certificates know a company's proxy.
    settings = {**places, "UV_LINK_MODE": "copy", "UV_SYSTEM_CERTS": "true", "UV_NO_PROGRESS": "1", **environ}
    if size_of(cache) > UV_SIZE:
        _call((uv, "cache", "clean", "--quiet"), settings)
    _call((uv, "venv", "--quiet", "--no-project", "--python", wish.version or _interpreter(environ), str(target)), settings)
    if wish.requirements:
        _call((uv, "pip", "install", "--compile-bytecode", "--python", str(target / "bin/python"), "-r", str(wish.listed)), settings)


def _with_pip(target: Path, wish: Wish, environ: Mapping[str, str]) -> None:
    python = _interpreter_of(wish.version, environ) if wish.version else _interpreter(environ)
    _call((python, "-m", "venv", str(target)), environ)
    if wish.requirements:
        quiet = ("--no-input", "--disable-pip-version-check", "--no-cache-dir", "--progress-bar", "off")
        _call((str(target / "bin/python"), "-m", "pip", "install", *quiet, "-r", str(wish.listed)), environ)


def _call(command: Sequence[str], environ: Mapping[str, str]) -> None:
    """Runs an installer, whose words all go to stderr; raises Failed when it does."""
    try:
        code = subprocess.run(command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=PATIENCE, check=False).returncode
    except subprocess.TimeoutExpired:
        raise Failed(f"{Path(command[0]).name} did not come to an end within {PATIENCE:.0f} s") from None
    except OSError as problem:
        raise Failed(f"{command[0]} can't be started: {problem.strerror}") from problem
    if code:
        raise Failed(f"{' '.join((Path(command[0]).name, *command[1:3]))} ended with exit code {code}")


def find_uv(manager: str, ours: str, environ: Mapping[str, str]) -> str | None:
    """Where uv is; None when pip is to be used."""
    if manager == "PIP":
        return None
    found = shutil.which("uv", path=environ.get("PATH")) or ours or None
    if found is None:
        print("there is no uv here (pip install 'headgate[python]' brings it): using pip", file=sys.stderr)
    return found


def _interpreter(environ: Mapping[str, str]) -> str:
    """What `python` is without an environment."""
    return shutil.which("python", path=environ.get("PATH")) or shutil.which("python3", path=environ.get("PATH")) or sys.executable


def _interpreter_of(version: str, environ: Mapping[str, str]) -> str:
    """For pip, which brings no interpreters."""
    if found := shutil.which(f"python{version}", path=environ.get("PATH")):
        return found
    python = _interpreter(environ)
    told = subprocess.run((python, "-c", "import platform; print(platform.python_version())"), capture_output=True, text=True, check=False).stdout.strip()
    if f"{told}.".startswith(f"{version}."):
        return python
    raise Failed(f"there is no python{version} on this runner (python is {told}); install it, or uv, which brings its own: pip install 'headgate[python]'")


def _identity(environ: Mapping[str, str]) -> str:
    """Which interpreter it is: another one in its place has another date."""
    path = os.path.realpath(_interpreter(environ))
    return f"{path} {os.stat(path).st_mtime_ns}"


def size_of(folder: Path) -> int:
    """How many bytes the files below a folder have."""
    return sum(os.lstat(os.path.join(inner, name)).st_size for inner, _, names in os.walk(folder) for name in names)
