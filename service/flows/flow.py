"""What a flow file means, once it has been read and found right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.engine.program import Node, Program
from service.flows.inputs import Input
from service.flows.policies import Check, Concurrency, Output, Retry, Sla, WorkerGroup, WorkerSelector
from service.flows.problems import Problem, Severity


@dataclass(frozen=True, slots=True)
class Unready:
    """A part of the flow that this version can't run: what it is, line and column; where no version will, what to write instead, and why."""

    what: str
    place: tuple[int, int]
    instead: str | None = None
    never: str = ""


@dataclass(frozen=True, slots=True)
class NotInstalled:
    """In place of the model of a type that is not installed, and was let through: its properties as they were written."""

    properties: Mapping[str, Any]

    @property
    def inputs(self) -> Any:
        """What a trigger gives its executions."""
        return self.properties.get("inputs")


@dataclass(frozen=True, slots=True)
class TriggerDef:
    """One trigger. `model` is the validated instance of its class; `place` is (line, column) in the file, from 1.

    `gates` must all hold for it to fire (see `conditions`); `common` are the properties that every trigger has.
    """

    id: str
    type: str
    model: Any
    disabled: bool = False
    place: tuple[int, int] = (1, 1)
    gates: tuple[Any, ...] = ()
    common: Any = None


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow, read and found right. `source` is the file's text, as it was written.

    `program` is what the engine walks; `tree` is the whole file: its root's branches hold disabled tasks too, and lists that the engine has no use for.
    `unready` are the parts that this version can't run: where there are any, no execution is started.
    """

    id: str
    namespace: str
    program: Program
    source: str
    tree: Node
    unready: tuple[Unready, ...] = ()
    description: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    triggers: tuple[TriggerDef, ...] = ()
    outputs: tuple[Output, ...] = ()
    concurrency: Concurrency | None = None
    retry: Retry | None = None
    sla: tuple[Sla, ...] = ()
    checks: tuple[Check, ...] = ()
    worker: WorkerGroup | WorkerSelector | None = None
    disabled: bool = False

    def refusal(self) -> str | None:
        """Why no execution of it can be started; None when one can."""
        if not self.unready:
            return None
        first = self.unready[0]
        more = f" (and {len(self.unready) - 1} more such parts)" if len(self.unready) > 1 else ""
        why = f"{first.never}{more}; {first.instead}" if first.instead else f"is not run by this version{more}"
        return f"`{self.namespace}.{self.id}` can't be started: {first.what}, at {first.place[0]}:{first.place[1]}, {why}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a file. `flow` is None when an error was found.

    `identity` is (namespace, id), also of a wrong file as long as both can be read: it says whose last good text stays live.
    """

    flow: Flow | None
    problems: tuple[Problem, ...]
    identity: tuple[str, str] | None

    @property
    def valid(self) -> bool:
        """No errors: warnings and notices may be there."""
        return not any(problem.severity is Severity.ERROR for problem in self.problems)
