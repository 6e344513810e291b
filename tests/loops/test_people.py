"""What people do with executions as the executor stores it, through crashes at every commit, and at a cost that follows the execution."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runners.protocol import Job, Outcome, Result
from service.actions.kept import Kept
from service.actions.replaying import Wanted, prepare
from service.actions.steps import Batch
from service.engine.events import Deleted, Event, Halted, Killed, Labelled, Passed, Restarted, Resumed, StateSet, StatusSet
from service.engine.state import State
from service.git.helper import Helper
from service.loops.housekeeping import Housekeeping
from service.store import events, replies, task_runs
from tests.loops.test_constructs import shown, tasks
from tests.loops.test_costs import counted
from tests.loops.test_crashes import DiesBefore, Fate, Refused, came, dies_after, first, stored, worked
from tests.loops.test_executor import ran, value
from tests.support.station import RUNNER, Station, station_at

CORE = "io.kestra.plugin.core"
FLOW = """
id: f
namespace: t
tasks:
  - {id: a, type: debug.Return, format: given}
  - id: each
    type: flow.ForEach
    values: [x, y]
    concurrencyLimit: 0
    tasks:
      - {id: job, type: io.kestra.plugin.scripts.shell.Commands, commands: ["echo {{ taskrun.value }}"]}
      - {id: flaky, type: execution.Fail, condition: "{{ taskrun.value == 'y' and taskrun.attemptsCount == 0 }}"}
  - {id: p, type: flow.Pause, pauseDuration: PT1H}
  - {id: nap, type: flow.Sleep, duration: PT1M}
  - {id: c, type: execution.Fail, condition: "{{ taskrun.attemptsCount < 2 }}"}
  - {id: z, type: debug.Return, format: "{{ outputs.a.value }} {{ outputs.job.y.vars.n }}"}
errors:
  - {id: e, type: log.Log, message: mending}
