"""What Git answers: frozen values, made of text and numbers, so that they cross a process boundary as they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Change:
    """One flow file that differs: `old` and `new` are blob ids, None where the file is absent on that side."""

    path: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class BadEntry:
    """A tree entry that is not followed. `path` is printable (odd bytes are escaped), `reason` is for people, and so is `hint`: what to do about it."""

    path: str
    reason: str
    hint: str = field(default="", compare=False)  # follows from the reason


@dataclass(frozen=True, slots=True)
class TreeDiff:
    """What differs under a folder.

    `refused` are the new side's bad entries in the part that differs; `cleared` are the printable paths of the old
    side's bad entries there: who keeps refusals drops `cleared`, then adds `refused`, and has what a fresh read gives.
    A bad entry counts as absent in `changes`.
    """

    changes: tuple[Change, ...] = ()
    refused: tuple[BadEntry, ...] = ()
    cleared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """A commit's own words; `date` is the author's, aware, for display only: ordering never uses it."""

    sha: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    date: datetime
    message: str
    tree: str


@dataclass(frozen=True, slots=True)
class History:
    """First-parent steps that change flow files or what is refused among them, newest first.

    `whole`: they reach back to the first commit, so what is not in them never was.
    """

    steps: tuple[Step, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A commit of a first-parent history and the flow files it changed against its first parent (None: the root).

    `refused` and `cleared` are the paths of the bad entries in the part that differs, on its own side and on the parent's.
    """

    commit: str
    parent: str | None
    changes: tuple[Change, ...]
    refused: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
