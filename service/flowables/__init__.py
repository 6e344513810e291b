"""Constructs that decide what runs next. One file each: a class whose properties are fields, and the two answers of `engine.program.Flowable`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from runners.fields import Typed
from service.engine.program import Ask, Ended, Memory, Node, Turn

#: How a property holds child tasks: a list of them; one alone; a map of lists, by value; a list of `{task, dependsOn}`.
Shape = Literal["list", "one", "cases", "graph"]

Declared = Literal["inputs", "outputs"]

#: What nearly every flowable has beside its own branches.
HANDLERS: Mapping[str, Shape] = {"errors": "list", "finally": "list"}


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

    def begin(self, node: Node, ask: Ask) -> Turn:
        """What should start first?"""
        raise NotImplementedError

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        """What follows, now that this child has ended?"""
        raise NotImplementedError
