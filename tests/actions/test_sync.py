"""From pushes to revisions, statuses and executions, on real repositories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.actions.deliveries import API, Head, Reconciler
from service.errors import Conflict
from service.store import deliveries, repositories
from service.triggers.push import Push
from tests.support.commits import MAIN, Link
from tests.support.station import Station, station_at

TASK = "tasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: hello}]\n"
PUSH = "triggers: [{id: push, type: headgate.git.Push}]\n"


def text(id: str = "one", namespace: str = "t", *, note: str = "x", more: str = "") -> str:
    return f"id: {id}\nnamespace: {namespace}\ndescription: {note}\n{more}{TASK}"


WRONG = text().replace("core.log.Log", "core.log.Lag")


def history(station: Station, id: str = "one") -> list[tuple[int, str, bool]]:
    return [(one.revision, one.commit, one.deleted) for one in station.revisions("t", id)]


def live(station: Station) -> dict[str, tuple[str, int | None]]:
    return {f"{row.namespace}.{row.flow_id}": (row.path, row.live) for row in station.live().values()}


def changes(station: Station, sha: str, name: str = "default") -> list[tuple[str, int, str]]:
    return [(flow["id"], flow["revision"], flow["change"]) for flow in station.commit(sha, name).flows]


# revisions


def test_a_text_that_comes_back_is_a_third_revision(station: Station):
    shas = [station.push({".flows/a.yml": text(note=note)}) for note in ("a", "b", "a")]
    assert history(station) == [(1, shas[0], False), (2, shas[1], False), (3, shas[2], False)]
    assert [one.source for one in station.revisions("t", "one")] == [text(note=note) for note in ("a", "b", "a")]


def test_a_pure_move_is_no_revision(station: Station):
    first = station.push({".flows/a.yml": text()})
    moved = station.push({".flows/a.yml": None, ".flows/deep/b.yaml": text()})
    assert history(station) == [(1, first, False)]
    assert live(station) == {"t.one": (".flows/deep/b.yaml", 1)}
    assert changes(station, moved) == [("one", 1, "moved")]


def test_a_move_with_a_change_is_one_revision(station: Station):
    station.push({".flows/a.yml": text()})
    station.push({".flows/a.yml": None, ".flows/b.yml": text(note="new")})
    assert live(station) == {"t.one": (".flows/b.yml", 2)}


def test_a_deleted_flow_keeps_its_revisions_and_comes_back_with_the_next_number(station: Station):
    first = station.push({".flows/a.yml": text()})
    gone = station.push({".flows/a.yml": None})
    assert (live(station), history(station)) == ({}, [(1, first, False), (2, gone, True)])
    back = station.push({".flows/a.yml": text()})
    assert history(station)[2:] == [(3, back, False)]
    assert [changes(station, sha) for sha in (first, gone, back)] == [[("one", 1, "created")], [("one", 2, "deleted")], [("one", 3, "created")]]


def test_what_lies_outside_or_begins_with_an_underscore_is_no_flow(station: Station):
    station.push({"a.yml": text("a"), ".flows/_examples/b.yml": text("b"), ".flows/_c.yml": text("c"), ".flows/d.txt": text("d"), ".flows/e.yaml": text("e")})
    assert live(station) == {"t.e": (".flows/e.yaml", 1)}


def test_a_reader_sees_all_of_a_commit_or_none_of_it(station: Station):
    station.push({".flows/a.yml": text("a"), ".flows/b.yml": text("b")})
    with station.database.read() as session:
        before = repositories.applied(session, station.repository().id)
        station.push({".flows/a.yml": None, ".flows/b.yml": text("b", note="new")})
        # The same reader, still in its transaction.
        assert repositories.applied(session, station.repository().id) == before
    assert live(station) == {"t.b": (".flows/b.yml", 2)}


# bad files


@pytest.mark.parametrize("bad", [WRONG, "\t: [", "id: one\nnamespace: t\ntasks: [", "description: no name\n" + TASK, "\xff\xfe"])
def test_a_bad_file_leaves_the_last_good_text_live_and_fails_the_check(station: Station, bad: str):
    good = station.push({".flows/a.yml": text()})
    sha = station.push({".flows/a.yml": bad.encode("latin-1")})
    assert live(station) == {"t.one": (".flows/a.yml", 1)}
    state, said = station.statuses(sha)["headgate/flows"]
    assert (state, said.startswith((".flows/a.yml:", "2 problems, first: .flows/a.yml:"))) == ("failure", True), said
    mended = station.push({".flows/a.yml": text(note="mended")})
    assert history(station) == [(1, good, False), (2, mended, False)]
    assert station.statuses(mended)["headgate/flows"] == ("success", "flows: 1 updated")


def test_a_bad_file_touches_no_other_flow(station: Station):
    sha = station.push({".flows/a.yml": WRONG, ".flows/b.yml": text("two")})
    assert live(station) == {"t.two": (".flows/b.yml", 1)}
    assert {problem["path"] for problem in station.commit(sha).problems} == {".flows/a.yml"}


def test_a_problem_stays_a_problem_of_every_later_commit_until_it_is_mended(station: Station):
    station.push({".flows/a.yml": WRONG})
    sha = station.push({"README.md": "words"})
    assert station.statuses(sha)["headgate/flows"][0] == "failure"
    assert station.statuses(station.push({".flows/a.yml": None}))["headgate/flows"][0] == "success"


def test_of_two_files_with_one_name_neither_is_used_until_one_is_left(station: Station):
    station.push({".flows/a.yml": text(note="first")})
    sha = station.push({".flows/b.yml": text(note="second")})
    assert live(station) == {"t.one": (".flows/a.yml", 1)}
    assert {(problem["code"], problem["path"]) for problem in station.commit(sha).problems} == {("HG-0501", ".flows/a.yml"), ("HG-0501", ".flows/b.yml")}
    station.push({".flows/a.yml": None})
    assert live(station) == {"t.one": (".flows/b.yml", 2)}
    assert station.revisions("t", "one")[-1].source == text(note="second")


def test_two_new_files_with_one_name_make_no_flow(station: Station):
    station.push({".flows/a.yml": text(), ".flows/b.yml": text()})
    assert live(station) == {}


def test_a_copy_of_a_flow_that_then_goes_away_changes_no_revision(station: Station):
    first = station.push({".flows/a.yml": text()})
    station.push({".flows/b.yml": text()})
    station.push({".flows/b.yml": None})
    assert history(station) == [(1, first, False)]


def test_a_link_in_a_flows_place_is_refused_by_name_and_the_flow_stays(station: Station):
    station.push({".flows/a.yml": text(), ".flows/b.yml": text("two")})
    sha = station.push({".flows/a.yml": Link("b.yml")})
    assert live(station) == {"t.one": (".flows/a.yml", 1), "t.two": (".flows/b.yml", 1)}
    (problem,) = station.commit(sha).problems
    assert (problem["code"], problem["path"], problem["severity"]) == ("HG-0503", ".flows/a.yml", "error")


@pytest.mark.parametrize(
    ("bad", "advice"), [(Link("b.yml"), "replace the link"), ("#" * (1024 * 1024 + 1), "put long scripts and data into files of their own")]
)
def test_a_refused_file_comes_with_advice_that_fits(station: Station, bad: str, advice: str):
    sha = station.push({".flows/a.yml": bad})
    (problem,) = station.commit(sha).problems
    assert (problem["code"], problem["hint"][: len(advice)]) == ("HG-0503", advice)


def test_a_flow_whose_namespace_changes_is_another_flow(station: Station):
    station.push({".flows/a.yml": text()})
    sha = station.push({".flows/a.yml": text(namespace="u")})
    assert live(station) == {"u.one": (".flows/a.yml", 1)}
    assert sorted(changes(station, sha)) == [("one", 1, "created"), ("one", 2, "deleted")]


def test_a_namespace_belongs_to_the_repository_that_used_it_first(station: Station):
    station.push({".flows/a.yml": text("a")})
    sha = station.push({".flows/b.yml": text("b"), ".flows/c.yml": text("c", "free")}, name="other")
    assert live(station) == {"t.a": (".flows/a.yml", 1), "free.c": (".flows/c.yml", 1)}
    (problem,) = station.commit(sha, "other").problems
    assert (problem["code"], problem["message"]) == ("HG-0502", "namespace `t` belongs to repository `default`")


def look_where_told(station: Station, *names: str) -> list[str]:
    """Looks at the repositories that a delivery asks for; which these were."""
    with station.database.read() as session:
        ids = {one.repository_id for one in deliveries.waiting(session, station.clock.now.timestamp())}
    told = [name for name in names if station.repository(name).id in ids]
    for name in told:
        station.sync(name)
    return told


def test_a_namespace_is_given_back_with_its_last_file(station: Station):
    station.push({".flows/a.yml": text("a"), ".flows/wrong.yml": text("w").replace("core.log.Log", "core.log.Lag")}, name="one")
    sha = station.push({".flows/b.yml": text("b", more=PUSH), ".flows/c.yml": text("c", "free")}, name="two")
    station.push({".flows/a.yml": None}, name="one")
    # A file that is wrong holds its namespace, too.
    assert (look_where_told(station, "one", "two"), live(station)) == ([], {"free.c": (".flows/c.yml", 1)})
    station.push({".flows/wrong.yml": None}, name="one")
    assert look_where_told(station, "one", "two") == ["two"]
    assert live(station) == {"t.b": (".flows/b.yml", 1), "free.c": (".flows/c.yml", 1)}
    assert station.statuses(sha, "two")["headgate/flows"] == ("success", "flows: 1 created")
    assert (changes(station, sha, "two"), station.commit(sha, "two").problems) == ([("c", 1, "created"), ("b", 1, "created")], ())
    # It was pushed long ago: nothing runs for it now.
    assert station.every() == []
    late = station.push({".flows/d.yml": text("d")}, name="one")
    assert station.statuses(late, "one")["headgate/flows"][0] == "failure"


def test_of_two_heirs_one_gets_the_namespace_and_the_other_is_told_whose_it_is(station: Station):
    station.push({".flows/a.yml": text("a")}, name="one")
    shas = {name: station.push({".flows/a.yml": text(name)}, name=name) for name in ("three", "two")}
    station.push({".flows/a.yml": None}, name="one")
    assert look_where_told(station, "three", "two") == ["three", "two"]
    assert live(station) == {"t.three": (".flows/a.yml", 1)}
    assert station.commit(shas["three"], "three").problems == ()
    assert [problem["message"] for problem in station.commit(shas["two"], "two").problems] == ["namespace `t` belongs to repository `three`"]


def test_a_namespace_that_is_given_back_while_a_sync_is_planned_is_not_missed(station: Station):
    from service.actions import sync  # noqa: PLC0415 - the planned halves are looked at here alone

    station.push({".flows/a.yml": text("a")}, name="one")
    repository, sha = station.repository("two"), station.commits("two").write({".flows/b.yml": text("b")})
    station.commits("two").move(MAIN, sha)
    with station.database.read() as session:
        planned = sync.plan(station.kit, session, repository, MAIN, sha, station.clock.now, fire=True)
    station.push({".flows/a.yml": None}, name="one")
    with pytest.raises(Conflict):
        station.database.write(lambda session: sync.apply(session, station.kit, planned, station.clock.now))
    station.sync("two")
    assert live(station) == {"t.b": (".flows/b.yml", 1)}


def test_a_namespace_that_became_free_unheard_is_found_at_the_next_look(station: Station):
    station.push({".flows/a.yml": text("a")}, name="one")
    station.push({".flows/b.yml": text("b")}, name="two")
    station.database.write(lambda session: repositories.release_namespace(session, "main", "t"))
    station.sync("two")
    assert ("t", "b") in station.live()


# the branch


def test_a_push_by_force_to_an_older_commit_brings_its_texts_back(station: Station):
    first = station.push({".flows/a.yml": text(note="a")})
    station.push({".flows/a.yml": text(note="b"), ".flows/b.yml": text("two")})
    station.commits().move(MAIN, first)
    station.tell(Head(MAIN, first))
    station.sync()
    assert live(station) == {"t.one": (".flows/a.yml", 3)}
    assert station.revisions("t", "one")[-1].source == text(note="a")


def test_an_applied_commit_that_was_collected_is_no_hindrance(station: Station):
    station.push({".flows/a.yml": text(), ".flows/b.yml": text("two")})
    repository = station.repository()
    station.database.write(lambda session: repositories.move_ref(session, repository.id, MAIN, "e" * 40))
    station.push({".flows/a.yml": text(note="new"), ".flows/b.yml": None})
    assert live(station) == {"t.one": (".flows/a.yml", 2)}


def test_a_live_branch_that_vanishes_takes_no_flow_with_it(station: Station):
    station.push({".flows/a.yml": text()})
    station.commits().move(MAIN, None)
    station.tell(Head(MAIN, None))
    station.sync()
    assert live(station) == {"t.one": (".flows/a.yml", 1)}


def test_the_first_branch_of_an_empty_repository_becomes_the_live_one(station: Station):
    station.push({".flows/a.yml": text()}, ref="refs/heads/trunk")
    assert station.git.default_branch("default") == "trunk"
    assert live(station) == {"t.one": (".flows/a.yml", 1)}


def test_another_branch_is_checked_and_changes_nothing(station: Station):
    base = station.push({".flows/a.yml": text()})
    sha = station.push({".flows/a.yml": WRONG, ".flows/b.yml": text("two")}, ref="refs/heads/feature", onto=base)
    assert live(station) == {"t.one": (".flows/a.yml", 1)}
    assert (station.commit(sha).state, station.statuses(sha)["headgate/flows"][0]) == ("checked", "failure")


def test_a_sync_costs_the_difference_and_not_the_repository(station: Station):
    station.push({f".flows/{number}.yml": text(f"f{number}") for number in range(60)})
    assert station.kit.reader.parsed == 60
    station.push({".flows/7.yml": text("f7", note="new"), "README.md": "words"})
    station.push({".flows/8.yml": None, ".flows/moved.yml": text("f8")})
    station.push({"docs/a.md": "words"})
    assert station.kit.reader.parsed == 61


def test_what_two_syncs_of_one_ref_plan_is_applied_once(station: Station):
    from service.actions import sync  # noqa: PLC0415 - the planned halves are looked at here alone

    repository = station.repository()
    sha = station.commits().write({".flows/a.yml": text()})
    station.commits().move(MAIN, sha)
    with station.database.read() as session:
        first, second = (sync.plan(station.kit, session, repository, MAIN, sha, station.clock.now, fire=True) for _ in range(2))
    station.database.write(lambda session: sync.apply(session, station.kit, first, station.clock.now))
    with pytest.raises(Conflict):
        station.database.write(lambda session: sync.apply(session, station.kit, second, station.clock.now))
    assert history(station) == [(1, sha, False)]


# what a push starts


def test_a_push_starts_its_flows_pinned_to_commit_and_revision(station: Station):
    sha = station.push({".flows/a.yml": text(more=PUSH)}, message="say hello")
    (row,) = station.every()
    pin = row.execution.pin
    assert pin is not None
    assert (pin.commit, pin.ref, pin.path, row.execution.revision) == (sha, MAIN, ".flows/a.yml", 1)
    variables = (row.execution.trigger or {})["variables"]
    assert {key: variables[key] for key in ("repository", "branch", "commit", "before", "message", "author", "email")} == {
        "repository": "default",
        "branch": "main",
        "commit": sha,
        "before": None,
        "message": "say hello",
        "author": "Ada",
        "email": "ada@example.com",
    }
    assert variables.keys() | {"tag"} == Push.OUTPUTS.keys()
    station.tick()
    assert station.statuses(sha) == {
        "headgate/flows": ("success", "flows: 1 created"),
        "headgate/runs": ("success", "1 execution: 1 SUCCESS"),
        "headgate/t.one": ("success", "SUCCESS · revision 1 · 0.0 s"),
    }


@pytest.mark.parametrize("message", ["no [skip ci] run", "words\n\nskip-checks: true"])
def test_a_message_may_ask_for_no_runs(station: Station, message: str):
    sha = station.push({".flows/a.yml": text(more=PUSH)}, message=message)
    assert station.every() == []
    assert live(station) == {"t.one": (".flows/a.yml", 1)}
    assert station.statuses(sha)["headgate/runs"] == ("success", "skipped: the commit message says so")


def test_a_flow_that_is_bad_at_the_tip_runs_as_it_was_good(station: Station):
    station.push({".flows/a.yml": text(more=PUSH)})
    sha = station.push({".flows/a.yml": WRONG})
    assert [(row.execution.revision, row.execution.pin and row.execution.pin.commit) for row in station.every()][1:] == [(1, sha)]


def test_inputs_that_do_not_fit_make_an_execution_that_says_so(station: Station):
    trigger = "inputs: [{id: n, type: INT}]\ntriggers: [{id: push, type: headgate.git.Push, inputs: {n: '{{ trigger.author }}'}}]\n"
    sha = station.push({".flows/a.yml": text(more=trigger)})
    (row,) = station.every()
    assert row.execution.state == "FAILED"
    assert "not started" in station.log(row.execution.id)[0]
    assert station.statuses(sha)["headgate/runs"] == ("failure", "1 execution: 1 FAILED")


def test_a_tag_runs_the_live_flows_at_its_commit(station: Station):
    trigger = "triggers: [{id: tag, type: headgate.git.Push, tags: ['v*']}]\n"
    sha = station.push({".flows/a.yml": text(more=trigger)})
    assert station.every() == []
    station.commits().move("refs/tags/v1", sha)
    station.tell(Head("refs/tags/v1", sha))
    station.sync()
    (row,) = station.every()
    assert ((row.execution.trigger or {})["variables"]["tag"], row.execution.pin and row.execution.pin.ref) == ("v1", "refs/tags/v1")
    station.tick()
    assert station.statuses(sha)["headgate/runs"] == ("success", "1 execution: 1 SUCCESS")


def test_more_executions_than_a_page_can_hold_share_one_context(station: Station):
    files = {f".flows/{number}.yml": text(f"f{number:02}", more=PUSH) for number in range(25)}
    sha = station.push(files)
    station.tick()
    told = station.statuses(sha)
    assert len(told) == 22
    assert told["headgate/runs"] == ("success", "25 executions: 25 SUCCESS")


# a delivery is a hint


def test_a_doubled_delivery_changes_nothing(station: Station):
    sha = station.push({".flows/a.yml": text(more=PUSH)})
    station.tick()
    before = station.statuses(sha)
    station.tell(Head(MAIN, sha))
    station.sync()
    assert (len(station.every()), station.statuses(sha), len(history(station))) == (1, before, 1)


def test_a_delivery_that_comes_late_changes_nothing(station: Station):
    old = station.push({".flows/a.yml": text(more=PUSH)})
    station.push({".flows/a.yml": text(more=PUSH, note="new")})
    station.tick()
    before = station.commit(old), station.statuses(old)
    station.tell(Head(MAIN, old))
    station.sync()
    station.tick()
    assert (station.commit(old), station.statuses(old)) == before
    assert len(station.every()) == 2


def test_a_lost_delivery_changes_nothing_but_the_delay(station: Station):
    writer = station.commits()
    sha = writer.write({".flows/a.yml": text(more=PUSH)})
    writer.move(MAIN, sha)
    station.sync()
    assert (live(station), len(station.every())) == ({"t.one": (".flows/a.yml", 1)}, 1)
    assert station.statuses(sha)["headgate/flows"][0] == "success"


def test_heads_that_the_sync_passed_over_end_final(station: Station):
    writer = station.commits()
    first = writer.write({".flows/a.yml": text(note="a")})
    second = writer.write({".flows/a.yml": text(note="b")}, first)
    writer.move(MAIN, second)
    # In the wrong order, as some forges deliver them.
    station.tell(Head(MAIN, second))
    station.tell(Head(MAIN, first))
    station.sync()
    assert station.commit(first).state == "superseded"
    assert station.statuses(first) == dict.fromkeys(("headgate/flows", "headgate/runs"), ("error", f"superseded by {second[:12]}"))
    assert history(station) == [(1, second, False)]


def test_a_head_whose_branch_is_gone_ends_final(station: Station):
    station.push({".flows/a.yml": text()})
    sha = station.commits().write({".flows/b.yml": text("two")})
    station.tell(Head("refs/heads/short", sha))
    station.sync()
    assert station.statuses(sha)["headgate/flows"] == ("error", "its branch or tag is gone")


def test_what_an_older_run_of_a_commit_comes_to_is_no_news(station: Station):
    sleep = PUSH + "variables: {v: 1}\n"
    slow = text(more=sleep).replace("core.log.Log, message: hello", "core.flow.Sleep, duration: PT1H")
    first = station.push({".flows/a.yml": slow})
    station.tick()
    station.push({".flows/a.yml": None})
    station.clock.forward(minutes=30)
    station.commits().move(MAIN, first)
    station.sync()
    station.tick()
    old, new = station.every()
    station.clock.forward(minutes=30)
    station.tick()
    assert (station.state(old.execution.id), station.state(new.execution.id)) == ("SUCCESS", "RUNNING")
    assert station.statuses(first)["headgate/runs"] == ("pending", "1 execution: 1 RUNNING")
    station.clock.forward(minutes=30)
    station.tick()
    assert station.statuses(first)["headgate/runs"] == ("success", "1 execution: 1 SUCCESS")


@pytest.mark.parametrize("told", [True, False], ids=["told", "found"])
def test_a_head_that_comes_back_runs_again(station: Station, told: bool):
    first = station.push({".flows/a.yml": text(more=PUSH)})
    station.push({".flows/a.yml": text(more=PUSH, note="new")})
    station.tick()
    station.commits().move(MAIN, first)
    if told:
        station.tell(Head(MAIN, first))
    station.sync()
    assert station.statuses(first)["headgate/runs"] == ("pending", "1 execution: 1 CREATED")
    station.tick()
    assert [row.execution.generation for row in station.every()] == [1, 1, 2]
    assert station.statuses(first)["headgate/runs"] == ("success", "1 execution: 1 SUCCESS")


def test_a_branch_at_a_commit_that_is_live_elsewhere_leaves_its_statuses_alone(station: Station):
    sha = station.push({".flows/a.yml": text()})
    before = station.commit(sha), station.statuses(sha)
    station.commits().move("refs/heads/feature", sha)
    station.tell(Head("refs/heads/feature", sha))
    station.sync()
    assert (station.commit(sha), station.statuses(sha)) == before


def test_two_branches_at_one_commit_share_what_it_shows(station: Station):
    trigger = "triggers: [{id: push, type: headgate.git.Push, branches: [feature]}]\n"
    base = station.push({".flows/a.yml": text(more=trigger).replace("core.log.Log", "core.execution.Fail").replace(", message: hello", "")})
    sha = station.push({"a.txt": "x"}, ref="refs/heads/feature", onto=base)
    station.tick()
    before = station.commit(sha), station.statuses(sha)
    assert before[1]["headgate/runs"] == ("failure", "1 execution: 1 FAILED")
    station.commits().move("refs/heads/other", sha)
    station.tell(Head("refs/heads/other", sha))
    station.sync()
    assert (station.commit(sha), station.statuses(sha)) == before


def test_asking_for_a_look_is_a_delivery_that_names_nothing(station: Station):
    repository = station.repository()
    station.tell(source=API)
    station.sync()
    with station.database.read() as session:
        assert deliveries.waiting(session, station.clock.forward(hours=1).timestamp()) == ()
    assert repository.embedded


def test_what_a_crash_left_pending_is_settled_after_it(station: Station, tmp_path):
    writer = station.commits()
    shas = [writer.write({".flows/a.yml": text(note=note)}) for note in "ab"]
    writer.move(MAIN, shas[0])
    station.tell(Head(MAIN, shas[0]))
    # The service dies between telling the forge and applying; meanwhile somebody pushes.
    Reconciler(station.kit, station.repository())._see([], {}, station.clock.now)  # noqa: SLF001 - the first half alone
    writer.move(MAIN, shas[1])
    with station_at(station.folder, station.helper) as again:
        again.sync()
        assert again.commit(shas[0]).state == "superseded"
        assert (again.commit(shas[1]).state, live(again)) == ("applied", {"t.one": (".flows/a.yml", 1)})


def test_a_disabled_flow_stays_disabled_over_pushes(station: Station):
    from service.store import flows  # noqa: PLC0415 - the overlay has no action of its own yet

    station.push({".flows/a.yml": text(more=PUSH)})
    (row,) = station.live().values()
    station.database.write(lambda session: flows.disable(session, row.id, disabled=True))
    station.push({".flows/a.yml": text(more=PUSH, note="new")})
    assert len(station.every()) == 1
    assert [replace(one, revision=0, live=0, blob="").disabled for one in station.live().values()] == [True]
