"""Constructs that decide what runs next. One file each: a class whose properties are fields, and the two answers of `engine.program.Flowable`."""

from __future__ import annotations

from typing import ClassVar

from runners.fields import Typed
from service.engine.program import Ask, Ended, Memory, Node, Turn


class FlowableTask(Typed):
    """Base of flowables. `BRANCHES` names the properties that hold child tasks; they are taken out before the class is built."""

    RUNS: ClassVar[str] = "flowable"
    BRANCHES: ClassVar[tuple[str, ...]] = ("tasks", "errors", "finally")
    REQUIRED: ClassVar[tuple[str, ...]] = ("tasks",)

    def begin(self, node: Node, ask: Ask) -> Turn:
        """What should start first?"""
        raise NotImplementedError

    def follow(self, node: Node, memory: Memory, child: Ended, ask: Ask) -> Turn:
        """What follows, now that this child has ended?"""
        raise NotImplementedError
