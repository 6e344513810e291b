"""The main job, over HTTP, with the real `git`, in containers and as processes: a push becomes revisions, runs and statuses; exactly, after each step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from tests.e2e.service import SUCCESS, Hosted, Service
from tests.e2e.texts import DOCKER, ON_PUSH, PROCESS, log, script
from tests.runners.images import Images

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("e2e-loop")]

AUTHOR = "Ada <ada@example.com>"
SHOP = "shop.floor"
Expected = tuple[str, int, str]  #: flow, revision, change


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("loop") / "data") as service:
        yield service


class Story:
    """The shop's repository, and what is expected of it after each push."""

    def __init__(self, hosted: Hosted) -> None:
        self.hosted, self.service = hosted, hosted.service
        self.revisions: dict[str, list[dict[str, Any]]] = {}
        self.day = 0

    def push(self, message: str, force: bool = False) -> tuple[str, ...]:
        """Commits on a day of its own and pushes; what the pusher was told."""
        self.day += 1
        self.hosted.tree.commit(message, date=self.date)
        pushed = self.hosted.push(force=force)
        assert pushed.ok, pushed.stderr
        return pushed.remote

    @property
    def date(self) -> str:
        return f"2026-01-{self.day:02}T03:04:05Z"

    @property
    def iso(self) -> str:
        return f"2026-01-{self.day:02}T03:04:05.000000Z"

    def expect(self, message: str, changes: list[Expected], flows: tuple[str, str], runs: Mapping[str, int], problems: list[dict[str, Any]]) -> None:
        """The commit, the revisions of every flow, and what is live. `runs` are the flows that ran, with their revisions, those of changed files first."""
        sha = self.hosted.tree.head
        commit = self.hosted.settled()
        assert masked(commit) == {
            "sha": sha,
            "ref": "refs/heads/main",
            "state": "applied",
            "generation": 1,
            "message": f"{message}\n",
            "author": AUTHOR,
            "date": self.iso,
            "repository": self.hosted.name,
            "flows": [{"namespace": SHOP, "id": id, "revision": revision, "path": f".flows/{id}.yml", "change": change} for id, revision, change in changes],
            "problems": problems,
            "statuses": self._statuses(sha, flows, runs),
            "executions": [{"id": f"<{id}>", "namespace": SHOP, "flow_id": id, "state": SUCCESS} for id in runs],
        }
        for change in changes:
            self._remember(sha, *change)
        for id, expected in self.revisions.items():
            found = self.service.get(f"/flows/{SHOP}/{id}/revisions")
            assert [{**one, "created": moment(one["created"])} for one in found] == expected
        live = {id: revisions[-1]["revision"] for id, revisions in self.revisions.items() if not revisions[-1]["deleted"]}
        assert {flow["id"]: flow["revision"] for flow in self.service.get(f"/flows/{SHOP}")} == live
        for execution in commit["executions"]:
            run = self.service.execution(execution["id"])
            assert (run["flowRevision"], run["commit"]["sha"]) == (runs[run["flowId"]], sha)

    def _statuses(self, sha: str, flows: tuple[str, str], runs: Mapping[str, int]) -> list[dict[str, Any]]:
        page = f"{self.service.url}/commits/{self.hosted.name}/{sha}"
        wanted = {f"headgate/{SHOP}.{id}": ("success", f"SUCCESS · revision {revision} · N s", f"<{id}>") for id, revision in runs.items()}
        wanted["headgate/flows"] = (*flows, page)
        wanted["headgate/runs"] = ("success", f"{len(runs)} executions: {len(runs)} SUCCESS", page)
        return [
            {"context": context, "state": state, "description": text, "target_url": url, "updated_at": "<moment>", "error": None}
            for context, (state, text, url) in sorted(wanted.items())
        ]

    def _remember(self, sha: str, id: str, revision: int, change: str) -> None:
        path, gone = f".flows/{id}.yml", change == "deleted"
        self.revisions.setdefault(id, []).append(
            {
                "namespace": SHOP,
                "id": id,
                "revision": revision,
                "commit": sha,
                "path": path,
                "blob": self.revisions[id][-1]["blob"] if gone else self.hosted.tree.git("rev-parse", f"{sha}:{path}"),
                "author": AUTHOR,
                "date": self.iso,
                "created": "<moment>",
                "deleted": gone,
                "source": "" if gone else (self.hosted.tree.path / path).read_text(),
            }
        )


def moment(text: str) -> str:
    """A stand-in for a time, if it is one."""
    assert datetime.fromisoformat(text).tzinfo is not None
    return "<moment>"


