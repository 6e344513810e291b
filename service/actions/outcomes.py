"""What a runner says of the end of an attempt, as the executor hears it, and what is kept of it besides."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from runners.protocol import Lease, Metric, Outcome, Result
from service.actions import log_files, sealing
from service.actions.inline import masked, misfit
from service.actions.kit import Kit
from service.engine.events import Ended, Lost
from service.engine.execution import Execution
from service.engine.state import State
from service.store import caches, executions, logs, metrics, task_runs
from service.store.codec import now, to_json
from service.store.database import Session
from service.store.executions import OUTPUT_LIMIT
from service.store.jobs import Job
from service.store.logs import Line

_STATES = {Result.SUCCESS: State.SUCCESS, Result.WARNING: State.WARNING, Result.FAILED: State.FAILED, Result.KILLED: State.KILLED}


def event_of(lease: Lease, outcome: Outcome, outputs: Mapping[str, Any], message: str | None) -> Ended | Lost:
    """The event. Outputs that are too large are none, and a failure."""
    if outcome.result in (Result.LOST, Result.HANDED):
        return Lost(lease.attempt, message or "the runner lost the work", counts=outcome.result is Result.LOST)
    size = len(to_json(outputs))
    if size > OUTPUT_LIMIT:
        return Ended(lease.attempt, State.FAILED, message=f"outputs are {size:,} bytes of JSON; the limit is {OUTPUT_LIMIT:,}")
    return Ended(lease.attempt, _STATES[outcome.result], outputs, message)


def sealed(kit: Kit, execution: Execution, outputs: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The outputs as they are stored, the texts that are named encrypted, for this environment alone."""
    kept = {name: sealing.sealed(kit.cipher, execution.environment, str(outputs[name])) for name in names if outputs.get(name) is not None}
    return {**outputs, **kept}


def filed(kit: Kit, held: Job, event: Ended) -> Ended:
    """With the log of the attempt as a file, where the task wants one. It is made before the end is stored, and again when that is told again."""
    with kit.database.read() as session:
        row, run = executions.get(session, held.execution_id), task_runs.run(session, held.task_run_id)
        flow = kit.reader.revision(session, row.flow, row.execution.revision).flow if row else None
    node = flow.program.nodes.get(run.node) if flow and run else None
    if row is None or node is None or not node.log_to_file:
        return event
    return replace(event, log_file=log_files.of_attempt(kit, row.execution, node.id, held.task_run_id, held.attempt))


def keep(session: Session, kit: Kit, held: Job, event: Ended, published: Sequence[Metric]) -> None:
    """Stores what an attempt leaves: its numbers, and its outputs for the next run of the same task. What has become a file leaves the log."""
    row, run, at = executions.get(session, held.execution_id), task_runs.run(session, held.task_run_id), now().timestamp()
    if row is None or run is None:
        return
    source = metrics.Source(run.node, run.id, held.attempt)
    metrics.add(session, row.execution, [(source, masked(metric, kit.masker.value)) for metric in published[: metrics.MOST]], at)
    wrong = [why for number, metric in enumerate(published, 1) if (why := misfit(metric, number)) is not None]
    if wrong:
        told = f"{len(wrong)} metrics are not stored: {kit.masker.text(wrong[0])}"
        logs.append(session, held.execution_id, run.id, run.node, held.attempt, [Line(now(), "WARN", told)])
    if held.cache_key is not None and event.state in (State.SUCCESS, State.WARNING):
        caches.put(session, held.cache_key, held.execution_id, event.outputs, at, held.cache_ttl)
    if event.log_file is not None:
        logs.forget_attempt(session, held.execution_id, held.task_run_id, held.attempt)
