"""The texts that executions run, as a batch needs them: read once by the reader, and taken from it by revision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from service.actions.kit import Kit
from service.engine.program import Node, Program
from service.flows.flow import Flow
from service.store.database import Session
from service.store.executions import Row

#: What an execution has whose revision can't be read.
UNREADABLE = Program.of(Node("", "", "flowable", None))


class Programs:
    """Those of one batch. Used by one thread."""

    def __init__(self, kit: Kit, session: Session) -> None:
        self._kit, self._session = kit, session
        self._bodies: dict[tuple[int, str], Program] = {}

    def of(self, row: Row) -> Program | None:
        """What an execution runs; None where this version can't read it any more."""
        flow = self._flow(row)
        if flow is None:
            return None
        caller = row.execution.caller
        return flow.program if caller is None or caller.item is None else self._body(flow.program, caller.task)

    def variables(self, row: Row) -> Mapping[str, Any]:
        """Those of the flow, as every execution of it begins with them."""
        flow = self._flow(row)
        return {} if flow is None else flow.variables

    def source(self, row: Row) -> Callable[[], str]:
        """What gives the flow's text, for places in messages."""

        def source() -> str:
            flow = self._flow(row)
            return flow.source if flow else ""

        return source

    def _flow(self, row: Row) -> Flow | None:
        return self._kit.reader.revision(self._session, row.flow, row.execution.revision).flow

    def _body(self, program: Program, task: str) -> Program:
        """What an iteration of a loop runs."""
        if (id(program), task) not in self._bodies:
            self._bodies[id(program), task] = program.body(task)
        return self._bodies[id(program), task]
