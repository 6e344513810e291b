"""What a lease stands for: the job, its execution, and the folder that it shares or holds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from runners.protocol import Gone, Lease
from service.engine.execution import Execution
from service.engine.program import RenderFailed
from service.store import executions, jobs, repositories, task_runs
from service.store.codec import to_json
from service.store.database import Session
from service.store.jobs import Job as QueuedJob


def find(session: Session, lease: Lease) -> QueuedJob | None:
    """The job, while the lease lasts."""
    job = jobs.get(session, lease.task_run, lease.attempt)
    return job if job is not None and job.state == "leased" and job.epoch == lease.epoch else None


def must_hold(session: Session, lease: Lease) -> QueuedJob:
    """The same; raises Gone for a lease that is over."""
    held = find(session, lease)
    if held is None:
        raise Gone(f"the lease of attempt {lease.attempt}, epoch {lease.epoch} is over")
    return held


def lease(job: QueuedJob) -> Lease:
    """That of a job which has been claimed."""
    return Lease(job.task_run_id, job.attempt, job.epoch)


def shared(session: Session, job: QueuedJob) -> Lease | None:
    """The lease of the folder that a job shares; None where it has one of its own. Raises Gone where its runner does not hold it any more."""
    if job.folder is None or job.holds:
        return None
    held = jobs.holder(session, job.folder)
    if held is None or held.runner != job.runner:
        raise Gone("the folder that it shares is gone")
    return lease(held)


def cache(session: Session, execution: Execution, job: QueuedJob) -> tuple[str, ...]:
    """Where the cache of a group is kept: of its task, for each value of the loops around it. What runs in one environment never reaches another."""
    run = task_runs.run(session, job.task_run_id)
    if run is None or not job.holds:
        raise Gone("this lease has no cache")
    values = hashlib.sha256(to_json(list(run.values)).encode("utf-8", "surrogatepass")).hexdigest()[:32] if run.values else "all"
    return (*execution.namespace.split("."), execution.flow, run.node, "cache", execution.environment, f"{values}.tar.gz")


def check_namespaces(session: Session, execution: Execution, spec: Mapping[str, Any]) -> None:
    """The folder has the files of the execution's commit, and so those of the namespaces of its repository. Raises RenderFailed for another one."""
    files = spec.get("namespaceFiles")
    wanted = files if isinstance(files, Mapping) and files.get("enabled", True) else {}
    for name in wanted.get("namespaces") or ():
        owner = repositories.owner(session, execution.environment, str(name))
        if str(name) != execution.namespace and (execution.pin is None or owner != execution.pin.repository):
            raise RenderFailed(f"namespaceFiles: the files of the namespace `{str(name)[:150]}` are not those of this flow's repository")


def row(session: Session, job: QueuedJob) -> executions.Row:
    """The execution; raises Gone where it was deleted."""
    found = executions.get(session, job.execution_id)
    if found is None:
        raise Gone("the execution is gone")
    return found
