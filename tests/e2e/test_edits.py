"""Flows that are created, changed and deleted through the API: each change is a commit that a clone shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service import Service
from tests.e2e.texts import log
from tests.support.repo import Repo

pytestmark = pytest.mark.xdist_group("e2e-refs")

YAML = {"content-type": "application/x-yaml"}

COMMENTED = """# The greeting.
id: greet
namespace: edits.kept

tasks:   # in order
  - {type: io.kestra.plugin.core.log.Log, id: say, message: "grüß dich"}   # said once
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("edits") / "data", HEADGATE_BACKEND="process") as service:
        yield service


def history(clone: Repo) -> list[str]:
    """Author and subject of every commit, newest first."""
    return clone.git("log", "--format=%an: %s").splitlines()


def test_create_update_and_delete_are_commits(service: Service, tmp_path: Path):
    created = service.ask("POST", "/flows", content=COMMENTED.encode(), headers=YAML)
    path = ".flows/edits.kept/greet.yml"
    assert {name: created[name] for name in ("namespace", "id", "revision", "repository", "path", "source", "disabled", "deleted")} == {
        "namespace": "edits.kept",
        "id": "greet",
        "revision": 1,
        "repository": "default",
        "path": path,
        "source": COMMENTED,
        "disabled": False,
        "deleted": False,
    }
    changed = COMMENTED.replace("once", "twice")
    updated = service.ask("PUT", "/flows/edits.kept/greet", content=changed.encode(), headers=YAML, params={"message": "Say it twice"})
    assert (updated["revision"], updated["source"]) == (2, changed)
    clone = Repo.clone(service.git_url("default"), tmp_path / "clone")
    assert ((clone.path / path).read_text(), clone.head) == (changed, updated["commit"])
    service.ask("DELETE", "/flows/edits.kept/greet", 200)
    clone.git("pull", "--quiet")
    assert not (clone.path / path).exists()
    assert history(clone) == ["Headgate API: Delete edits.kept.greet", "Headgate API: Say it twice", "Headgate API: Create edits.kept.greet"]
    found = service.get("/flows/edits.kept/greet/revisions")
    assert [(one["revision"], one["deleted"], one["source"]) for one in found] == [(1, False, COMMENTED), (2, False, changed), (3, True, "")]
    assert [one["commit"] for one in found] == clone.git("rev-list", "--reverse", "HEAD").splitlines()
    commit = service.settled("default", created["commit"])
    assert (commit["state"], commit["flows"]) == ("applied", [{"namespace": "edits.kept", "id": "greet", "revision": 1, "path": path, "change": "created"}])


def test_what_can_not_be_saved_is_refused_and_leaves_no_commit(service: Service):
    def refused(method: str, path: str, text: str, status: int, **options: Any) -> dict[str, Any]:
        return service.ask(method, path, status, content=text, headers=YAML, **options)

    service.ask("POST", "/flows", content=log("here", "edits.bad"), headers=YAML)
    before = service.get("/repositories/default")["refs"]
    refused("POST", "/flows", log("here", "edits.bad", "again"), 409)
    refused("PUT", "/flows/edits.bad/none", log("none", "edits.bad"), 404)
    refused("PUT", "/flows/edits.bad/here", log("there", "edits.bad"), 422)
    service.ask("DELETE", "/flows/edits.bad/none", 404)
    problem = refused("POST", "/flows", "id: wrong\nnamespace: edits.bad\ntasks:\n\t- id: x\n", 422)
    assert problem["errors"][0]["line"] == 4
    problem = refused("POST", "/flows", log("wrong", "edits.bad").replace("core.log.Log", "core.log.Logs"), 422)
    assert {name: problem["errors"][0][name] for name in ("severity", "line", "column", "hint")} == {
        "severity": "error",
        "line": 5,
        "column": 11,
        "hint": "did you mean `io.kestra.plugin.core.log.Log`?",
    }
    service.ask("POST", "/flows", 415, content=json.dumps({"id": "x"}), headers={"content-type": "application/json"})
    service.ask("POST", "/flows", 413, content="#" * 1_000_001, headers=YAML)
    assert service.get("/repositories/default")["refs"] == before
    assert service.get("/flows/edits.bad/here")["revision"] == 1


def test_an_edit_goes_where_the_namespace_lives_and_a_moved_file_stays(service: Service):
    hosted = service.host("owner")
    hosted.tree.write(".flows/team/some where.yaml", log("a", "edits.owned")).commit()
    assert hosted.push().ok
    updated = service.ask("PUT", "/flows/edits.owned/a", content=log("a", "edits.owned", "edited"), headers=YAML)
    assert (updated["repository"], updated["path"]) == ("owner", ".flows/team/some where.yaml")
    created = service.ask("POST", "/flows", content=log("b", "edits.owned"), headers=YAML)
    assert (created["repository"], created["path"]) == ("owner", ".flows/edits.owned/b.yml")
    hosted.tree.git("pull", "--quiet", hosted.url, "main")
    assert (hosted.tree.path / ".flows/team/some where.yaml").read_text() == log("a", "edits.owned", "edited")
    assert hosted.tree.head == created["commit"]


def test_many_edits_at_once_are_all_kept(service: Service):
    before = len(service.get("/flows/edits.many"))
    assert before == 0

    def create(number: int) -> int:
        return service.client.post("/api/v1/main/flows", content=log(f"f{number}", "edits.many"), headers=YAML).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, range(8)))
    assert answers == [200] * 8
    assert {(flow["id"], flow["revision"]) for flow in service.get("/flows/edits.many")} == {(f"f{number}", 1) for number in range(8)}


def test_a_text_is_validated_without_being_stored(service: Service):
    (found,) = service.ask("POST", "/flows/validate", content=log("a", "edits.checked").replace("Log", "Lag"), headers=YAML)
    assert (found["flow"], found["namespace"]) == ("a", "edits.checked")
    assert found["constraints"].startswith("5:11: unknown task type")
    (found,) = service.ask("POST", "/flows/validate", content=log("a", "edits.checked"), headers=YAML)
    assert (found["constraints"], found["problems"]) == (None, [])
    assert service.get("/flows/edits.checked") == []
