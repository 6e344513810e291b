"""Short ways to a plan, and to what it says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from service.flows.flow import Flow
from service.flows.plan import plan
from service.flows.plan_json import message
from service.flows.plan_values import FlowChange, Identity, Plan, Side, Use
from tests.flows.world import LOG, flow, tasks

NOW = datetime(2026, 3, 27, tzinfo=UTC)


def side(flows: Iterable[Flow], paths: dict[Identity, str] | None = None, unread: dict[Identity, str] | None = None) -> Side:
    """Flows by their identity."""
    return Side({(found.namespace, found.id): found for found in flows}, paths or {}, unread or {})


def planned(before: Iterable[str], after: Iterable[str]) -> Plan:
    """The plan of flow texts."""
    return plan(side(map(flow, before)), side(map(flow, after)), NOW)


def changed(before: str, after: str) -> FlowChange:
    """The one flow that differs."""
    [change] = planned([before], [after]).changes
    return change


def log(id: str, message: str = "hi", more: str = "") -> str:
    """A task of a list."""
    return f"- {{id: {id}, type: {LOG}, message: '{message}'{more}}}\n"


def named(id: str, body: str = "", namespace: str = "dev") -> str:
    """A flow of another name."""
    return tasks(body or log("a")).replace("id: x", f"id: {id}", 1).replace("namespace: dev", f"namespace: {namespace}", 1)


def properties(change: FlowChange, id: str) -> list[tuple[str, str | None, str | None]]:
    """Path, before and after of each property of a task that differs."""
    [task] = [task for task in change.tasks if task.after and task.after.id == id]
    return [(found.path, found.before, found.after) for found in task.differences]


def uses(change: FlowChange, use: Use) -> list[tuple[str | None, str | None]]:
    """Before and after of all that is used in this way."""
    return [(found.before, found.after) for found in change.uses if found.use is use]


def told(change: FlowChange) -> list[str]:
    """The notices, one line each."""
    return [f"{notice.weight}: {message(notice)}" for notice in change.notices]
