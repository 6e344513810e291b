"""Which refs and files count: branches, tags, paths, `[skip ci]`, what is refused, identities, pushes while the service is down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import SUCCESS, Hosted, Service
from tests.e2e.texts import ON_PUSH, log, on_push
from tests.support.repo import Pushed, Repo, git, remote_refs

pytestmark = pytest.mark.xdist_group("e2e-refs")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("refs") / "data", HEADGATE_BACKEND="process") as service:
        yield service


def started(pushed: Pushed) -> list[str]:
    """The flows that the pusher is told have begun."""
    assert pushed.ok, pushed.stderr
    return sorted(line.split()[2].rpartition(".")[2] for line in pushed.remote if line.startswith("headgate: started "))


def revisions(service: Service, namespace: str, id: str) -> list[tuple[int, str, bool]]:
    return [(one["revision"], one["commit"], one["deleted"]) for one in service.get(f"/flows/{namespace}/{id}/revisions")]


def live(service: Service, namespace: str) -> dict[str, tuple[int, str]]:
    """Revision and path of every live flow."""
    return {flow["id"]: (flow["revision"], flow["path"]) for flow in service.get(f"/flows/{namespace}")}


def said(commit: dict) -> dict[str, tuple[str, str]]:
    """What the statuses say."""
    return {status["context"]: (status["state"], status["description"]) for status in commit["statuses"]}


def codes(commit: dict) -> list[tuple[str, str]]:
    return [(problem["path"], problem["code"]) for problem in commit["problems"]]


def test_branches_tags_and_paths_decide_what_runs(service: Service):
    hosted = service.host("filters")
    filters: dict[str, dict[str, list[str]]] = {
        "any": {},
        "main": {"branches": ["main"]},
        "release": {"branches": ["release/**", "!release/old"]},
        "src": {"branches": ["main"], "paths": ["src/**", "!**/*.md"]},
        "version": {"tags": ["v*"]},
    }
    for id, some in filters.items():
        hosted.tree.write(f".flows/{id}.yml", log(id, "filters", rest=on_push(**some)))
    assert started(hosted.push_commit()) == ["any", "main"]
    hosted.tree.write("src/main.py", "")
    assert started(hosted.push_commit()) == ["any", "main", "src"]
    hosted.tree.write("src/read.md", "").write("docs/main.py", "")
    assert started(hosted.push_commit()) == ["any", "main"]
    assert started(hosted.push("HEAD:refs/heads/release/1/x")) == ["any", "release"]
    assert started(hosted.push("HEAD:refs/heads/release/old")) == ["any"]
    hosted.tree.tag("v1").tag("nightly", "with a message")
    assert started(hosted.push("v1")) == ["any", "version"]
    assert started(hosted.push("nightly")) == ["any"]
    ran = hosted.settled()["executions"]
    refs = {(run["flow_id"], service.execution(run["id"])["commit"]["ref"]) for run in ran}
    assert refs == {
        ("any", "refs/heads/main"),
        ("main", "refs/heads/main"),
        ("any", "refs/heads/release/1/x"),
        ("release", "refs/heads/release/1/x"),
        ("any", "refs/heads/release/old"),
        ("any", "refs/tags/v1"),
        ("version", "refs/tags/v1"),
        ("any", "refs/tags/nightly"),
    }
    assert {run["state"] for run in ran} == {SUCCESS}


def test_skip_ci_starts_nothing_and_still_applies(service: Service):
    hosted = service.host("skip")
    commit = hosted.send("Quietly [skip ci]", a=log("a", "skip", rest=ON_PUSH))
    assert said(commit) == {"headgate/flows": ("success", "flows: 1 created"), "headgate/runs": ("success", "skipped: the commit message says so")}
    assert commit["executions"] == []
    assert live(service, "skip") == {"a": (1, ".flows/a.yml")}


def test_links_and_submodules_are_refused_by_name_and_the_rest_is_applied(service: Service):
    hosted = service.host("odd")
    tree = hosted.tree.write(".flows/good.yml", log("good", "odd")).link(".flows/link.yml", "/etc/passwd")
    tree.git("add", "--all")
    tree.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},.flows/module")
    tree.git("commit", "--quiet", "-m", "odd things")
    pushed = hosted.push()
    assert pushed.ok
    commit = hosted.settled()
    assert [(problem["path"], problem["severity"]) for problem in commit["problems"]] == [(".flows/link.yml", "error"), (".flows/module", "error")]
    told = "\n".join(pushed.remote)
    for problem, word in zip(commit["problems"], ("symbolic link", "submodule"), strict=True):
        assert word in problem["message"]
        assert f"{problem['path']}:1:1: error HG-0503: {problem['message']}" in told
    assert said(commit)["headgate/flows"][0] == "failure"
    assert live(service, "odd") == {"good": (1, ".flows/good.yml")}
    tree.remove(".flows/link.yml").git("rm", "--quiet", "--cached", ".flows/module")
    pushed = hosted.push_commit()
    assert (hosted.settled()["problems"], said(hosted.settled())["headgate/flows"]) == ([], ("success", "no flow changed"))


def tree_with_dots(repo: Repo) -> str:
    """A commit whose flow folder holds an entry called `..`, as no honest git would make it."""
    blob = repo.git("rev-parse", "HEAD:.flows/good.yml")
    inner = b"40000 ..\0" + bytes.fromhex(repo.git("rev-parse", "HEAD:.flows"))
    folder = _object(repo, inner + b"100644 good.yml\0" + bytes.fromhex(blob))
    root = _object(repo, b"40000 .flows\0" + bytes.fromhex(folder))
    return repo.git("commit-tree", "-p", "HEAD", "-m", "dots", root)


def _object(repo: Repo, content: bytes) -> str:
    repo.write("../dots.bin", content)
    return repo.git("hash-object", "-t", "tree", "-w", "--literally", "../dots.bin")


def test_a_folder_called_dots_is_refused_by_the_host_and_never_followed(service: Service):
    hosted = service.host("dots")
    hosted.send(good=log("good", "dots"))
    sha = tree_with_dots(hosted.tree)
    pushed = hosted.push(f"{sha}:refs/heads/main")
    assert not pushed.ok
    assert "hasDotdot" in pushed.stderr
    # Somebody who writes into the data folder gets it past Git's own check.
    hosted.tree.git("push", "--quiet", "--receive-pack=git -c receive.fsckObjects=false receive-pack", str(hosted.bare), f"{sha}:refs/heads/main")
    commit = service.settled("dots", sha)
    (problem,) = commit["problems"]
    assert (problem["path"], problem["code"]) == (".flows/..", "HG-0503")
    assert live(service, "dots") == {"good": (1, ".flows/good.yml")}


def test_the_services_own_refs_are_not_for_pushing(service: Service):
    hosted = service.host("own")
    commit = hosted.send(a=log("a", "own", rest=ON_PUSH))
    before = service.until(lambda: notes_of(hosted), "the note")
    for ref in ("refs/headgate/keep/x", f"refs/headgate/keep/{commit['sha']}", "refs/notes/headgate", "refs/notes/headgate/x"):
        for source in ("HEAD", ""):
            pushed = hosted.push(f"{source}:{ref}", force=True)
            assert not pushed.ok, ref
    assert not any(name.startswith("refs/headgate") for name in remote_refs(hosted.url, hosted.tree.path))
    assert notes_of(hosted) == before


def notes_of(hosted: Hosted) -> str | None:
    return remote_refs(hosted.url, hosted.tree.path).get("refs/notes/headgate")


def test_final_statuses_become_a_note_that_git_shows(service: Service):
    hosted = service.host("notes")
    commit = hosted.send(a=log("a", "notes", rest=ON_PUSH))

    def shown() -> str | None:
        if notes_of(hosted) is None:
            return None
        hosted.tree.git("fetch", "--quiet", hosted.url, "+refs/notes/headgate:refs/notes/headgate")
        text = hosted.tree.git("notes", "--ref=headgate", "show", commit["sha"])
        return text if "headgate/notes.a" in text else None

    rows = [line.split("\t") for line in service.until(shown, "the note").splitlines()]
    assert [row[:3] for row in rows] == [[context, *said] for context, said in sorted(said(commit).items())]


def test_a_moved_file_keeps_its_flow_and_revision(service: Service):
    hosted = service.host("moves")
    first = hosted.send(a=log("a", "moves"))["sha"]
    hosted.tree.move(".flows/a.yml", ".flows/deep/er/b.yaml")
    commit = hosted.send("move")
    assert commit["flows"] == [{"namespace": "moves", "id": "a", "revision": 1, "path": ".flows/deep/er/b.yaml", "change": "moved"}]
    assert live(service, "moves") == {"a": (1, ".flows/deep/er/b.yaml")}
    assert revisions(service, "moves", "a") == [(1, first, False)]


def test_of_two_files_with_one_identity_neither_wins(service: Service):
    hosted = service.host("twins")
    hosted.send(a=log("a", "twins", "one"))
    commit = hosted.send(a=log("a", "twins", "two"), b=log("a", "twins", "three"))
    assert codes(commit) == [(".flows/a.yml", "HG-0501"), (".flows/b.yml", "HG-0501")]
    assert (said(commit)["headgate/flows"][0], commit["flows"]) == ("failure", [])
    assert service.get("/flows/twins/a")["source"] == log("a", "twins", "one")
    commit = hosted.send(a=None)
    assert (commit["problems"], commit["flows"]) == ([], [{"namespace": "twins", "id": "a", "revision": 2, "path": ".flows/b.yml", "change": "updated"}])
    assert service.get("/flows/twins/a")["source"] == log("a", "twins", "three")


def test_a_flow_that_comes_back_goes_on_counting(service: Service):
    hosted = service.host("again")
    shas = [hosted.send(a=text)["sha"] for text in (log("a", "again"), None, log("a", "again"))]
    assert revisions(service, "again", "a") == list(zip((1, 2, 3), shas, (False, True, False), strict=True))
    assert live(service, "again") == {"a": (3, ".flows/a.yml")}


def test_another_branch_is_checked_and_not_live(service: Service):
    hosted = service.host("branches")
    hosted.send(a=log("a", "branches"))
    hosted.tree.write(".flows/b.yml", log("b", "branches", rest=ON_PUSH)).write(".flows/c.yml", "id: c\n")
    hosted.tree.commit("more")
    pushed = hosted.push("HEAD:refs/heads/feature")
    assert any(line.startswith(".flows/c.yml:1:1: error HG-") for line in pushed.remote), pushed.stderr
    commit = hosted.settled()
    assert (commit["state"], commit["ref"], commit["flows"], commit["executions"]) == ("checked", "refs/heads/feature", [], [])
    assert said(commit)["headgate/flows"][0] == "failure"
    assert live(service, "branches") == {"a": (1, ".flows/a.yml")}
    hosted.tree.remove(".flows/c.yml")
    assert started(hosted.push_commit()) == ["b"]
    assert live(service, "branches") == {"a": (1, ".flows/a.yml"), "b": (1, ".flows/b.yml")}


def test_the_first_branch_pushed_becomes_the_default_one(service: Service):
    hosted = service.host("trunk")
    hosted.tree.write(".flows/a.yml", log("a", "trunk", rest=ON_PUSH)).commit()
    assert started(hosted.push("HEAD:refs/heads/trunk")) == ["a"]
    assert service.get("/repositories/trunk")["default_branch"] == "trunk"
    assert live(service, "trunk") == {"a": (1, ".flows/a.yml")}
    hosted.tree.write(".flows/a.yml", log("a", "trunk", "other", rest=ON_PUSH)).commit()
    assert hosted.push("HEAD:refs/heads/main").ok
    assert live(service, "trunk") == {"a": (1, ".flows/a.yml")}
    assert Repo.clone(hosted.url, hosted.tree.path.with_name("trunk-clone")).git("branch", "--show-current") == "trunk"


def test_the_live_branch_can_not_be_deleted_and_its_loss_empties_nothing(service: Service):
    hosted = service.host("gone")
    sha = hosted.send(a=log("a", "gone"))["sha"]
    assert hosted.push("HEAD:refs/heads/side").ok
    assert hosted.push(":refs/heads/side").ok
    pushed = hosted.push(":refs/heads/main")
    assert not pushed.ok
    assert "refusing to delete the current branch" in pushed.stderr
    git("update-ref", "-d", "refs/heads/main", cwd=hosted.bare)
    service.ask("POST", "/repositories/gone/sync", 202)
    service.until(lambda: service.get("/repositories/gone")["refs"] == {}, "the refs to be forgotten")
    assert live(service, "gone") == {"a": (1, ".flows/a.yml")}
    assert hosted.push().ok
    assert revisions(service, "gone", "a") == [(1, sha, False)]


def test_a_branch_that_moved_on_needs_force(service: Service):
    hosted = service.host("races")
    hosted.send(a=log("a", "races"))
    service.ask("PUT", "/flows/races/a", content=log("a", "races", "by the API"), headers={"content-type": "application/x-yaml"})
    pushed = hosted.push_commit("late")
    assert not pushed.ok
    assert "fetch first" in pushed.stderr


@pytest.mark.parametrize("name", ["none", "../default", "default.git/../x"])
def test_a_repository_that_is_not_there_is_not_found(service: Service, tmp_path: Path, name: str):
    pushed = Repo(tmp_path / "tree").commit().push(f"{service.url}/git/{name}.git")
    assert not pushed.ok
    assert "not found" in pushed.stderr


def test_pushes_while_the_service_is_down_are_picked_up_at_start(tmp_path: Path):
    with Service(tmp_path / "data", HEADGATE_BACKEND="process") as service:
        hosted = service.host("down")
        hosted.send(a=log("a", "down", "one", ON_PUSH))
        service.stop()
        shas = []
        for message in ("two", "three"):
            hosted.tree.write(".flows/a.yml", log("a", "down", message, ON_PUSH)).commit(message)
            shas.append(hosted.tree.head)
            hosted.tree.git("push", "--quiet", str(hosted.bare), "HEAD:refs/heads/main")
        hosted.tree.tag("v1")
        hosted.tree.git("push", "--quiet", str(hosted.bare), "v1")
        service.start()
        commit = hosted.settled()
        assert commit["flows"] == [{"namespace": "down", "id": "a", "revision": 2, "path": ".flows/a.yml", "change": "updated"}]
        service.until(lambda: len(hosted.settled()["executions"]) == 2, "the runs of the branch and the tag")
        runs = [service.ended(run["id"]) for run in hosted.settled()["executions"]]
        assert sorted((run["commit"]["ref"], run["flowRevision"], run["state"]["current"]) for run in runs) == [
            ("refs/heads/main", 2, SUCCESS),
            ("refs/tags/v1", 2, SUCCESS),
        ]
        service.get(f"/repositories/down/commits/{shas[0]}", 404)
        assert service.stop() == 0
