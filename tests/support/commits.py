"""Writes commits straight into a bare repository, in this process: for tests that need hundreds of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

MAIN = "refs/heads/main"


class Link(str):
    """A symbolic link's target, where a file's content could stand."""


class Commits:
    """A bare repository's writer. Times are made up, one second after the other, so that no two commits are the same."""

    def __init__(self, path: Path) -> None:
        self.repository = pygit2.Repository(str(path))
        self._clock = itertools.count(1_700_000_000)

    def write(self, changes: Mapping[str, str | bytes | None], *parents: str, message: str = "change", like: str | None = None) -> str:
        """A commit with the files of the first parent, or of `like`, and these changes; None removes. Moves no ref."""
        index = pygit2.Index()
        if like or parents:
            index.read_tree(self.repository[like or parents[0]].tree)
        for path, content in changes.items():
            if content is None:
                index.remove(path)
                continue
            blob = self.repository.create_blob(content if isinstance(content, bytes) else content.encode())
            index.add(pygit2.IndexEntry(path, blob, FileMode.LINK if isinstance(content, Link) else FileMode.BLOB))
        author = pygit2.Signature("Ada", "ada@example.com", next(self._clock), 60)
        return str(self.repository.create_commit(None, author, author, message, index.write_tree(self.repository), list(parents)))

    def move(self, ref: str, sha: str | None) -> None:
        """Sets a ref, or deletes it."""
        if sha is None:
            self.repository.references.delete(ref)
        else:
            self.repository.references.create(ref, sha, force=True)

    def first_parents(self, sha: str) -> Iterator[str]:
        """The commit and its first parents, back to the beginning."""
        at: str | None = sha
        while at is not None:
            yield at
            commit = self.repository[at].peel(pygit2.Commit)
            at = str(commit.parent_ids[0]) if commit.parent_ids else None

    def text(self, blob: str) -> bytes:
        """A blob's content."""
        return self.repository[blob].peel(pygit2.Blob).data

    def paths(self, sha: str) -> list[str]:
        """All that a commit holds but folders, links included."""
        index = pygit2.Index()
        index.read_tree(self.repository[sha].tree)
        return [entry.path for entry in index]

    def files(self, sha: str) -> dict[str, bytes]:
        """All regular files of a commit."""
        found: dict[str, bytes] = {}
        todo = [("", self.repository[sha].tree)]
        while todo:
            prefix, tree = todo.pop()
            for entry in tree:
                if isinstance(entry, pygit2.Tree):
                    todo.append((f"{prefix}{entry.name}/", entry))
                elif isinstance(entry, pygit2.Blob) and entry.filemode == FileMode.BLOB:
                    found[prefix + str(entry.name)] = entry.data
        return found
