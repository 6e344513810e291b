"""What a plan is made of: the difference between two sets of flows, as values.

Texts in them are ready to be shown: on one line, capped, control characters made visible; values that may be secrets are left out. Escaping for a
markup language is the business of what shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from service.flows.flow import Flow

#: Namespace and id.
Identity = tuple[str, str]


class Kind(StrEnum):
    """How a flow, or a part of one, differs."""

    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    MOVED = "moved"  #: a flow: to another file; a task: to another list
    CHANGED = "changed"
    TEXT = "text"  #: the text differs, what runs does not
    UNREAD = "unread"  #: there, but wrong: what was read last stays
    REPAIRED = "repaired"  #: right again, and what it was before can't be read


class Use(StrEnum):
    """What a flow uses, beside its own tasks."""

    SECRET = "secret"
    KV_READ = "kvRead"
    KV_WRITTEN = "kvWritten"
    IMAGE = "image"
    RUNNER = "runner"
    DANGER = "danger"
    SUBFLOW = "subflow"
    NAMESPACE = "namespace"  #: another than its own, whose flows it calls
    WEBHOOK = "webhook"


class Weight(StrEnum):
    """Why something is to be looked at first."""

    BREAKING = "breaking"
    DANGER = "danger"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two sets. `paths` says in which file a flow stands, where that is known.

    `unread` are flows that are there, but whose file is wrong, each with its path; where what was read of it last is in `flows` too, that is compared.
    """

    flows: Mapping[Identity, Flow]
    paths: Mapping[Identity, str] = field(default_factory=dict)
    unread: Mapping[Identity, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LineChange:
    """How a text of several lines differs. `excerpt` are lines of a diff, `more` is how many of them were left out."""

    added: int
    removed: int
    excerpt: tuple[str, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A property that differs: its value on both sides, None where it was not there. A text of several lines has `lines`, and no values."""

    path: str
    before: str | None
    after: str | None
    lines: LineChange | None = None


@dataclass(frozen=True, slots=True)
class TaskPlace:
    """A task on one side. `place` is the list that it stands in: `tasks`, or `check.then` below the task `check`."""

    id: str
    type: str
    place: str


@dataclass(frozen=True, slots=True)
class TaskChange:
    """A task that differs; None on the side where it is not. One task may be renamed, moved and changed at once."""

    before: TaskPlace | None
    after: TaskPlace | None
    kinds: tuple[Kind, ...]
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderChange:
    """Tasks of one list that stand elsewhere in its order."""

    place: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartChange:
    """An input, output or SLA that differs. `breaking` says what it breaks, None when nothing."""

    kind: Kind
    id: str
    differences: tuple[Difference, ...] = ()
    breaking: str | None = None


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a schedule fires: `cron` as written, in words, its zone, and the next instants in UTC (none while it is `off`)."""

    cron: str
    words: str
    timezone: str
    firings: tuple[datetime, ...]
    off: bool


@dataclass(frozen=True, slots=True)
class TriggerChange:
    """A trigger that differs; of a schedule with its timetable on both sides."""

    kind: Kind
    id: str
    type: str
    differences: tuple[Difference, ...] = ()
    before: Timetable | None = None
    after: Timetable | None = None


@dataclass(frozen=True, slots=True)
class UseChange:
    """Something that a flow uses on one side only, or (an image, a runner) another on each. `tasks` are those that use it, where it is about tasks."""

    use: Use
    before: str | None
    after: str | None
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dependent:
    """A flow that starts another (`calls`), or is started by its executions (`watches`). `gives` are the inputs that a call names, None when not known."""

    identity: Identity
    how: str
    gives: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to look at first. `words` has `{}` for each of `names`, which come from the flow."""

    weight: Weight
    words: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowChange:
    """All that differs in one flow. `was` is its identity before, of a renamed one. Paths are None where they are not known.

    `without_effect` are the properties that differ in a flow whose tasks, triggers and the rest are the same.
    """

    kind: Kind
    identity: Identity
    was: Identity | None = None
    path_before: str | None = None
    path_after: str | None = None
    tasks: tuple[TaskChange, ...] = ()
    order: tuple[OrderChange, ...] = ()
    triggers: tuple[TriggerChange, ...] = ()
    inputs: tuple[PartChange, ...] = ()
    outputs: tuple[PartChange, ...] = ()
    settings: tuple[Difference, ...] = ()
    uses: tuple[UseChange, ...] = ()
    dependents: tuple[Dependent, ...] = ()
    notices: tuple[Notice, ...] = ()
    without_effect: tuple[str, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether its file is another one."""
        return self.path_before is not None and self.path_after is not None and self.path_before != self.path_after


@dataclass(frozen=True, slots=True)
class Plan:
    """What differs, by identity, and how many flows do not."""

    now: datetime
    changes: tuple[FlowChange, ...]
    unchanged: int

    def of(self, *kinds: Kind) -> tuple[FlowChange, ...]:
        """The flows that differ in these ways."""
        return tuple(change for change in self.changes if change.kind in kinds)