""".replace("type: ", f"type: {CORE}.").replace(f"{CORE}.io", "io")  # fmt: skip

#: Says what is asked for next of which execution: the task run and the event.
Deed = Callable[[Station, list[str]], tuple[str, str | None, Event]]


def replay(station: Station, id: str, task: str | None = None, **options: Any) -> tuple[str, str | None, Event]:
    with station.database.read() as session:
        run = station.runs(id)[task].id if task else None
        return id, run, prepare(session, station.kit, station.execution(id), Wanted(run, **options), "ann")


#: What somebody does whenever nothing is to come: restarts, changes, replays from the middle and from the beginning.
DEEDS: list[Deed] = [
    lambda station, ids: (ids[0], None, Restarted("ann")),
    lambda station, ids: (ids[0], None, Restarted("bob")),
    lambda station, ids: (ids[0], station.runs(ids[0])["c"].id, StateSet(State.WARNING, "ann")),
    lambda station, ids: replay(station, ids[0], "each"),
    lambda station, ids: replay(station, ids[0], "nap", breakpoints=["z"]),
    lambda station, ids: (ids[-1], None, Restarted("ann")),
    lambda station, ids: (ids[-1], None, Restarted("ann")),
    lambda station, ids: (ids[-1], None, Passed("ann")),
    lambda station, ids: replay(station, ids[0]),
    lambda station, ids: (ids[0], None, StatusSet(State.SUCCESS, "ann")),
    lambda station, ids: (ids[0], None, Labelled({"x": "y"}, "ann")),
    lambda station, ids: (ids[1], None, Deleted("ann")),
]


def told(station: Station, fate: Fate) -> tuple[list[Any], list[Any]]:
    """Runs the flow, and does the deeds; gives what came of all, and what was answered."""
    station.push({".flows/f.yml": FLOW})
    station.start("t", "f")
    kept, deeds, folders = Kept(), list(DEEDS), dict[str, Job]()
    for _ in range(1000):
        station = worked(station, folders)
        entry = first(station)
        if entry is None and not deeds:
            break
        if entry is None:
            id, run, event = deeds.pop(0)(station, [row.execution.id for row in station.every()])
            station.database.write(lambda session: events.add(session, id, run, event, f"deed {len(DEEDS) - len(deeds):02}"))  # noqa: B023 - waited for
            continue
        with station.database.read() as session:
            batch = Batch(station.kit, session, station.clock.now, kept)
            batch.hear(entry)
        before, station = station, fate(station, batch)
        kept = kept if before is station else Kept()
    found = [came(station, row) for row in station.every()]
    with station.database.read() as session:
        answers = [replies.of(session, f"deed {number + 1:02}") for number in range(len(DEEDS))]
        assert session.exec_driver_sql("SELECT count(*) FROM event").scalar() == 0
    station.close()
    return found, [tuple((each.refusal or "").split(" ", 2)[-1] for each in answer) for answer in answers]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, helper: Helper) -> Any:
    return told(Station(tmp_path_factory.mktemp("fine") / "data", helper), stored)


def test_everything_is_answered_once_and_done(undisturbed: Any) -> None:
    found, answers = undisturbed
    assert all(len(answer) == 1 for answer in answers)
    assert [answer[0] for answer in answers].count("") >= 10, answers
    histories = [[stamp.state.value for stamp in each["history"]] for each in found]
    assert histories[0][:6] == ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING", "PAUSED"]
    assert all(history[-1] in ("SUCCESS", "WARNING", "FAILED") for history in histories)


@pytest.mark.parametrize("fate", [DiesBefore, lambda: dies_after, Refused], ids=["before each commit", "after each commit", "no commit at first"])
def test_a_service_that_dies_at_every_batch_comes_to_the_same(tmp_path: Path, helper: Helper, undisturbed: Any, fate: Callable[[], Fate]) -> None:
    assert told(Station(tmp_path / "data", helper), fate()) == undisturbed


# one at a time


def asked(station: Station, id: str, event: Event, task: str | None = None, name: str = "q") -> str | None:
    """Asks, and gives the refusal."""
    run = station.runs(id)[task].id if task else None
    station.database.write(lambda session: events.add(session, id, run, event, name))
    station.tick()
    with station.database.read() as session:
        (answer,) = replies.of(session, name)
    return answer.refusal


def test_a_restart_does_not_hear_the_timers_of_before(station: Station):
    id = ran(station, tasks("\n- {id: nap, type: flow.Sleep, duration: PT1H}\n"))
    station.clock.forward(minutes=50)
    assert asked(station, id, Deleted("ann"), name="no") is not None
    with station.database.read() as session:
        assert session.exec_driver_sql("SELECT count(*) FROM timer").scalar() == 1
    assert asked(station, id, Killed("ann"), name="kill") is None
    assert asked(station, id, Restarted("ann"), name="restart") is None
    station.clock.forward(minutes=20)
    station.tick()
    assert (station.state(id), shown(station, id)) == ("RUNNING", {"nap": "RUNNING"}), "the first hour is over, but this is another one"
    station.clock.forward(minutes=40)
    station.tick()
    assert station.state(id) == "SUCCESS"


def test_a_pause_that_comes_between_two_tasks_survives(station: Station):
    job = "  - {id: %s, type: io.kestra.plugin.scripts.shell.Commands, commands: ['true']}\n"
    id = ran(station, job % "one" + job % "two")
    assert asked(station, id, Halted("ann")) is None
    found = station.dispatch.try_claim(RUNNER)
    assert found is not None
    station.dispatch.finish(found.lease, Outcome(Result.SUCCESS))
    station.tick()
    assert (station.state(id), station.states(id)) == ("PAUSED", {"one": "SUCCESS"})
    assert asked(station, id, Resumed({}, "ann"), name="on") is None
    assert (station.state(id), station.states(id)) == ("RUNNING", {"one": "SUCCESS", "two": "CREATED"})


def test_a_values_list_that_changes_at_a_restart_is_not_the_one_of_before(station: Station):
    id = ran(
        station,
        tasks("""
- {id: vals, type: execution.SetVariables, variables: {list: ["a", "b"]}}
- id: l
  type: flow.ForEach
  values: "{{ vars.list }}"
  tasks:
    - {id: t, type: debug.Return, format: "{{ taskrun.value }}"}
"""),
    )
    assert station.state(id) == "SUCCESS"
    assert asked(station, id, StateSet(State.FAILED, "ann"), "l", name="set") is None
    assert station.state(id) == "FAILED"
    assert asked(station, id, Restarted("ann"), name="again") is None
    assert (station.state(id), value(station, id, "t")) == ("SUCCESS", "b")
    assert [run.attempts[-1].number for run in station.runs(id).values()] == [1, 3, 1]


def test_what_an_unreadable_revision_can_not_do_it_says(station: Station):
    id = ran(station, tasks("\n- {id: a, type: execution.Fail}\n"))
    station.database.write(lambda session: session.exec_driver_sql("UPDATE revision SET source = 'tasks: []', blob = 'other'"))
    station.close()
    with station_at(station.folder, station.helper) as newer:
        assert "can't read its revision" in str(asked(newer, id, Restarted("ann"), name="no"))
        assert asked(newer, id, Deleted("ann"), name="yes") is None
        assert newer.every() == []
        assert "there is no execution" in str(_lost(newer, id))


def _lost(station: Station, id: str) -> str | None:
    station.database.write(lambda session: events.add(session, id, None, Restarted("ann"), "late"))
    station.tick()
    with station.database.read() as session:
        return replies.of(session, "late")[0].refusal


def test_who_waits_for_what_is_deleted_is_told(station: Station):
    id = ran(station, tasks("\n- {id: a, type: execution.Fail}\n"))

    def both(session: Any) -> None:
        events.add(session, id, None, Deleted("ann"), "gone")
        events.add(session, id, None, Restarted("bob"), "late")

    station.database.write(both)
    station.tick()
    with station.database.read() as session:
        assert [replies.of(session, name)[0].refusal is None for name in ("gone", "late")] == [True, False]


def test_a_copy_keeps_what_tasks_gave_and_the_order_in_which_they_came(station: Station):
    id = ran(station, tasks("""
