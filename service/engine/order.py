"""Tasks in order, with their `errors` and `finally`: the flow itself, and every group that runs one child after another.

Main list, then `errors` if a child failed, then `finally` in any case. Only the main list decides the group's state.
(Rule: KESTRA.md 3.1, "Sequential next" and "State of a group".)
"""

from __future__ import annotations

from collections.abc import Sequence

from service.engine.program import HANDLERS, Ended, Memory, Node, Start, Turn
from service.engine.state import State, worst

#: Ends of a child after which nothing else of its list is started.
STOPS = frozenset({State.FAILED, State.KILLED, State.CANCELLED, State.RETRYING, State.RETRIED})


def begin(node: Node, main: str = "tasks", state: State = State.SUCCESS) -> Turn:
    """The first child of the first list that has one. `main` names the list that decides, `state` what has been decided before."""
    return _turn(node, main, main, 0, state)


def follow(node: Node, memory: Memory, child: Ended) -> Turn:
    """The next child, or the end."""
    main, branch, at, state = memory.get("main", "tasks"), memory["branch"], memory["at"], State(memory["state"])
    if branch == main:
        state = worst(state, child.state)
    if child.state in STOPS or (branch == main and state in STOPS):
        return _turn(node, main, after(branch, state), 0, state)
    return _turn(node, main, branch, at + 1, state)


def resume(node: Node, memory: Memory, children: Sequence[Ended]) -> Turn:
    """Where the main list stands when these are its children."""
    main = memory.get("main", "tasks")
    if not children:
        return begin(node, main)
    turn = place(node, main, children)
    return follow(node, turn.memory, children[-1]) if all(child.state.terminal for child in children) else turn


def place(node: Node, main: str, children: Sequence[Ended]) -> Turn:
    """The place of the last of these children in the main list: it has still to be followed, unless another one is open, which will be."""
    last, others = children[-1], children[:-1]
    ended = [child.state for child in others if child.state.terminal]
    if last.state.terminal and len(ended) < len(others):
        ended.append(last.state)
    return Turn({"main": main, "branch": main, "at": node.branches[main].index(last.node), "state": worst(*ended).value})


def leave(node: Node, state: State, main: str = "tasks") -> Turn:
    """The main list is over, and ended so: what follows it."""
    return _turn(node, main, after(main, state), 0, state)


def after(branch: str, state: State) -> str | None:
    """The list that follows one that is over; None where none does."""
    if branch not in HANDLERS and state in (State.FAILED, State.RETRYING):
        return "errors"
    return None if branch == "finally" else "finally"


def _turn(node: Node, main: str, branch: str | None, at: int, state: State) -> Turn:
    while branch is not None:
        children = node.branches.get(branch, ())
        if at < len(children):
            return Turn({"main": main, "branch": branch, "at": at, "state": state.value}, (Start(children[at]),))
        branch, at = after(branch, state), 0
    return Turn({"main": main, "branch": None, "at": 0, "state": state.value}, end=state)
