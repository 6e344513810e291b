"""The answers of a forge, read as what to do next."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate

import pytest

from service.errors import Unavailable
from service.forges import Access, Later, Refused, Sent, backoff
from service.forges.sender import HttpSender
from tests.support.forge import Forge
from tests.support.forge_api import hanging
from tests.support.loopback import Handler, Server
from tests.support.repo import Repo
from webhooks import github
from webhooks.report import Report, ReportState, Request, Target

NOW = 1_700_000_000.0


@dataclass
class Script:
    """One answer for everything, and what came in."""

    status: int = 201
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    got: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def says(self, status: int, message: str = "", **headers: str) -> Script:
        self.status, self.body = status, json.dumps({"message": message}).encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self


@pytest.fixture
def far():
    """The other side of a call, told what to say."""
    script = Script()

    class Says(Handler):
        def respond(self):
            with self.body() as body:
                script.got.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body.read()))
            self.answer(script.status, script.headers.items(), script.body)

    server = Server(Says)
    server.start()
    script.url = server.url
    yield script
    server.stop()


@pytest.fixture
def sender():
    made = HttpSender(lambda: NOW, seconds=2.0)
    yield made
    made.close()


def access(token="ghp_secret", allow_private=True):
    return Access("demo", token, allow_private)


def send(sender, far, path="/x", by=None):
    return sender.send(Request("POST", f"{far.url}{path}", {"accept": "application/json"}, {"state": "success"}), by or access())


def test_a_call_carries_the_token_and_who_we_are(sender, far):
    assert send(sender, far) == Sent()
    method, path, headers, body = far.got[0]
    assert (method, path, json.loads(body)) == ("POST", "/x", {"state": "success"})
    assert headers["authorization"] == "Bearer ghp_secret"
    assert headers["user-agent"] == "headgate"
    assert headers["accept"] == "application/json"
    assert headers["content-type"] == "application/json"


def test_without_a_token_there_is_no_authorization(sender, far):
    send(sender, far, by=Access("demo", None, True))
    assert "authorization" not in far.got[0][2]


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry_after": "60"}, 60.0),
        (403, {"retry_after": "60"}, 60.0),
        (429, {"retry_after": "0"}, 1.0),
        (429, {"retry_after": formatdate(NOW + 90, usegmt=True)}, 90.0),
        (429, {"retry_after": formatdate(NOW - 90, usegmt=True)}, 1.0),
        (429, {"retry_after": "9999999999"}, 6 * 3600.0),
        (429, {"retry_after": "soon"}, 60.0),
        (429, {}, 60.0),
        (403, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(int(NOW) + 120)}, 120.0),
        (429, {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "?"}, 60.0),
        (429, {"x_ratelimit_remaining": "10", "x_ratelimit_reset": str(int(NOW) + 120)}, 60.0),
        (429, {"retry_after": "5", "x_ratelimit_remaining": "0", "x_ratelimit_reset": str(int(NOW) + 120)}, 5.0),
        (503, {"retry_after": "30"}, 30.0),
        (500, {}, None),
        (502, {}, None),
        (504, {}, None),
        (408, {}, None),
        (409, {}, None),
    ],
)
def test_what_passes_is_tried_later(sender, far, status, headers, seconds):
    answer = send(sender, far.says(status, **headers))
    assert isinstance(answer, Later)
    assert answer.seconds == (None if seconds is None else pytest.approx(seconds, abs=1.0))
    assert f"({status})" in answer.reason


def test_a_limit_may_be_said_in_words_alone(sender, far):
    answer = send(sender, far.says(403, "You have exceeded a secondary rate limit and have been temporarily blocked"))
    assert isinstance(answer, Later)
    assert answer.seconds == 60.0


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "refuses the call for repository demo (400): Bad thing"),
        (401, "the token of repository demo is refused by 127.0.0.1: give a valid one (401): Bad thing"),
        (403, "needs the right to write commit statuses (403): Bad thing"),
        (404, "127.0.0.1 does not know repository demo, or its token may not see it (404): Bad thing"),
        (410, "refuses the call for repository demo (410): Bad thing"),
        (422, "takes no such status for repository demo (422): Bad thing"),
    ],
)
def test_what_stays_is_for_a_person(sender, far, status, said):
    answer = send(sender, far.says(status, "Bad thing"))
    assert isinstance(answer, Refused)
    assert answer.status == status
    assert said in answer.reason


def test_a_forges_words_are_cleaned_before_they_are_repeated(sender, far):
    answer = send(sender, far.says(422, "ghp_secret \x1b[31m\n" + "x" * 5000))
    assert isinstance(answer, Refused)
    assert "ghp_secret" not in answer.reason
    assert answer.reason.isprintable()
    assert len(answer.reason) < 400


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[1]", b'{"message": 7}', b"[" * 60_000, b"x" * 1_000_000])
def test_any_body_will_do(sender, far, body):
    far.status, far.body = 422, body
    assert isinstance(send(sender, far), Refused)
    far.status = 201
    assert send(sender, far) == Sent()


# Redirects


def test_a_renamed_repository_is_followed_on_the_same_host(tmp_path, sender):
    class Moved(Handler):
        def respond(self):
            with self.body() as body:
                seen.append((self.command, self.path, self.headers["Authorization"], body.read()))
            if self.path == "/old":
                self.answer(307, (("Location", "/new"),), b"")
            else:
                self.answer(201, (), b"{}")

    seen: list[tuple[str, str, str, bytes]] = []
    server = Server(Moved)
    server.start()
    assert sender.send(Request("POST", f"{server.url}/old", {}, {"a": 1}), access()) == Sent()
    server.stop()
    assert [(method, path, token, json.loads(body)) for method, path, token, body in seen] == [
        ("POST", "/old", "Bearer ghp_secret", {"a": 1}),
        ("POST", "/new", "Bearer ghp_secret", {"a": 1}),
    ]


@pytest.mark.parametrize("location", ["http://localhost:1/x", "https://127.0.0.1/x", "//evil.example.com/x", "file:///etc/passwd", "http://[", ""])
def test_another_host_never_gets_the_token(sender, far, location):
    answer = send(sender, far.says(301, location=location) if location else far.says(308, location="http://u:p@127.0.0.2/"))
    assert isinstance(answer, Refused)
    assert "--api-url" in answer.reason
    assert len(far.got) == 1


def test_a_circle_of_redirects_ends(sender, far):
    answer = send(sender, far.says(302, location="/x"))
    assert isinstance(answer, Refused)
    assert len(far.got) == 4


# Where we connect to


def test_a_private_address_is_refused_unless_allowed(sender, far):
    for url in (far.url, far.url.replace("127.0.0.1", "localhost")):
        answer = sender.send(Request("POST", f"{url}/x", {}, {}), Access("demo", None))
        assert isinstance(answer, Refused)
        assert "--allow-private" in answer.reason
    assert far.got == []


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "0.0.0.0", "[::ffff:169.254.169.254]"])
def test_metadata_services_are_refused_always(sender, host):
    answer = sender.send(Request("POST", f"http://{host}/latest/api/token", {}, {}), access())
    assert isinstance(answer, Refused)
    assert "never" in answer.reason


def test_a_token_does_not_go_in_clear_text_over_public_networks(sender):
    answer = sender.send(Request("POST", "http://forge.example.com/x", {}, {}), access(allow_private=False))
    assert isinstance(answer, Refused)
    assert "https" in answer.reason
    assert "ghp_secret" not in answer.reason


@pytest.mark.parametrize("token", ["a\nb", "ü", "a b", "\ud800"])
def test_a_token_that_can_be_none_is_refused_here(sender, far, token):
    answer = send(sender, far, by=access(token))
    assert isinstance(answer, Refused)
    assert far.got == []


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch, far):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    sender = HttpSender(lambda: NOW)
    assert send(sender, far) == Sent()
    sender.close()


def test_an_unknown_name_is_tried_later():
    def nobody(host: str, port: int):
        raise Unavailable(f"the name {host} can't be resolved")

    sender = HttpSender(lambda: NOW, resolve=nobody)
    assert sender.send(Request("POST", "https://forge.test/x", {}, {}), access()) == Later(None, "the name forge.test can't be resolved")
    sender.close()


@pytest.mark.parametrize("url", ["", "/x", "https://", "ftp://forge.test/x", "https://forge.test:99999/x", "https://u:p@forge.test/x", "https://a\x00b/x"])
def test_what_is_no_web_address_is_refused(sender, url):
    assert isinstance(sender.send(Request("POST", url, {}, {}), access()), Refused)


def test_nobody_at_the_port_is_tried_later(sender):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answer = sender.send(Request("POST", f"http://127.0.0.1:{port}/x", {}, {}), access())
    assert isinstance(answer, Later)
    assert answer.seconds is None


# Time


def drip(pieces: list[bytes], every: float):
    """A server that sends its pieces one at a time. Gives its URL and a function to end it."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            for piece in pieces:
                if stop.wait(every):
                    return
                connection.sendall(piece)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    def end():
        stop.set()
        thread.join()
        listener.close()

    return f"http://127.0.0.1:{listener.getsockname()[1]}/x", end


