"""What is live, what a commit shows, and which files a run gets, where refs, commits and faults meet."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.actions import executions
from service.actions.deliveries import Head
from service.actions.executions import Order
from service.git.helper import Helper
from service.store import executions as rows
from tests.support.station import RUNNER, Station, station_at

FEATURE, TAG = "refs/heads/feature", "refs/tags/v1"
LOG = "io.kestra.plugin.core.log.Log"
FAIL = "io.kestra.plugin.core.execution.Fail"
SLEEP = "io.kestra.plugin.core.flow.Sleep"


def flow(id: str, task: str = f"type: {LOG}, message: hi", trigger: str = "") -> str:
    """A small flow of the namespace `dev`."""
    triggers = f"triggers:\n  - {{id: push, type: headgate.git.Push{trigger}}}\n"
    return f"id: {id}\nnamespace: dev\ntasks:\n  - {{id: one, {task}}}\n" + triggers


def order(id: str, **more) -> Order:
    return Order("main", "dev", id, {}, {}, **more)


@pytest.fixture
def station(tmp_path: Path, helper: Helper) -> Iterator[Station]:
    secret = {"SECRET_GOOD": base64.b64encode(b"topsecretvalue").decode(), "SECRET_BAD": "%%% no base64"}
    with station_at(tmp_path / "data", helper, environ=secret) as made:
        yield made


def test_a_run_gets_the_files_of_the_tip_also_where_only_a_script_was_changed(station: Station):
    first = station.push({".flows/a.yml": flow("a"), "data.txt": "ONE"})
    second = station.push({"data.txt": "TWO"})
    with station.database.read() as session:
        live = executions.prepare(session, station.kit, order("a"), station.clock.now).execution.pin
        old = executions.prepare(session, station.kit, order("a", revision=1), station.clock.now).execution.pin
        station.push({".flows/a.yml": flow("a", trigger=", branches: [main]")})
    assert (live.commit, live.ref, old.commit) == (second, "refs/heads/main", second)
    with station.database.read() as session:
        older = executions.prepare(session, station.kit, order("a", revision=1), station.clock.now).execution.pin
    assert older.commit == first


def test_a_fast_forward_keeps_what_the_branch_has_shown(station: Station):
    station.push({".flows/a.yml": flow("a", f"type: {FAIL}", ", branches: [feature]")})
    sha = station.push({"x": "1"}, ref=FEATURE, onto=station.git.refs("default")["refs/heads/main"])
    station.tick()
    assert station.statuses(sha)["headgate/runs"][0] == "failure"
    station.commits().move("refs/heads/main", sha)
    station.tell(Head("refs/heads/main", sha))
    station.sync()
    assert station.commit(sha).state == "applied"
    assert {context: state for context, (state, _) in station.statuses(sha).items()} == {
        "headgate/dev.a": "failure",
        "headgate/flows": "success",
        "headgate/runs": "failure",
    }


def test_a_head_that_comes_back_runs_again_and_leaves_nothing_open(station: Station):
    first = station.push({".flows/a.yml": flow("a", f"type: {SLEEP}, duration: PT1H")})
    station.tick()
    station.push({".flows/a.yml": None, ".flows/b.yml": flow("b")})
    station.tick()
    station.push({".flows/a.yml": None}, onto=first)
    station.commits().move("refs/heads/main", first)
    station.tell(Head("refs/heads/main", first))
    station.sync()
    station.tick()
    assert station.commit(first).generation == 2
    with station.database.read() as session:
        again = rows.caused_by(session, station.repository().id, first, 2)
    assert [row.execution.flow for row in again] == ["a"]


def test_a_bad_ref_does_not_hold_up_the_others(station: Station):
    station.push({".flows/a.yml": flow("a")})
    writer, tip = station.commits(), station.git.refs("default")["refs/heads/main"]
    bad = writer.write({"x": "1"}, tip, message="m" * 20_000_000)
    good = writer.write({"y": "1"}, tip)
    for ref, sha in (("refs/heads/aaa", bad), ("refs/heads/zzz", good)):
        writer.move(ref, sha)
        station.tell(Head(ref, sha))
    station.sync()
    assert (station.commit(bad).state, station.commit(good).state) == ("error", "checked")
    state, text = station.statuses(bad)["headgate/flows"]
    assert (state, text[:17]) == ("error", "can't be synced: ")


def test_another_live_branch_is_synced_from_what_is_live(station: Station):
    station.push({".flows/a.yml": flow("a"), ".flows/b.yml": flow("b")})
    station.push({".flows/b.yml": None, ".flows/c.yml": flow("c")}, ref=FEATURE, onto=station.git.refs("default")["refs/heads/main"])
    assert sorted(id for _, id in station.live()) == ["a", "b"]
    station.git.set_default_branch("default", "feature")
    station.sync()
    assert sorted(id for _, id in station.live()) == ["a", "c"]
    station.git.set_default_branch("default", "main")
    station.sync()
    assert sorted(id for _, id in station.live()) == ["a", "b"]


def test_a_flow_is_not_deleted_because_its_last_good_text_is_old(station: Station):
    station.push({".flows/a.yml": flow("a")})
    station.push({".flows/a.yml": "id: a\nnamespace: dev\ntasks: []\n"})
    writer, tip = station.commits(), station.git.refs("default")["refs/heads/main"]
    for number in range(1010):
        tip = writer.write({".flows/other.yml": flow("other") + f"# {number}\n"}, tip)
    writer.move("refs/heads/main", tip)
    station.tell(Head("refs/heads/main", tip))
    station.sync()
    assert sorted(id for _, id in station.live()) == ["a", "other"]


def test_a_commit_that_only_a_tag_names_is_checked(station: Station):
    station.push({".flows/a.yml": flow("a")})
    tip = station.git.refs("default")["refs/heads/main"]
    sha = station.push({".flows/bad.yml": "id: bad\n"}, ref=TAG, onto=tip)
    assert station.statuses(sha)["headgate/flows"][0] == "failure"


def test_a_tag_that_is_pushed_again_runs_again(station: Station):
    sha = station.push({".flows/a.yml": flow("a", trigger=", tags: ['v*']")})
    for _ in range(2):
        station.commits().move(TAG, sha)
        station.tell(Head(TAG, sha))
        station.sync()
        station.tick()
        station.commits().move(TAG, None)
        station.sync()
    with station.database.read() as session:
        assert len(rows.caused_by(session, station.repository().id, sha)) == 2


def test_of_two_runs_of_a_flow_the_worst_shows(station: Station):
    both = "triggers:\n  - {id: good, type: headgate.git.Push, inputs: {n: 1}}\n  - {id: bad, type: headgate.git.Push, inputs: {n: 2}}\n"
    task = f"type: {FAIL}, condition: '{{{{ inputs.n == 2 }}}}'"
    text = f"id: a\nnamespace: dev\ninputs:\n  - {{id: n, type: INT}}\ntasks:\n  - {{id: one, {task}}}\n{both}"
    sha = station.push({".flows/a.yml": text})
    station.tick()
    assert station.statuses(sha)["headgate/dev.a"] == ("failure", "2 executions: 1 FAILED, 1 SUCCESS")


INLINE = f"type: {LOG}, message: '{{{{ secret(\"BAD\") }}}}'"
JOB = "type: io.kestra.plugin.scripts.shell.Commands, commands: ['{{ secret(\"BAD\") }}']"


@pytest.mark.parametrize("task", [INLINE, JOB], ids=["inline", "job"])
def test_a_secret_that_cannot_be_read_fails_its_task_and_says_which(station: Station, task: str):
    station.push({".flows/a.yml": flow("a", task)})
    station.tick()
    assert station.dispatch.try_claim(RUNNER) is None
    station.tick()
    with station.database.read() as session:
        (row,) = rows.search(session, rows.Filter("main"), limit=5, offset=0)[0]
    assert row.execution.state == "FAILED"
    assert "SECRET_BAD is not base64" in "".join(station.log(row.execution.id))


def test_a_secret_in_a_label_is_not_stored(station: Station):
    station.push({".flows/a.yml": flow("a", trigger=", labels: {who: '{{ secret(\"GOOD\") }}'}")})
    with station.database.read() as session:
        (row,) = rows.search(session, rows.Filter("main"), limit=5, offset=0)[0]
    assert row.execution.labels["who"] == "******"


def test_two_repositories_that_first_claim_a_namespace_at_once_do_not_both_get_it(station: Station):
    station.push({".flows/a.yml": flow("a")}, name="one")
    sha = station.push({".flows/a.yml": flow("a")}, name="two")
    assert station.live()["dev", "a"].repository_id == station.repository("one").id
    assert station.statuses(sha, "two")["headgate/flows"][0] == "failure"
