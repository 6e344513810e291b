"""Results of tasks: what a template does not name is not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from service.actions.layers import Fresh, Stored
from service.actions.results import Results
from service.engine.execution import Attempt, TaskRun
from service.engine.state import Stamp, State
from service.expressions.errors import Refused
from service.store import codec, results, task_runs
from service.store.database import Session
from tests.support.cost import steps
from tests.support.station import Station

MOMENT = codec.now()


def run(id: str, task: str, outputs: Mapping[str, Any] | None = None, **more: Any) -> TaskRun:
    """A task run of the execution `e`."""
    stamps = (Stamp(more.get("state", State.SUCCESS), MOMENT),)
    return TaskRun(id, "e", task, more.get("parent"), stamps, (Attempt(1, stamps),), more.get("value"), None, {}, outputs, more.get("values", ()))


def stored(station: Station, *runs: TaskRun) -> None:
    station.database.write(lambda session: task_runs.save(session, list(enumerate(runs)), []))


@contextmanager
def queries(session: Session) -> Iterator[list[str]]:
    """The statements that a session runs meanwhile."""
    found: list[str] = []
    raw = session.connection.driver_connection
    assert raw is not None
    raw.set_trace_callback(found.append)
    try:
        yield found
    finally:
        raw.set_trace_callback(None)


def test_one_task_is_read_by_one_query_whatever_there_is(station: Station) -> None:
    stored(station, *(run(f"r{number}", f"t{number}", {"n": number}) for number in range(2_000)))
    with station.database.read() as session, queries(session) as asked:
        outputs = Results(Stored(session, "e")).outputs()
        assert asked == []
        assert outputs["t7"] == {"n": 7}
        assert outputs["t7"] == {"n": 7}
        assert len(asked) == 1
        with pytest.raises(KeyError):
            outputs["nothing"]
        assert len(asked) == 2


def test_the_cost_of_one_task_does_not_grow_with_the_others(station: Station) -> None:
    def cost() -> int:
        return steps(station.database, lambda session: results.of_task(session, "e", "t7"))

    stored(station, *(run(f"r{number}", f"t{number}", {"n": number}) for number in range(20)))
    few = cost()
    stored(station, *(run(f"s{number}", f"u{number}", {"n": number}) for number in range(2_000)))
    assert cost() <= few + 10


def test_all_tasks_are_read_by_few_queries(station: Station) -> None:
    stored(station, *(run(f"r{number}", f"t{number}", {"n": number}) for number in range(500)))
    with station.database.read() as session, queries(session) as asked:
        outputs = Results(Stored(session, "e")).outputs()
        assert {task: held["n"] for task, held in outputs.items()} == {f"t{number}": number for number in range(500)}
        assert list(outputs)[:3] == ["t0", "t1", "t2"]
        assert len(asked) <= 2
    with station.database.read() as session, queries(session) as asked:
        outputs = Results(Stored(session, "e")).outputs()
        assert sum(outputs[f"t{number}"]["n"] for number in range(500)) == sum(range(500))
        assert len(asked) <= 60


def test_names_are_asked_for_without_outputs(station: Station) -> None:
    stored(station, run("1", "a", {"x": "y" * 1000}), run("2", "b"), run("3", "a", {}))
    with station.database.read() as session, queries(session) as asked:
        found = Results(Stored(session, "e"))
        assert (list(found.outputs()), len(found.outputs()), list(found.tasks())) == (["a"], 1, ["a", "b"])
        assert all("outputs AS" not in statement and "taskrun.outputs," not in statement for statement in asked)


def test_of_several_runs_the_last_one_counts(station: Station) -> None:
    stored(station, run("1", "a", {"n": 1}), run("2", "a", {"n": 2}), run("3", "a", None, state=State.FAILED))
    with station.database.read() as session:
        found = Results(Stored(session, "e"))
        assert (found.outputs()["a"], found.tasks()["a"]) == ({"n": 2}, {"state": "FAILED"})


def loops() -> tuple[TaskRun, ...]:
    """Two loops, one in the other, with a task in each and one beside."""
    return (
        run("o", "outer"),
        *(run(f"o{a}", "round", parent="o", value=a, values=(a,)) for a in "xy"),
        *(run(f"i{a}{b}", "inner", {"n": f"{a}{b}"}, parent=f"o{a}", value=b, values=(a, b)) for a in "xy" for b in "pq"),
        *(run(f"l{a}{b}", "leaf", {"n": f"leaf {a}{b}"}, parent=f"i{a}{b}", values=(a, b)) for a in "xy" for b in "pq"),
        run("z", "beside", {"n": 0}),
    )


def test_results_of_loops_stand_under_the_values_around(station: Station) -> None:
    stored(station, *loops())
    with station.database.read() as session, queries(session) as asked:
        found = Results(Stored(session, "e"))
        assert found.outputs()["inner"] == {a: {b: {"n": f"{a}{b}"} for b in "pq"} for a in "xy"}
        assert found.outputs()["leaf"] == {a: {b: {"n": f"leaf {a}{b}"} for b in "pq"} for a in "xy"}
        assert found.outputs()["beside"] == {"n": 0}
        assert found.tasks()["inner"]["x"]["p"] == {"state": "SUCCESS"}
        assert len(asked) < 12


def test_what_is_not_stored_yet_lies_over_what_is(station: Station) -> None:
    stored(station, run("1", "a", {"n": 1}, state=State.RUNNING), run("2", "b", {"n": 2}))
    fresh = Fresh()
    fresh.put(run("1", "a", {"n": 10}))
    fresh.put(run("3", "c", {"n": 3}))
    step = {"4": run("4", "d", {"n": 4}), "2": run("2", "b", None, state=State.FAILED)}
    with station.database.read() as session:
        found = Results(Stored(session, "e"), fresh, step)
        assert dict(found.outputs()) == {"a": {"n": 10}, "b": {"n": 2}, "c": {"n": 3}, "d": {"n": 4}}
        assert {task: held["state"] for task, held in found.tasks().items()} == {"a": "SUCCESS", "b": "FAILED", "c": "SUCCESS", "d": "SUCCESS"}


def test_a_round_that_is_not_stored_yet_has_its_place(station: Station) -> None:
    stored(station, *loops())
    above = run("ox", "round", parent="o", value="x", values=("x",), state=State.RUNNING)
    step = {
        run.id: run
        for run in (above, run("new", "leaf", {"n": "new"}, parent="nr", values=("x", "r")), run("nr", "inner", parent="ox", value="r", values=("x", "r")))
    }
    with station.database.read() as session:
        assert Results(Stored(session, "e"), None, step).outputs()["leaf"]["x"]["r"] == {"n": "new"}


def test_another_execution_is_not_seen(station: Station) -> None:
    stored(station, run("1", "a", {"n": 1}))
    with station.database.read() as session:
        found = Results(Stored(session, "other"))
        assert (list(found.outputs()), "a" in found.outputs()) == ([], False)


def test_states_are_read_without_outputs(station: Station) -> None:
    stored(station, *(run(f"r{number}", f"t{number}", {"n": "x" * 1000}) for number in range(60)))
    with station.database.read() as session, queries(session) as asked:
        tasks = Results(Stored(session, "e")).tasks()
        assert tasks["t3"] == {"state": "SUCCESS"}
        assert len(dict(tasks.items())) == 60
        assert len(asked) == 3
        assert not any("outputs" in statement for statement in asked)


def test_more_outputs_than_can_be_held_are_refused(station: Station) -> None:
    stored(station, *(run(f"r{number}", f"t{number % 3}", {"x": "y" * (results.LARGEST // 5)}) for number in range(6)))
    with station.database.read() as session:
        found = Results(Stored(session, "e"))
        assert len(found.outputs()["t1"]["x"]) == results.LARGEST // 5
        with pytest.raises(Refused, match="can't be held at once"):
            found.outputs().items()
        assert [held["state"] for held in found.tasks().values()] == ["SUCCESS"] * 3


def test_what_is_small_on_paper_and_large_in_memory_is_refused(station: Station) -> None:
    stored(station, *(run(f"r{number}", f"t{number}", {"x": [[]] * 300_000}) for number in range(6)))
    with station.database.read() as session:
        found = Results(Stored(session, "e"))
        assert len(found.outputs()["t1"]["x"]) == 300_000
        with pytest.raises(Refused, match="values of JSON can't be held at once"):
            found.outputs().items()


def test_a_table_in_a_text_is_text(station: Station) -> None:
    stored(station, *(run(f"r{number}", f"t{number}", {"x": 'a,"[{,' * 150_000}) for number in range(6)))
    with station.database.read() as session:
        assert len(Results(Stored(session, "e")).outputs().items()) == 6
