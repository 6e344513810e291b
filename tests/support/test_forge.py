"""The forge of the tests behaves as GitHub does where the service can tell the difference."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import httpx2
import pytest

from tests.support.forge import Forge
from tests.support.forge_api import BAD_GATEWAY, LOST_ANSWER, RESET, hanging, limited
from tests.support.repo import ZERO, Repo, remote_refs
from webhooks import github
from webhooks.change import Ping, Push, TagPush

SECRET = "s" * 32


class Receiver:
    """Takes deliveries and answers 202."""

    def __init__(self):
        self.got: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Take(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(202)
                self.end_headers()

            def log_message(self, format, *arguments):
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks/x"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def pushes(self):
        return [json.loads(body) for headers, body in self.got if headers["x-github-event"] == "push"]

    def ids(self):
        return [headers["x-github-delivery"] for headers, _ in self.got if headers["x-github-event"] == "push"]


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def forge(tmp_path):
    with Forge(tmp_path) as made:
        made.create("acme/demo")
        yield made


@pytest.fixture
def repo(tmp_path):
    return Repo(tmp_path / "tree").write("README", "hello\n").commit("first")


def post(forge, sha, token=None, path="acme/demo", **status):
    headers = {"authorization": f"Bearer {token or forge.token}"}
    return httpx2.post(f"{forge.api_url}/repos/{path}/statuses/{sha}", json=status, headers=headers, trust_env=False, timeout=5.0)


def test_a_push_arrives_in_a_real_repository(forge, repo, tmp_path):
    assert forge.push(repo, "acme/demo").pushed.ok
    assert forge.refs("acme/demo") == {"refs/heads/main": repo.head}
    assert Repo.clone(forge.clone_url("acme/demo", forge.token), tmp_path / "clone").head == repo.head


def test_a_large_push_goes_through_too(forge, repo):
    # More than git's post buffer: the body comes in chunks.
    noise = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(60_000))
    assert forge.push(repo.write("noise", noise).commit(), "acme/demo").pushed.ok


def test_git_needs_a_token_that_may(forge, repo, tmp_path):
    forge.push(repo, "acme/demo")
    for token in (None, "wrong"):
        assert not repo.push(forge.clone_url("acme/demo", token)).ok
    assert remote_refs(forge.clone_url("acme/demo", forge.read_token), tmp_path)
    assert not repo.commit().push(forge.clone_url("acme/demo", forge.read_token)).ok


def test_a_public_repository_is_read_by_anybody(forge, tmp_path):
    url = forge.create("acme/open", private=False)
    assert remote_refs(url, tmp_path) == {}
    assert not Repo(tmp_path / "other").commit().push(url).ok


def test_a_push_is_told_with_a_right_signature(forge, repo, receiver):
    forge.add_hook("acme/demo", receiver.url, SECRET)
    first = repo.head
    told = forge.push(repo, "acme/demo")
    forge.push(repo.commit("second"), "acme/demo")
    assert told.answers == (202,)
    headers, body = receiver.got[1]
    assert headers["x-hub-signature-256"] == "sha256=" + hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    assert [(p["ref"], p["before"], p["after"], p["created"], p["forced"]) for p in receiver.pushes()] == [
        ("refs/heads/main", ZERO, first, True, False),
        ("refs/heads/main", first, repo.head, False, False),
    ]
    assert receiver.got[0][0]["x-github-event"] == "ping"


def test_force_delete_and_tag_are_told_as_github_tells_them(forge, repo, receiver):
    forge.add_hook("acme/demo", receiver.url, SECRET)
    forge.push(repo, "acme/demo")
    forge.push(repo.write("README", "other").commit(amend=True), "acme/demo", force=True)
    forge.push(repo, "acme/demo", branch="gone")
    forge.push(repo, "acme/demo", branch="gone", delete=True)
    forge.push(repo.tag("v1"), "acme/demo", tag="v1")
    told = [(push["ref"], push["created"], push["deleted"], push["forced"]) for push in receiver.pushes()]
    assert told[1:] == [
        ("refs/heads/main", False, False, True),
        ("refs/heads/gone", True, False, False),
        ("refs/heads/gone", False, True, False),
        ("refs/tags/v1", True, False, False),
    ]


@pytest.mark.parametrize("form", [False, True])
def test_our_own_reader_understands_every_delivery(forge, repo, receiver, form):
    forge.add_hook("acme/demo", receiver.url, SECRET, form=form)
    forge.push(repo, "acme/demo")
    forge.push(repo.tag("v1"), "acme/demo", tag="v1")
    forge.push(repo, "acme/demo", delete=True, branch="gone")
    changes = []
    for headers, body in receiver.got:
        github.authentic(headers, body, [SECRET])
        changes.append(github.read(headers, body))
    sender = {"repository_id": "1000000", "sender": "ada"}
    assert changes == [
        Ping("1000000"),
        Push(ref="refs/heads/main", before=None, after=repo.head, **sender),
        TagPush(ref="refs/tags/v1", before=None, after=repo.head, **sender),
    ]


def test_a_form_hook_sends_the_same_in_a_field(forge, repo, receiver):
    forge.add_hook("acme/demo", receiver.url, SECRET, form=True)
    forge.push(repo, "acme/demo")
    headers, body = receiver.got[1]
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert json.loads(parse_qs(body.decode())["payload"][0])["after"] == repo.head


def test_deliveries_get_lost_doubled_repeated_replayed_and_late(forge, repo, receiver):
    forge.add_hook("acme/demo", receiver.url, SECRET)
    lost = forge.push(repo, "acme/demo", drop=True)
    assert (lost.answers, receiver.pushes()) == ((), [])
    twice = forge.push(repo.commit(), "acme/demo", times=2)
    assert receiver.ids() == [twice.deliveries[0].id] * 2
    forge.redeliver(twice.deliveries[0])
    assert receiver.ids() == [twice.deliveries[0].id] * 3
    forge.replay(twice.deliveries[0])
    assert receiver.ids()[-1] != twice.deliveries[0].id
    late = forge.push(repo.commit(), "acme/demo", delay=0.3)
    soon = forge.push(repo.commit(), "acme/demo")
    while len(receiver.ids()) < 6:
        time.sleep(0.01)
    assert receiver.ids()[-2:] == [soon.deliveries[0].id, late.deliveries[0].id]


def test_a_wrong_signature_is_wrong(forge, repo, receiver):
    forge.add_hook("acme/demo", receiver.url, SECRET)
    forge.push(repo, "acme/demo", secret="another")
    headers, body = receiver.got[-1]
    assert headers["x-hub-signature-256"] != "sha256=" + hmac.new(SECRET.encode(), body, "sha256").hexdigest()


def test_nobody_at_home_is_a_status_of_zero(forge, repo):
    forge.add_hook("acme/demo", "http://127.0.0.1:9/hooks/x", SECRET)
    assert forge.push(repo, "acme/demo").answers == (0,)


def test_the_newest_status_of_a_context_counts(forge, repo):
    forge.push(repo, "acme/demo")
    for state in ("pending", "success"):
        assert post(forge, repo.head, state=state, context="headgate/flows", description=state).status_code == 201
    assert forge.statuses(repo.head)["headgate/flows"]["state"] == "success"
    assert [status["state"] for status in forge.history(repo.head)] == ["pending", "success"]
    assert forge.wait_for(repo.head, "headgate/flows", "success")["description"] == "success"


def test_the_combined_state_is_the_worst(forge, repo):
    forge.push(repo, "acme/demo")
    url, headers = f"{forge.api_url}/repos/acme/demo/commits/{repo.head}/status", {"authorization": f"token {forge.token}"}

    def combined():
        return httpx2.get(url, headers=headers, trust_env=False).json()["state"]

    states = [combined()]
    for context, state in (("a", "success"), ("b", "pending"), ("c", "error"), ("c", "success"), ("b", "success")):
        post(forge, repo.head, state=state, context=context)
        states.append(combined())
    assert states == ["pending", "success", "pending", "failure", "pending", "success"]


@pytest.mark.parametrize(
    ("status", "wrong"),
    [
        ({"state": "done"}, "state"),
        ({}, "state"),
        ({"state": "success", "description": "x" * 141}, "description"),
        ({"state": "success", "context": "x" * 256}, "context"),
        ({"state": "success", "target_url": "ftp://x"}, "target_url"),
    ],
)
def test_a_status_that_github_would_refuse_is_refused(forge, repo, status, wrong):
    forge.push(repo, "acme/demo")
    answer = post(forge, repo.head, **status)
    assert answer.status_code == 422
    assert wrong in answer.json()["message"]


def test_calls_without_the_right_to_are_refused_and_recorded(forge, repo):
    forge.push(repo, "acme/demo")
    assert post(forge, repo.head, token="wrong", state="success").status_code == 401
    assert post(forge, repo.head, token=forge.read_token, state="success").status_code == 403
    assert post(forge, repo.head, path="acme/none", state="success").status_code == 404
    assert post(forge, "f" * 40, state="success").status_code == 422
    assert [(call.status, call.token) for call in forge.calls] == [(401, "wrong"), (403, forge.read_token), (404, forge.token), (422, forge.token)]


def test_a_context_takes_a_thousand_statuses(forge, repo):
    forge.push(repo, "acme/demo")
    post(forge, repo.head, state="pending", context="Many")
    forge._api._statuses *= 1000
    assert post(forge, repo.head, state="success", context="many").status_code == 422
    assert post(forge, repo.head, state="success", context="other").status_code == 201


def test_failures_come_by_script_and_then_no_more(forge, repo):
    forge.push(repo, "acme/demo")
    forge.fail_next(BAD_GATEWAY, limited(7), limited(8, 403), RESET, hanging(0.05), LOST_ANSWER)
    assert post(forge, repo.head, state="success").status_code == 502
    for status, seconds in ((429, "7"), (403, "8")):
        answer = post(forge, repo.head, state="success")
        assert (answer.status_code, answer.headers["retry-after"]) == (status, seconds)
    for _ in range(2):
        with pytest.raises(httpx2.TransportError):
            post(forge, repo.head, state="success")
    assert forge.history(repo.head) == []
    with pytest.raises(httpx2.TransportError):
        post(forge, repo.head, state="pending")
    assert post(forge, repo.head, state="success").status_code == 201
    assert [status["state"] for status in forge.history(repo.head)] == ["pending", "success"]


def test_a_hanging_call_does_not_hold_up_the_end(tmp_path):
    with Forge(tmp_path) as forge:
        forge.create("acme/demo")
        forge.fail_next(hanging(60.0))
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(f"{forge.api_url}/repos/acme/demo/statuses/{ZERO}", json={}, timeout=0.1, trust_env=False)
        before = time.monotonic()
    assert time.monotonic() - before < 5
