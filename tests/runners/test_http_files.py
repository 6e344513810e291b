"""Downloads and events as tasks, by a real agent against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runners.memory import MemoryService
from runners.protocol import Egress, Result
from runners.sse import LONGEST, TooLong, events
from tests.runners.far import EVENTS, Asked, job
from tests.runners.playing import at_work, play, until

NAMES = [
    ('attachment; filename="a b.csv"', "a b.csv"),
    ("attachment; filename*=UTF-8''%e2%82%ac.csv", "€.csv"),
    ('attachment; filename="../../etc/passwd"', "passwd"),
    ('attachment; filename="C:\\\\x\\\\y.txt"', "y.txt"),
    ('attachment; filename=".."', "plan.txt"),
    ("attachment", "plan.txt"),
    ("", "plan.txt"),
]


@pytest.fixture
def far() -> Iterator[Asked]:
    server = Asked()
    server.start()
    yield server
    server.stop()


def fetch(base: Path, uri: str, **spec):
    service = MemoryService()
    outcome, said = play(base, job("Download", uri, **spec), service)
    return outcome, said, service


def test_a_file_is_stored_with_all_its_outputs(tmp_path: Path, far: Asked):
    outcome, said, service = fetch(tmp_path, f"{far.url}/large/x.bin?3000000")
    assert outcome.result is Result.SUCCESS, (outcome.message, said)
    assert outcome.outputs["headers"].pop("Content-Length") == ["3000000"]
    assert {**outcome.outputs, "headers": {}} == {"uri": "kestra:///tasks/one/x.bin", "code": 200, "length": 3_000_000, "headers": {}}
    assert service.stored(outcome.outputs["uri"]) == b"x" * 3_000_000


@pytest.mark.parametrize(("header", "name"), NAMES)
def test_a_file_is_called_what_the_server_calls_it_if_that_is_a_name(tmp_path: Path, far: Asked, header: str, name: str):
    far.disposition = header
    outcome, _, _ = fetch(tmp_path, f"{far.url}/named/plan.txt")
    assert outcome.outputs["uri"] == f"kestra:///tasks/one/{name}"


def test_a_name_of_the_flow_goes_first_and_one_is_found_where_there_is_none(tmp_path: Path, far: Asked):
    far.disposition = "attachment; filename=theirs.txt"
    assert fetch(tmp_path / "a", f"{far.url}/named/plan.txt", saveAs="mine/own.txt")[0].outputs["uri"] == "kestra:///tasks/one/mine/own.txt"
    assert fetch(tmp_path / "b", far.url)[0].outputs["uri"] == "kestra:///tasks/one/download"
    assert fetch(tmp_path / "c", f"{far.url}/a%20b.csv?x=1")[0].outputs["uri"] == "kestra:///tasks/one/a b.csv"
    outcome = fetch(tmp_path / "d", f"{far.url}/named/plan.txt", saveAs="../out")[0]
    assert (outcome.result, outcome.message) == (Result.FAILED, "'../out' is not a path inside the working directory")


def test_an_empty_file_fails_unless_it_may_be(tmp_path: Path, far: Asked):
    outcome, _, _ = fetch(tmp_path / "a", f"{far.url}/large?0")
    assert (outcome.result, outcome.message) == (Result.FAILED, "127.0.0.1 answers with an empty file (`failOnEmptyResponse`)")
    outcome, said, service = fetch(tmp_path / "b", f"{far.url}/large?0", failOnEmptyResponse=False)
    assert (outcome.result, outcome.outputs["length"], service.stored(outcome.outputs["uri"])) == (Result.SUCCESS, 0, b"")
    assert ("WARN", "127.0.0.1 answers with an empty file") in said


def test_a_file_that_is_cut_off_is_a_failure(tmp_path: Path, far: Asked):
    outcome, _, _ = fetch(tmp_path, f"{far.url}/cut")
    assert outcome.result is Result.FAILED
    assert "received 9 bytes, expected 1000" in outcome.message


def test_a_failing_code_is_no_file(tmp_path: Path, far: Asked):
    outcome, _, service = fetch(tmp_path / "a", f"{far.url}/status?404")
    assert outcome.message == f"GET {far.url}/status?404 failed with the response code 404 Not Found: so it is"
    assert (outcome.outputs["code"], outcome.outputs["uri"]) == (404, None)
    outcome, _, service = fetch(tmp_path / "b", f"{far.url}/status?404", options={"allowedResponseCodes": [404]})
    assert service.stored(outcome.outputs["uri"]) == b"so\nit is"


@pytest.mark.parametrize("type", ["Download", "SseRequest", "Request"])
def test_a_failure_that_says_much_is_told_with_its_first_words(tmp_path: Path, far: Asked, type: str):
    outcome, _ = play(tmp_path, job(type, f"{far.url}/lost?1000000"))
    assert outcome.message.startswith(f"GET {far.url}/lost?1000000 failed with the response code 404 Not Found: lost lost")
    assert len(outcome.message) < 700


def test_what_comes_packed_is_stored_unpacked(tmp_path: Path, far: Asked):
    outcome, _, service = fetch(tmp_path, f"{far.url}/packed/x.txt?fine")
    assert service.stored(outcome.outputs["uri"]) == b"unpacked" * 50_000
    assert outcome.outputs["length"] == 400_000


def test_a_download_is_guarded_like_a_request(tmp_path: Path, far: Asked):
    assert "private network" in fetch(tmp_path / "a", far.url, egress=Egress())[0].message
    assert "never connected to" in fetch(tmp_path / "b", f"{far.url}/to?302&http://169.254.169.254/")[0].message


# events


def listen(base: Path, far: Asked, content: bytes, path: str = "/events", **spec):
    far.events = content
    return play(base, job("SseRequest", f"{far.url}{path}", **spec))[0]


def test_events_are_read_as_the_standard_says(tmp_path: Path, far: Asked):
    stream = "\ufeff: hello\ndata: one\ndata:two\nid: 7\nretry: 3000\n\nevent: done\r\ndata\r\ndata:  ä\r\rnonsense: x\nevent: none\n\ndata: cut off"
    outcome = listen(tmp_path, far, stream.encode())
    assert outcome.outputs == {
        "uri": f"{far.url}/events",
        "events": [
            {"id": "7", "name": None, "data": "one\ntwo", "comment": "hello", "retry": 3000},
            {"id": "7", "name": "done", "data": "\n ä", "comment": None, "retry": None},
        ],
        "size": 2,
        "result": None,
    }
    assert far.asked[0][2]["accept"] == EVENTS


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_events_are_the_same_however_they_are_cut(size: int):
    stream = b"data: \xc3\xa4\r\ndata: b\r\n\r\nid\ndata: c\r\rdata: d\n\n"
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [event.data for event in events(pieces)] == [["ä", "b"], ["c"], ["d"]]


def test_a_line_or_an_event_without_an_end_is_given_up():
    with pytest.raises(TooLong):
        list(events(b"x" * 1000 for _ in range(LONGEST // 1000 + 2)))
    with pytest.raises(TooLong):
        list(events(b"data: x\n" * 1000 for _ in range(LONGEST // 8000 + 2)))


def test_jq_picks_a_part_of_each_event(tmp_path: Path, far: Asked):
    stream = b'data: {"text": "to "}\n\ndata: {"text": "be"}\n\ndata: [DONE]\n\n'
    outcome = listen(tmp_path / "a", far, stream, concatJqExpression=".text", failedOnMissingJq=False)
    assert (outcome.outputs["result"], outcome.outputs["size"]) == ("to be", 3)
    outcome = listen(tmp_path / "b", far, stream, concatJqExpression=".text")
    assert outcome.message == "concatJqExpression finds nothing in the data of event 3 (`failedOnMissingJq`)"
    assert "the jq program is wrong" in listen(tmp_path / "c", far, stream, concatJqExpression=".[").message
    assert listen(tmp_path / "d", far, b'data: {"n": {"a": 1}}\n\n', concatJqExpression=".n").outputs["result"] == '{"a": 1}'


def test_what_is_no_stream_of_events_is_refused(tmp_path: Path, far: Asked):
    assert listen(tmp_path / "a", far, b"", path="/").message == "127.0.0.1 answers with text/plain, not with events (text/event-stream)"
    assert "404" in listen(tmp_path / "b", far, b"", path="/status?404").message
    assert "more than 900,000 bytes" in listen(tmp_path / "c", far, (b"data: " + b"x" * 1000 + b"\n\n") * 1000).message
    assert listen(tmp_path / "d", far, b"").outputs["size"] == 0


def test_a_stream_without_an_end_can_be_killed(tmp_path: Path, far: Asked):
    service = MemoryService()
    service.offer(job("SseRequest", f"{far.url}/open"))
    with at_work(service, tmp_path):
        until(far.reached.is_set)
        service.kill("one")
        outcome = service.ended("one")
    assert outcome.result is Result.KILLED
