"""Mistakes of usage, servers that are not there, and what the API refuses: one clear text, and the exit code that scripts rely on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from service.cli.client import Api, Lost, path
from service.cli.stop import Stop
from tests.cli.conftest import ROOT, Command

Answering = Callable[[int, str, bytes], str]
GOOD = "id: good\nnamespace: dev\ntasks:\n  - id: log\n    type: io.kestra.plugin.core.log.Log\n    message: hi\n"
PROBLEM = {
    "title": "Invalid",
    "status": 422,
    "message": "the flow has problems",
    "errors": [{"path": "a.yml", "line": 3, "column": 7, "code": "HG-0220", "severity": "error", "message": "unknown type", "hint": "did you mean `x`?"}],
}


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    file = tmp_path / "good.yml"
    file.write_text(GOOD)
    return file


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["flow", "list", "--nonsense"],
        ["flow", "validate"],
        ["flow", "list", "-o", "xml"],
        ["up", "--port", "99999"],
        ["repo", "add"],
        ["run"],
        ["runner", "--slots", "0"],
    ],
)
def test_a_wrong_command_line_exits_with_2_and_says_why_on_stderr(headgate: Command, arguments: list[str]) -> None:
    done = headgate(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Error" in done.err or "Usage" in done.err


@pytest.mark.parametrize("arguments", [[], ["flow"], ["execution"], ["repo"]])
def test_without_a_command_the_help_is_shown(headgate: Command, arguments: list[str]) -> None:
    done = headgate(*arguments)
    assert "Commands:" in done.out + done.err


@pytest.mark.parametrize(
    "command",
    ["init", "up", "demo", "doctor", "run", "runner", *(f"flow {name}" for name in ("validate", "format", "explain", "create", "list", "execute"))]
    + [*(f"execution {name}" for name in ("list", "show", "logs", "resume", "review", "kill"))]
    + [f"execution {name}" for name in ("restart", "replay", "pause", "continue", "set-state", "set-status", "labels", "delete")]
    + [*(f"repo {name}" for name in ("add", "list", "sync"))],
)
def test_every_command_has_help(headgate: Command, command: str) -> None:
    done = headgate(*command.split(), "--help")
    assert done.code == 0
    assert f"Usage: headgate {command}" in done.out


def test_the_version_is_said(headgate: Command) -> None:
    assert re.fullmatch(r"headgate \d+\.\d+\.\d+\n", headgate("--version").out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["flow", "list"],
        ["flow", "execute", "dev", "x", "--follow"],
        ["execution", "list"],
        ["execution", "logs", "abcd", "-f"],
        ["execution", "resume", "abcd"],
        ["execution", "review", "abcd", "--approve"],
        ["execution", "kill", "abcd"],
        ["execution", "restart", "abcd"],
        ["repo", "list"],
        ["repo", "add", "x"],
    ],
)
def test_without_a_server_one_line_says_how_to_start_one(headgate: Command, arguments: list[str]) -> None:
    done = headgate(*arguments, "--server", "http://127.0.0.1:9")
    assert (done.code, done.out) == (3, "")
    assert done.err == "no Headgate answers at http://127.0.0.1:9; start one with `headgate up`\n"


def test_the_server_is_found_by_the_environment_too(headgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_SERVER", "127.0.0.1:9/")
    assert headgate("flow", "list").err.startswith("no Headgate answers at http://127.0.0.1:9;")


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:port", "http://[::1", "http://host:99999"])
def test_a_server_that_is_no_url_is_a_mistake_of_usage(headgate: Command, url: str) -> None:
    done = headgate("flow", "list", "--server", url)
    assert done.code == 2
    assert "is not the URL of a server" in done.err


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(headgate: Command, answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    url = answering(200, "application/json", b'{"results": [], "total": 0}')
    assert headgate("flow", "list", "--server", url).code == 0


@pytest.mark.parametrize(
    ("status", "kind", "content"), [(200, "text/html", b"<html>"), (404, "text/html", b"no"), (301, "text/plain", b""), (502, "text/plain", b"bad")]
)
def test_another_server_is_told_from_ours(headgate: Command, answering: Answering, status: int, kind: str, content: bytes) -> None:
    done = headgate("repo", "list", "--server", answering(status, kind, content))
    assert done.code == 3
    assert "is no Headgate" in done.err


def test_what_the_api_refuses_is_shown_with_each_place(headgate: Command, answering: Answering, flow: Path) -> None:
    done = headgate("flow", "create", flow, "--server", answering(422, "application/problem+json", json.dumps(PROBLEM).encode()))
    assert (done.code, done.out) == (2, "")
    assert done.err == "the flow has problems\n  a.yml:3:7: error HG-0220: unknown type (did you mean `x`?)\n"


def test_a_missing_token_is_explained(headgate: Command, answering: Answering) -> None:
    url = answering(401, "application/problem+json", b'{"message": "who is asking?"}')
    done = headgate("flow", "list", "--server", url)
    assert (done.code, done.err) == (2, "who is asking?; give a token with --token or HEADGATE_TOKEN\n")


def test_a_server_in_trouble_exits_with_3(headgate: Command, answering: Answering) -> None:
    url = answering(503, "application/problem+json", b'{"message": "the database is locked"}')
    done = headgate("flow", "list", "--server", url)
    assert (done.code, done.err) == (3, "the database is locked\n")


def test_a_refusal_cannot_steer_the_terminal(headgate: Command, answering: Answering) -> None:
    url = answering(404, "application/problem+json", json.dumps({"message": "no \x1b]0;title\x07flow \x1b[2J\rhere"}).encode())
    assert headgate("flow", "list", "--server", url).err == "no flow \ufffdhere\n"


@pytest.mark.parametrize("pair", ["novalue", "=x", ""])
def test_an_input_that_is_no_pair_is_refused_before_anything_is_asked(headgate: Command, pair: str) -> None:
    done = headgate("flow", "execute", "dev", "x", "--input", pair, "--server", "http://127.0.0.1:9")
    assert (done.code, done.err) == (2, f"--input `{pair}` is not of the form KEY=VALUE\n")


def test_an_unknown_state_or_level_is_refused_before_anything_is_asked(headgate: Command) -> None:
    assert "there is no state `FINE`" in headgate("execution", "list", "--state", "fine").err
    assert "there is no level `LOUD`" in headgate("execution", "logs", "abcd", "--level", "LOUD").err.replace("loud", "LOUD")


def test_a_flow_of_another_namespace_is_not_sent(headgate: Command, flow: Path) -> None:
    done = headgate("flow", "create", "prod", flow, "--server", "http://127.0.0.1:9")
    assert done.code == 2
    assert done.err == f"{flow} is a flow of the namespace `dev`, not `prod`; nothing was changed\n"


def test_a_file_that_names_no_flow_is_not_sent(headgate: Command, tmp_path: Path) -> None:
    file = tmp_path / "odd.yml"
    file.write_text("tasks: []\n")
    done = headgate("flow", "create", file, "--server", "http://127.0.0.1:9")
    assert done.code == 2
    assert "error[HG-0202]" in done.out
    assert "does not say which flow it is" in done.err


def test_a_setting_that_cannot_be_read_is_named(headgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_SLOTS", "many")
    done = headgate("up")
    assert done.code == 2
    assert "HEADGATE_SLOTS is `many`, which is not a whole number" in done.err


def test_names_in_paths_are_escaped() -> None:
    assert path("a/b", "..", "ü?") == "/a%2Fb/../%C3%BC%3F"


def test_a_stream_that_ends_early_is_lost_not_ended(answering: Answering) -> None:
    url = answering(200, "text/event-stream", b'event: progress\ndata: {"a": 1}\n\n')
    events = Api(url).events("/logs/x/follow")
    assert next(events).value == {"a": 1}
    with pytest.raises(Lost):
        next(events)


def test_a_stream_of_something_else_stops(answering: Answering) -> None:
    with pytest.raises(Stop):
        next(Api(answering(200, "text/html", b"<html>")).events("/logs/x/follow"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["flow", "explain"], ["flow", "schema"], ["flow", "validate", "nowhere.yml", "-o", "json"], ["--version"]])
def test_output_that_can_not_be_written_ends_a_command_without_a_traceback(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([sys.executable, "-m", "service", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
