"""What a task that tells of an execution is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runners.protocol import Facts
from service.actions.attempts import Attempted, whose
from service.actions.files import may_read
from service.actions.kit import Kit
from service.engine.program import RenderFailed
from service.store import executions, task_runs
from service.store.codec import now
from service.store.database import Session

_LONGEST = 2000  #: characters of what a failed task said


def facts(session: Session, kit: Kit, work: Attempted, spec: Mapping[str, Any]) -> Facts | None:
    """What is known of the execution that the task names, or of its own; None for a task that tells of none. Raises RenderFailed."""
    if not getattr(type(work.task.model), "TELLS", False):
        return None
    own, wanted = work.execution, str(spec.get("executionId") or work.execution.id).strip()
    row = executions.get(session, wanted)
    if row is None or row.execution.environment != own.environment or not may_read(session, whose(own), row.execution.namespace):
        raise RenderFailed(f"executionId: there is no execution `{wanted[:40]}` that may be read from here")
    of, failed = row.execution, task_runs.last_failed(session, wanted)
    reason = kit.masker.text(failed.attempt.message)[:_LONGEST] if failed and failed.attempts and failed.attempt.message else None
    return Facts(
        execution=of.id,
        namespace=of.namespace,
        flow=of.flow,
        revision=of.revision,
        state=of.state.value,
        link=kit.page("executions", of.id),
        started=of.created,
        seconds=((of.ended or now()) - of.created).total_seconds(),
        labels={name: value for name, value in of.labels.items() if not name.startswith("system.")},
        failed=failed.node if failed else None,
        reason=reason,
    )
