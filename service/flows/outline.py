"""The tasks and triggers of a file as they stand in it: what checks look at. Those that are wrong, disabled or of a type that is not installed are here too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from service.flowables import Joined
from service.flows.catalogue import TypeInfo
from service.flows.document import TASK_LISTS
from service.flows.source import Path

#: How the types of flowables begin.
FLOW = "io.kestra.plugin.core.flow."
#: The branch of tasks that were found inside a type that is not installed: nothing is known of their order.
UNKNOWN = "?"
#: Lists that are run when something else has ended, whatever becomes of it.
HANDLERS = frozenset({*TASK_LISTS[1:], "listeners"})


class Spot(NamedTuple):
    """Where a task stands: in which list of which task (None: of the flow), and the how manieth it is there."""

    parent: Step | None
    branch: str
    number: int

    @property
    def list(self) -> str:
        """The name of the list, without the value of a case or the number of a listener."""
        return self.branch.partition(".")[0]


@dataclass(slots=True, eq=False)
class Step:
    """A task. `type` is canonical where the type is installed, else as it was written; `own` and `common` are its properties with plugin defaults."""

    id: str
    type: str
    info: TypeInfo | None
    path: Path
    spot: Spot
    raw: Mapping[str, Any]
    own: Mapping[str, Any] = field(default_factory=dict)
    common: Mapping[str, Any] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()  #: its lists of children, empty ones too
    children: list[Step] = field(default_factory=list)

    @property
    def disabled(self) -> bool:
        """Whether it is left out."""
        return self.common.get("disabled") is True

    @property
    def gate(self) -> Any:
        """What decides whether it is skipped; None when nothing does."""
        return self.common.get("runIf", self.common.get("when"))

    @property
    def form(self) -> str:
        """How its own tasks are joined, as `flowables.Joined` says it; empty where that is not known."""
        return self._joined.form if self._joined else ""

    @property
    def loops(self) -> bool:
        """Whether what is in it runs once for each value, or again."""
        return self._joined is not None and self._joined.step == "dynamic"

    @property
    def _joined(self) -> Joined | None:
        return getattr(self.info.cls, "JOINED", None) if self.info is not None else None

    def lineage(self) -> list[Step]:
        """From the flow's own list down to this task."""
        found = [self]
        while (parent := found[-1].spot.parent) is not None:
            found.append(parent)
        return found[::-1]


@dataclass(slots=True, eq=False)
class Start:
    """A trigger. `info` is None where its type is not installed."""

    id: str
    info: TypeInfo | None
    path: Path
    disabled: bool
    raw: Mapping[str, Any]


Owner = Step | Start | None


class Rendered(NamedTuple):
    """A value that is rendered, and whose it is: a task's, a trigger's, or the flow's own."""

    path: Path
    value: Any
    owner: Owner = None


@dataclass(slots=True)
class Outline:
    """All of a file, in its order."""

    steps: list[Step] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    by_id: dict[str, Step] = field(default_factory=dict)

    def add(self, step: Step) -> None:
        """One more task. Of two with the same id the first counts."""
        self.steps.append(step)
        if step.spot.parent is not None:
            step.spot.parent.children.append(step)
        if step.id:
            self.by_id.setdefault(step.id, step)

    def part(self) -> None:
        """Lets go of the children of each task: nothing of a file then waits for the collector of cycles."""
        for step in self.steps:
            step.children.clear()

    def lists(self) -> Mapping[tuple[Step | None, str], list[Step]]:
        """The tasks by the list that they stand in."""
        found: dict[tuple[Step | None, str], list[Step]] = {}
        for step in self.steps:
            found.setdefault(step.spot[:2], []).append(step)
        return found
