"""Python environments with packages in them, kept from one task to the next: `headgate-python`, which stands on the PATH of plain processes.

    root/<scope>/<key>/          an environment: `env` is the interpreter's, `ready` says that it is whole (and how large), `users/` who is in it
    root/<scope>/<key>.lock      held by whoever makes it, or takes it away
    root/<scope>/.uv, .python    what uv keeps for the next one: packages, and interpreters that it downloaded

A task gets one of its own in front of it, in its TMPDIR.

A scope is what may share them: a branch. The key is made of the interpreter, the requirements and the settings of the installer. The program runs
as part of the task: it ends with it, has its environment, and what it prints is the task's. Standard library only: it is run by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runners import processes

#: What plain processes find on their PATH.
PROGRAM = "headgate-python"

#: How many environments are kept, how large one may be and all together, in bytes.
KEPT, ONE_SIZE, ALL_SIZE = 32, 4 << 30, 10 << 30
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


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Prints the folder of an environment that is ready, made now or before; what is said on the way goes to stderr."""
    parser = argparse.ArgumentParser(prog=PROGRAM)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--uv", default="")
    parser.add_argument("--scope", default="")
    parser.add_argument("--requirements", type=Path, required=True)
    parser.add_argument("--python", default=None)
    parser.add_argument("--manager", default="UV")
    parser.add_argument("--no-cache", action="store_true")
    parser.add_argument("--user", type=int, required=True)
    parser.add_argument("--kept", type=int, default=KEPT)
    parser.add_argument("--size", type=int, default=ONE_SIZE)
    options = parser.parse_args(arguments)
    try:
        wish = Wish(_lines(options.requirements), options.requirements, options.python, _uv(options.manager, options.uv, environ), not options.no_cache)
        scope = options.root / hashlib.sha256(options.scope.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        rooms = Rooms(options.root, options.kept, options.size)
        fresh = _fresh(environ)
        place = _before(rooms.kept(scope, wish, options.user, environ), fresh) if wish.lasting else _made(fresh, scope, wish, environ)
    except Failed as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        options.requirements.unlink(missing_ok=True)  # an address may have a password in it
    print(place / "env")
    return 0


@dataclass(frozen=True, slots=True)
class Rooms:
    """What is kept, `most` environments of at most `size` bytes."""

    root: Path
    most: int
    size: int

    def kept(self, scope: Path, wish: Wish, user: int, environ: Mapping[str, str]) -> Path:
        """The environment, made where it is not there, and kept while the process `user` lives; raises Failed."""
        place = scope / wish.key(environ)
        with _locked(place):
            if not (place / "ready").exists() or not os.access(place / "env/bin/python", os.X_OK):
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir()
                self._make_room()
                (place / "ready").write_text(str(self._measured(_made(place, scope, wish, environ))))
            _use(place, user)
            os.utime(place / "ready")
        return place

    def _make_room(self) -> None:
        """Takes away those that were used longest ago, until there is room for one more."""
        found = sorted(((path.stat().st_mtime, path) for path in self.root.glob("*/*/ready")), reverse=True)
        total = 0
        for number, (_, ready) in enumerate(found):
            total += int(ready.read_text() or 0)
            if number >= self.most - 1 or total > ALL_SIZE - self.size:
                _forget(ready.parent)

    def _measured(self, place: Path) -> int:
        """Its size; raises Failed where that is too much."""
        size = _size(place)
        if size > self.size:
            shutil.rmtree(place, ignore_errors=True)
            raise Failed(
                f"the packages take {size >> 20:,} MiB; more than {self.size >> 20:,} MiB are not kept for a task: use a container image that has them"
            )
        return size


def _fresh(environ: Mapping[str, str]) -> Path:
    """A folder that goes with the job's."""
    return Path(tempfile.mkdtemp(prefix="headgate-python-", dir=environ.get("TMPDIR")))


def _before(kept: Path, fresh: Path) -> Path:
    """An environment of the job's own that shows what the kept one has: what the task installs besides is not for the next one."""
    env, own = kept / "env", fresh / "env"
    for site in env.glob("lib/python*/site-packages"):
        place = own / site.relative_to(env)
        place.mkdir(parents=True)
        (place / "headgate.pth").write_text(f"import site; site.addsitedir({str(site)!r})\n")
    (own / "bin").mkdir()
    for program in (env / "bin").iterdir():
        if not program.name.startswith(("pip", "activate", "deactivate")):  # those would work on the kept one
            (own / "bin" / program.name).symlink_to(program)
    shutil.copy(env / "pyvenv.cfg", own)
    return fresh


def _made(place: Path, scope: Path, wish: Wish, environ: Mapping[str, str]) -> Path:
    """Installs everything into the folder; raises Failed, and leaves nothing."""
    try:
        if wish.uv:
            _with_uv(wish.uv, place / "env", scope, wish, environ)
        else:
            _with_pip(place / "env", wish, environ)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return place


def _with_uv(uv: str, target: Path, scope: Path, wish: Wish, environ: Mapping[str, str]) -> None:
    cache = scope / ".uv"
    places = {"UV_CACHE_DIR": str(cache), "UV_PYTHON_INSTALL_DIR": str(scope / ".python")}
    # A task that writes into its environment is not to change what the next one is made of; and the machine's certificates know a company's proxy.
    settings = {**places, "UV_LINK_MODE": "copy", "UV_SYSTEM_CERTS": "true", "UV_NO_PROGRESS": "1", **environ}
    if _size(cache) > UV_SIZE:
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


# what is there


def _lines(path: Path) -> tuple[str, ...]:
    try:
        return tuple(line for line in path.read_text("utf-8").splitlines() if line.strip())
    except OSError as problem:
        raise Failed(f"the list of the dependencies can't be read: {problem.strerror}") from problem


def _uv(manager: str, ours: str, environ: Mapping[str, str]) -> str | None:
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


# who may have it, and what goes


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Alone with an environment. Whoever comes second waits, and finds it made."""
    path = place.with_suffix(".lock")
    while True:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("a") as lock:
            if not _took(lock.fileno(), wait=False):
                print("waiting for another task that is installing the same", file=sys.stderr)
                _took(lock.fileno(), wait=True)
            if _is_at(lock.fileno(), path):  # and was not taken away while we waited
                try:
                    yield
                except Failed:
                    path.unlink()
                    raise
                return


def _took(lock: int, wait: bool) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(lock: int, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(lock), path.stat())


def _use(place: Path, user: int) -> None:
    (place / "users").mkdir(exist_ok=True)
    (place / "users" / str(user)).write_text(processes.started(user) or "")


def _in_use(place: Path) -> bool:
    """Whether a process that was given it is still there."""
    return any(user.name.isdigit() and processes.started(int(user.name)) == user.read_text() for user in place.glob("users/*"))


def _forget(place: Path) -> None:
    path = place.with_suffix(".lock")
    with contextlib.suppress(OSError), path.open("a") as lock:
        if _took(lock.fileno(), wait=False) and not _in_use(place):
            shutil.rmtree(place, ignore_errors=True)
            path.unlink()
            if not any(one.is_dir() and not one.name.startswith(".") for one in place.parent.iterdir()):
                shutil.rmtree(place.parent / ".uv", ignore_errors=True)
                shutil.rmtree(place.parent / ".python", ignore_errors=True)


def _size(folder: Path) -> int:
    return sum(os.lstat(os.path.join(inner, name)).st_size for inner, _, names in os.walk(folder) for name in names)
