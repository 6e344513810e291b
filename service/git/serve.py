"""The git helper's own end: one request from stdin, one answer to stdout, until stdin ends.

The only process that runs pygit2. It has a memory limit, an empty home, no configuration, and no secret but the token of
the call in hand. It ends with its parent: also in the middle of a call, which a thread watches for. An unexpected
exception ends it with a traceback: the caller sees that, and starts another.
"""

from __future__ import annotations

import os
import re
import resource
import select
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pygit2
from pygit2.enums import ConfigLevel

from service.errors import ServiceError, TooLarge, Unavailable
from service.git import commit, export, listing, mirror, remote, wire

#: What can be asked; the first argument is always the repository's path.
CALLS: Mapping[str, Callable[..., Any]] = {
    "refs": mirror.refs,
    "diff": mirror.diff,
    "find": mirror.find,
    "size": mirror.size,
    "blobs": mirror.blobs,
    "folder": listing.folder,
    "files": listing.files,
    "commit": mirror.commit,
    "paths_changed": mirror.paths_changed,
    "merge_base": mirror.merge_base,
    "first_parent_of": mirror.first_parent_of,
    "history": mirror.history,
    "export": export.export,
    "fetch": remote.fetch,
    "push": remote.push,
    "write": commit.write,
    "note": commit.note,
    "keep": commit.keep,
    "release": commit.release,
}

_LOCKED = re.compile(r"failed to lock file '(.+?\.lock)'")
#: Seconds after which a lock has nobody behind it; a ref is written in milliseconds.
_DEAD = 10.0


def main() -> None:
    """Serves until stdin ends. The first argument is the memory limit in bytes."""
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    neutral()
    # Answers keep a descriptor of their own: whatever prints by mistake lands in the log, not in an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_watch, name="parent", daemon=True).start()
    serve(os.fdopen(os.dup(0), "rb"), answers)


def neutral() -> None:
    """Switches off whatever the machine could say about Git, and bounds what libgit2 maps, caches and waits for."""
    for level in (ConfigLevel.PROGRAMDATA, ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        pygit2.settings.search_path[level] = "/nonexistent"
    pygit2.settings.owner_validation = False
    pygit2.settings.mwindow_size = 32 * 1024 * 1024
    pygit2.settings.mwindow_mapped_limit = 512 * 1024 * 1024
    pygit2.settings.cache_max_size(64 * 1024 * 1024)
    pygit2.settings.enable_fsync_gitdir(True)
    pygit2.settings.enable_http_expect_continue(True)
    pygit2.settings.server_connect_timeout = 10_000
    pygit2.settings.server_timeout = 60_000


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """The loop."""
    while True:
        try:
            name, arguments = wire.read(requests.read)
        except wire.Broken:
            return
        try:
            answers.write(wire.dumps(answer(name, arguments)))
            answers.flush()
        except BrokenPipeError:
            return  # whoever asked has died


def answer(name: str, arguments: list[Any]) -> dict[str, Any]:
    """Calls a function; a ServiceError travels by its class's name."""
    try:
        return {"ok": _called(CALLS[name], arguments)}
    except ServiceError as fault:
        return _fault(fault)
    except MemoryError:
        return _fault(TooLarge("The repository holds something too big to be read within the memory limit."))
    except pygit2.GitError as fault:
        return _fault(Unavailable(f"Git says: {fault}."))
    except OSError as fault:
        return _fault(Unavailable(f"The repository can't be used: {fault.strerror or fault}."))


def _called(function: Callable[..., Any], arguments: list[Any]) -> Any:
    """The function's value; asked once more when nothing but a dead writer's lock was in the way."""
    try:
        return function(*arguments)
    except (OSError, pygit2.GitError) as fault:
        if not _unlocked(arguments[0], str(fault)):
            raise
    return function(*arguments)


def _unlocked(place: Path, message: str) -> bool:
    """Whether a lock file stopped the call that is so old that its writer must be dead; it is deleted then."""
    found = _LOCKED.search(message)
    lock = Path(found[1]) if found else place
    try:
        if found is None or not lock.is_relative_to(place) or time.time() - lock.stat().st_mtime < _DEAD:
            return False
        lock.unlink()
    except FileNotFoundError:
        return True
    return True


def _fault(fault: ServiceError) -> dict[str, Any]:
    return {"error": type(fault).__name__, "message": fault.message}


def _watch() -> None:
    """Ends the process when nobody holds the other end of stdin any more."""
    poll = select.poll()
    poll.register(0, 0)  # hang-up is always reported
    poll.poll()
    os._exit(0)


if __name__ == "__main__":
    main()
