"""`Git`: the door to all repositories for the layers above.

Bare repositories lie in `root/<name>.git`. Whatever opens objects is done by the helper process; this file knows
names, paths and how long things may take.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from service.errors import NotFound, Unavailable
from service.git import layout
from service.git.helper import Helper
from service.git.part import Part
from service.git.values import BadEntry, CommitInfo, History, TreeDiff

#: Seconds a call may take: one that reads little, one that reads much, one that waits for another host.
SHORT, LONG, NETWORK = 30.0, 300.0, 900.0
FLOWS = ".flows"
MANY = 10_000  #: blobs asked for in one call


class Git:
    """All methods may be called from any thread. A name is refused with Malformed, an unknown repository with NotFound."""

    def __init__(self, root: Path, helper: Helper) -> None:
        self.root = root.resolve()
        self.root.mkdir(parents=True, exist_ok=True)
        layout.sweep(self.root)
        layout.unlock(self.root)
        self._trees = self.root.parent / "cache" / "trees"
        self._drop_old([*self._trees.glob(".*")])
        self._helper = helper
        self._kept: set[tuple[str, str]] = set()

    # Repositories

    def create(self, name: str, branch: str = "main") -> Path:
        """Makes an empty repository whose first default branch is `branch`. Raises Conflict when there is one."""
        return layout.create(self.root, name, branch)

    def exists(self, name: str) -> bool:
        """Whether there is a repository of this name."""
        return (self.root / f"{layout.checked(name)}.git" / "HEAD").is_file()

    def path(self, name: str) -> Path:
        """Where the repository lies. Raises NotFound."""
        place = self.root / f"{layout.checked(name)}.git"
        if not (place / "HEAD").is_file():
            raise NotFound(f"There is no repository {name!r}.")
        return place

    def remove(self, name: str) -> None:
        """Deletes the repository. Raises NotFound."""
        layout.remove(self.root, name)

    def default_branch(self, name: str) -> str | None:
        """The branch HEAD names, None while it does not exist."""
        return layout.head(self.path(name))

    def set_default_branch(self, name: str, branch: str) -> None:
        """Makes a branch the one that a clone checks out."""
        layout.set_head(self.path(name), branch)

    # Reading

    def refs(self, name: str) -> dict[str, str]:
        """`refs/heads/*` and `refs/tags/*` with their commits (tags peeled)."""
        found: dict[str, str] = self._call("refs", name, timeout=SHORT)
        return found

    def diff(self, name: str, old: str | None, new: str | None, folder: str = FLOWS, quarantine: Path | None = None) -> TreeDiff:
        """Flow files that differ under a folder between two commits; None is no commit. Costs what the difference costs.

        `quarantine` is where Git keeps the objects of a push that is not accepted yet.
        """
        found: TreeDiff = self._call("diff", name, old, new, folder, quarantine, timeout=LONG)
        return found

    def entries(self, name: str, commit: str, folder: str = FLOWS, quarantine: Path | None = None) -> TreeDiff:
        """All flow files under a folder, as a diff against nothing."""
        return self.diff(name, None, commit, folder, quarantine)

    def refused(self, name: str, commit: str, folder: str = FLOWS) -> tuple[BadEntry, ...]:
        """All entries under a folder that are not followed."""
        return self.entries(name, commit, folder).refused

    def blobs(self, name: str, oids: Iterable[str], quarantine: Path | None = None) -> dict[str, bytes]:
        """Contents by blob id. Raises TooLarge for one over 1 MB, NotFound."""
        return {oid: content for part in self.contents(name, oids, quarantine) for oid, content in part.items()}

    def contents(self, name: str, oids: Iterable[str], quarantine: Path | None = None) -> Iterator[dict[str, bytes]]:
        """The same in parts of some 32 MB, in the order asked, for those who do not hold them all at once."""
        wanted = list(dict.fromkeys(oids))
        at = 0
        while at < len(wanted):
            part: dict[str, bytes] = self._call("blobs", name, wanted[at : at + MANY], quarantine, timeout=LONG)
            yield part
            at += len(part)

    def file(self, name: str, commit: str, path: str, quarantine: Path | None = None) -> bytes | None:
        """One file of a commit, None where there is none. Raises Invalid for a link, a submodule or a folder, TooLarge."""
        oid: str | None = self._call("find", name, commit, path, quarantine, timeout=SHORT)
        return self.blobs(name, [oid], quarantine)[oid] if oid is not None else None

    def size(self, name: str, commit: str, path: str) -> int | None:
        """The bytes of one file of a commit, of any size; None where there is none. Raises Invalid for a link, a submodule or a folder."""
        found: int | None = self._call("size", name, commit, path, timeout=SHORT)
        return found

    def open(self, name: str, commit: str, path: str) -> BinaryIO | None:
        """The content of one file of a commit, of any size, as `export` has it; None where there is none."""
        exported = self.export(name, commit)
        with tarfile.open(exported, errors="surrogateescape") as tar:
            found = next((member for member in tar if member.name == path and member.isreg()), None)
        return None if found is None else io.BufferedReader(Part(exported, found.offset_data, found.size))

    def folder(self, name: str, commit: str, path: str) -> tuple[tuple[str, int | None], ...] | None:
        """The entries of one folder of a commit ("" is its root) with their bytes, None for those of folders; None where there is no such folder. Raises
        Invalid for what is no folder."""
        found = self._call("folder", name, commit, path, timeout=SHORT)
        return None if found is None else tuple((entry, size) for entry, size in found)

    def files(self, name: str, commit: str, path: str, limit: int = 10_000) -> tuple[tuple[str, int], ...] | None:
        """All files below a folder of a commit, with their paths from its root and their bytes. Raises TooLarge for more than `limit`, and as `folder` does."""
        found = self._call("files", name, commit, path, limit, timeout=LONG)
        return None if found is None else tuple((file, size or 0) for file, size in found)

    def commit(self, name: str, sha: str) -> CommitInfo:
        """What a commit says of itself. Raises NotFound, Malformed for anything but 40 hex digits."""
        found: CommitInfo = self._call("commit", name, sha, timeout=SHORT)
        return found

    def paths_changed(self, name: str, old: str | None, new: str, limit: int = 3000) -> tuple[str, ...]:
        """Paths that differ between two commits; `limit` of them means that there may be more."""
        return tuple(self._call("paths_changed", name, old, new, limit, timeout=LONG))

    def merge_base(self, name: str, a: str, b: str) -> str | None:
        """The best common ancestor, if any."""
        found: str | None = self._call("merge_base", name, a, b, timeout=LONG)
        return found

    def first_parent_of(self, name: str, old: str, new: str, limit: int = 10_000) -> bool:
        """Whether `old` lies on the first-parent history of `new`, at most `limit` steps back."""
        return bool(self._call("first_parent_of", name, old, new, limit, timeout=LONG))

    def history(self, name: str, tip: str, folder: str = FLOWS, limit: int = 1000, commits: int = 10_000) -> History:
        """The last `limit` commits along first parents that change flow files under the folder, looking at `commits` of them at most."""
        found: History = self._call("history", name, tip, folder, limit, commits, timeout=LONG)
        return found

    def export(self, name: str, sha: str) -> Path:
        """The commit's files as a tar, kept in a cache beside the repositories. Raises NotFound, TooLarge."""
        found: Path = self._call("export", name, sha, self._trees, timeout=LONG)
        return found

    def trim_exports(self, most: int) -> int:
        """Deletes the exports asked for longest ago until at most `most` bytes are left; gives the bytes freed."""
        kept = sorted(((found.stat(), found) for found in self._trees.glob("*.tar")), key=lambda pair: pair[0].st_mtime, reverse=True)
        size = freed = 0
        for stat, found in kept:
            size += stat.st_size
            if size > most:
                found.unlink(missing_ok=True)
                freed += stat.st_size
        return freed

    # Writing

    def write(self, name: str, branch: str, changes: Mapping[str, bytes | None], message: str, author: tuple[str, str], expected: str | None) -> str:
        """Commits changes of files (None removes) on a branch and gives the new tip, or `expected` when nothing differs.

        `expected` is the tip the caller saw, None for a branch that does not exist yet. Raises Conflict, Invalid, NotFound.
        """
        return str(self._call("write", name, branch, dict(changes), message, author, expected, timeout=LONG))

    def note(self, name: str, sha: str, text: str) -> None:
        """Writes the commit's note under refs/notes/headgate, in place of an earlier one."""
        self._call("note", name, sha, text, timeout=SHORT)

    def keep(self, name: str, sha: str) -> None:
        """Protects a commit for ever. Repeating it is harmless, and costs nothing."""
        if (name, sha) not in self._kept:
            self._call("keep", name, sha, timeout=SHORT)
            self._kept.add((name, sha))

    def release(self, name: str, shas: Iterable[str]) -> None:
        """Takes `keep` back."""
        gone = list(shas)
        self._kept -= {(name, sha) for sha in gone}
        self._call("release", name, gone, timeout=SHORT)

    # Other hosts

    def fetch(self, name: str, url: str, token: str | None, allow_private: bool = False) -> dict[str, str]:
        """Makes the mirror's branches, tags and default branch those of the remote; gives `refs`.

        Raises Malformed (no such URL), Forbidden (the address, the token), Unavailable (not reachable), TooLarge.
        """
        place = self.path(name)
        layout.configure(place, self.root / layout.HOOKS)
        found: dict[str, str] = self._call("fetch", name, url, token, allow_private, timeout=NETWORK)
        return found

    def push(self, name: str, url: str, token: str | None, *specs: str, allow_private: bool = False) -> None:
        """Pushes `source:target` refspecs to a remote. Raises Conflict when it has moved or refuses, and as `fetch` does."""
        layout.configure(self.path(name), self.root / layout.HOOKS)
        self._call("push", name, url, token, allow_private, list(specs), timeout=NETWORK)

    def tidy(self, name: str) -> None:
        """Packs what many pushes or fetches left behind, if there is much of it. What is pinned by `keep` stays."""
        place = self.path(name)
        self._drop_old([*(place / "objects" / "pack").glob("pack_git2_*")])
        command = ["git", "-c", "gc.auto=2000", "-c", "gc.autoPackLimit=30", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"]
        try:
            subprocess.run(command, cwd=place, env=layout.environment(), stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=NETWORK)
        except (subprocess.SubprocessError, FileNotFoundError) as fault:
            raise Unavailable(f"The repository {name!r} can't be packed now: {fault}.") from fault

    @staticmethod
    def _drop_old(files: list[Path]) -> None:
        """Deletes what a killed helper left half written a day ago or earlier."""
        for file in files:
            with suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime > 86400:
                    file.unlink()

    def _call(self, function: str, name: str, *arguments: Any, timeout: float) -> Any:
        return self._helper.call(function, self.path(name), *arguments, timeout=timeout)
