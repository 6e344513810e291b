"""Files of namespaces where others take part: a runner that holds them, and a forge that has the branch."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event

import pytest

from runners.protocol import Gone, Job, Outcome, Result
from service.actions import executions, serving
from service.git.helper import Helper
from tests.loops.namespace_files import WRITTEN, claimed, content, count, followed, said, tip, upload
from tests.loops.test_executor import ran
from tests.loops.test_serving import outputs, tasks
from tests.support.commits import MAIN
from tests.support.forge import Forge
from tests.support.repo import Repo
from tests.support.station import RUNNER, Station, station_at


@pytest.fixture(autouse=True)
def following(request: pytest.FixtureRequest) -> Iterator[None]:
    if "station" not in request.fixturenames:
        yield
        return
    with followed(request.getfixturevalue("station")):
        yield


GROUP = """
- id: wd
  type: flow.WorkingDirectory
  tasks:
    - {id: w, type: storage.Write, content: 'new {{ flow.id }}'}
    - {id: up, type: namespace.UploadFiles, namespace: t, files: ["glob:**/*.sql"], destination: to, conflict: ERROR}
"""


def gathering(station: Station, text: str = GROUP) -> tuple[str, Job]:
    """An execution whose shared folder stands, and the runner's part of the task in it."""
    id = ran(station, tasks(text))
    folder = station.dispatch.try_claim(RUNNER)
    assert folder is not None
    station.dispatch.ready(folder.lease)
    station.serve()
    job = station.dispatch.try_claim(RUNNER)
    assert job is not None
    return id, job


def stored(station: Station, id: str, job: Job) -> Outcome:
    """What the runner says that has stored a file."""
    uri = station.kit.storage.put("t", "f", id, job.task, job.lease.task_run, "q/a.sql", io.BytesIO(b"select"))
    return Outcome(Result.SUCCESS, outputs={"uris": {"q/a.sql": uri}})


def test_files_of_a_shared_folder_are_stored_by_its_runner_and_committed_by_the_service(station: Station):
    id, job = gathering(station)
    assert (job.type.rpartition(".")[2], job.spec) == ("LocalFiles", {"outputs": ["**/*.sql"]})
    station.dispatch.finish(job.lease, stored(station, id, job))
    station.tick()
    assert station.states(id)["up"] == "RUNNING"
    with pytest.raises(Gone):  # it has said all that it had to say
        station.dispatch.finish(job.lease, Outcome(Result.FAILED, message="late"))
    station.serve()
    assert (station.states(id)["up"], [*outputs(station, id, "up")["files"]], content(station, "to/q/a.sql")) == ("SUCCESS", ["to/q/a.sql"], b"select")


def test_a_runner_that_can_not_store_the_files_fails_the_task(station: Station):
    id, job = gathering(station)
    station.dispatch.finish(job.lease, Outcome(Result.FAILED, message="the disk is full"))
    station.serve()
    assert (station.states(id)["up"], station.log(id, "ERROR"), count(station)) == ("FAILED", ["the disk is full"], 1)


def test_what_a_runner_has_stored_outlives_the_service(station: Station):
    id, job = gathering(station, GROUP.replace("glob:**/*.sql", "regex:.*[.]sql"))
    assert job.spec == {"outputs": ["**"]}
    station.dispatch.finish(job.lease, stored(station, id, job))
    own = claimed(station)
    station.tick()
    station.database.write(serving.recover)
    serving.serve(station.kit, own, Event())
    station.tick()
    again = station.dispatch.try_claim(RUNNER)
    assert again is not None
    station.dispatch.finish(again.lease, stored(station, id, again))
    station.serve()
    assert (station.states(id)["up"], [*outputs(station, id, "up")["files"]], count(station)) == ("SUCCESS", ["to/q/a.sql"], 2)


def test_an_execution_that_is_killed_between_the_two_parts_commits_nothing(station: Station):
    id, job = gathering(station)
    station.dispatch.finish(job.lease, stored(station, id, job))
    station.database.write(lambda session: executions.kill(session, id, "ann"))
    station.serve()
    assert (station.states(id)["up"], count(station)) == ("KILLED", 1)


@pytest.mark.parametrize(("token", "why"), [("FORGE_TOKEN", " refused the push: refs/heads/main: "), ("READ_TOKEN", "")])
def test_a_repository_that_refuses_the_push_fails_the_task_and_keeps_what_it_had(tmp_path: Path, helper: Helper, token: str, why: str):
    with (
        Forge(tmp_path / "forge") as forge,
        station_at(tmp_path / "far", helper, environ={"FORGE_TOKEN": forge.token, "READ_TOKEN": forge.read_token}) as station,
    ):
        url, repo = forge.create("acme/demo"), Repo(tmp_path / "repo")
        repo.write(".flows/f.yml", f"id: f\nnamespace: t\ntasks:{tasks(WRITTEN + upload(''))}")
        repo.commit("first")
        forge.push(repo, "acme/demo")
        protect(forge.bare("acme/demo"))
        station.repository("site", url=url, api_url=forge.api_url, forge="github", token_from=f"env:{token}", allow_private=True)
        with followed(station):
            station.tell(name="site")
            station.sync("site")
            id = station.start("t", "f")
            station.serve()
            found = said(station, id)
            station.sync("site")
        assert found.startswith("files of the namespace `t`: 127.0.0.1")
        assert why in found
        assert (tip(station, "site"), forge.refs("acme/demo")) == (repo.head, {MAIN: repo.head})


def far(folder: Path, helper: Helper, forge: Forge) -> AbstractContextManager[Station]:
    """A station that has the forge's tokens."""
    return station_at(folder / "far", helper, environ={"FORGE_TOKEN": forge.token, "READ_TOKEN": forge.read_token})


def protect(bare: Path) -> None:
    """Takes no push to any branch, as a forge does for one that is protected."""
    hook = bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)


def test_a_file_goes_to_the_forge(tmp_path: Path, helper: Helper):
    with Forge(tmp_path / "forge") as forge, far(tmp_path, helper, forge) as station:
        url, repo = forge.create("acme/demo"), Repo(tmp_path / "repo")
        repo.write(".flows/f.yml", f"id: f\nnamespace: t\ntasks:{tasks(WRITTEN + upload(''))}")
        repo.commit("first")
        forge.push(repo, "acme/demo")
        station.repository("site", url=url, api_url=forge.api_url, forge="github", token_from="env:FORGE_TOKEN", allow_private=True)
        with followed(station):
            station.tell(name="site")
            station.sync("site")
            id = station.start("t", "f")
            station.serve()
        assert station.state(id) == "SUCCESS", station.log(id)
        assert (forge.refs("acme/demo")[MAIN], content(station, "a.txt", "site")) == (tip(station, "site"), b"new f")
