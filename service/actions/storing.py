"""What has come of a batch, put into the database."""

from __future__ import annotations

from service.actions import calls
from service.actions.case import Case, started_over
from service.engine import events as heard
from service.engine.commands import DropJob, StartJob, StopJob
from service.store import caches, events, executions, jobs, logs, metrics, task_runs
from service.store.database import Session
from service.store.logs import Line


def store_case(session: Session, case: Case) -> None:
    """The execution, its task runs, and the execution that takes over from it."""
    if case.execution is not case.row.execution:
        executions.save(session, case.row, case.execution)
        calls.tell(session, case.row.execution.state, case.execution)
    elif case.changed or case.gone:
        executions.touch(session, case.row)
    new = [(position, case.runs[id]) for id, position in case.new.items()]
    flowables = {id for id, node in case.program.nodes.items() if not node.leaf} if new else ()
    task_runs.save(session, new, [case.runs[id] for id in case.changed if id not in case.new], flowables)
    task_runs.forget(session, [*case.gone])
    if case.over is not None:
        again = started_over(case.execution, case.variables, case.now, case.over)
        if executions.add(session, again, case.row.flow, caused=case.row.caused, once=executions.heir(case.execution)):
            events.add(session, again.id, None, heard.Began())


def store_kept(session: Session, case: Case) -> None:
    """What was said, published, and is kept for the next run of the same task."""
    _store_lines(session, case)
    metrics.add(session, case.execution, case.metrics, case.now.timestamp())
    for key, (outputs, ttl) in case.cached.items():
        caches.put(session, key, case.execution.id, outputs, case.now.timestamp(), ttl)


def _store_lines(session: Session, case: Case) -> None:
    grouped: dict[tuple[str, str, int], list[Line]] = {}
    for run, task, attempt, line in case.lines:
        grouped.setdefault((run, task, attempt), []).append(line)
    for (run, task, attempt), lines in grouped.items():
        logs.append(session, case.execution.id, run, task, attempt, lines)


def store_job(session: Session, execution: str, command: StartJob | StopJob | DropJob) -> None:
    """What is wanted of runners."""
    match command:
        case StartJob(run, attempt, folder, pool, route):
            jobs.queue(session, execution, run, attempt, folder, pool=pool, route=route)
        case StopJob(run, attempt):
            jobs.stop(session, run, attempt)
        case DropJob(run, attempt):
            jobs.drop(session, run, attempt)
