"""Tasks for certain runners: which runner gets them, and what becomes of them while there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from runners.protocol import Job, Outcome, Result
from service.loops.router import Router
from service.store import runners
from service.store.codec import now
from tests.support.station import RUNNER, Station

SHELL = "type: io.kestra.plugin.scripts.shell.Commands, commands: [echo]"
PLAIN = replace(RUNNER, id="plain")


def labelled(*labels: str, shared: bool = False):
    return replace(RUNNER, id="+".join(labels), labels={name: value for name, _, value in (label.partition("=") for label in labels)}, reserved=not shared)


def task(routing: str, more: str = "") -> str:
    return f"  - {{id: job, {SHELL}, {routing}{more}}}\n"


def started(station: Station, tasks: str, **flow) -> str:
    id = station.flow(tasks, **flow)
    station.tick()
    return id


def routed(station: Station, seconds: float = 1_000.0) -> None:
    """A look of the router so long after its start that every runner has had time to come back."""
    router = Router(station.kit)
    router.tick(now() - timedelta(seconds=seconds))
    router.tick(now())
    station.tick()


@pytest.mark.parametrize(
    ("routing", "labels", "taken"),
    [
        ("workerGroup: {key: gpu}", ["gpu"], True),
        ("workerGroup: {key: gpu}", ["cpu"], False),
        ("workerGroup: {key: gpu}", [], False),
        ("workerGroup: {key: zone=eu}", ["zone=eu"], True),
        ("workerGroup: {key: zone=eu}", ["zone=us"], False),
        ("workerGroup: {key: zone}", ["zone=us"], True),
        ('workerGroup: {key: \'{{ "g" ~ "pu" }}\'}', ["gpu"], True),
        ("workerSelector: {tags: [gpu, big]}", ["big", "gpu", "more"], True),
        ("workerSelector: {tags: [gpu, big]}", ["gpu"], False),
        ("workerSelector: {tags: [gpu, big], match: ANY}", ["big"], True),
    ],
)
def test_only_a_runner_with_the_labels_gets_the_task(station, routing, labels, taken):
    started(station, task(routing))
    assert (station.dispatch.try_claim(labelled(*labels) if labels else PLAIN) is not None) is taken


def test_a_runner_with_labels_is_reserved_unless_it_is_shared(station):
    started(station, f"  - {{id: job, {SHELL}}}\n")
    assert station.dispatch.try_claim(labelled("gpu")) is None
    assert station.dispatch.try_claim(labelled("gpu", shared=True)) is not None


def test_the_oldest_comes_first_whoever_it_is_for(station):
    for at, routing in enumerate(("workerGroup: {key: b}", "workerGroup: {key: a}", "")):
        started(station, f"  - {{id: job{at}, {SHELL}{', ' if routing else ''}{routing}}}\n", id=f"f{at}")
    both = labelled("a", "b", shared=True)
    assert [station.dispatch.try_claim(both).task for _ in range(3)] == ["job0", "job1", "job2"]


def test_a_task_s_own_word_comes_before_its_flow_s(station):
    started(station, f"  - {{id: one, {SHELL}}}\n  - {{id: two, {SHELL}, workerGroup: {{key: b}}}}\nworkerGroup: {{key: a}}\n")
    one = station.dispatch.try_claim(labelled("a"))
    assert one is not None
    end(station, one)
    assert station.dispatch.try_claim(labelled("a")) is None
    assert station.dispatch.try_claim(labelled("b")) is not None


def end(station: Station, job: Job) -> None:
    station.tick()
    station.dispatch.finish(job.lease, Outcome(Result.SUCCESS))
    station.tick()


def test_a_group_with_a_folder_is_routed_as_a_whole(station):
    group = "  - id: w\n    type: io.kestra.plugin.core.flow.WorkingDirectory\n    workerGroup: {key: a}\n    tasks:\n"
    started(station, f"{group}      - {{id: one, {SHELL}}}\n")
    assert station.dispatch.try_claim(PLAIN) is None
    runner = labelled("a")
    folder = station.dispatch.try_claim(runner)
    assert folder is not None
    assert folder.holds
    station.tick()
    station.dispatch.ready(folder.lease)
    station.tick()
    assert station.dispatch.try_claim(labelled("a", "b")) is None
    inside = station.dispatch.try_claim(runner)
    assert inside is not None
    assert inside.task == "one"


@pytest.mark.parametrize(
    ("routing", "state", "message"),
    [
        ("workerGroup: {key: gpu, fallback: FAIL}", "FAILED", "no runner is there that has the label `gpu`"),
        ("workerSelector: {tags: [gpu, big]}", "FAILED", "no runner is there that has the labels `big`, `gpu`"),
        ("workerSelector: {tags: [gpu, big], match: ANY}", "FAILED", "no runner is there that has the labels `big` or `gpu`"),
        ("workerGroup: {key: gpu, fallback: CANCEL}", "KILLED", None),
        ("workerGroup: {key: gpu}", "RUNNING", None),
        ("workerGroup: {key: gpu, fallback: IGNORE}", "RUNNING", None),
    ],
)
def test_what_becomes_of_a_task_while_there_is_no_such_runner(station, routing, state, message):
    id = started(station, task(routing))
    assert station.dispatch.try_claim(PLAIN) is None
    routed(station)
    assert station.state(id) == state
    assert message is None or message in "\n".join(station.log(id))
    assert (station.dispatch.try_claim(PLAIN) is not None) is ("IGNORE" in routing)


def test_a_folder_that_no_runner_may_open_fails_its_group(station):
    group = "  - id: w\n    type: io.kestra.plugin.core.flow.WorkingDirectory\n    workerGroup: {key: a, fallback: FAIL}\n    tasks:\n"
    id = started(station, f"{group}      - {{id: one, {SHELL}}}\n")
    routed(station)
    assert station.state(id) == "FAILED"
    assert "no runner is there that has the label `a`" in "\n".join(station.log(id))


def test_a_runner_that_is_there_keeps_the_task_waiting(station):
    station.dispatch.try_claim(labelled("gpu"))
    id = started(station, task("workerGroup: {key: gpu, fallback: FAIL}"))
    routed(station)
    assert station.state(id) == "RUNNING"


def test_after_a_start_runners_have_a_lease_time_to_come_back(station):
    gone = labelled("gpu")
    station.dispatch.try_claim(gone)
    station.database.write(lambda session: runners.saw(session, gone.id, now().timestamp() - 3_600))
    id = started(station, task("workerGroup: {key: gpu, fallback: FAIL}"))
    routed(station, seconds=1)
    assert station.state(id) == "RUNNING"
    routed(station)
    assert station.state(id) == "FAILED"


def test_a_beat_says_that_a_runner_is_there(station):
    busy = labelled("gpu", shared=True)
    started(station, f"  - {{id: job, {SHELL}}}\n", id="first")
    job = station.dispatch.try_claim(busy)
    station.database.write(lambda session: runners.saw(session, busy.id, now().timestamp() - 3_600))
    station.dispatch.beat_now(busy.id, (job.lease,))
    id = started(station, task("workerGroup: {key: gpu, fallback: FAIL}"))
    routed(station)
    assert station.state(id) == "RUNNING"


def test_a_label_that_can_t_be_rendered_fails_the_task(station):
    id = started(station, task("workerGroup: {key: '{{ nothing.there }}'}"))
    assert station.state(id) == "FAILED"
