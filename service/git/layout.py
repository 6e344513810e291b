"""What a bare repository of ours looks like on disk, and the little that can be done to it without libgit2.

The config is ours alone: it is rewritten from the template before each use, so that a poisoned one (`core.hooksPath`,
`credential.helper`, a filter) lives no longer than until then. Global and system configuration are switched off wherever
Git runs (`environment`, `serve`).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from service.errors import Conflict, Malformed, NotFound

#: Refs that only the service moves: pinned commits, and the notes that carry final statuses.
KEEP = "refs/headgate/keep/"
NOTES = "refs/notes/headgate"
PROTECTED = ("refs/headgate", NOTES)

#: The hook scripts of all repositories, beside them.
HOOKS = ".hooks"

#: The largest pack one push may send, in bytes.
LARGEST_PUSH = 1024 * 1024 * 1024

#: Nobody holds a lock file for as long as this, in seconds: a ref is written in milliseconds.
LOCK_HELD = 1.0

#: Lock files that the kernel guards (`commit.turn`): they stay when nobody holds them, and mean nothing by being there.
GUARDED = ("headgate.lock", "fetch.lock")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_BAD_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)")

# Faults of old tools that stand in honest histories and hurt nobody. What could hurt (names such as `..` and `.git`,
# doubled entries, null ids) stays refused.
_HARMLESS = (
    "badDateOverflow",
    "badEmail",
    "badFilemode",
    "badName",
    "badTimezone",
    "extraHeaderEntry",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "missingTaggerEntry",
    "multipleAuthors",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
)

_CONFIG = """\
# Written by Headgate before each use; changes are lost.
[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
	logAllRefUpdates = false
	hooksPath = {hooks}
	fsync = committed
	fsyncMethod = batch
	attributesFile = /dev/null
	excludesFile = /dev/null
	askPass = /bin/false
	sshCommand = /bin/false
	bigFileThreshold = 32m
[credential]
	helper =
[http]
	followRedirects = false
[protocol]
	allow = never
[gc]
	auto = 0
[maintenance]
	auto = false
[pack]
	windowMemory = 128m
[transfer]
	hideRefs = refs/headgate
[uploadpack]
	allowFilter = true
[receive]
	hideRefs = {notes}
	autogc = false
	denyDeletes = false
	denyDeleteCurrent = refuse
	denyNonFastForwards = false
	advertisePushOptions = true
	fsckObjects = true
	maxInputSize = {largest}
[receive "fsck"]
{harmless}
"""


def checked(name: str) -> str:
    """A repository's name. Raises Malformed: it becomes a folder's name and a part of a URL."""
    if not _NAME.fullmatch(name):
        raise Malformed(f"{name[:100]!r} can't name a repository: letters, digits, '.', '_' and '-' can, up to 100 of them, beginning with a letter or digit.")
    if ".." in name:
        raise Malformed(f"{name!r} can't name a repository: it must not hold '..'.")
    if name.endswith((".git", ".lock", ".")):
        raise Malformed(f"{name!r} can't name a repository: it must not end in '.', '.git' or '.lock'.")
    return name


def branch_ref(branch: str) -> str:
    """`refs/heads/…` of a branch. Raises Malformed for what Git would not take; odd but valid names are data."""
    return ref(f"refs/heads/{branch}")


def ref(name: str) -> str:
    """The full name of a ref, if Git would take it. Raises Malformed."""
    fine = name.startswith("refs/") and name.count("/") >= 2 and not name.endswith(("/", ".")) and not _BAD_IN_REF.search(name)
    size = len(name.encode("utf-8", "replace"))
    if not fine or size > 1000 or name.encode("utf-8", "replace").decode() != name:
        raise Malformed(f"{name[:100]!r} is not the name of a ref.")
    return name


def create(root: Path, name: str, branch: str = "main") -> Path:
    """Makes an empty repository, whole or not at all. Raises Conflict when there is one."""
    place = root / f"{checked(name)}.git"
    head = f"ref: {branch_ref(branch)}\n"
    new = root / f".new-{secrets.token_hex(8)}"
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (new / folder).mkdir(parents=True)
    (new / "HEAD").write_text(head, "utf-8")
    configure(new, root / HOOKS)
    try:
        if place.exists():
            raise Conflict(f"There is already a repository {name!r}.")
        new.rename(place)
    except OSError as fault:
        raise Conflict(f"The repository {name!r} can't be made: {fault.strerror}.") from fault
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return place


def remove(root: Path, name: str) -> None:
    """Takes the repository away at once, then deletes it. Raises NotFound."""
    gone = root / f".gone-{secrets.token_hex(8)}"
    try:
        (root / f"{checked(name)}.git").rename(gone)
    except FileNotFoundError as fault:
        raise NotFound(f"There is no repository {name!r}.") from fault
    shutil.rmtree(gone, ignore_errors=True)


def sweep(root: Path) -> None:
    """Deletes what a crash left half made or half removed."""
    for left in [*root.glob(".new-*"), *root.glob(".gone-*")]:
        shutil.rmtree(left, ignore_errors=True)


def unlock(root: Path) -> None:
    """Deletes the lock files of writers that were killed: Git would wait behind them for ever. For the start, before anything of ours writes.

    What the killed service began may take a moment to end, and somebody may push by path just now: younger locks are waited for first.
    """
    found = {lock: made for place in root.glob("*.git") for lock in _locks(place) if (made := _made(lock)) is not None}
    if found:
        time.sleep(min(LOCK_HELD, max(0.0, max(found.values()) + LOCK_HELD - time.time())))
    for lock, made in found.items():
        if _made(lock) == made:
            lock.unlink(missing_ok=True)


def _locks(place: Path) -> Iterator[Path]:
    yield from (lock for lock in place.glob("*.lock") if lock.name not in GUARDED)
    for folder, _, names in os.walk(place / "refs"):
        # No ref is called so: Git forbids it for this very reason.
        yield from (Path(folder) / name for name in names if name.endswith(".lock"))


def _made(lock: Path) -> float | None:
    try:
        return lock.stat().st_mtime
    except FileNotFoundError:
        return None


def configure(repository: Path, hooks: Path, largest: int = LARGEST_PUSH) -> None:
    """Writes the config, unless it stands there already."""
    text = _CONFIG.format(hooks=quoted(str(hooks)), notes=NOTES, largest=largest, harmless="\n".join(f"\t{name} = ignore" for name in _HARMLESS))
    path = repository / "config"
    if not path.exists() or path.read_bytes() != text.encode():
        replace(path, text)


def quoted(text: str) -> str:
    """A value of Git's config format."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def replace(path: Path, text: str) -> None:
    """Writes a file whole or not at all, and on the disk when this returns."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    with beside.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    beside.rename(path)


def head(repository: Path) -> str | None:
    """The branch that HEAD names, if it exists; None in an empty repository."""
    text = (repository / "HEAD").read_text("utf-8", "surrogateescape").strip()
    named = text.removeprefix("ref: refs/heads/")
    if named == text or not _exists(repository, f"refs/heads/{named}"):
        return None
    return named


def set_head(repository: Path, branch: str) -> None:
    """Makes a branch the default one, whether it exists yet or not."""
    replace(repository / "HEAD", f"ref: {branch_ref(branch)}\n")


def _exists(repository: Path, name: str) -> bool:
    if (repository / name).is_file():
        return True
    try:
        packed = (repository / "packed-refs").read_bytes()
    except FileNotFoundError:
        return False
    return b" " + name.encode("utf-8", "surrogateescape") + b"\n" in packed


def environment(**more: str) -> dict[str, str]:
    """For every `git` we start: no configuration but the repository's, no prompt, no home."""
    base = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        # The data folder may belong to another user (a volume); we only open repositories that we made.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    return base | more
