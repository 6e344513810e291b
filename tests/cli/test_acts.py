"""`execution restart`, `replay` and the others against a real service."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command

CORE = "io.kestra.plugin.core"
FLOW = f"""\
id: acts
namespace: acts
inputs:
  - {{id: bad, type: STRING, defaults: "yes"}}
tasks:
  - {{id: a, type: {CORE}.debug.Return, format: "{{{{ inputs.bad }}}}"}}
  - {{id: b, type: {CORE}.execution.Fail, condition: "{{{{ inputs.bad == 'yes' and taskrun.attemptsCount == 0 }}}}"}}
  - {{id: c, type: {CORE}.debug.Return, format: done}}
"""
WAITS = f"id: waits\nnamespace: acts\ntasks:\n  - {{id: nap, type: {CORE}.flow.Sleep, duration: PT8S}}\n  - {{id: z, type: {CORE}.log.Log, message: x}}\n"


@pytest.fixture
def ended(headgate: Command, server: str, tmp_path: Path) -> str:
    """The id of an execution that has failed."""
    for name, text in (("acts", FLOW), ("waits", WAITS)):
        file = tmp_path / f"{name}.yml"
        file.write_text(text)
        headgate("flow", "create", file)
    return str(headgate("flow", "execute", "acts", "acts", "--follow", "-o", "json").json["id"])


def state(headgate: Command, id: str) -> str:
    return str(headgate("execution", "show", id, "-o", "json").json["state"]["current"])


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_restart_and_replay(headgate: Command, ended: str) -> None:
    assert state(headgate, ended) == "FAILED"
    assert headgate("execution", "restart", ended[:14]).out == f"{ended} is restarted\n"
    until(lambda: state(headgate, ended) == "SUCCESS")
    refused = headgate("execution", "restart", ended)
    assert (refused.code, "is SUCCESS; only one that is FAILED" in refused.err) == (2, True)
    done = headgate("execution", "replay", ended, "--from", "c")
    copy = done.out.split()[0]
    assert done.out == f"{copy} is a replay of {ended}\n"
    until(lambda: state(headgate, copy) == "SUCCESS")
    other = headgate("execution", "replay", ended, "-i", "bad=no", "--latest", "--breakpoint", "c", "-o", "json").json["id"]
    until(lambda: state(headgate, other) == "BREAKPOINT")
    assert headgate("execution", "continue", other).out == f"{other} goes on\n"
    until(lambda: state(headgate, other) == "SUCCESS")
    assert 'outputs.a {"value": "no"}' in headgate("execution", "show", other).out
    assert "no task run of `nobody`; it has a, b, c" in headgate("execution", "replay", ended, "--from", "nobody").err


def test_states_labels_and_deletion(headgate: Command, ended: str) -> None:
    assert headgate("execution", "set-state", ended, "b", "warning").out == f"{ended} goes on after `b`\n"
    until(lambda: state(headgate, ended) == "WARNING")
    assert headgate("execution", "set-status", ended, "success").out == f"{ended} is SUCCESS\n"
    assert headgate("execution", "set-status", ended, "RUNNING").code == 2
    assert headgate("execution", "labels", ended, "team=a", "x=y").out == f"{ended} has team, x\n"
    shown = headgate("execution", "show", ended, "-o", "json").json
    assert {"key": "team", "value": "a"} in shown["labels"]
    assert headgate("execution", "delete", ended).out == f"{ended} is deleted\n"
    assert headgate("execution", "show", ended).code == 2


@pytest.mark.usefixtures("ended")
def test_pause_and_resume(headgate: Command) -> None:
    id = str(headgate("flow", "execute", "acts", "waits", "-o", "json").json["id"])
    until(lambda: state(headgate, id) == "RUNNING")
    assert headgate("execution", "pause", id).out == f"{id} pauses; go on with: headgate execution resume {id}\n"
    assert headgate("execution", "delete", id).code == 2
    until(lambda: state(headgate, id) == "PAUSED")
    assert headgate("execution", "resume", id).out == f"{id} goes on\n"
    until(lambda: state(headgate, id) == "SUCCESS")
    assert headgate("execution", "kill", id, "--no-cascade").code == 2
