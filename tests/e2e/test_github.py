"""The main job with a forge on the other side, shaped like GitHub: signed webhooks in, statuses out, and everything that goes wrong between."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.service import SUCCESS, Service
from tests.e2e.texts import DOCKER, ON_PUSH, PROCESS, log, script
from tests.runners.images import Images
from tests.support.forge import Forge, ForgePush
from tests.support.forge_api import BAD_GATEWAY, LOST_ANSWER, limited
from tests.support.repo import Repo

pytestmark = pytest.mark.xdist_group("e2e-github")

CAP = 25_000_000


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    with Forge(tmp_path_factory.mktemp("forge")) as forge:
        yield forge


@pytest.fixture(scope="module")
def service(forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("github") / "data", FORGE_TOKEN=forge.token, READ_TOKEN=forge.read_token) as service:
        yield service


class Followed:
    """A repository on the forge that the service follows, and a work tree that pushes to it."""

    def __init__(self, service: Service, forge: Forge, name: str, token: str = "FORGE_TOKEN", add: Callable[[str], dict[str, Any]] | None = None) -> None:
        self.service, self.forge, self.name, self.path = service, forge, name, f"acme/{name}"
        url = forge.create(self.path)
        self.tree = Repo(service.data.parent / f"{service.data.name}-trees" / name)
        # What is there before the service first looks runs nothing, so there is something for it to have seen.
        self.push("first of all")
        self.added = add(url) if add else service.ask("POST", "/repositories", 201, json=wanted(url, name, token))
        service.commit(name, self.tree.head)
        # As a person enters it at the forge.
        forge.add_hook(self.path, self.added["hook"]["url"], self.added["hook"]["secret"])
        assert forge.answers[-1][1] == 202, "the ping"

    def write(self, **files: str) -> Followed:
        """Puts flows into the work tree; `a` is `.flows/a.yml`."""
        for name, text in files.items():
            self.tree.write(f".flows/{name}.yml", text)
        return self

    def push(self, message: str = "change", **options: Any) -> ForgePush:
        """Commits what there is and pushes it; the webhooks are answered."""
        self.tree.commit(message)
        return self.forge.push(self.tree, self.path, **options)

    def shown(self, *contexts: str, sha: str = "", seconds: float = 20.0) -> dict[str, tuple[str, str]]:
        """State and description of each context at the forge, once those that are named, and these two, are final."""
        for context in ("headgate/flows", "headgate/runs", *contexts):
            self.forge.wait_for(sha or self.tree.head, context, "success", "failure", "error", seconds=seconds)
        statuses = self.forge.statuses(sha or self.tree.head)
        return {name: (status["state"], re.sub(r"\d+\.\d s$", "N s", status["description"])) for name, status in sorted(statuses.items())}

    def commit(self) -> dict[str, Any]:
        return self.service.settled(self.name, self.tree.head)

    def live(self) -> dict[str, int]:
        """Flows of the namespace that has the repository's name, with their revisions."""
        return {flow["id"]: flow["revision"] for flow in self.service.get(f"/flows/{self.name}")}


def wanted(url: str, name: str, token: str = "FORGE_TOKEN") -> dict[str, Any]:
    """What adds a repository of the forge."""
    return {"name": name, "url": url, "forge": "github", "token_from": f"env:{token}", "allow_private": True}


