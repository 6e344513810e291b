"""Whose templates are rendered, and where they stand: what a failure says in front."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from service.engine.execution import Execution
from service.engine.program import Node
from service.expressions import ExpressionError
from service.flows.tracing import traced


@dataclass(frozen=True, slots=True)
class Where:
    """A part of a flow. `source` gives the flow's text, and is asked only when something fails; `place` is the line and column of a task, `sections` are the
    properties of the flow that are rendered where it is no task."""

    path: str
    what: str
    source: Callable[[], str]
    place: tuple[int, int] | None = None
    sections: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`.flows/x.yml:4:5: task `a`: `, which stands in front of a message about the part as a whole."""
        return f"{self.path}:{self.place[0]}:{self.place[1]}: {self.what}: " if self.place else f"{self.path}: {self.what}: "

    def said(self, failure: ExpressionError) -> str:
        """The error with its own place in the file; where that is not known, with the part's place and the one in the template."""
        found = traced(self.source(), failure, self.place, self.sections)
        return f"{self.path}:{found.line}:{found.column}: {self.what}: {failure.message}" if found else f"{self}{failure}"


def of_task(execution: Execution, node: Node | None, source: Callable[[], str]) -> Where | str:
    """A task of an execution, whose file is known."""
    return Where(execution.pin.path, f"task `{node.id}`", source, node.place) if node and execution.pin else ""
