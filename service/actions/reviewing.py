"""Executions that wait for a decision: who approves gives what is asked for, and says why where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from service.actions import pausing
from service.actions.kit import Kit
from service.actions.pausing import APPROVAL, Resumption
from service.engine.execution import TaskRun
from service.engine.program import Node, RenderFailed
from service.errors import Conflict, Invalid
from service.expressions import truthy
from service.flows.inputs import Input
from service.store import task_runs
from service.store.database import Session
from service.store.executions import Row

#: What whoever decides may say, and what it means.
_WORDS = {"APPROVED": "APPROVED", "APPROVE": "APPROVED", "DENIED": "DENIED", "DENY": "DENIED"}


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody has decided."""

    decision: str
    comment: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, word: Any, comment: Any, inputs: Mapping[str, Any]) -> Decision:
        """In anybody's words. Raises Invalid."""
        meant = _WORDS.get(str(word or "").strip().upper())
        if meant is None:
            said = f", not `{str(word)[:40]}`" if word else ""
            raise Invalid(f"a decision is APPROVED or DENIED{said}", [{"input": "decision", "message": "must be APPROVED or DENIED"}])
        return cls(meant, str(comment).strip() or None if comment is not None else None, inputs)


def waiting(session: Session, kit: Kit, row: Row) -> list[tuple[TaskRun, Node]]:
    """The approvals that an execution waits in, the oldest first."""
    return pausing.waiting(session, kit, row, APPROVAL)


def asked(node: Node) -> tuple[Input, ...]:
    """What an approval asks whoever approves."""
    return tuple(cast("list[Input]", node.model.inputs or ()))


def prepare(session: Session, kit: Kit, row: Row, decision: Decision, task_run: str | None = None) -> Resumption:
    """Settles a decision on the approval that an execution waits in: of several the oldest one, or that of a task run. Raises Conflict where it waits for none,
    NotFound, Invalid with each input that is wrong, `comment` among them where one is needed. Who denies need not give anything."""
    row = pausing.waits(session, kit, row, task_run, APPROVAL)
    found = waiting(session, kit, row)
    if not found:
        raise Conflict(f"execution {row.execution.id} is {row.execution.state.value}; it waits for nobody's decision")
    run, node = pausing.chosen(found, task_run)
    render = pausing.Renderer(session, kit, row, node, task_runs.path(session, row, run.id).runs)
    if decision.comment is None and _needs_comment(node, render):
        raise Invalid(f"`{node.id}` needs a comment", [{"input": "comment", "message": f"`{node.id}` needs a comment (`commentRequired`)"}])
    wanted = asked(node) if decision.decision == "APPROVED" else _given_ones(asked(node), decision.inputs)
    inputs, unknown = pausing.settled(kit, row, wanted, decision.inputs, render)
    if unknown:
        names = ", ".join(f"`{each.id}`" for each in wanted) or "nothing"
        raise Invalid(f"`{unknown[0][:100]}` is not asked for by `{node.id}`; it asks for {names}", [{"input": each, "message": "unknown"} for each in unknown])
    return Resumption(row, run, {"decision": decision.decision, "comment": decision.comment, "inputs": inputs})


def _given_ones(asked: tuple[Input, ...], given: Mapping[str, Any]) -> tuple[Input, ...]:
    return tuple(each for each in asked if each.id in given or each.id.partition(".")[0] in given)


def _needs_comment(node: Node, render: pausing.Renderer) -> bool:
    try:
        needed = render(node.model.comment_required, {})
        return needed if isinstance(needed, bool) else needed is not None and truthy(str(needed))
    except RenderFailed as failure:
        raise Conflict(f"whether `{node.id}` needs a comment can't be told: {failure}") from failure