def test_an_answer_that_drips_ends_with_the_deadline():
    url, end = drip([b"HTTP/1.1 201 Created\r\n", *([b"X-A: b\r\n"] * 100)], every=0.1)
    sender = HttpSender(lambda: NOW, seconds=0.5)
    start = time.monotonic()
    answer = sender.send(Request("POST", url, {}, {}), access())
    sender.close()
    end()
    assert isinstance(answer, Later)
    assert "within 0.5 s" in answer.reason
    assert time.monotonic() - start < 2.0


def test_a_status_counts_even_if_its_body_never_ends():
    url, end = drip([b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n", *([b"x"] * 100)], every=0.1)
    sender = HttpSender(lambda: NOW, seconds=0.5)
    assert sender.send(Request("POST", url, {}, {}), access()) == Sent()
    sender.close()
    end()


def test_an_answer_that_is_no_http_is_tried_later():
    url, end = drip([b"SSH-2.0-OpenSSH_9.2\r\n"], every=0.0)
    sender = HttpSender(lambda: NOW, seconds=2.0)
    answer = sender.send(Request("POST", url, {}, {}), access())
    sender.close()
    end()
    assert isinstance(answer, Later)


def test_a_forge_that_hangs_is_tried_later_and_its_status_arrives_then(tmp_path):
    with Forge(tmp_path) as forge:
        forge.create("acme/demo")
        repo = Repo(tmp_path / "tree").commit()
        forge.push(repo, "acme/demo")
        forge.fail_next(hanging())
        sender = HttpSender(time.time, seconds=0.4)
        (request,) = github.requests_for(Report(repo.head, "c", ReportState.SUCCESS, "d" * 200, "https://x"), Target(forge.api_url, "acme/demo"))
        assert isinstance(sender.send(request, Access("demo", forge.token, True)), Later)
        assert sender.send(request, Access("demo", forge.token, True)) == Sent()
        assert isinstance(sender.send(request, Access("demo", forge.read_token, True)), Refused)
        sender.close()
        assert forge.statuses(repo.head)["c"]["state"] == "success"


# Back-off


def test_waits_double_up_to_ten_minutes():
    assert [backoff(tries, 1.0) for tries in (0, 1, 2, 3, 9, 10, 10**9)] == [2.0, 2.0, 4.0, 8.0, 512.0, 600.0, 600.0]


def test_jitter_moves_the_upper_half():
    assert (backoff(3, 0.0), backoff(3, 0.5), backoff(3, 1.0)) == (4.0, 6.0, 8.0)
