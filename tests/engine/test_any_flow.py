"""Any tree of tasks with any outcomes, lost attempts and kills: it ends, as the rules say, and starts nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine.execution import TaskRun
from service.engine.program import BESIDE, Node, Watch
from service.engine.record import WAITING
from service.engine.retry import tries
from service.engine.state import State, worst
from service.flowables.allow_failure import AllowFailure
from service.flowables.approval import Approval
from service.flowables.loop import Loop
from service.flowables.pause import Pause
from service.flowables.subflow import Subflow
from tests.engine.playing import (
    FAILED,
    KILLED,
    OK,
    WARNING,
    Play,
    allowing,
    approval,
    choice,
    dag,
    each_parallel,
    flow,
    for_each,
    group,
    job,
    loop,
    loop_until,
    name,
    parallel,
    pause,
    retry,
    served,
    subflow,
    switch,
    task,
    together,
)

#: What ends otherwise than as the worst of its children.
_OTHERWISE = (Pause, Approval, Loop, Subflow)
QUEUED_FIRST = ["CREATED", "QUEUED"]
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


def approving(**properties: Any) -> Callable[..., Node]:
    """Makes approvals that expire; of the children one is done meanwhile, the others on approval, which never comes, or when it approves by itself."""
    return lambda tasks, **rest: with_lists(approval("", tasks[:1], tasks[1:], due="PT20S", **properties), **rest)


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
    lambda tasks, **rest: together("", *(each for each in tasks if each.runs != "flowable"), **rest),
    lambda tasks, **rest: together("", *(each for each in tasks if each.runs != "flowable"), output=["*"], **rest),
    *(approving(expireBehavior=behavior) for behavior in ("CONTINUE", "WARN", "FAIL", "CANCEL")),
    approving(autoApprove="yes"),
    *map(pausing, ("RESUME", "WARN", "FAIL", "CANCEL")),
    lambda tasks, **rest: loop("", ["x", "y", "x"], *tasks, limit=2, **rest),
    lambda tasks, **rest: loop("", {"k": 1, "l": 2}, *tasks, transmits=False, breaks="iteration.state", **rest),
]


@st.composite
def leaves(draw) -> Node:
    make = draw(st.sampled_from([task, job, served, task, job, subflow, partial(subflow, transmits=False), partial(subflow, waits=False)]))
    delivery = draw(st.sampled_from(["at_least_once", "at_least_once", "at_most_once"]))
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
    main = {child.id for name, nodes in node.branches.items() if name not in BESIDE for child in nodes}
    children = [run for run in played.runs.values() if run.parent == parent and run.node in main]
    state = worst(*(State.RETRYING if given_up(run) else run.state for run in children))
    if state is FAILED and (node.allow_failure or isinstance(node.model, AllowFailure)):
        state = WARNING
    group = played.runs.get(parent) if parent else None
    if state is OK and group and node.retry is not None and node.retry.warning_on_retry and tries(group.attempts) > 1:
        state = WARNING
    return OK if state is WARNING and node.allow_warning else state


def given_up(run: TaskRun) -> bool:
    """Whether it waited for another try when a worse end beside it ended it, too."""
    return len(run.history) > 1 and run.history[-2].state is State.RETRYING and run.state.terminal


def move_a_folder(played: Play, deed: int) -> bool:
    """Something happens to one of the folders that tasks share; False where nothing does."""
    folder = next((task for task, state in played.folders.items() if state != "open"), None)
    if deed < 4:
        played.lose(folder or next(iter(played.folders)))
    elif folder is None:
        return False
    elif played.folders[folder] == "opening" and deed > 5:
        played.open(folder)
    else:
        if deed < 8:
            played.spoiled.add(folder)
        played.shut(folder, FAILED if deed < 8 else OK)
    return True


def meddle(played: Play, draw) -> str | None:
    """After its end, somebody may want it done again: all that failed, or from a task on as if that had ended otherwise. Gives the task that was."""
    if played.state in (FAILED, KILLED) and draw(st.booleans()):
        played.restart()
        # Nothing is refused but what never began.
        assert played.refusal is None or not played.runs, played.refusal
    elif played.runs and draw(st.booleans()):
        chosen = draw(st.sampled_from(sorted(map(name, played.runs.values()))))
        played.say_state(chosen, draw(st.sampled_from([OK, WARNING, FAILED])))
        return None if played.refusal else chosen
    return None


def play_at_random(played: Play, draw) -> State | None:
    """Plays to the end with drawn outcomes, with pauses on the way. How it ended where it was killed, or where a task of its own ended it."""
    killed, cut = False, None
    while not played.execution.over:
        deed = draw(st.integers(0, 30))
        if deed == 0 and not killed and not played.state.terminal:
            killed = True
            played.kill()
        elif deed == 2 and played.state.terminal:
            played.kill()
        elif played.state is State.QUEUED:
            draw(st.sampled_from([played.free, played.free, played.force, played.unqueue]))()
        elif deed == 1 and played.state is State.RUNNING and played.execution.held is None:
            played.halt()
            assert played.refusal is None
        elif deed == 1 and played.timers:
            played.due()
        elif played.todo and (not killed or played.state.terminal):
            left = end_at_random(played, draw, deed)
            cut, killed = left or cut, killed or left is KILLED
        else:
            work_at_random(played, draw, deed)
    return KILLED if killed else cut


def end_at_random(played: Play, draw, deed: int) -> State | None:
    """Something comes of an inline task. The state in which it ends the execution, where it does."""
    task = played.todo.popleft()
    if deed == 3:
        played.hand(task)
    elif deed == 4:
        end, after = draw(_EXITS), played.state.terminal
        played.exit(task, end)
        return None if after else end
    else:
        played.end(task, draw(_ENDS))
    return None


def work_at_random(played: Play, draw, deed: int) -> None:
    """Something becomes of what is done outside of the service; where nothing is, time goes on."""
    running = [name(run) for run in played.active("") if run.attempt.runner is not None and not run.attempt.state.terminal and name(run) not in played.folders]
    if played.folders and move_a_folder(played, deed):
        return
    if running and deed < 5:
        played.lose(running[0])
    elif running:
        played.end(running[0], draw(_ENDS))
    elif played.called:
        call_at_random(played, draw)
    elif played.jobs:
        waiting = next(iter(played.jobs))
        del played.jobs[waiting]
        played.claim(waiting)
    elif played.execution.held is not None and (not played.timers or draw(st.booleans())):
        assert played.state is State.PAUSED, "it is paused, and does not say so"
        played.unhalt()
        assert played.refusal is None
    else:
        assert played.state in WAITING or played.state.terminal, "it waits, and does not say so"
        assert played.timers, "it waits for nothing"
        played.due()


def call_at_random(played: Play, draw) -> None:
    """Something becomes of an execution that a task has called."""
    call = draw(st.sampled_from(sorted(played.called)))
    if call in played.waited_for:
        played.moved(call, draw(st.sampled_from([OK, OK, WARNING, FAILED, KILLED, State.PAUSED, State.RUNNING])))
    elif draw(st.integers(0, 5)):
        played.stored(call)
    else:
        played.refused(call)


_HANDLERS = st.lists(trees, max_size=1)
_PLACES = st.sampled_from([State.RUNNING, State.RUNNING, State.QUEUED])
_WATCHES = st.sampled_from(
    [(), (), (), *((Watch("w", end, {"late": "yes"}, timedelta(seconds=15)),) for end in (None, FAILED, State.CANCELLED)), (Watch("w", FAILED, holds="t0"),)]
)


@settings(max_examples=300)
@given(st.lists(trees, max_size=4), _HANDLERS, _HANDLERS, _HANDLERS, _RETRY, _PLACES, _WATCHES, st.data())
def test_every_execution_ends_as_the_rules_say(tasks, errors, finally_, after, retry, place, watches, data):  # noqa: PLR0913, PLR0917 - a flow has as many parts
    named_tasks, named_errors, named_finally, named_after = named(tasks, "t"), named(errors, "e"), named(finally_, "f"), named(after, "a")
    program = flow(*named_tasks, errors=named_errors, finally_=named_finally, after=named_after, retry=retry, watches=watches)
    played = Play(program, place=place).begin()
    cut, changed = play_at_random(played, data.draw), set[str]()
    for _ in range(data.draw(st.integers(0, 2))):
        before = played.moves
        other = meddle(played, data.draw)
        cut = cut if played.moves == before else None
        changed |= {other} if other else set()
        if not played.execution.over:
            cut = play_at_random(played, data.draw)
    assert played.state.terminal, played.states
    assert ("a0" in played.states) == bool(named_after)
    assert (played.moves[:2] == QUEUED_FIRST) == (place is State.QUEUED)
    # Each task has one run for each value, whatever was lost or repeated on the way.
    assert len({name(run) for run in played.runs.values()}) == len(played.runs)
    if cut is not None:
        assert played.state is cut or (played.execution.breached and watches[0].end is played.state)
    if cut is not None or any(watch.end for watch in watches if watch.id in played.execution.breached):
        return
    # A kill after the end ends what is done there, and nothing else.
    stopped = played.trailing_runs() if any("is done after the end" in message for _, message in played.said) else set()
    for run in (each for each in played.runs.values() if each.id not in stopped):
        node = program.nodes[run.node]
        if changed:
            continue  # what somebody says of one task is no rule for those around it
        if name(run) in played.spoiled or run.attempt.lost:
            continue  # it failed for its folder, whatever its tasks have come to
        if (
            node.runs == "flowable"
            and run.state is not State.SKIPPED
            and node.run_if != "broken"
            and not given_up(run)
            and not isinstance(node.model, _OTHERWISE)
        ):
            assert run.state is expected(played, node, run.id)
    if changed:
        return
    assert played.state is expected(played, program.root, None)
    assert ("f0" in played.states) == bool(named_finally)
    assert ("e0" in played.states) == (bool(named_errors) and played.state is FAILED)
