"""Tasks in order, with their `errors` and `finally`: the flow itself, and every group that runs one child after another.

Main list, then `errors` if a child failed, then `finally` in any case. Only the main list decides the group's state.
(Rule: KESTRA.md 3.1, "Sequential next" and "State of a group".)
"""

from __future__ import annotations

from service.engine.program import Ended, Memory, Node, Start, Turn
from service.engine.state import State, worst

_STOPS = frozenset({State.FAILED, State.KILLED, State.CANCELLED})


def begin(node: Node) -> Turn:
    """The first child of the first list that has one."""
    return _turn(node, "tasks", 0, State.SUCCESS)


def follow(node: Node, memory: Memory, child: Ended) -> Turn:
    """The next child, or the end."""
    branch, at, state = memory["branch"], memory["at"], State(memory["state"])
    if branch == "tasks":
        state = worst(state, child.state)
    if child.state in _STOPS:
        return _turn(node, _after(branch, state), 0, state)
    return _turn(node, branch, at + 1, state)


def _turn(node: Node, branch: str | None, at: int, state: State) -> Turn:
    while branch is not None:
        children = node.branches.get(branch, ())
        if at < len(children):
            return Turn({"branch": branch, "at": at, "state": state.value}, (Start(children[at]),))
        branch, at = _after(branch, state), 0
    return Turn({"branch": None, "at": 0, "state": state.value}, end=state)


def _after(branch: str, state: State) -> str | None:
    if branch == "tasks" and state is State.FAILED:
        return "errors"
    return None if branch == "finally" else "finally"
