"""Listeners, an old way to do something at the end of an execution: tasks under conditions. `afterExecution` has taken their place."""

from __future__ import annotations

from typing import Any

from service.engine.program import Node
from service.flows.children import Child
from service.flows.conditions import read_conditions
from service.flows.draft import Draft
from service.flows.lower import Lowering
from service.flows.outline import Rendered
from service.flows.source import Path


def read_listeners(entries: list[Any], lowering: Lowering, draft: Draft) -> tuple[Node, ...]:
    """The tasks of all listeners, one after another. What is wrong below is noted."""
    return tuple(node for number, entry in enumerate(entries) for node in _listener(entry, ("listeners", number), lowering, draft))


def _listener(entry: Any, path: Path, lowering: Lowering, draft: Draft) -> tuple[Node, ...]:
    if not isinstance(entry, dict):
        return ()  # the flow's class says so
    read_conditions(entry.get("conditions"), (*path, "conditions"), draft, None)
    draft.texts.append(Rendered((*path, "conditions"), entry.get("conditions")))
    tasks = entry.get("tasks")
    children = [Child(task, (*path, "tasks", number)) for number, task in enumerate(tasks if isinstance(tasks, list) else ())]
    return lowering.tasks(children, f"listeners.{path[-1]}")
