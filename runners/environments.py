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
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runners import processes
from runners.installers import Failed, Wish, find_uv, install, read, size_of

#: What plain processes find on their PATH.
PROGRAM = "headgate-python"

#: How many environments are kept, how large one may be and all together, in bytes.
KEPT, ONE_SIZE, ALL_SIZE = 32, 4 << 30, 10 << 30


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
        wish = Wish(read(options.requirements), options.requirements, options.python, find_uv(options.manager, options.uv, environ), not options.no_cache)
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
        size = size_of(place)
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
        install(place / "env", scope, wish, environ)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return place


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
