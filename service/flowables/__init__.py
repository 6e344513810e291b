"""Constructs that decide what runs next. One file each: a class whose properties are fields, and the two answers of `engine.program.Flowable`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from runners.fields import Typed
from service.engine.program import Ask, Ended, Memory, Node, Turn

#: How a property holds child tasks: a list of them; one alone; a map of lists, by value; a list of `{task, dependsOn}`.
Shape = Literal["list", "one", "cases", "graph"]

Declared = Literal["inputs", "outputs"]

#: What nearly every flowable has beside its own branches.
HANDLERS: Mapping[str, Shape] = {"errors": "list", "finally": "list"}

#: How a task is reached from the one before it.
Step = Literal["sequential", "parallel", "choice", "dynamic"]


@dataclass(frozen=True, slots=True)
class Way:
    """One of several ways that lead on from a flowable. `{}` in its label is the value of a case; `passes`: where the way has no tasks, it leads to the end."""

    label: str
    step: Step = "choice"
    passes: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """How a flowable's own tasks are joined; its `errors` and `finally` are joined as everywhere.

    `chain` one after another, `fork` side by side, `graph` by their dependencies, `ways` each branch by itself, with a `Way` for each. `step` is how the first
    follows; `dynamic`: they run once for each value, or again. In a graph `label` is that of the first edge, `back` that of an edge from the last task to the
    beginning.
    """

    form: Literal["chain", "fork", "graph", "ways"] = "chain"
    step: Step = "sequential"
    label: str | None = None
    back: str | None = None
    ways: Mapping[str, Way] = field(default_factory=dict)


class FlowableTask(Typed):
    """Base of flowables. `BRANCHES` names the properties that hold child tasks, in the order they are run and shown; they are taken out before the class is
    built. Those in `REQUIRED` must be there, and not be empty."""

    RUNS: ClassVar[str] = "flowable"
    BRANCHES: ClassVar[Mapping[str, Shape]] = {"tasks": "list", **HANDLERS}
    REQUIRED: ClassVar[tuple[str, ...]] = ("tasks",)
    #: Properties that declare inputs or outputs in the form that flows have for them. Once read they hold the declarations.
    DECLARES: ClassVar[Mapping[str, Declared]] = {}
    #: Properties whose expressions speak of another flow's tasks, inputs and variables.
    ELSEWHERE: ClassVar[frozenset[str]] = frozenset()
    #: Whether groups of tasks may stand in `tasks`, too.
    NESTS: ClassVar[bool] = True
    #: How its own tasks are joined: for the graph of a flow, and for what runs before what.
    JOINED: ClassVar[Joined] = Joined()

    def begin(self, node: Node, ask: Ask) -> Turn:
        """What should start first?"""
        raise NotImplementedError

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        """What follows, now that this child has ended?"""
        raise NotImplementedError
