"""What a flow file means, once it has been read and found right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.engine.program import Program
from service.flows.inputs import Input
from service.flows.problems import Problem, Severity


@dataclass(frozen=True, slots=True)
class TriggerDef:
    """One trigger. `model` is the validated instance of its class; `place` is (line, column) in the file, from 1."""

    id: str
    type: str
    model: Any
    disabled: bool = False
    place: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow, ready to run. `source` is the file's text, as it was written."""

    id: str
    namespace: str
    program: Program
    source: str
    description: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    triggers: tuple[TriggerDef, ...] = ()
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a file. `flow` is None when an error was found, or a type that is not installed was let through.

    `identity` is (namespace, id), also of a wrong file as long as both can be read: it says whose last good text stays live.
    """

    flow: Flow | None
    problems: tuple[Problem, ...]
    identity: tuple[str, str] | None

    @property
    def valid(self) -> bool:
        """No errors: warnings and notices may be there, and `flow` may still be None for want of a type."""
        return not any(problem.severity is Severity.ERROR for problem in self.problems)
