"""Files in a folder of this machine. Names are percent-encoded, so that no name can leave the folder.

What is being written stands apart, in a folder of the same disk whose name no namespace can have: a service that dies leaves it there, and the next one on the
folder begins by deleting it.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

from runners.crashpoints import crashpoint
from service.errors import Invalid, NotFound, Unavailable

_SCHEME = "kestra:///"
_FRESH = ".new"  #: an encoded name never begins with a dot
#: Bytes and parts that an encoded name may have: a whole path has at most 4096 bytes.
_LONGEST, _DEEPEST = 2000, 100


class LocalStorage:
    """Implements `Storage` over a directory. One service at a time uses it."""

    def __init__(self, root: Path) -> None:
        self._root, self._fresh = root, root / _FRESH
        shutil.rmtree(self._fresh, ignore_errors=True)

    def put(self, namespace: str, flow: str, execution: str, task: str, task_run: str, name: str, stream: BinaryIO) -> str:
        """See `Storage.put`: written apart, synced, then renamed."""
        parts = [*namespace.split("."), flow, "executions", execution, "tasks", task, task_run, *_names(name)]
        self._write(parts, name, stream)
        return _uri(parts)

    def uri(self, namespace: str, flow: str, execution: str, task: str, task_run: str, name: str) -> str:
        """See `Storage.uri`."""
        return _uri([*namespace.split("."), flow, "executions", execution, "tasks", task, task_run, *_names(name)])

    def keep(self, place: Sequence[str], stream: BinaryIO) -> None:
        """See `Storage.keep`."""
        self._write(place, "/".join(place), stream)

    def kept(self, place: Sequence[str]) -> BinaryIO:
        """See `Storage.kept`."""
        try:
            return self._path(place).open("rb")
        except OSError:
            raise NotFound("nothing is kept there") from None

    def _write(self, parts: Sequence[str], name: str, stream: BinaryIO) -> None:
        target = self._path(parts)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise Invalid(f"`{name[:100]}` can't be stored: a part of its path is a file already") from None
        if target.is_dir():
            raise Invalid(f"`{name[:100]}` can't be stored: it is a folder already")
        self._fresh.mkdir(exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._fresh)
        try:
            with os.fdopen(handle, "wb") as out:
                shutil.copyfileobj(stream, out)
                out.flush()
                os.fsync(out.fileno())
            crashpoint("storage.before_rename")
            Path(temporary).replace(target)
            crashpoint("storage.renamed")
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def open(self, uri: str) -> BinaryIO:
        """See `Storage.open`."""
        try:
            return self._path(_parts(uri)).open("rb")
        except OSError:  # not there, a folder, or a name too long for any file
            raise NotFound(f"there is no file `{uri[:200]}`") from None

    def size(self, uri: str) -> int:
        """See `Storage.size`."""
        with self.open(uri) as content:
            return os.fstat(content.fileno()).st_size

    def delete(self, uri: str) -> bool:
        """See `Storage.delete`."""
        path = self._path(_parts(uri))
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return False
        except OSError as problem:
            raise Unavailable(f"the file `{uri[:200]}` can't be removed: {problem.strerror or problem}") from problem
        return True

    def remove(self, namespace: str, flow: str, execution: str) -> list[str]:
        """See `Storage.remove`. What a task stores meanwhile may stay."""
        parts = [*namespace.split("."), flow, "executions", execution]
        top = self._path(parts)
        base = _SCHEME + "/".join(quote(part, safe="") for part in parts)
        files = [path.relative_to(top) for path in top.rglob("*") if path.is_file()]
        shutil.rmtree(top, ignore_errors=True)
        if top.exists():
            raise Unavailable(f"the files below {base} can't be removed")
        # The name of a file is a URI's part, but for a dot in front, which is encoded here alone.
        return sorted("/".join((base, *(quote(unquote(part), safe="") for part in path.parts))) for path in files)

    def modified(self, uri: str) -> float:
        """See `Storage.modified`."""
        with self.open(uri) as content:
            return os.fstat(content.fileno()).st_mtime

    def newest(self, namespace: str, flow: str, execution: str) -> float | None:
        """See `Storage.newest`."""
        top = self._path([*namespace.split("."), flow, "executions", execution])
        times: list[float] = []
        for path in top.rglob("*"):
            with suppress(FileNotFoundError):  # gone meanwhile
                found = path.lstat()
                if stat.S_ISREG(found.st_mode):
                    times.append(found.st_mtime)
        return max(times, default=None)

    def allowed(self, uri: str, namespace: str, flow: str, execution: str) -> bool:
        """See `Storage.allowed`."""
        try:
            parts = _parts(uri)
        except (NotFound, Invalid):
            return False
        prefix = [*namespace.split("."), flow, "executions", execution]
        return parts[: len(prefix)] == prefix

    def _path(self, parts: Sequence[str]) -> Path:
        return self._root.joinpath(*(_encoded(part) for part in parts))


def _encoded(part: str) -> str:
    """A file name for any text: no separator, and never `.` or `..`, which begin with an encoded dot."""
    quoted = quote(part, safe="")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted


def _names(name: str) -> list[str]:
    parts = [part for part in name.replace("\\", "/").split("/") if part]
    lengths = [len(_encoded(part)) for part in parts]
    if not 0 < len(parts) <= _DEEPEST or sum(lengths) > _LONGEST or max(lengths) > 240 or any(part in (".", "..") for part in parts) or "\0" in name:
        raise Invalid(f"`{name[:100]}` can't be the name of a stored file")
    return parts


def _parts(uri: str) -> list[str]:
    if not uri.startswith(_SCHEME):
        raise NotFound(f"`{uri[:200]}` is not a kestra:/// URI")
    parts = [unquote(part) for part in uri[len(_SCHEME) :].split("/")]
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise NotFound(f"`{uri[:200]}` names no file")
    return parts


def _uri(parts: Sequence[str]) -> str:
    return _SCHEME + "/".join(quote(part, safe="") for part in parts)
