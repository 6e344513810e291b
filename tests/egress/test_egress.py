"""Calls in the name of a flow reach what they may, and nothing else; none lasts longer or brings more than is allowed."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from runners.egress import resolve
from runners.protocol import Egress
from service.egress import LARGEST, Answer, Web
from service.errors import Forbidden, Invalid, ServiceError, TooLarge, Unavailable
from tests.support.loopback import Handler, Server

HERE = "127.0.0.1"
METADATA = "169.254.169.254"
PACKED = {"fine": ("gzip", gzip.compress(b"unpacked")), "bomb": ("GZIP", gzip.compress(b"x" * 20_000_000)), "odd": ("gzip", b"odd"), "br": ("br", b"odd")}


class Far(Handler):
    """A server that also misbehaves, by path."""

    def respond(self) -> None:
        with self.body() as body:
            sent = body.read()
        path, _, more = self.path.partition("?")
        match path:
            case "/to":
                self.answer(302, [("Location", more), ("Set-Cookie", "seen=1; Path=/")], b"")
            case "/loop":
                self.answer(307, [("Location", "/loop")], b"")
            case "/status":
                self.answer(int(more), [("Content-Type", "text/plain; charset=latin-1")], "é".encode("latin-1"))
            case "/large":
                self.answer(200, [], b"x" * int(more))
            case "/packed":
                encoding, content = PACKED[more]
                self.answer(200, [("Content-Encoding", encoding)], content)
            case "/endless":
                self._endless(b"x" * 65_536, 0.0)
            case "/slow":
                self._endless(b"x", 0.05)
            case "/hang":
                self.hang(30)
            case "/reset":
                self.reset()
            case _:
                lines = [f"{self.command} {self.path}", *(f"{name.lower()}: {value}" for name, value in self.headers.items()), sent.decode()]
                self.answer(200, [("Content-Type", "Text/Plain")], "\n".join(lines).encode())

    def _endless(self, part: bytes, pause: float) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not self.server.stopping.wait(pause):
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")


@pytest.fixture
def far() -> Iterator[Server]:
    server = Server(Far)
    server.start()
    yield server
    server.stop()


@contextmanager
def web(allow_private: bool = True, own_port: int | None = None, **options: Any) -> Iterator[Web]:
    made = Web(Egress(allow_private, own_port), **options)
    yield made
    made.close()


def names(**addresses: Sequence[str]) -> Any:
    """A resolver that knows these names, and else what the system knows."""
    return lambda host, port: addresses.get(host) or resolve(host, port)


def get(web: Web, url: str, *, follow: bool = True, seconds: float = 5.0) -> Answer:
    return web.call("GET", url, {}, None, follow=follow, seconds=seconds)


def test_a_call_says_what_it_is_told_to(far: Server) -> None:
    with web() as client:
        answer = client.call("POST", f"{far.url}/a?b=1", {"x-a": "b", "content-type": "text/css"}, "é", follow=True, seconds=5)
    first, *lines = answer.body.split("\n")
    assert (answer.status, answer.type, first, lines[-1]) == (200, "text/plain", "POST /a?b=1", "é")
    assert {"x-a: b", "content-type: text/css", "user-agent: headgate", "accept-encoding: identity", "content-length: 2"} <= set(lines)


@pytest.mark.parametrize("status", [201, 304, 404, 500, 503])
def test_every_status_is_an_answer(far: Server, status: int) -> None:
    with web() as client:
        assert get(client, f"{far.url}/status?{status}").status == status


def test_text_is_read_by_its_charset(far: Server) -> None:
    with web() as client:
        assert get(client, f"{far.url}/status?200").body == "é"


def test_redirects_are_followed_where_they_may_be(far: Server) -> None:
    with web() as client:
        assert get(client, f"{far.url}/to?/end").body.startswith("GET /end")
        assert get(client, f"{far.url}/to?/end", follow=False).status == 302
        with pytest.raises(Unavailable, match=f"{HERE} redirects more than 3 times"):
            get(client, f"{far.url}/loop")


def test_no_cookie_is_kept(far: Server) -> None:
    with web() as client:
        assert "cookie" not in get(client, f"{far.url}/to?/end").body
        assert "cookie" not in get(client, f"{far.url}/end").body


@pytest.mark.parametrize(
    "target", [f"http://{METADATA}/latest", "http://[fd00:ec2::254]/", "http://metadata/", "http://[::ffff:169.254.169.254]/", "http://0.0.0.0/"]
)
@pytest.mark.parametrize("hops", [0, 1, 3])
def test_addresses_that_hand_out_credentials_are_never_called(far: Server, target: str, hops: int) -> None:
    url = f"{far.url}/to?" * hops + target
    with web(resolve=names(metadata=[METADATA])) as client, pytest.raises(Forbidden, match="never connected to"):
        get(client, url)


def test_one_bad_address_of_many_refuses_the_name(far: Server) -> None:
    port = far.server_address[1]
    with web(resolve=names(both=[HERE, METADATA])) as client, pytest.raises(Forbidden):
        get(client, f"http://both:{port}/")


def test_the_checked_address_is_the_one_that_is_called(far: Server) -> None:
    port, asked = far.server_address[1], []

    def changing(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return [HERE] if len(asked) == 1 else [METADATA]

    with web(resolve=changing) as client:
        assert get(client, f"http://rebound:{port}/").status == 200
        assert asked == ["rebound"]


def test_private_addresses_are_a_setting(far: Server) -> None:
    with web(allow_private=False) as client:
        for url in (far.url, f"http://localhost:{far.server_address[1]}", "http://10.0.0.1", "http://[::1]", "http://2130706433"):
            with pytest.raises(Forbidden, match=r"an address of a private network \(see the setting `private_addresses`\)"):
                get(client, url)


def own_address() -> str:
    """An address of this machine that is not loopback's, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return HERE
        return str(probe.getsockname()[0])