@pytest.mark.docker
def test_a_push_to_the_forge_becomes_runs_and_statuses_step_by_step(service: Service, forge: Forge, docker_images: Images):
    name = "store"
    options = ("--api-url", forge.api_url, "--forge", "github", "--token-from", "env:FORGE_TOKEN", "--allow-private", "-o", "json")
    repo = Followed(service, forge, name, add=lambda url: json.loads(service.cli("repo", "add", name, "--url", url, *options).stdout))
    assert (repo.added["name"], repo.added["git_url"]) == (name, forge.clone_url(repo.path))
    contexts = [f"headgate/{name}.{id}" for id in ("box", "say", "shell")]
    good = script("shell", name, "cat stock.txt", ON_PUSH)

    repo.write(say=log("say", name, "hello", ON_PUSH), box=script("box", name, "cat stock.txt", ON_PUSH, image=docker_images.plain), shell=good)
    repo.tree.write("stock.txt", "12 chairs\n")
    assert repo.push("three flows").answers == (202,)
    first = repo.tree.head
    ran = dict.fromkeys(contexts, ("success", "SUCCESS · revision 1 · N s"))
    runs = {"headgate/runs": ("success", "3 executions: 3 SUCCESS")}
    assert repo.shown(*contexts) == ran | {"headgate/flows": ("success", "flows: 3 created")} | runs
    executions = {run["flow_id"]: service.execution(run["id"]) for run in repo.commit()["executions"]}
    assert {id: (run["taskRunList"][0]["outputs"].get("taskRunner") or {}).get("type") for id, run in executions.items()} == {
        "box": DOCKER,
        "say": None,
        "shell": PROCESS,
    }
    assert [service.lines(executions[id]["id"]) for id in ("box", "say", "shell")] == [["12 chairs"], ["hello"], ["12 chairs"]]
    every_status_is_in_order(service, forge, name, first)

    repo.write(shell=good.replace("shell.Script", "shell.Skript")).push("broken")
    place = ".flows/shell.yml:5:11: unknown task type `io.kestra.plugin.scripts.shell.Skript`"
    assert repo.shown(*contexts) == ran | {"headgate/flows": ("failure", place)} | runs
    assert repo.live() == {"box": 1, "say": 1, "shell": 1}

    repo.write(shell=good.replace("cat", "wc -c <")).push("mended")
    assert repo.shown(*contexts)["headgate/flows"] == ("success", "flows: 1 updated")
    assert repo.live() == {"box": 1, "say": 1, "shell": 2}

    repo.tree.reset(first)
    repo.write(say=log("say", name, "another past", ON_PUSH)).push("another past", force=True)
    assert repo.shown(*contexts)["headgate/flows"] == ("success", "flows: 2 updated")
    assert repo.live() == {"box": 1, "say": 2, "shell": 3}

    repo.tree.remove(".flows/say.yml")
    repo.push("say no more")
    assert repo.shown(contexts[0], contexts[2])["headgate/flows"] == ("success", "flows: 1 deleted")
    assert repo.live() == {"box": 1, "shell": 3}
    commit = repo.commit()
    assert commit["flows"] == [{"namespace": name, "id": "say", "revision": 3, "path": ".flows/say.yml", "change": "deleted"}]
    assert {run["flow_id"]: run["state"] for run in commit["executions"]} == {"box": SUCCESS, "shell": SUCCESS}


def every_status_is_in_order(service: Service, forge: Forge, name: str, sha: str) -> None:
    """Pending first, then final and no more; with the token, a link to us, and no more text than the forge takes."""
    commit = service.settled(name, sha)
    pages = {f"headgate/{run['namespace']}.{run['flow_id']}": f"{service.url}/executions/{run['id']}" for run in commit["executions"]}
    for context in forge.statuses(sha):
        history = forge.history(sha, context)
        states = [status["state"] for status in history]
        assert (states[0], states[-1], "success" in states[:-1]) == ("pending", "success", False), (context, states)
        for status in history:
            assert status["target_url"] == pages.get(context, f"{service.url}/commits/{name}/{sha}")
            assert 0 < len(status["description"]) <= 140
    calls = [call for call in forge.calls if sha in call.path]
    assert {(call.method, call.token, call.status) for call in calls} == {("POST", forge.token, 201)}


def test_a_bad_gateway_a_limit_and_a_lost_answer_only_delay_the_statuses(service: Service, forge: Forge, tmp_path: Path):
    repo = Followed(service, forge, "rough")
    forge.fail_next(BAD_GATEWAY, limited(2), LOST_ANSWER, of=repo.path)
    # It ends while the forge wants no calls: news is no reason to call all the same.
    repo.write(a=script("a", "rough", f"until [ -e {tmp_path}/go ]; do sleep 0.02; done", ON_PUSH)).push()
    service.until(lambda: any(call.status == 429 for call in forge.calls if repo.tree.head in call.path), "the limit")
    (tmp_path / "go").touch()
    assert repo.shown("headgate/rough.a") == {
        "headgate/flows": ("success", "flows: 1 created"),
        "headgate/rough.a": ("success", "SUCCESS · revision 1 · N s"),
        "headgate/runs": ("success", "1 execution: 1 SUCCESS"),
    }
    calls = [call for call in forge.calls if repo.tree.head in call.path]
    assert [status for status in (call.status for call in calls) if status != 201] == [502, 429, 0]
    after = next(number for number, call in enumerate(calls) if call.status == 429) + 1
    assert calls[after].at - calls[after - 1].at >= 2, "Retry-After was not obeyed"
    for context in forge.statuses(repo.tree.head):
        states = [status["state"] for status in forge.history(repo.tree.head, context)]
        assert (states[0], states[-1]) == ("pending", "success")
        assert "pending" not in states[states.index("success") :], states


