"""Any tree of tasks with any outcomes, lost attempts and kills: it ends, as the rules say, and starts nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine.execution import TaskRun
from service.engine.program import HANDLERS, Node
from service.engine.record import WAITING
from service.engine.state import State, worst
from service.flowables.allow_failure import AllowFailure
from service.flowables.pause import Pause
from tests.engine.playing import (
    FAILED,
    KILLED,
    OK,
    WARNING,
    Play,
    allowing,
    choice,
    dag,
    each_parallel,
    flow,
    for_each,
    group,
    job,
    loop_until,
    name,
    parallel,
    pause,
    retry,
    served,
    switch,
    task,
)

_ENDS = st.sampled_from([OK, OK, WARNING, FAILED, KILLED])
_EXITS = st.sampled_from([OK, WARNING, FAILED, KILLED, State.CANCELLED])
_RUN_IF = st.sampled_from([None, None, None, None, "yes", "false", "broken"])
_RETRY = st.sampled_from([None, None, None, retry(2), retry(3, warning_on_retry=True), retry(2, behavior="CREATE_NEW_EXECUTION")])


def with_lists(made: Node, errors: Sequence[Node] = (), finally_: Sequence[Node] = (), **rest: Any) -> Node:
    """A construct with these handlers and common properties."""
    lists = {name: tuple(nodes) for name, nodes in (("errors", errors), ("finally", finally_)) if nodes}
    return replace(made, branches={**made.branches, **lists}, **rest)


def pausing(behavior: str) -> Callable[..., Node]:
    """Makes pauses that end by themselves; the first child is what is done meanwhile."""
    return lambda tasks, **rest: with_lists(pause("", *tasks[1:], on_pause=next(iter(tasks), None), pauseDuration="PT20S", behavior=behavior), **rest)


#: Every construct that is made of a list of its children.
_MAKERS = [
    lambda tasks, **rest: group("", *tasks, **rest),
    lambda tasks, **rest: parallel("", *tasks, **rest),
    lambda tasks, **rest: parallel("", *tasks, concurrent=2, **rest),
    lambda tasks, **rest: dag("", *tasks, concurrent=1, **rest),
    lambda tasks, **rest: allowing("", *tasks, **rest),
    lambda tasks, **rest: for_each("", ["x", "y"], *tasks, **rest),
    lambda tasks, **rest: for_each("", ["x", "y", "x", 3], *tasks, limit=0, **rest),
    lambda tasks, **rest: for_each("", ["x", "y", "z"], *tasks, limit=2, **rest),
    lambda tasks, **rest: each_parallel("", ["x", "y"], *tasks, **rest),
    lambda tasks, **rest: with_lists(loop_until("", "false", *tasks, interval="PT30S", maxIterations=2), **rest),
    lambda tasks, **rest: with_lists(choice("", "true", tasks), **rest),
    lambda tasks, **rest: with_lists(switch("", "x", {"x": tasks or [task("")]}), **rest),
    *map(pausing, ("RESUME", "WARN", "FAIL", "CANCEL")),
]


@st.composite
def leaves(draw) -> Node:
    make, delivery = draw(st.sampled_from([task, job, served])), draw(st.sampled_from(["at_least_once", "at_least_once", "at_most_once"]))
    common = {"allow_failure": draw(st.booleans()), "allow_warning": draw(st.booleans()), "retry": draw(_RETRY), "delivery": delivery}
    return make("", run_if=draw(_RUN_IF), **common)


def groups(children):
    lists = st.lists(children, max_size=3)
    return st.builds(
        lambda make, tasks, errors, finally_, run_if, allowed, retry: make(
            tasks, errors=errors, finally_=finally_, run_if=run_if, allow_failure=allowed, retry=retry
        ),
        st.sampled_from(_MAKERS),
        lists,
        st.lists(children, max_size=1),
        st.lists(children, max_size=1),
        _RUN_IF,
        st.booleans(),
        _RETRY,
    )


trees = st.recursive(leaves(), groups, max_leaves=12)


def named(nodes: Sequence[Node], prefix: str = "n") -> list[Node]:
    """The same trees with an id of its own for each node."""
    made = []
    for number, node in enumerate(nodes):
        id = f"{prefix}{number}"
        lists = {name: tuple(named(children, f"{id}{name[-5:]}")) for name, children in node.branches.items()}
        made.append(replace(node, id=id, branches=lists))
    return made


def expected(played: Play, node: Node, parent: str | None) -> State:
    """The state of a group by the rule: the worst of its main list, as far as it ran."""
    main = {child.id for name, nodes in node.branches.items() if name not in (*HANDLERS, "onPause") for child in nodes}
    children = [run for run in played.runs.values() if run.parent == parent and run.node in main]
    state = worst(*(State.RETRYING if given_up(run) else run.state for run in children))
    if state is FAILED and (node.allow_failure or isinstance(node.model, AllowFailure)):
        state = WARNING
    return OK if state is WARNING and node.allow_warning else state


def given_up(run: TaskRun) -> bool:
    """Whether it waited for another try when a worse end beside it ended it, too."""
    return len(run.history) > 1 and run.history[-2].state is State.RETRYING and run.state.terminal


def play_at_random(played: Play, draw) -> State | None:
    """Plays to the end with drawn outcomes. How it ended where it was killed on the way, or a task of its own ended it."""
    killed = False
    played.begin()
    while not played.state.terminal:
        running = [name(run) for run in played.active("") if run.attempt.runner is not None and not run.attempt.state.terminal]
        deed = draw(st.integers(0, 30))
        if deed == 0 and not killed:
            killed = True
            played.kill()
        elif deed == 1 and played.todo and not killed:
            end = draw(_EXITS)
            played.exit(played.todo.popleft(), end)
            if end is not KILLED:
                assert played.state is end
                return end
            killed = True
        elif deed == 2 and played.todo and not killed:
            played.hand(played.todo.popleft())
        elif played.todo and not killed:
            played.end(played.todo.popleft(), draw(_ENDS))
        elif running and deed < 5:
            played.lose(running[0])
        elif running:
            played.end(running[0], draw(_ENDS))
        elif played.jobs:
            waiting = next(iter(played.jobs))
            del played.jobs[waiting]
            played.claim(waiting)
        else:
            assert played.state in WAITING, "it waits, and does not say so"
            assert played.timers, "it waits for nothing"
            played.due()
    return KILLED if killed else None


@settings(max_examples=300)
@given(st.lists(trees, max_size=4), st.lists(trees, max_size=1), st.lists(trees, max_size=1), _RETRY, st.data())
def test_every_execution_ends_as_the_rules_say(tasks, errors, finally_, retry, data):
    named_tasks, named_errors, named_finally = named(tasks, "t"), named(errors, "e"), named(finally_, "f")
    program = flow(*named_tasks, errors=named_errors, finally_=named_finally, retry=retry)
    played = Play(program)
    cut = play_at_random(played, data.draw)
    assert played.state.terminal, played.states
    # Each task has one run for each value, whatever was lost or repeated on the way.
    assert len({name(run) for run in played.runs.values()}) == len(played.runs)
    if cut is not None:
        assert played.state is cut
        return
    for run in played.runs.values():
        node = program.nodes[run.node]
        if node.runs == "flowable" and run.state is not State.SKIPPED and node.run_if != "broken" and not given_up(run) and not isinstance(node.model, Pause):
            assert run.state is expected(played, node, run.id)
    assert played.state is expected(played, program.root, None)
    assert ("f0" in played.states) == bool(named_finally)
    assert ("e0" in played.states) == (bool(named_errors) and played.state is FAILED)