def masked(commit: dict[str, Any]) -> dict[str, Any]:
    """A commit, with stand-ins for what no test can know: ids, times, durations. Everything else must be exact."""
    names = {execution["id"]: f"<{execution['flow_id']}>" for execution in commit["executions"]}
    assert all(re.fullmatch(r"[0-9A-Za-z]{22}", id) for id in names)
    return {
        **commit,
        "statuses": [
            {
                **status,
                "description": re.sub(r"\d+\.\d s$", "N s", status["description"]),
                "target_url": names.get(status["target_url"].rpartition("/executions/")[2], status["target_url"]),
                "updated_at": moment(status["updated_at"]),
            }
            for status in commit["statuses"]
        ],
        "executions": [{**execution, "id": names[execution["id"]]} for execution in commit["executions"]],
    }


def test_a_push_becomes_revisions_runs_and_statuses_step_by_step(service: Service, docker_images: Images):
    story = Story(service.host("shop"))
    tree = story.hosted.tree
    pack = script("pack", SHOP, 'echo "pack $(cat stock.txt)"', ON_PUSH, image=docker_images.plain)
    ship = script("ship", SHOP, 'echo "ship $(cat stock.txt)"\necho \'::{"outputs": {"n": 3}}::\'', ON_PUSH)
    tree.write(".flows/hello.yml", log("hello", SHOP, "open at {{ flow.revision }}", ON_PUSH)).write(".flows/pack.yml", pack).write(".flows/ship.yml", ship)
    tree.write("stock.txt", "12 chairs")

    told = story.push("Open the shop")
    first = tree.head
    assert [line for line in told if "http" not in line] == [
        "headgate: created shop.floor.hello revision 1 (.flows/hello.yml)",
        "headgate: created shop.floor.pack revision 1 (.flows/pack.yml)",
        "headgate: created shop.floor.ship revision 1 (.flows/ship.yml)",
        "headgate: flows success: flows: 3 created",
    ]
    assert told[-1] == f"headgate: {service.url}/commits/shop/{first}"
    everything = {"hello": 1, "pack": 1, "ship": 1}
    story.expect("Open the shop", [(id, 1, "created") for id in everything], ("success", "flows: 3 created"), everything, [])
    where = {run["flow_id"]: service.execution(run["id"]) for run in story.hosted.settled()["executions"]}
    runners = {id: (run["taskRunList"][0]["outputs"].get("taskRunner") or {}).get("type") for id, run in where.items()}
    assert runners == {"hello": None, "pack": DOCKER, "ship": PROCESS}
    assert {id: service.lines(run["id"]) for id, run in where.items()} == {"hello": ["open at 1"], "pack": ["pack 12 chairs"], "ship": ["ship 12 chairs"]}
    assert where["ship"]["taskRunList"][0]["outputs"]["vars"] == {"n": 3}

    tree.write(".flows/ship.yml", ship.replace("shell.Script", "shell.Skript")).write("stock.txt", "11 chairs")
    told = story.push("Break shipping")
    problem = {
        "code": "HG-0220",
        "severity": "error",
        "path": ".flows/ship.yml",
        "line": 5,
        "column": 11,
        "message": "unknown task type `io.kestra.plugin.scripts.shell.Skript`",
        "hint": "did you mean `io.kestra.plugin.scripts.shell.Script`?",
    }
    assert any(line.startswith(".flows/ship.yml:5:11: error HG-") for line in told), told
    story.expect("Break shipping", [], ("failure", ".flows/ship.yml:5:11: unknown task type `io.kestra.plugin.scripts.shell.Skript`"), everything, [problem])

    tree.write(".flows/ship.yml", ship.replace("ship $", "send $"))
    assert "headgate: updated shop.floor.ship revision 2 (.flows/ship.yml)" in story.push("Mend shipping")
    story.expect("Mend shipping", [("ship", 2, "updated")], ("success", "flows: 1 updated"), {"ship": 2, "hello": 1, "pack": 1}, [])

    tree.reset(first).write(".flows/hello.yml", log("hello", SHOP, "another past", ON_PUSH))
    story.push("Another past", force=True)
    changes = [("hello", 2, "updated"), ("ship", 3, "updated")]
    story.expect("Another past", changes, ("success", "flows: 2 updated"), {"hello": 2, "ship": 3, "pack": 1}, [])

    tree.remove(".flows/hello.yml")
    assert "headgate: deleted shop.floor.hello (.flows/hello.yml)" in story.push("Say no more")
    story.expect("Say no more", [("hello", 3, "deleted")], ("success", "flows: 1 deleted"), {"pack": 1, "ship": 3}, [])
    service.get(f"/flows/{SHOP}/hello", 404)
