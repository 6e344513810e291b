"""Replays: an execution done again as a new one, with what tasks before a place gave, or from the beginning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from service.actions.case import Case
from service.engine.asked import REPLAY, REPLAYED, RESTARTED
from service.engine.events import Began, Copied, Replayed
from service.engine.execution import Execution, Pin, TaskRun
from service.engine.program import Program
from service.engine.state import Stamp, State
from service.errors import Conflict
from service.flows.flow import Flow
from service.store import copies, events, executions
from service.store.codec import new_id
from service.store.database import Session


@dataclass(frozen=True, slots=True)
class Copying:
    """A new execution, and the task runs that it takes over: each with the one it is a copy of. `target` is the task run that it goes on from."""

    execution: Execution
    flow: str
    asked: str | None
    event: Began | Copied
    pairs: tuple[tuple[str, TaskRun], ...] = ()
    target: str | None = None

    def store(self, session: Session, at: float) -> None:
        """Stores it, after what it is a copy of. Only a copy answers by itself: it has still to go on."""
        executions.add(session, self.execution, self.flow, caused=False, at=at)
        copies.copy_runs(session, self.pairs)
        events.add(session, self.execution.id, self.target, self.event, self.asked if isinstance(self.event, Copied) else None)


def plan(case: Case, replay: Replayed, asked: str | None) -> Copying:
    """What is made for a replay. Raises Conflict where the revision does not fit."""
    flow = case.kit.reader.revision(case.session, case.row.flow, replay.revision).flow
    if flow is None:
        raise Conflict(f"revision {replay.revision} has problems and can't run")
    if replay.task_run is None and not replay.failed:
        return Copying(_anew(case, replay, flow), case.row.flow, asked, Began())
    made = _copy(case, replay)
    runs = case.below(None)
    if replay.revision != case.execution.revision:
        runs = carried(case.program, flow.program, runs)
    ids = {run.id: new_id() for run in runs}
    if replay.task_run is not None and replay.task_run not in ids:
        raise Conflict(f"revision {replay.revision} has the task of `{replay.task_run[:40]}` in another place, or not at all: replay from the beginning")
    pairs = tuple((run.id, replace(run, id=ids[run.id], execution=made.id, parent=ids[run.parent] if run.parent else None)) for run in runs)
    return Copying(made, case.row.flow, asked, Copied(), pairs, ids[replay.task_run] if replay.task_run else None)


def carried(old: Program, new: Program, runs: Sequence[TaskRun]) -> list[TaskRun]:
    """The task runs that still mean something in another revision: those whose task is of the same type, and stands in the same list."""
    before, after = _places(old), _places(new)
    kept: dict[str | None, TaskRun] = {}
    for run in runs:
        if run.node in before and before[run.node] == after.get(run.node) and (run.parent is None or run.parent in kept):
            kept[run.id] = run
    return list(kept.values())


def _places(program: Program) -> Mapping[str, tuple[str, str, str]]:
    """Of each task its type, its group, and which list of that it stands in."""
    nodes = (program.root, *program.nodes.values())
    return {child.id: (child.type, node.id, name) for node in nodes for name, children in node.branches.items() for child in children}


def _anew(case: Case, replay: Replayed, flow: Flow) -> Execution:
    """From the beginning."""
    of = case.execution
    return Execution(
        replay.execution,
        of.environment,
        of.namespace,
        of.flow,
        replay.revision,
        (Stamp(State.CREATED, case.now),),
        of.inputs if replay.inputs is None else replay.inputs,
        _labels(of, replay),
        flow.variables,
        of.trigger,
        _pin(of, replay),
        original=of.original or of.id,
        parent=of.id,
        kind=of.kind,
        breakpoints=tuple(replay.breakpoints),
    )


def _copy(case: Case, replay: Replayed) -> Execution:
    """From some place on: it has the history of the one that it is a copy of."""
    of = case.execution
    opened = of.reopened(State.RESTARTED, case.now) if of.state.terminal else of.to(State.RESTARTED, case.now)
    return replace(
        opened,
        id=replay.execution,
        revision=replay.revision,
        inputs=of.inputs if replay.inputs is None else replay.inputs,
        labels=_labels(of, replay),
        pin=_pin(of, replay),
        generation=1,
        attempt=of.attempt + 1 if replay.failed else 1,
        original=of.original or of.id,
        first_created=None,
        parent=of.id,
        breakpoints=tuple(replay.breakpoints),
        held=None,
    )


def _labels(of: Execution, replay: Replayed) -> dict[str, str]:
    labels = {key: value for key, value in of.labels.items() if key not in (RESTARTED, REPLAYED, REPLAY)}
    return {**labels, RESTARTED if replay.failed else REPLAY: "true"}


def _pin(of: Execution, replay: Replayed) -> Pin | None:
    return of.pin if replay.pin is None else Pin(**replay.pin)
