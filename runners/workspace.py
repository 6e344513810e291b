"""The agent's folder: one per job with its working directory, and a cache of commits' trees.

    base/lock             one agent at a time
    base/instance         names this folder among all agents of a Docker daemon
    base/jobs/<lease>/    work/ is the working directory; what backends keep stands beside it
    base/trees/<key>/     a commit's files, unpacked once, copied per job

Archives are unpacked by our own loop: regular files and directories only, inside the target only, up to the caps. Nothing here follows a
link, on the way in or out: what a program leaves behind may point anywhere.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import re
import secrets
import shutil
import stat
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from runners.crashpoints import crashpoint
from runners.protocol import Lease, Tree, Unusable

#: Files of ours in a working directory begin so; they are never a task's output.
OWN = ".headgate-"

#: How many commits' trees are kept.
TREES_KEPT = 8


class Locked(Exception):
    """Another agent uses this folder."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What an archive may hold at most: bytes over all files, and entries."""

    size: int = 4 << 30
    entries: int = 300_000


class Workspace:
    """The agent's folder."""

    def __init__(self, base: Path, caps: Caps | None = None, trees_kept: int = TREES_KEPT) -> None:
        self.base = base.absolute()
        self._caps = caps or Caps()
        self._trees_kept = trees_kept
        self._guard = threading.Lock()
        self._unpacking: dict[str, threading.Lock] = {}
        self._in_use: dict[str, int] = {}
        for folder in (self.base, self.base / "jobs", self.base / "trees"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def lock(self) -> BinaryIO:
        """Takes the folder for one agent until the file is closed or the process ends; raises Locked."""
        file = (self.base / "lock").open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            file.seek(0)
            holder = file.read(20).decode("ascii", "replace").strip() or "unknown"
            file.close()
            raise Locked(f"{self.base} is in use by another agent (pid {holder}); stop it, or give this one a folder of its own") from problem
        file.truncate(0)
        file.write(f"{os.getpid()}\n".encode())
        file.flush()
        return file

    def instance(self) -> str:
        """A name for this folder that no other agent has, kept for ever."""
        path = self.base / "instance"
        if not path.exists():
            fresh = path.with_suffix(f".{os.getpid()}")
            fresh.write_text(secrets.token_hex(8))
            with contextlib.suppress(FileExistsError):  # somebody was first
                os.link(fresh, path)
            fresh.unlink()
        return path.read_text().strip()

    def key(self) -> str:
        """What this runner is known by where it has registered: made once, and on the disk before anybody is told."""
        path = self.base / "key"
        if not path.exists():
            fresh = path.with_suffix(f".{os.getpid()}")
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(f"hg_key_{secrets.token_urlsafe(32)}")
                out.flush()
                os.fsync(out.fileno())
            with contextlib.suppress(FileExistsError):  # somebody was first
                os.link(fresh, path)
            fresh.unlink()
        return path.read_text().strip()

    def folder(self, lease: Lease) -> Path:
        """The job's folder; its name is safe, whatever the service sent."""
        if Lease.of(lease.key) != lease:
            raise Unusable(f"the job's id {lease.task_run!r} can't name a folder")
        return self.base / "jobs" / lease.key

    def left(self) -> tuple[Lease, ...]:
        """The jobs that have a folder."""
        return tuple(lease for folder in sorted((self.base / "jobs").iterdir()) if (lease := Lease.of(folder.name)))

    def remove(self, lease: Lease) -> None:
        """Deletes the job's folder. What can't be deleted stays for the next start."""
        remove(self.folder(lease))

    def sweep(self) -> None:
        """Deletes what an unpacking that was cut off, or nobody of ours, left here. Under the lock only."""
        for folder in (self.base / "jobs").iterdir():
            if Lease.of(folder.name) is None:
                remove(folder)
        for folder in (self.base / "trees").glob(".new-*"):
            remove(folder)

    def prepare(self, lease: Lease, tree: Tree | None, load: Callable[[], Iterable[bytes]]) -> Path:
        """An empty job folder with a fresh working directory that holds the commit's files; returns the working directory."""
        folder = self.folder(lease)
        remove(folder)
        work = folder / "work"
        if tree is None:
            work.mkdir(parents=True, mode=0o755)
            return work
        folder.mkdir(mode=0o700)
        with self._tree(tree, load) as source:
            crashpoint("workspace.before_copy")
            shutil.copytree(source, work, symlinks=True)
            crashpoint("workspace.copied")
        return work

    def make(self, lease: Lease) -> None:
        """An empty job folder, for a job whose working directory is in another one's."""
        folder = self.folder(lease)
        remove(folder)
        folder.mkdir(mode=0o700)

    @contextlib.contextmanager
    def _tree(self, tree: Tree, load: Callable[[], Iterable[bytes]]) -> Iterator[Path]:
        """The commit's files, unpacked on first use; not deleted while in use."""
        key = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', tree.repository)[:80]}-{tree.commit}"
        if not re.fullmatch(r"[0-9a-f]{40,64}", tree.commit):
            raise Unusable(f"{tree.commit!r} is not a commit id")
        target = self.base / "trees" / key
        with self._guard:
            self._in_use[key] = self._in_use.get(key, 0) + 1
            once = self._unpacking.setdefault(key, threading.Lock())
        try:
            with once:
                if not target.exists():
                    self._unpack(load(), target)
            os.utime(target)
            yield target
        finally:
            with self._guard:
                self._in_use[key] -= 1
                self._forget()

    def _unpack(self, content: Iterable[bytes], target: Path) -> None:
        fresh = target.parent / f".new-{secrets.token_hex(8)}"
        try:
            fresh.mkdir()
            unpack(content, fresh, self._caps)
            crashpoint("workspace.before_tree")
            fresh.rename(target)
            crashpoint("workspace.tree")
        finally:
            remove(fresh)

    def _forget(self) -> None:
        """Deletes the trees that were used longest ago."""
        kept = sorted((self.base / "trees").glob("[!.]*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
        for folder in kept[self._trees_kept :]:
            if not self._in_use.get(folder.name):
                remove(folder)


def remove(folder: Path) -> None:
    """Deletes a folder, read-only ones inside it too, or a file; of a link the link itself. What can't be deleted stays."""
    if folder.is_symlink() or not folder.is_dir():
        with contextlib.suppress(OSError):
            folder.unlink()
        return
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for inner, _, _ in os.walk(folder):
            with contextlib.suppress(OSError):
                os.chmod(inner, 0o700)
        shutil.rmtree(folder, ignore_errors=True)


def inside(root: Path, name: str) -> Path:
    """The path of a relative name below a folder; raises Unusable for one that leads elsewhere or can't be a path."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise Unusable(f"{name!r} is not a path inside the working directory")
    if len(name.encode("utf-8", "replace")) > 4096 or any(len(part.encode("utf-8", "replace")) > 255 for part in path.parts):
        raise Unusable(f"{name[:60]!r}… is too long for a path")
    return root / path


def clear(root: Path, name: str) -> None:
    """Deletes what stands at a relative name below a folder, or keeps it from being there: a file where a folder is to be. Links on the way are refused."""
    target = inside(root, name)
    for part in reversed(target.relative_to(root).parents):
        if (root / part).is_symlink():
            raise Unusable(f"{str(part)!r} is a link")
        if not (root / part).is_dir():
            remove(root / part)
    remove(target)


def write(root: Path, name: str, content: Iterable[bytes], mode: int = 0o644) -> Path:
    """Writes a file below a folder. Links on the way are refused, one in its place is replaced."""
    target = inside(root, name)
    _make_way(root, target.parent)
    if target.is_dir() and not target.is_symlink():
        raise Unusable(f"{name!r} can't be written: there is a folder of that name already; rename it")
    try:
        with _create(target, mode) as out:
            for chunk in content:
                out.write(chunk)
    except OSError as problem:
        raise Unusable(f"{name!r} can't be written: {problem.strerror or problem}") from problem
    except ValueError as problem:
        raise Unusable(f"{name!r} can't be written: {problem}") from problem
    return target


def make_folder(root: Path, name: str) -> Path:
    """A folder below a folder, made where it is not there yet; raises Unusable where something else has its name."""
    target = inside(root, name)
    _make_way(root, target)
    return target


def unpack(content: Iterable[bytes], root: Path, caps: Caps | None = None, instead: str | None = None) -> None:
    """Unpacks a tar stream below a folder; links, devices and the like are left out.

    With `instead` this relative name ("" for the folder itself) takes the place of the first part of every name, whatever that is.
    """
    caps, size, entries = caps or Caps(), 0, 0
    try:
        with tarfile.open(fileobj=io.BufferedReader(_Chunks(content), 1 << 18), mode="r|") as archive:
            for member in archive:
                entries, size = entries + 1, size + member.size
                if entries > caps.entries or size > caps.size:
                    raise Unusable(f"too many files: more than {caps.entries} entries or {caps.size >> 20} MiB")
                _unpack_one(archive, member, root, instead)
    except (tarfile.TarError, UnicodeError) as problem:
        raise Unusable(f"the archive is damaged: {problem}") from problem


def matching(root: Path, patterns: Iterable[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """The regular files below a folder that match one of the globs: name and open file, by name. Raises Unusable for a glob that leads outside."""
    wanted = [_glob(pattern) for pattern in patterns]
    if not root.is_dir():
        raise Unusable("the task removed its working directory, and with it all that could be stored")
    for folder, folders, names, handle in os.fwalk(root, follow_symlinks=False):
        folders[:] = sorted(one for one in folders if not one.startswith(OWN))
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), root)
            if not name.startswith(OWN) and any(one.fullmatch(path) for one in wanted) and (file := _regular(name, handle)):
                with file:
                    yield path, file


def fixed_part(pattern: str) -> str:
    """The part of a glob before its first wildcard, up to a slash: where its matches are to be looked for. Raises Unusable as `matching` does."""
    _glob(pattern)
    plain = pattern.removeprefix("./")
    head = re.split(r"[*?\[{]", plain, maxsplit=1)[0]
    return head if head == plain else head.rpartition("/")[0]


def _regular(name: str, folder: int) -> IO[bytes] | None:
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    return None


_GLOB = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|\{[^{}/]*\}|.", re.DOTALL)


def _glob(pattern: str) -> re.Pattern[str]:
    """`*` and `?` within a name, `**` over folders, `[a-z]`, `{a,b}`."""
    plain = pattern.removeprefix("./")
    inside(Path(), plain)
    pieces = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    text = ""
    for piece in _GLOB.findall(plain):
        if piece in pieces:
            text += pieces[piece]
        elif piece[0] == "[" and len(piece) > 2:
            text += "[" + piece[1:-1].replace("\\", "\\\\").replace("!", "^", 1 if piece[1] == "!" else 0).replace("[", "\\[") + "]"
        elif piece[0] == "{" and len(piece) > 1:
            text += "(?:" + "|".join(re.escape(one) for one in piece[1:-1].split(",")) + ")"
        else:
            text += re.escape(piece)
    try:
        return re.compile(text, re.DOTALL)
    except re.error as problem:
        raise Unusable(f"{pattern!r} is not a glob: {problem}") from problem


def _unpack_one(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path, instead: str | None) -> None:
    parts = [part for part in member.name.split("/") if part not in ("", ".")]
    if member.name.startswith("/") or ".." in parts or not (member.isreg() or member.isdir()):
        if member.name.startswith("/") or ".." in parts:
            raise Unusable(f"the archive has a name that leads outside: {member.name!r}")
        return
    if instead is not None:
        parts[:1] = [instead] if instead else []
    if not parts:
        return
    target = inside(root, "/".join(parts))
    if member.isdir():
        _make_way(root, target)
        return
    source = archive.extractfile(member)
    assert source is not None
    _make_way(root, target.parent)
    with _create(target, 0o755 if member.mode & 0o100 else 0o644) as out:
        shutil.copyfileobj(source, out, 1 << 20)


def _make_way(root: Path, folder: Path) -> None:
    """The folder with all above it; something else in its place is refused."""
    current = root
    for part in folder.relative_to(root).parts:
        current = current / part
        try:
            current.mkdir(exist_ok=True)
        except FileExistsError as problem:
            raise Unusable(f"{str(current.relative_to(root))!r} can't be made a folder: there is a file of that name already; rename it") from problem
        except OSError as problem:
            raise Unusable(f"{str(current.relative_to(root))!r} can't be made a folder: {problem.strerror}") from problem
        if current.is_symlink():
            raise Unusable(f"{str(current.relative_to(root))!r} is a link")


def _create(target: Path, mode: int) -> IO[bytes]:
    with contextlib.suppress(FileNotFoundError):
        target.unlink()
    return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb")


class _Chunks(io.RawIOBase):
    """Chunks as something to read from."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._held = memoryview(chunk)
        size = min(len(target), len(self._held))
        target[:size], self._held = self._held[:size], self._held[size:]
        return size