def test_a_token_that_may_not_write_statuses_is_told_where_people_look(service: Service, forge: Forge):
    repo = Followed(service, forge, "readonly", token="READ_TOKEN")
    repo.write(a=log("a", "readonly", rest=ON_PUSH)).push()
    commit = repo.commit()
    assert [run["state"] for run in commit["executions"]] == [SUCCESS]
    found = service.until(lambda: [status for status in repo.commit()["statuses"] if status["error"]], "the refusal")
    assert all("may not set statuses" in status["error"] for status in found)
    assert forge.read_token not in json.dumps(repo.commit())


# webhooks


@pytest.fixture(scope="module")
def hooked(service: Service, forge: Forge) -> Followed:
    """A repository with a flow that has run once."""
    repo = Followed(service, forge, "hooked")
    repo.write(a=log("a", "hooked", rest=ON_PUSH)).push()
    repo.shown()
    return repo


def runs(service: Service, namespace: str) -> int:
    return service.get("/executions/search", namespace=namespace)["total"]


def test_a_delivery_that_comes_again_is_taken_and_runs_nothing(service: Service, hooked: Followed):
    before = runs(service, "hooked")
    told = hooked.push("once more", times=3)
    assert told.answers == (202, 202, 202)
    hooked.shown()
    assert hooked.forge.redeliver(told.deliveries[0]) == 202
    assert hooked.forge.replay(told.deliveries[0]) == 202
    pushed = hooked.push("and on")
    hooked.shown()
    assert (pushed.answers, runs(service, "hooked")) == ((202,), before + 2)
    assert hooked.shown(sha=hooked.tree.sha("HEAD~1"))["headgate/runs"] == ("success", "1 execution: 1 SUCCESS")


def test_a_wrong_signature_is_refused_and_nothing_follows(service: Service, hooked: Followed):
    before = service.get("/repositories/hooked")["refs"]
    assert hooked.push("forged", secret="not the secret").answers == (401,)
    time.sleep(0.3)
    assert service.get("/repositories/hooked")["refs"] == before
    assert hooked.forge.redeliver(hooked.forge.event(hooked.path, "push", {})) == 400
    hooked.push("real")
    hooked.shown()


def post(service: Service, hooked: Followed, body: bytes, url: str = "", **headers: str) -> int:
    """A delivery by hand, rightly signed unless the headers say otherwise."""
    hook = hooked.added["hook"]
    right = {
        "content-type": "application/json",
        "x-github-event": "push",
        "x-github-delivery": "11111111-2222-3333-4444-555555555555",
        "x-hub-signature-256": "sha256=" + hmac.new(hook["secret"].encode(), body, hashlib.sha256).hexdigest(),
    }
    given = {**right, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return service.client.post(url or hook["url"], content=body, headers={name: value for name, value in given.items() if value}).status_code


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"ref": "refs/heads/main"}', {}, 400),
        (b'{"ref": 5, "before": "x", "after": "y", "repository": {"id": 1}}', {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"{}", {"content_type": "text/plain"}, 415),
        (b"{}", {"x_github_delivery": ""}, 400),
        (b"{}", {"x_hub_signature_256": ""}, 401),
        (b"{}", {"x_hub_signature_256": "sha256=" + "0" * 64}, 401),
        (b"{}", {"x_hub_signature_256": "sha1=" + "0" * 40}, 401),
        (b'{"zen": "x"}', {"x_github_event": "star"}, 202),
    ],
)
def test_a_delivery_that_is_none_is_answered_with_what_is_wrong(service: Service, hooked: Followed, body: bytes, headers: dict[str, str], status: int):
    assert post(service, hooked, body, **headers) == status