- {id: a, type: debug.Return, format: "1"}
- id: l
  type: flow.ForEach
  values: ["x", "y"]
  tasks:
    - {id: t, type: debug.Return, format: "{{ taskrun.value }}{{ outputs.a.value }}"}
- {id: z, type: debug.Return, format: "{{ outputs.t.x.value }} {{ outputs.t.y.value }}"}
"""))  # fmt: skip
    _, run, event = replay(station, id, "z")
    station.database.write(lambda session: events.add(session, id, run, event, "copy"))
    station.tick()
    copy = station.every()[-1].execution.id
    assert (copy == id, value(station, copy, "z"), shown(station, copy)) == (False, "x1 y1", shown(station, id))
    with station.database.read() as session:
        assert [run.node for run in task_runs.runs(session, copy)] == [run.node for run in task_runs.runs(session, id)]
        assert {run.id for run in task_runs.runs(session, copy)}.isdisjoint(run.id for run in task_runs.runs(session, id))
        assert task_runs.kept(session, station.runs(copy)["l"].id) == ["x", "y"]


def test_a_replay_costs_one_pass(station: Station):
    def cost(number: int) -> int:
        loop = f"""
- id: l
  type: flow.ForEach
  values: "{{{{ range(1, {number}) }}}}"
  tasks:
    - {{id: t, type: debug.Return, format: "{{{{ taskrun.value }}}}"}}
- {{id: z, type: debug.Return, format: x}}
"""
        id = ran(station, tasks(loop), id=f"f{number}")
        _, run, event = replay(station, id, "z")
        station.database.write(lambda session: events.add(session, id, run, event, f"copy{number}"))
        with counted() as found:
            station.tick()
        assert station.every()[-1].execution.state is State.SUCCESS
        return sum(found)

    few, many = cost(50), cost(500)
    assert many - few < 2 * 450, "one row for each copied task run, and little else"


def test_a_task_run_of_another_execution_is_none_of_this_one(station: Station):
    one = ran(station, tasks("\n- {id: a, type: execution.Fail}\n"))
    other = station.start("t", "f")
    station.tick()
    foreign = station.runs(other)["a"].id
    for name, event in (("set", StateSet(State.SUCCESS, "ann")), ("replay", replay(station, other, "a")[2])):
        station.database.write(lambda session: events.add(session, one, foreign, event, name))  # noqa: B023 - waited for
        station.tick()
        with station.database.read() as session:
            assert "no such task run" in str(replies.of(session, name)[0].refusal) or "it has no task run" in str(replies.of(session, name)[0].refusal)
    assert (station.state(one), station.state(other), len(station.every())) == ("FAILED", "FAILED", 2)


def test_the_commit_hears_of_a_restart(station: Station):
    fails = f"{{id: a, type: {CORE}.execution.Fail, condition: '{{{{ taskrun.attemptsCount == 0 }}}}'}}"
    sha = station.push({".flows/f.yml": f"id: f\nnamespace: t\ntriggers: [{{id: push, type: headgate.git.Push}}]\ntasks:\n  - {fails}\n"})
    station.tick()
    (row,) = station.every()
    assert station.statuses(sha)["headgate/runs"][0] == "failure"
    station.database.write(lambda session: events.add(session, row.execution.id, None, Restarted("ann"), "q"))
    station.tick()
    assert {context: state for context, (state, _) in station.statuses(sha).items()} == {
        "headgate/flows": "success", "headgate/runs": "success", "headgate/t.f": "success",
    }  # fmt: skip


def test_answers_and_files_that_nobody_needs_any_more_go(station: Station):
    id = ran(station, tasks("\n- {id: a, type: execution.Fail}\n"))
    folder = station.folder / "storage" / "t" / "f" / "executions" / id
    folder.mkdir(parents=True)
    assert asked(station, id, Deleted("ann")) is None
    assert folder.exists()
    loop = Housekeeping(station.kit)
    for hours in (0, 2, 2):
        station.clock.forward(hours=hours)
        while loop.tick(station.clock.now) == 0.0:
            pass
    assert not folder.exists()
    with station.database.read() as session:
        assert (replies.count(session, "q"), session.exec_driver_sql("SELECT count(*) FROM leftover").scalar()) == (0, 0)