def test_the_service_does_not_call_itself(far: Server) -> None:
    port = far.server_address[1]
    with web(own_port=port, resolve=names(me=[HERE])) as client:
        for host in (HERE, "localhost", "127.8.8.8", "[::ffff:127.0.0.1]", "me", own_address()):
            with pytest.raises(Forbidden, match="is this service itself"):
                get(client, f"http://{host}:{port}/")
        other = Server(Far)
        other.start()
        try:
            with pytest.raises(Forbidden, match="is this service itself"):
                get(client, f"{other.url}/to?{far.url}/admin")
            assert get(client, f"{other.url}/fine").status == 200
        finally:
            other.stop()


@pytest.mark.parametrize("path", ["/hang", "/slow"])
def test_a_slow_answer_ends_with_the_deadline(far: Server, path: str) -> None:
    begun = time.monotonic()
    with web() as client, pytest.raises(Unavailable, match="did not answer in time"):
        get(client, far.url + path, seconds=0.3)
    assert time.monotonic() - begun < 3


def test_an_answer_is_read_up_to_its_cap(far: Server) -> None:
    with web() as client:
        assert len(get(client, f"{far.url}/large?{LARGEST}").body) == LARGEST
        for path in (f"/large?{LARGEST + 1}", "/endless"):
            with pytest.raises(TooLarge, match="larger than 1,000,000 bytes"):
                get(client, far.url + path)


def test_what_comes_packed_is_unpacked_no_further_than_the_cap(far: Server) -> None:
    with web() as client:
        assert get(client, f"{far.url}/packed?fine").body == "unpacked"
        with pytest.raises(TooLarge):
            get(client, f"{far.url}/packed?bomb")
        with pytest.raises(Unavailable, match="can't be unpacked"):
            get(client, f"{far.url}/packed?odd")
        with pytest.raises(Unavailable, match="in the encoding `br`"):
            get(client, f"{far.url}/packed?br")


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind((HERE, 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("url", "failure"),
    [
        ("{far}/reset", Unavailable),
        ("http://127.0.0.1:{closed}/", Unavailable),
        ("{far}/to?ftp://x/", Unavailable),
        ("{far}/to?http://[/", ServiceError),
        ("http://no-such-name.invalid/", Unavailable),
        (f"http://{HERE}:99999/", ServiceError),
        ("http://a b/", ServiceError),
        ("http://" + "a" * 300 + "/", ServiceError),
    ],
)
def test_what_goes_wrong_is_told(far: Server, url: str, failure: type[ServiceError]) -> None:
    with web() as client, pytest.raises(failure) as caught:
        get(client, url.replace("{far}", far.url).replace("{closed}", str(closed_port())))
    assert caught.value.message


@pytest.mark.parametrize("header", ["Content-Length", "transfer-encoding", "Connection", "upgrade"])
def test_headers_that_say_where_a_message_ends_are_ours(far: Server, header: str) -> None:
    with web() as client, pytest.raises(Invalid, match="is set by Headgate itself"):
        client.call("GET", far.url, {header: "1"}, None, follow=True, seconds=5)


@pytest.mark.parametrize("header", [{"x": "a\r\nb: c"}, {"x\r\ny": "a"}, {"x y": "a"}, {"x": "a\0b"}])
def test_headers_do_not_carry_other_headers(far: Server, header: dict[str, str]) -> None:
    with web() as client, pytest.raises((Invalid, Unavailable)):
        client.call("GET", far.url, header, None, follow=True, seconds=5)


def test_what_authorizes_is_not_sent_on_to_another_host(far: Server) -> None:
    port = far.server_address[1]
    with web(resolve=names(elsewhere=[HERE])) as client:
        answer = client.call("GET", f"{far.url}/to?http://elsewhere:{port}/x", {"authorization": "Bearer s3cr3t"}, None, follow=True, seconds=5)
    assert answer.body.startswith("GET /x")
    assert "s3cr3t" not in answer.body


def test_many_threads_call_at_once(far: Server) -> None:
    found: list[int] = []
    with web() as client:
        threads = [threading.Thread(target=lambda: found.append(get(client, far.url).status)) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert found == [200] * 30