def test_an_unknown_hook_is_not_found(service: Service, hooked: Followed):
    assert post(service, hooked, b"{}", f"{service.url}/hooks/nobody-knows-this") == 404
    assert post(service, hooked, b"{}", f"{service.url}/hooks/hooked") == 404


def test_a_body_over_the_cap_is_refused_before_it_is_read(service: Service, hooked: Followed):
    assert post(service, hooked, b" " * (CAP + 1)) == 413
    chunks = (b" " * 1_000_000 for _ in range(CAP // 1_000_000 + 2))
    # It may be answered, and hung up, while we are still sending.
    with contextlib.suppress(httpx2.TransportError):
        assert service.client.post(hooked.added["hook"]["url"], content=chunks).status_code == 413
    assert service.client.get("/healthz").status_code == 200


def test_a_head_that_was_passed_over_ends_final_and_says_so(service: Service, forge: Forge):
    repo = Followed(service, forge, "passed")
    repo.write(a=log("a", "passed", rest=ON_PUSH)).push()
    repo.shown()
    repo.push("late", delay=0.6)
    late = repo.tree.head
    repo.push("soon")
    assert repo.shown()["headgate/runs"] == ("success", "1 execution: 1 SUCCESS")
    told = ("error", f"superseded by {repo.tree.head[:12]}")
    assert repo.shown(sha=late) == {"headgate/flows": told, "headgate/runs": told}
    assert service.get(f"/repositories/passed/commits/{late}")["state"] == "superseded"
    assert runs(service, "passed") == 2


def test_branches_and_annotated_tags_come_by_webhook_too(service: Service, forge: Forge):
    repo = Followed(service, forge, "tags")
    repo.write(a=log("a", "tags", "'{{ trigger.ref }}'", ON_PUSH)).push()
    repo.shown()
    forge.push(repo.tree.tag("v1", "a tag with a message"), repo.path, tag="v1")
    forge.push(repo.tree, repo.path, "side")
    service.until(lambda: runs(service, "tags") == 3, "three runs")
    found = service.settled("tags", repo.tree.head)
    assert sorted(service.lines(run["id"])[0] for run in found["executions"]) == ["refs/heads/main", "refs/heads/side", "refs/tags/v1"]
    repo.forge.push(repo.tree, repo.path, "side", delete=True)
    service.until(lambda: "refs/heads/side" not in service.get("/repositories/tags")["refs"], "the branch to be forgotten")
    tag_object = repo.tree.git("rev-parse", "refs/tags/v1")
    assert not [call for call in forge.calls if tag_object in call.path], "a status was sent for a tag's own object"


# the other way


def test_an_edit_by_the_api_is_pushed_to_the_forge(service: Service, forge: Forge):
    repo = Followed(service, forge, "edited")
    repo.write(a=log("a", "edited", "one", ON_PUSH)).push()
    repo.shown()
    yaml = {"content-type": "application/x-yaml"}
    changed = log("a", "edited", "two", ON_PUSH)
    answer = service.ask("PUT", "/flows/edited/a", content=changed, headers=yaml, params={"message": "By the API"})
    assert (answer["revision"], answer["commit"]) == (2, forge.refs(repo.path)["refs/heads/main"])
    clone = Repo.clone(forge.clone_url(repo.path, forge.token), repo.tree.path.with_name("edited-clone"))
    assert (clone.path / ".flows/a.yml").read_text() == changed
    assert clone.git("log", "-1", "--format=%an: %s") == "Headgate API: By the API"
    assert repo.shown(sha=clone.head)["headgate/runs"] == ("success", "1 execution: 1 SUCCESS")
    service.ask("DELETE", "/flows/edited/a", 200)
    assert clone.git("pull", "--quiet") == ""
    assert not (clone.path / ".flows/a.yml").exists()


def test_an_edit_on_a_branch_that_moved_unseen_is_a_conflict_and_nothing_is_lost(service: Service, forge: Forge):
    repo = Followed(service, forge, "moved")
    repo.write(a=log("a", "moved")).push()
    repo.shown()
    repo.write(b=log("b", "moved")).push("unseen", drop=True)
    yaml = {"content-type": "application/x-yaml"}
    text = log("a", "moved", "edited")
    service.ask("PUT", "/flows/moved/a", 409, content=text, headers=yaml)
    assert forge.refs(repo.path)["refs/heads/main"] == repo.tree.head
    service.until(lambda: service.client.put("/api/v1/main/flows/moved/a", content=text, headers=yaml).status_code == 200, "the edit after the fetch")
    assert repo.live() == {"a": 2, "b": 1}
    assert repo.tree.git("fetch", "--quiet", forge.clone_url(repo.path, forge.token), "main") == ""
    assert repo.tree.git("log", "--format=%s", "FETCH_HEAD").splitlines() == ["Update moved.a", "unseen", "change", "first of all"]


def test_what_was_pushed_before_the_repository_was_added_is_taken_over_without_running(service: Service, forge: Forge):
    path = "acme/before"
    url = forge.create(path)
    tree = Repo(service.data.parent / "before-tree").write(".flows/a.yml", log("a", "before", rest=ON_PUSH)).commit()
    forge.push(tree, path)
    service.ask("POST", "/repositories", 201, json=wanted(url, "before"))
    assert service.commit("before", tree.head)["state"] == "applied"
    assert [flow["id"] for flow in service.get("/flows/before")] == ["a"]
    assert runs(service, "before") == 0


def test_an_address_of_ones_own_house_is_not_followed_unless_that_is_said(service: Service, forge: Forge):
    asked = wanted(forge.create("acme/house"), "house")
    problem = service.ask("POST", "/repositories", 403, json={**asked, "allow_private": False})
    assert "--allow-private" in problem["message"]
    service.ask("POST", "/repositories", 422, json={**asked, "token_from": forge.token})
    assert "house" not in {one["name"] for one in service.get("/repositories")["results"]}


def test_a_push_that_the_first_look_was_faster_than_runs_when_its_webhook_comes(service: Service, forge: Forge):
    url, tree = forge.create("acme/early"), Repo(service.data.parent / "early-tree")
    tree.write(".flows/a.yml", log("a", "early", rest=ON_PUSH)).commit("before the repository is added")
    forge.push(tree, "acme/early")
    added = service.ask("POST", "/repositories", 201, json=wanted(url, "early"))
    assert service.commit("early", tree.head)["executions"] == []
    forge.add_hook("acme/early", added["hook"]["url"], added["hook"]["secret"])
    for _ in range(2):
        forge.moved("acme/early", {}, forge.refs("acme/early"))
        forge.wait_for(tree.head, "headgate/early.a", "success", "failure", "error", seconds=20.0)
        assert [one["flow_id"] for one in service.settled("early", tree.head)["executions"]] == ["a"]


def test_a_delivery_that_got_lost_is_made_up_for_by_looking(forge: Forge, tmp_path_factory: pytest.TempPathFactory):
    data = tmp_path_factory.mktemp("polling") / "data"
    with Service(data, FORGE_TOKEN=forge.token, HEADGATE_FETCH_INTERVAL="0.5") as service:
        repo = Followed(service, forge, "polled")
        repo.write(a=log("a", "polled", rest=ON_PUSH)).push()
        repo.shown()
        told = repo.push("lost", drop=True)
        assert told.answers == ()
        assert repo.shown()["headgate/runs"] == ("success", "1 execution: 1 SUCCESS")
        assert forge.redeliver(told.deliveries[0]) == 202
        service.stop()
        repo.push("while it is down", drop=True)
        service.start()
        assert repo.shown()["headgate/runs"] == ("success", "1 execution: 1 SUCCESS")
        assert runs(service, "polled") == 3


def test_statuses_that_a_killed_service_owed_are_sent_by_the_next(forge: Forge, tmp_path_factory: pytest.TempPathFactory):
    with Service(tmp_path_factory.mktemp("owing") / "data", FORGE_TOKEN=forge.token) as service:
        repo = Followed(service, forge, "owing")
        forge.fail_next(limited(2), of=repo.path)
        repo.write(a=log("a", "owing", rest=ON_PUSH)).push()
        assert repo.commit()["statuses"][0]["state"] == "success"
        service.kill()
        assert forge.statuses(repo.tree.head) == {}
        service.start()
        assert repo.shown("headgate/owing.a")["headgate/runs"] == ("success", "1 execution: 1 SUCCESS")
