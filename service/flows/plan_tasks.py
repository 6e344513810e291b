"""How the tasks of a flow differ.

A task is known by its id, which is unique over the whole flow. One that is gone, and one of the same type and properties that has come, are one task
that was renamed; where there are several such, those in the same list belong together, then those that come first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.engine.program import Node
from service.flows.plan_lines import increasing
from service.flows.plan_properties import differences, plain
from service.flows.plan_values import Kind, OrderChange, TaskChange, TaskPlace
from service.flows.policies import WorkerSelector


@dataclass(frozen=True, slots=True)
class Placed:
    """A task and the list that it stands in: the id of the task above (empty on top), and the branch."""

    node: Node
    parent: str
    branch: str

    @property
    def place(self) -> str:
        """As it is shown."""
        return f"{self.parent}.{self.branch}" if self.parent else self.branch


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """What differs, and how tasks that were renamed are called now."""

    changes: tuple[TaskChange, ...]
    order: tuple[OrderChange, ...]
    renamed: Mapping[str, str]


def compare_tasks(before: Node | None, after: Node | None) -> TaskComparison:
    """Both trees, the root of a flow each; None for a flow that is not there. Changes stand in the order of the tree after, then removed tasks."""
    old, new = _placed(before), _placed(after)
    renamed = _renamed(old, new)
    names = {name: renamed.get(name, name) for name in old}
    came_from = {now: was for was, now in names.items() if now in new}
    found = [_change(old.get(came_from.get(name, "")), placed, names) for name, placed in new.items()]
    gone = [_change(placed, None, names) for name, placed in old.items() if names[name] not in new]
    order = tuple(_orders(old, new, names))
    return TaskComparison(tuple(change for change in (*found, *gone) if change is not None), order, renamed)


def _placed(root: Node | None) -> dict[str, Placed]:
    """Every task by id, in the order of the file."""
    return {placed.node.id: placed for placed in _below(root, "")} if root is not None else {}


def _below(node: Node, parent: str) -> Iterator[Placed]:
    for branch, children in node.branches.items():
        for child in children:
            yield Placed(child, parent, branch)
            yield from _below(child, child.id)


def task_properties(node: Node) -> dict[str, Any]:
    """All that a task says of itself, save its id and its children, under the names that flows use."""
    worker = "workerSelector" if isinstance(node.worker, WorkerSelector) else "workerGroup"
    common = {
        "type": node.type,
        "description": node.description,
        "disabled": node.disabled,
        "runIf": node.run_if,
        "timeout": node.timeout,
        "allowFailure": node.allow_failure,
        "allowWarning": node.allow_warning,
        "logLevel": node.log_level,
        "logToFile": node.log_to_file,
        "retry": plain(node.retry),
        "taskCache": plain(node.cache),
        "delivery": node.delivery if node.delivery != "at_least_once" else None,
        worker: plain(node.worker),
        "dependsOn": list(node.depends_on),
    }
    return {**{name: value for name, value in common.items() if value not in (None, False, [])}, **node.spec}


def _renamed(old: Mapping[str, Placed], new: Mapping[str, Placed]) -> dict[str, str]:
    """Old id → new id."""
    came: dict[str, list[Placed]] = {}
    for name, placed in new.items():
        if name not in old:
            came.setdefault(_content(placed.node), []).append(placed)
    gone = [placed for name, placed in old.items() if name not in new]
    found: dict[str, str] = {}
    for same_list in (True, False):
        for placed in gone:
            candidates = came.get(_content(placed.node), []) if placed.node.id not in found else []
            match = next((other for other in candidates if not same_list or other.place == placed.place), None)
            if match is not None:
                candidates.remove(match)
                found[placed.node.id] = match.node.id
    return found


def _content(node: Node) -> str:
    """What must be the same for a task to be the same under another name. Of a group of tasks that is their ids too."""
    children = {branch: [child.id for child in nodes] for branch, nodes in node.branches.items()}
    return json.dumps([task_properties(node), children], sort_keys=True, default=str)


def _change(before: Placed | None, after: Placed | None, names: Mapping[str, str]) -> TaskChange | None:
    if before is None or after is None:
        kind = Kind.ADDED if before is None else Kind.REMOVED
        return TaskChange(_shown(before), _shown(after), (kind,))
    found = tuple(differences(task_properties(before.node), task_properties(after.node)))
    moved = (names.get(before.parent, ""), before.branch) != (after.parent, after.branch)
    tests = ((Kind.RENAMED, before.node.id != after.node.id), (Kind.MOVED, moved), (Kind.CHANGED, bool(found)))
    kinds = tuple(kind for kind, holds in tests if holds)
    return TaskChange(_shown(before), _shown(after), kinds, found) if kinds else None


def _shown(placed: Placed | None) -> TaskPlace | None:
    return None if placed is None else TaskPlace(placed.node.id, placed.node.type, placed.place)


def _orders(old: Mapping[str, Placed], new: Mapping[str, Placed], names: Mapping[str, str]) -> Iterator[OrderChange]:
    """Lists in which tasks that were there before follow each other otherwise."""
    was = {names[name]: number for number, name in enumerate(old)}
    lists: dict[str, list[str]] = {}
    before = {names[name]: (names.get(placed.parent, ""), placed.branch) for name, placed in old.items()}
    for name, placed in new.items():
        if before.get(name) == (placed.parent, placed.branch):
            lists.setdefault(placed.place, []).append(name)
    for place, tasks in lists.items():
        elsewhere = _out_of_order([was[name] for name in tasks])
        if elsewhere:
            yield OrderChange(place, tuple(tasks[number] for number in elsewhere))


def _out_of_order(numbers: Sequence[int]) -> list[int]:
    kept = {position for position, _ in increasing(list(enumerate(numbers)))}
    return [position for position in range(len(numbers)) if position not in kept]
