"""HTTP requests as tasks, by a real agent against a real server."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from runners.http import LARGEST
from runners.memory import MemoryService
from runners.protocol import Egress, Result
from tests.runners.far import Asked, job, with_tls
from tests.runners.playing import at_work, play, until

REQUEST = "Request"


@pytest.fixture
def far() -> Iterator[Asked]:
    server = Asked()
    server.start()
    yield server
    server.stop()


def ask(base: Path, uri: str, service: MemoryService | None = None, **spec):
    """The outcome of a request, which is to go well."""
    outcome, said = play(base, job(REQUEST, uri, **spec), service)
    assert outcome.result is Result.SUCCESS, (outcome.message, said)
    return outcome.outputs


def refused(base: Path, uri: str, **spec) -> str:
    """What is said of one that fails."""
    outcome, _ = play(base, job(REQUEST, uri, **spec))
    assert outcome.result is Result.FAILED
    assert outcome.message
    return outcome.message


def test_an_answer_is_an_output_with_all_its_keys(tmp_path: Path, far: Asked):
    outputs = ask(tmp_path, f"{far.url}/status?201")
    headers = outputs.pop("headers")
    assert outputs == {"uri": f"{far.url}/status?201", "code": 201, "body": "so\nit is", "encryptedBody": None, "formData": None}
    assert headers["X-Two"] == ["a", "b"]
    assert headers["Content-Length"] == ["8"]
    (method, _, sent, content) = far.asked[0]
    assert (method, sent["user-agent"], content) == ("GET", "headgate", b"")
    assert "content-type" not in sent


@pytest.mark.parametrize("method", ["GET", "post", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_is_sent_as_it_is_named(tmp_path: Path, far: Asked, method: str):
    assert ask(tmp_path, far.url, method=method)["body"] == "fine"
    assert far.asked[0][0] == method.upper()


def test_answers_without_a_body_have_none(tmp_path: Path, far: Asked):
    assert ask(tmp_path / "a", f"{far.url}/status?204")["body"] is None
    assert ask(tmp_path / "b", far.url, method="HEAD")["body"] is None
    assert ask(tmp_path / "c", f"{far.url}/large?0")["body"] == ""


@pytest.mark.parametrize(
    ("spec", "type", "sent"),
    [
        ({"body": '{"a": 1}'}, "application/json", b'{"a": 1}'),
        ({"body": {"a": [1, True, None, "é"]}}, "application/json", '{"a":[1,true,null,"é"]}'.encode()),
        ({"body": "a;b", "contentType": "text/csv"}, "text/csv", b"a;b"),
        ({"body": "é", "contentType": "text/plain", "options": {"defaultCharset": "ISO-8859-1"}}, "text/plain; charset=ISO-8859-1", b"\xe9"),
        ({"body": "<a/>", "headers": {"Content-Type": "text/xml"}}, "text/xml", b"<a/>"),
        ({"formData": {"a": "1 2", "b": ["x", "y"], "c": 3}}, "application/x-www-form-urlencoded", b"a=1+2&b=x&b=y&c=3"),
    ],
)
def test_bodies_are_sent_as_what_they_are(tmp_path: Path, far: Asked, spec: dict, type: str, sent: bytes):
    ask(tmp_path, far.url, method="POST", **spec)
    _, _, headers, content = far.asked[0]
    assert (headers["content-type"], content) == (type, sent)
    assert headers["content-length"] == str(len(sent))


def test_a_form_holds_files(tmp_path: Path, far: Asked):
    service = MemoryService()
    service.store("kestra:///x/day%201.csv", b"1,2\n" * 100_000)
    form = {
        "note": "é",
        "plain": "kestra:///x/day%201.csv",
        "named": {"name": "a.csv", "content": "kestra:///x/day%201.csv"},
        "own": {"name": "t", "content": "text"},
    }
    ask(tmp_path, far.url, service, method="POST", formData=form)
    _, _, headers, content = far.asked[0]
    assert headers["content-type"].startswith("multipart/form-data; boundary=")
    for part in ('name="note"\r\n\r\né\r\n', 'name="plain"; filename="day 1.csv"', 'name="named"; filename="a.csv"', 'name="own"; filename="t"'):
        assert part.encode() in content
    assert content.count(b"1,2\n" * 100_000) == 2
    assert b"\r\n\r\ntext\r\n" in content


def test_a_form_without_a_file_is_sent_in_parts_where_that_is_wanted(tmp_path: Path, far: Asked):
    ask(tmp_path, far.url, method="POST", formData={"a": "1"}, contentType="multipart/form-data")
    assert b'Content-Disposition: form-data; name="a"\r\n\r\n1\r\n' in far.asked[0][3]


def test_the_query_is_that_of_the_address_and_the_params(tmp_path: Path, far: Asked):
    outputs = ask(tmp_path, f"{far.url}/a b?x=1", params={"y": ["2", 3], "z": "ä&", "none": None})
    assert far.asked[0][1] == "/a%20b?x=1&y=2&y=3&z=%C3%A4%26"
    assert outputs["uri"] == f"{far.url}{far.asked[0][1]}"


def test_headers_are_sent_and_what_frames_a_message_is_not_theirs(tmp_path: Path, far: Asked):
    ask(tmp_path / "a", far.url, headers={"X-A": "1", "Accept": "text/csv", "User-Agent": "me", "X-N": 5})
    sent = far.asked[0][2]
    assert (sent["x-a"], sent["accept"], sent["user-agent"], sent["x-n"]) == ("1", "text/csv", "me", "5")
    assert "`Content-Length` is set by Headgate itself" in refused(tmp_path / "b", far.url, headers={"Content-Length": "1"})
    assert "can't be a header" in refused(tmp_path / "c", far.url, headers={"X": "a\r\nY: b"})
    assert len(far.asked) == 1


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        ({"auth": {"type": "BASIC", "username": "ann", "password": "a:b"}}, f"Basic {base64.b64encode(b'ann:a:b').decode()}"),
        ({"auth": {"type": "BEARER", "token": "t0ken"}}, "Bearer t0ken"),
        ({"basicAuthUser": "ann", "basicAuthPassword": "b"}, f"Basic {base64.b64encode(b'ann:b').decode()}"),
    ],
)
def test_who_calls_is_said(tmp_path: Path, far: Asked, auth: dict, sent: str):
    ask(tmp_path, far.url, options=auth)
    assert far.asked[0][2]["authorization"] == sent


def test_a_name_in_the_address_is_sent_as_a_login_and_not_told_again(tmp_path: Path, far: Asked):
    outputs = ask(tmp_path, far.url.replace("//", "//ann:b@"))
    assert far.asked[0][2]["authorization"] == f"Basic {base64.b64encode(b'ann:b').decode()}"
    assert outputs["uri"].rstrip("/") == far.url


def test_digest_answers_what_the_server_asks(tmp_path: Path, far: Asked):
    login = {"type": "DIGEST", "username": "ann"}
    assert ask(tmp_path / "a", f"{far.url}/digest", options={"auth": {**login, "password": far.password}})["body"] == "come in"
    assert "401" in refused(tmp_path / "b", f"{far.url}/digest", options={"auth": {**login, "password": "wrong"}})


@pytest.mark.parametrize("code", [400, 404, 500, 503])
def test_four_and_five_hundreds_fail_unless_they_are_allowed(tmp_path: Path, far: Asked, code: int):
    uri = f"{far.url}/status?{code}"
    outcome, _ = play(tmp_path / "a", job(REQUEST, uri))
    assert outcome.result is Result.FAILED
    assert outcome.message.startswith(f"GET {uri} failed with the response code {code} ")
    assert outcome.message.endswith(": so it is")
    assert (outcome.outputs["code"], outcome.outputs["body"]) == (code, "so\nit is")
    ways: list[dict] = [{"allowFailed": True}, {"options": {"allowFailed": True}}, {"options": {"allowedResponseCodes": [code]}}]
    for at, allowed in enumerate(ways):
        assert ask(tmp_path / str(at), uri, **allowed)["code"] == code
    assert str(code) in refused(tmp_path / "b", uri, options={"allowedResponseCodes": [418]})


@pytest.mark.parametrize(("code", "method", "body"), [(301, "GET", b""), (302, "GET", b""), (303, "GET", b""), (307, "POST", b"x"), (308, "POST", b"x")])
def test_redirects_are_followed(tmp_path: Path, far: Asked, code: int, method: str, body: bytes):
    outputs = ask(tmp_path, f"{far.url}/to?{code}&/end", method="POST", body="x")
    assert [(asked[0], asked[1], asked[3]) for asked in far.asked] == [("POST", f"/to?{code}&/end", b"x"), (method, "/end", body)]
    assert (outputs["uri"], outputs["code"]) == (f"{far.url}/to?{code}&/end", 200)
    assert "cookie" not in far.asked[1][2]


def test_redirects_end_and_may_be_left(tmp_path: Path, far: Asked):
    uri = far.url + "/to?302&" * 4 + "/end"
    assert refused(tmp_path / "a", uri) == "127.0.0.1 redirects more than 3 times"
    assert ask(tmp_path / "b", uri, options={"followRedirects": False})["code"] == 302
    assert ask(tmp_path / "c", far.url + "/to?302&" * 3 + "/end")["body"] == "fine"


def test_what_authorizes_stays_with_the_host_that_it_is_for(tmp_path: Path, far: Asked):
    other = f"http://localhost:{far.port}/end"
    for at, auth in enumerate(({"type": "BEARER", "token": "t0ken"}, {"type": "BASIC", "username": "a", "password": "b"})):
        ask(tmp_path / str(at), f"{far.url}/to?307&{other}", options={"auth": auth})
        assert [("authorization" in asked[2]) for asked in far.asked[-2:]] == [True, False]


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "http://[::ffff:a9fe:a9fe]/", "http://0xa9fea9fe/", "http://168.63.129.16/"])
def test_metadata_is_never_reached_not_even_by_a_redirect(tmp_path: Path, far: Asked, target: str):
    assert "never connected to" in refused(tmp_path / "a", target)
    assert "never connected to" in refused(tmp_path / "b", f"{far.url}/to?302&{target}")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "10.0.0.1", "192.168.1.1"])
def test_private_networks_are_reached_only_where_the_job_may(tmp_path: Path, far: Asked, host: str):
    message = refused(tmp_path, f"http://{host}:{far.port}/", egress=Egress())
    assert "an address of a private network" in message
    assert "`private_addresses`" in message
    assert far.asked == []


def test_the_service_itself_is_not_reached(tmp_path: Path, far: Asked):
    other = Asked()
    other.start()
    try:
        egress = Egress(private=True, own_port=far.port)
        assert "is this service itself" in refused(tmp_path / "a", far.url, egress=egress)
        assert "is this service itself" in refused(tmp_path / "b", f"{other.url}/to?302&{far.url}", egress=egress)
        assert far.asked == []
        assert ask(tmp_path / "c", other.url, egress=egress)["body"] == "fine"
    finally:
        other.stop()


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_any_is_taken(tmp_path: Path, far: Asked):
    url = with_tls(far, tmp_path)
    assert "the certificate of 127.0.0.1 is not trusted: self-signed certificate" in refused(tmp_path / "a", url)
    any_ = {"insecureTrustAllCertificates": True}
    ways: list[dict] = [{"options": {"ssl": any_}}, {"sslOptions": any_}]
    for at, spec in enumerate(ways):
        assert ask(tmp_path / str(at), url, method="POST", body="x" * 300_000, **spec)["body"] == "fine"
    assert far.asked[-1][3] == b"x" * 300_000


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_what_goes_wrong_on_the_way_is_told(tmp_path: Path, far: Asked):
    assert refused(tmp_path / "a", f"http://127.0.0.1:{closed_port()}/") == "no connection to 127.0.0.1: Connection refused"
    assert refused(tmp_path / "b", "http://no-such-name.invalid/").startswith("the name no-such-name.invalid can't be resolved: ")
    assert refused(tmp_path / "c", f"{far.url}/reset").startswith("the call of 127.0.0.1 broke off: ")
    assert refused(tmp_path / "d", f"{far.url}/hang", options={"timeout": {"readIdleTimeout": "PT0.2S"}}).startswith("nothing came from 127.0.0.1 for 0.2 s")
    assert refused(tmp_path / "e", f"https://127.0.0.1:{far.port}/").startswith("no TLS connection to 127.0.0.1: ")
    assert refused(tmp_path / "f", f"{far.url}/to?302&ftp://x/").endswith("neither http:// nor https://")


@pytest.mark.parametrize("uri", ["ftp://x/", "file:///etc/passwd", "/path", "http://", "http://[/", "http://x:99999/", "kestra:///x", "http://x:0/"])
def test_what_is_no_address_of_the_web_is_refused(tmp_path: Path, uri: str):
    assert refused(tmp_path, uri)


def test_text_is_read_by_its_charset_or_the_one_that_is_given(tmp_path: Path, far: Asked):
    assert ask(tmp_path / "a", f"{far.url}/latin?text/plain;charset=latin-1")["body"] == "é"
    assert ask(tmp_path / "b", f"{far.url}/latin?text/plain")["body"] == "�"
    assert ask(tmp_path / "c", f"{far.url}/latin", options={"defaultCharset": "ISO-8859-1"})["body"] == "é"


def test_a_body_that_is_too_large_for_an_output_names_the_task_to_use(tmp_path: Path, far: Asked):
    assert len(ask(tmp_path / "a", f"{far.url}/large?{LARGEST}")["body"]) == LARGEST
    for at, path in enumerate((f"/large?{LARGEST + 1}", "/packed?bomb")):
        message = refused(tmp_path / str(at), far.url + path)
        assert "larger than 900,000 bytes" in message
        assert "core.http.Download" in message


def test_what_comes_packed_is_unpacked(tmp_path: Path, far: Asked):
    assert ask(tmp_path / "a", f"{far.url}/packed?fine")["body"] == "unpacked" * 50_000
    assert "ends too early" in refused(tmp_path / "b", f"{far.url}/packed?cut")
    assert "can't be unpacked" in refused(tmp_path / "c", f"{far.url}/packed?odd")
    assert "encoding `br`" in refused(tmp_path / "d", f"{far.url}/packed?br")


def test_a_body_that_is_to_be_encrypted_is_named_so(tmp_path: Path, far: Asked):
    outcome, _ = play(tmp_path, job(REQUEST, far.url, encryptBody=True))
    assert (outcome.outputs["body"], outcome.outputs["encryptedBody"], outcome.seals) == (None, "fine", ("encryptedBody",))


def test_a_proxy_makes_the_call_and_what_it_is_asked_for_is_checked(tmp_path: Path, far: Asked):
    proxy = {"proxy": {"type": "HTTP", "address": "127.0.0.1", "port": far.port, "username": "ann", "password": "b"}}
    assert ask(tmp_path / "a", "http://no-such-name.invalid/x", options=proxy)["body"] == "by the proxy: http://no-such-name.invalid/x"
    assert far.asked[0][2]["proxy-authorization"] == f"Basic {base64.b64encode(b'ann:b').decode()}"
    old = {"proxyAddress": "127.0.0.1", "proxyPort": far.port}
    assert ask(tmp_path / "b", "http://no-such-name.invalid/y", options=old)["code"] == 200
    assert "never connected to" in refused(tmp_path / "c", "http://169.254.169.254/", options=proxy)
    assert "the proxy does not connect to no-such-name.invalid: 200" not in refused(tmp_path / "d", "https://no-such-name.invalid/", options=proxy)
    assert "does not run it yet" in refused(tmp_path / "e", far.url, options={"proxy": {"type": "SOCKS", "address": "x", "port": 1}})


def test_parts_of_a_call_are_logged_without_what_authorizes(tmp_path: Path, far: Asked):
    logs = ["REQUEST_HEADERS", "REQUEST_BODY", "RESPONSE_HEADERS", "RESPONSE_BODY"]
    options = {"logs": logs, "auth": {"type": "BEARER", "token": "t0ken-of-ann"}}
    outcome, said = play(
        tmp_path, job(REQUEST, far.url, method="POST", body="my secret-thing", options=options, headers={"X-Api-Key": "k3y"}, masks=("secret-thing",))
    )
    assert outcome.result is Result.SUCCESS
    text = "\n".join(message for _, message in said)
    assert all(part in text for part in (*logs, "POST http", "x-api-key: ******", "my ******", "200 OK", "fine"))
    assert not any(hidden in text for hidden in ("t0ken-of-ann", "k3y", "secret-thing"))
    assert far.asked[0][3] == b"my secret-thing"


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"method": "CONNECT"}, "not a method"),
        ({"method": "G T"}, "not a method"),
        ({"options": {"auth": {"type": "BEARER", "username": "a"}}}, "BEARER takes a token"),
        ({"options": {"defaultCharset": "nonsense"}}, "not a charset"),
        ({"options": {"proxy": {"type": "HTTP"}}}, "needs an address and a port"),
        ({"options": {"nonsense": 1}}, "options.nonsense"),
        ({"options": {"allowedResponseCodes": [1]}}, "allowedResponseCodes"),
        ({"body": "é", "options": {"defaultCharset": "US-ASCII"}}, "can't be written in the charset US-ASCII"),
    ],
)
def test_what_is_written_wrong_is_told(tmp_path: Path, far: Asked, spec: dict, word: str):
    assert word in refused(tmp_path, far.url, **spec)


def test_a_request_that_is_killed_ends_at_once(tmp_path: Path, far: Asked):
    service = MemoryService()
    service.offer(job(REQUEST, f"{far.url}/hang"))
    with at_work(service, tmp_path):
        until(far.reached.is_set)
        service.kill("one")
        outcome = service.ended("one")
    assert (outcome.result, outcome.message) == (Result.KILLED, "the task was killed")


def test_a_request_ends_with_the_time_of_its_task(tmp_path: Path, far: Asked):
    outcome, _ = play(tmp_path, job(REQUEST, f"{far.url}/hang", timeout=0.3))
    assert (outcome.result, outcome.message) == (Result.FAILED, "the task timed out after PT0.3S")
