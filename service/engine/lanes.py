"""Tasks side by side: lanes, of which so many are open at once.

A lane is a list of tasks that are done in order, for one value of a loop or for none. When a lane is through, the next one opens. The first child that fails
takes the group out of its lanes at once: nothing more of them is started, `errors` and `finally` are done, and what still runs is waited for, so that no task
outlives its group. What is remembered is a handful of numbers, however many lanes there are. (Rule: KESTRA.md 3.1, "Parallel next" and "ForEach next".)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from service.engine import order
from service.engine.program import HANDLERS, Ended, Memory, Node, Start, Turn
from service.engine.state import State, worst

MAIN = "tasks"


@dataclass(frozen=True, slots=True)
class Lane:
    """Tasks in order, and the value that they are done for."""

    tasks: tuple[Node, ...]
    value: str | None = None
    iteration: int | None = None


@dataclass(frozen=True, slots=True)
class Lanes:
    """All lanes of a group: how many there are, and which is which. `ordered`: each has all tasks of the group."""

    count: int
    lane: Callable[[int], Lane]
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group stands: its list and how far that is, the worst end so far, the next lane, how many lanes are open and may be (0: all). `behind`: by lane,
    the last task that was done already behind the one that is open; there is such only where somebody has changed a state."""

    branch: str | None = MAIN
    at: int = 0
    state: State = State.SUCCESS
    next: int = 0
    open: int = 0
    limit: int = 0
    behind: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, memory: Memory) -> Place:
        """What a group remembered."""
        return cls(memory["branch"], memory["at"], State(memory["state"]), memory["next"], memory["open"], memory["limit"], memory.get("behind", {}))

    def memory(self) -> dict[str, Any]:
        """What a group remembers."""
        found = {"branch": self.branch, "at": self.at, "state": self.state.value, "next": self.next, "open": self.open, "limit": self.limit}
        return {**found, "behind": dict(self.behind)} if self.behind else found

    def ended(self, child: Ended) -> Place:
        """One child of the main list less."""
        return replace(self, state=worst(self.state, child.state), open=self.open - 1)


def begin(node: Node, lanes: Lanes, limit: int) -> Turn:
    """Opens the first lanes, so many at once."""
    return _fill(node, Place(limit=limit), lanes)


def follow(node: Node, memory: Memory, child: Ended, lanes: Lanes) -> Turn:
    """The next task of the lane, the next lane, the next handler, or the end."""
    place = Place.of(memory)
    if (turn := handled(node, place, child)) is not None:
        return turn
    following = _next_of(node.branches[MAIN], child, place.behind) if lanes.ordered else None
    if place.behind:
        place = replace(place, behind={lane: at for lane, at in place.behind.items() if lane != str(child.iteration)})
    if following is not None:
        place = replace(place, state=worst(place.state, child.state))
        return Turn(place.memory(), (Start(following, child.value, child.iteration),))
    return _fill(node, place.ended(child), lanes)


def resume(node: Node, memory: Memory, children: Sequence[Ended], lanes: Lanes) -> Turn:
    """Where the lanes stand when these are the children of the main list. Those that a failure has stopped go on."""
    if (turn := over(node, memory, children)) is not None:
        return turn
    tasks = node.branches[MAIN]
    last = {child.iteration if lanes.ordered else number: child for number, child in enumerate(children)}
    busy = {child.iteration if lanes.ordered else number for number, child in enumerate(children) if not child.state.terminal}
    onward = [child for lane, child in last.items() if lanes.ordered and lane not in busy and _next_of(tasks, child) is not None]
    starts = tuple(Start(cast(Node, _next_of(tasks, child)), child.value, child.iteration) for child in onward)
    behind = {str(lane): tasks.index(last[lane].node) for lane in busy if last[lane].state.terminal}
    state = worst(*(child.state for child in children if child.state.terminal))
    place = Place(state=state, next=len(last), open=len(busy) + len(starts), limit=memory.get("limit", 0), behind=behind)
    turn = _fill(node, place, lanes)
    return replace(turn, start=(*starts, *turn.start))


def over(node: Node, memory: Memory, children: Sequence[Ended]) -> Turn | None:
    """The end of the main list where one of its children has ended badly, and stays so; None where none has."""
    ended = [child.state for child in children if child.state.terminal]
    if not any(state in order.STOPS for state in ended):
        return None
    place = Place(state=worst(*ended), next=len(children), open=len(children) - len(ended), limit=memory.get("limit", 0))
    return leave(node, place)


def handled(node: Node, place: Place, child: Ended) -> Turn | None:
    """What follows where the main list has been left, or is left now; None while it goes on."""
    if any(child.node is each for name in HANDLERS for each in node.branches.get(name, ())):
        return _handler(node, place, None if child.state in order.STOPS else place.at + 1)
    if place.branch != MAIN:
        return _settled(place.ended(child))
    if child.state in order.STOPS:
        return leave(node, place.ended(child))
    return None


def leave(node: Node, place: Place) -> Turn:
    """The end of the main list: `errors` where a child failed, then `finally`."""
    return _enter(node, place, order.after(MAIN, place.state))


def _next_of(tasks: tuple[Node, ...], child: Ended, behind: Mapping[str, int] | None = None) -> Node | None:
    """The task behind a child in its lane, and behind what was done already."""
    at = (behind or {}).get(str(child.iteration), -1)
    at = at if at >= 0 else next(index for index, task in enumerate(tasks) if task is child.node)
    return tasks[at + 1] if at + 1 < len(tasks) else None


def _fill(node: Node, place: Place, lanes: Lanes) -> Turn:
    starts: list[Start] = []
    upto = lanes.count if not place.limit else min(lanes.count, place.next + place.limit - place.open)
    for index in range(place.next, upto):
        lane = lanes.lane(index)
        starts.append(Start(lane.tasks[0], lane.value, lane.iteration))
    place = replace(place, next=max(place.next, upto), open=place.open + len(starts))
    return Turn(place.memory(), tuple(starts)) if place.open else leave(node, place)


def _handler(node: Node, place: Place, at: int | None) -> Turn:
    """The next child of `errors` or `finally`; with `at` None that list is over."""
    branch = place.branch
    assert branch is not None
    children = node.branches[branch]
    if at is not None and at < len(children):
        return Turn(replace(place, at=at).memory(), (Start(children[at]),))
    return _enter(node, place, order.after(branch, place.state))


def _enter(node: Node, place: Place, branch: str | None) -> Turn:
    while branch is not None:
        if children := node.branches.get(branch, ()):
            return Turn(replace(place, branch=branch, at=0).memory(), (Start(children[0]),))
        branch = order.after(branch, place.state)
    return _settled(replace(place, branch=None, at=0))


def _settled(place: Place) -> Turn:
    """The end, once nothing runs any more."""
    over = place.branch is None and place.open == 0
    return Turn(place.memory(), end=place.state if over else None)
