"""Tasks over the files of namespaces, on a real station with its reconciler: what they commit, what they store, and what they are refused."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from service.actions import serving
from tests.loops.namespace_files import WRITTEN, claimed, content, count, does, followed, said, tip, upload
from tests.loops.test_executor import ran
from tests.loops.test_serving import file_of, outputs, served, tasks
from tests.support.commits import Link
from tests.support.station import Station


@pytest.fixture(autouse=True)
def following(request: pytest.FixtureRequest) -> Iterator[None]:
    if "station" not in request.fixturenames:
        yield
        return
    with followed(request.getfixturevalue("station")):
        yield


# writing


def test_files_are_written_by_one_commit_that_names_the_execution_and_is_live_when_the_task_ends(station: Station):
    id = served(station, WRITTEN + upload(", destination: /data/in", "{a.txt: '{{ outputs.w.uri }}', /deep/b.txt: '{{ outputs.w.uri }}'}"))
    assert station.state(id) == "SUCCESS", station.log(id)
    sha, files = tip(station), outputs(station, id, "up")["files"]
    assert files == {path: f"kestra:///t/_files/{path}?revision={sha}" for path in ("data/in/a.txt", "data/in/deep/b.txt")}
    assert (content(station, "data/in/a.txt"), content(station, "data/in/deep/b.txt"), count(station)) == (b"new f", b"new f", 2)
    info = station.git.commit("default", sha)
    assert (info.author_name, info.author_email) == (f"Execution {id}", f"{id}@executions.headgate.invalid")
    assert info.message.startswith("Write data/in/a.txt, data/in/deep/b.txt\n\nTask up of an execution of t.f: http://127.0.0.1:8080/executions/")
    assert (station.commit(sha).state, station.repository().live_oid) == ("applied", sha)


def test_what_was_written_can_be_read_at_once(station: Station):
    id = served(station, WRITTEN + upload("") + "- {id: r, type: debug.Return, format: \"{{ read(outputs.up.files['a.txt']) }}\"}\n")
    assert outputs(station, id, "r") == {"value": "new f"}


def test_a_commit_of_a_task_starts_nothing_and_so_no_flow_starts_itself_for_ever(station: Station):
    flow = WRITTEN.replace("flow.id", "execution.id") + upload("")
    text = f"id: f\nnamespace: t\ntriggers: [{{id: p, type: headgate.git.Push}}]\ntasks:{tasks(flow)}"
    station.push({".flows/f.yml": text})
    station.serve()
    station.serve()
    (row,) = station.every()
    assert (station.state(row.execution.id), content(station, "a.txt"), count(station)) == ("SUCCESS", f"new {row.execution.id}".encode(), 2)
    assert station.statuses(tip(station))["headgate/runs"][0] == "success"


def test_the_same_content_makes_no_second_commit(station: Station):
    id = served(station, WRITTEN + upload("") + upload("", id="again"))
    assert (station.state(id), count(station), outputs(station, id, "again")) == ("SUCCESS", 2, outputs(station, id, "up"))


def test_what_becomes_of_a_file_that_is_there_is_said(station: Station):
    station.push({"a.txt": "old", "c.txt": "old"})
    both = "{a.txt: '{{ outputs.w.uri }}', b.txt: '{{ outputs.w.uri }}'}"
    id = served(station, WRITTEN + upload(", conflict: ERROR", both))
    assert said(station, id) == "files of the namespace `t`: there is a file `a.txt` already"
    assert (content(station, "a.txt"), content(station, "b.txt")) == (b"old", None)
    id = served(station, WRITTEN + upload(", conflict: skip", both), id="g")
    assert (content(station, "a.txt"), content(station, "b.txt"), [*outputs(station, id, "up")["files"]]) == (b"old", b"new g", ["b.txt"])
    id = served(station, WRITTEN + upload(", conflict: SKIP", "{a.txt: '{{ outputs.w.uri }}'}"), id="h")
    assert (station.state(id), outputs(station, id, "up")) == ("SUCCESS", {"files": {}})
    served(station, WRITTEN + upload("", both), id="i")
    assert content(station, "a.txt") == b"new i"
    id = served(station, WRITTEN + upload(", conflict: MERGE", both), id="j")
    assert said(station, id) == "`conflict` is `MERGE`; it must be one of OVERWRITE, ERROR, SKIP"


@pytest.mark.parametrize("conflict", ["OVERWRITE", "ERROR", "SKIP"])
def test_a_task_that_is_done_again_after_its_commit_finds_its_own_files_and_commits_nothing_more(station: Station, conflict: str):
    id = ran(station, tasks(WRITTEN + upload(f", conflict: {conflict}")))
    serving.serve(station.kit, claimed(station), Event())
    station.tick()
    job = claimed(station)
    station.tick()
    station.database.write(serving.recover)  # the service has died, which this thread does not know: what it says is dropped
    serving.serve(station.kit, job, Event())
    assert (count(station), content(station, "a.txt")) == (2, b"new f")
    station.serve()
    assert (station.state(id), count(station), [*outputs(station, id, "up")["files"]]) == ("SUCCESS", 2, ["a.txt"])


def test_a_removal_that_is_done_again_still_says_what_is_gone(station: Station):
    before = station.push({"a.tmp": "x", "b.txt": "y"})
    id = ran(station, tasks(does("DeleteFiles", "'*.tmp'")))
    with_flow, job = tip(station), claimed(station)
    station.tick()
    station.database.write(serving.recover)
    serving.serve(station.kit, job, Event())
    station.serve()
    assert (station.state(id), count(station), before != with_flow) == ("SUCCESS", 3, True)
    assert outputs(station, id, "x") == {"files": {"a.tmp": f"kestra:///t/_files/a.tmp?revision={with_flow}"}}


def test_files_of_the_commit_are_copied_by_globs(station: Station):
    station.push({"src/a.sql": "1", "src/deep/b.sql": "2", "src/c.py": "3", "link.sql": Link("src/a.sql")})
    id = served(station, does("UploadFiles", "['glob:**/*.sql']", ", destination: copy"))
    assert station.state(id) == "SUCCESS", station.log(id)
    assert [*outputs(station, id, "x")["files"]] == ["copy/src/a.sql", "copy/src/deep/b.sql"]
    assert content(station, "copy/src/deep/b.sql") == b"2"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (".flows/g.yml", "files of the namespace `t`: `.flows/g.yml` is in the folder of flows: these are changed at /flows, or by a push"),
        ("../a", "files of the namespace `t`: `../a` is not the path of a file: it leads outside"),
        (".git/config", "files of the namespace `t`: "),
        ("there/a", "files of the namespace `t`: there is no folder"),
    ],
)
def test_where_no_file_may_be_nothing_is_written(station: Station, path: str, why: str):
    before = station.push({"there": "a file"})
    id = served(station, WRITTEN + upload("", f"{{'{path}': '{{{{ outputs.w.uri }}}}'}}"))
    assert said(station, id).startswith(why)
    assert (count(station), before in station.git.commit("default", tip(station)).parents) == (2, True)


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ("", "`files` or `filesMap` must say which files are meant"),
        (", filesMap: \"{{ 'no json' }}\"", "`filesMap` is text, and no JSON"),
        (", filesMap: '{{ [1] }}'", "`filesMap` must be a map of paths and URIs"),
        (", filesMap: {a: 'kestra:///other/f/executions/1/tasks/a/2/b'}", "`kestra:///other/f/executions/1/tasks/a/2/b` is not a file of this execution"),
        (", files: ['regex:(']", "`files`: `regex:(` can't be read as a pattern"),
    ],
)
def test_what_names_no_files_is_refused(station: Station, properties: str, why: str):
    id = served(station, f"\n- {{id: up, type: namespace.UploadFiles, namespace: t{properties}}}\n")
    assert said(station, id).startswith(why)


def test_a_map_may_be_text(station: Station):
    id = served(station, WRITTEN + upload("", """'{"a.txt": "{{ outputs.w.uri }}"}'"""))
    assert [*outputs(station, id, "up")["files"]] == ["a.txt"]


# reading and taking away


def test_files_are_stored_as_they_are_now(station: Station):
    station.push({"in/a.csv": "old", "in/deep/b.csv": "b", "c.txt": "c"})
    id = served(station, WRITTEN + upload("", "{in/a.csv: '{{ outputs.w.uri }}'}") + does("DownloadFiles", "in/**.csv", ", destination: /to/")[1:])
    found = outputs(station, id, "x")["files"]
    assert {name: file_of(station, uri) for name, uri in found.items()} == {"to/in/a.csv": b"new f", "to/in/deep/b.csv": b"b"}
    id = served(station, does("DownloadFiles", "['**']"), id="g")
    assert [*outputs(station, id, "x")["files"]] == ["c.txt", "in/a.csv", "in/deep/b.csv"]


def test_nothing_that_matches_is_a_warning(station: Station):
    for number, type in enumerate(("DownloadFiles", "DeleteFiles", "UploadFiles")):
        id = served(station, does(type, "'*.none'"), id=f"f{number}")
        assert (station.state(id), outputs(station, id, "x"), station.log(id, "WARN")) == ("SUCCESS", {"files": {}}, ["files: nothing matches"])


def test_files_are_taken_away_and_flows_never(station: Station):
    station.push({"a.txt": "a", "deep/er/b.txt": "b"})
    id = served(
        station, does("DeleteFiles", "'**'", ", deleteParentFolder: true") + "- {id: r, type: debug.Return, format: \"{{ read(outputs.x.files['a.txt']) }}\"}\n"
    )
    assert ([*outputs(station, id, "x")["files"]], outputs(station, id, "r")) == (["a.txt", "deep/er/b.txt"], {"value": "a"})
    assert [path for path, _ in station.git.files("default", tip(station), "") or ()] == [".flows/f.yml"]


def test_the_files_of_another_repository_are_nobody_elses(station: Station):
    station.push({".flows/o.yml": "id: o\nnamespace: theirs\ntasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: a}]\n", "a.txt": "a"}, name="other")
    before = tip(station, "other")
    for number, text in enumerate((does("DownloadFiles", "'**'", namespace="theirs"), does("DeleteFiles", "'**'", namespace="theirs"))):
        id = served(station, text, id=f"f{number}")
        assert said(station, id) == "the files of the namespace `theirs` are not those of this flow's repository"
    id = served(station, WRITTEN + upload("", namespace="theirs"), id="up")
    assert (said(station, id), tip(station, "other")) == ("the files of the namespace `theirs` are not those of this flow's repository", before)


def test_a_namespace_of_nobody_has_the_files_of_the_flows_repository(station: Station):
    id = served(station, WRITTEN + upload("", namespace="t.new") + does("DownloadFiles", "a.txt", namespace="t.new")[1:])
    assert (station.state(id), [*outputs(station, id, "x")["files"]]) == ("SUCCESS", ["a.txt"])
    assert content(station, "a.txt") == b"new f"


# versions, and stored files


def test_versions_are_commits_and_stay(station: Station):
    behavior = "{type: version, before: '2026-01-01T00:00:00Z', keepAmount: 1}"
    purge = f"\n- {{id: x, type: namespace.PurgeFiles, namespaces: [t], filePattern: '**', behavior: {behavior}}}\n"
    id = served(station, purge)
    assert (outputs(station, id, "x"), count(station)) == ({"size": 0}, 1)
    assert "no commit is ever taken away" in station.log(id)[0]
    assert said(station, served(station, purge.replace("2026-01-01T00:00:00Z", "soon"), id="g")) == "`behavior.before` is `soon`, and no ISO-8601 date"


def test_stored_files_of_old_executions_are_taken_away_and_a_dry_run_counts_them(station: Station):
    old = served(station, WRITTEN, id="old")
    served(station, "\n- {id: l, type: log.Log, message: a}\n", id="none")
    uri = outputs(station, old, "w")["uri"]

    def purged(id: str, more: str, until: int = 1) -> Any:
        asked = f"\n- {{id: x, type: storage.PurgeStorage, namespace: t, endDate: \"{{{{ now() | dateAdd({until}, 'DAYS') }}}}\"{more}}}\n"
        return outputs(station, served(station, asked, id=id), "x")

    assert purged("dry", "") == {"scannedCount": 2, "purgedCount": 1, "deletedFilesCount": 0}
    assert purged("early", ", dryRun: false", -1) == {"scannedCount": 3, "purgedCount": 0, "deletedFilesCount": 0}
    assert file_of(station, uri) == b"new old"
    assert purged("of", ", flowId: none, dryRun: false") == {"scannedCount": 1, "purgedCount": 0, "deletedFilesCount": 0}
    assert purged("real", ", dryRun: false") == {"scannedCount": 5, "purgedCount": 1, "deletedFilesCount": 1}
    assert (station.kit.storage.newest("t", "old", old), station.state(old)) == (None, "SUCCESS")
