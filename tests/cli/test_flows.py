"""`flow …` against a real service: the founding examples' commands as they stand."""

from __future__ import annotations

import signal
import time
from itertools import count
from pathlib import Path

import pytest

from tests.cli.conftest import Command, environment, spawn

LOG = """\
id: {id}
namespace: {namespace}
inputs:
  - id: user
    type: STRING
    defaults: Rick Astley
tasks:
  - id: log
    type: io.kestra.plugin.core.log.Log
    message: Hello from Headgate!
  - id: greet
    type: io.kestra.plugin.core.debug.Return
    format: Hey there, {{{{ inputs.user }}}}
  - id: script
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    commands:
      - echo "a line from $0"
"""
FAIL = """\
id: {id}
namespace: {namespace}
tasks:
  - id: stop
    type: io.kestra.plugin.core.execution.Fail
    errorMessage: not today
"""
SLEEP = """\
id: {id}
namespace: {namespace}
tasks:
  - id: log
    type: io.kestra.plugin.core.log.Log
    message: before the sleep
  - id: sleep
    type: io.kestra.plugin.core.flow.Sleep
    duration: PT5M
"""
_numbers = count()


@pytest.fixture
def namespace() -> str:
    """One that no other test uses."""
    return f"ns{next(_numbers)}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "flow.yml"


def fill(file: Path, text: str, namespace: str, id: str = "hello") -> Path:
    file.write_text(text.format(id=id, namespace=namespace))
    return file


def test_create_makes_a_flow_and_then_updates_it(headgate: Command, server: str, namespace: str, file: Path) -> None:
    first = headgate("flow", "create", namespace, fill(file, LOG, namespace))
    assert (first.code, first.out) == (0, f"created {namespace}.hello revision 1\n")
    assert ", commit " in first.err
    fill(file, LOG.replace("from Headgate", "again"), namespace)
    second = headgate("flow", "create", file, "-m", "Say it again")
    assert (second.code, second.out) == (0, f"updated {namespace}.hello revision 2\n")


def test_create_without_a_namespace_takes_the_flow_s_own(headgate: Command, server: str, namespace: str, file: Path) -> None:
    done = headgate("flow", "create", fill(file, LOG, namespace), "-o", "json")
    assert (done.json["namespace"], done.json["id"], done.json["revision"]) == (namespace, "hello", 1)


def test_create_refuses_a_wrong_flow_with_its_places(headgate: Command, server: str, namespace: str, file: Path) -> None:
    done = headgate("flow", "create", fill(file, LOG.replace("log.Log", "lgo.Log"), namespace))
    assert done.code == 2
    assert f"\n  {file}:9:11: error HG-0220: unknown task type" in done.err
    assert headgate("flow", "list", namespace, "-o", "json").json == []


def test_create_shows_a_wrong_line_in_its_place(headgate: Command, server: str, namespace: str, file: Path) -> None:
    done = headgate("flow", "create", fill(file, LOG.replace("message:", "mesage:"), namespace))
    assert done.code == 2
    assert f"--> {file}:" in done.out
    assert "mesage" in done.out
    assert "nothing was changed" in done.err
    assert headgate("flow", "list", namespace, "-o", "json").json == []


def test_list_shows_a_table_or_json(headgate: Command, server: str, namespace: str, file: Path) -> None:
    for id in ("one", "two"):
        headgate("flow", "create", fill(file, LOG, namespace, id))
    table = headgate("flow", "list", namespace)
    assert table.code == 0
    head, *rows = [line.split() for line in table.out.splitlines()]
    assert head == ["NAMESPACE", "FLOW", "REVISION", "STATE", "PATH", "COMMIT"]
    assert [row[:4] for row in rows] == [[namespace, "one", "1", "live"], [namespace, "two", "1", "live"]]
    assert [flow["id"] for flow in headgate("flow", "list", namespace, "-o", "json").json] == ["one", "two"]
    everything = headgate("flow", "list", "-o", "json").json
    assert {(namespace, "one"), (namespace, "two")} <= {(flow["namespace"], flow["id"]) for flow in everything}


def test_an_empty_list_says_so_beside_the_data(headgate: Command, server: str) -> None:
    done = headgate("flow", "list", "nobody.here")
    assert (done.code, done.out, done.err) == (0, "", "no flows in `nobody.here`\n")


def test_execute_follows_the_log_to_the_end(headgate: Command, server: str, namespace: str, file: Path) -> None:
    headgate("flow", "create", fill(file, LOG, namespace))
    done = headgate("flow", "execute", namespace, "hello", "--follow", "--input", "user=Ada = Eve", "--label", "team=a b")
    assert done.code == 0
    lines = [line.split(" ", 1)[1] for line in done.out.splitlines()]
    assert lines == ["INFO  log | Hello from Headgate!", "DEBUG greet | Hey there, Ada = Eve", "INFO  script | a line from /bin/sh"]
    started, ended = done.err.splitlines()
    assert started.startswith(f"{namespace}.hello ")
    assert f"{server}/executions/" in started
    assert " SUCCESS in " in ended
    id = started.split()[1]
    shown = headgate("execution", "show", id, "-o", "json").json
    assert shown["inputs"] == {"user": "Ada = Eve"}
    assert {"key": "team", "value": "a b"} in shown["labels"]


def test_execute_ends_with_1_when_the_flow_fails(headgate: Command, server: str, namespace: str, file: Path) -> None:
    headgate("flow", "create", fill(file, FAIL, namespace))
    done = headgate("flow", "execute", namespace, "hello", "--follow")
    assert done.code == 1
    assert "not today" in done.out
    assert " FAILED in " in done.err


def test_execute_with_json_gives_one_document(headgate: Command, server: str, namespace: str, file: Path) -> None:
    headgate("flow", "create", fill(file, LOG, namespace))
    done = headgate("flow", "execute", namespace, "hello", "--follow", "-o", "json")
    assert done.json["state"]["current"] == "SUCCESS"
    assert "| Hello from Headgate!" in done.err


def test_execute_without_follow_gives_the_id(headgate: Command, server: str, namespace: str, file: Path) -> None:
    headgate("flow", "create", fill(file, LOG, namespace))
    done = headgate("flow", "execute", namespace, "hello")
    assert done.code == 0
    assert headgate("execution", "logs", done.out.strip(), "-f").code == 0


def test_execute_of_a_flow_that_is_not_there_is_refused(headgate: Command, server: str) -> None:
    done = headgate("flow", "execute", "nobody", "nothing", "--follow")
    assert (done.code, done.out) == (2, "")
    assert "there is no flow `nobody.nothing`" in done.err


def test_ctrl_c_leaves_the_execution_running_and_says_how_to_cancel_it(headgate: Command, server: str, namespace: str, file: Path, tmp_path: Path) -> None:
    headgate("flow", "create", fill(file, SLEEP, namespace))
    process = spawn("flow", "execute", namespace, "hello", "--follow", cwd=tmp_path, env=environment(HEADGATE_SERVER=server))
    assert process.stdout is not None
    assert "before the sleep" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    id = err.split()[1]
    assert f"Cancel it with: headgate execution kill {id}" in err
    assert headgate("execution", "show", id, "-o", "json").json["state"]["current"] == "RUNNING"
    assert headgate("execution", "kill", id[:12]).out == f"{id} is asked to stop\n"
    done = headgate("execution", "logs", id, "--follow")
    assert done.code == 1
    assert " KILLED in " in done.err


def test_a_reader_that_goes_away_ends_the_command_quietly(server: str, tmp_path: Path) -> None:
    process = spawn("flow", "list", "-o", "json", cwd=tmp_path, env=environment(HEADGATE_SERVER=server))
    assert process.stdout is not None
    process.stdout.close()
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(5)


PAUSE = """\
id: {id}
namespace: {namespace}
tasks:
  - id: wait
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - {{id: reason, type: STRING}}
  - {{id: after, type: io.kestra.plugin.core.log.Log, message: "{{{{ outputs.wait.onResume.reason }}}}"}}
"""


APPROVAL = """\
id: {id}
namespace: {namespace}
tasks:
  - {{id: ask, type: io.kestra.plugin.core.flow.Approval, inputs: [{{id: size, type: INT}}], denyBehavior: FAIL}}
  - {{id: after, type: io.kestra.plugin.core.log.Log, message: "{{{{ outputs.ask.comment }}}} {{{{ outputs.ask.inputs.size }}}}"}}
"""


def test_an_execution_is_approved_or_denied_by_a_command(headgate: Command, server: str, namespace: str, file: Path) -> None:
    headgate("flow", "create", fill(file, APPROVAL, namespace))
    ids = [headgate("flow", "execute", namespace, "hello", "-o", "json").json["id"] for _ in range(2)]
    deadline = time.monotonic() + 20
    while {headgate("execution", "show", id, "-o", "json").json["state"]["current"] for id in ids} != {"PAUSED"}:
        assert time.monotonic() < deadline
    assert "--approve or --deny" in headgate("execution", "review", ids[0]).err
    refused = headgate("execution", "review", ids[0], "--approve")
    assert (refused.code, "size" in refused.err) == (2, True)
    assert headgate("execution", "review", ids[0][:12], "--approve", "-m", "fine", "-i", "size=3").out == f"{ids[0]} is approved\n"
    assert headgate("execution", "review", ids[1], "--deny", "-o", "json").json["decision"] == "DENIED"
    done = [headgate("execution", "logs", id, "--follow") for id in ids]
    assert [one.code for one in done] == [0, 1]
    assert "fine 3" in done[0].out


def test_a_paused_execution_goes_on_when_somebody_says_so(headgate: Command, server: str, namespace: str, file: Path) -> None:
    headgate("flow", "create", fill(file, PAUSE, namespace))
    id = headgate("flow", "execute", namespace, "hello", "-o", "json").json["id"]
    deadline = time.monotonic() + 20
    while headgate("execution", "show", id, "-o", "json").json["state"]["current"] != "PAUSED":
        assert time.monotonic() < deadline
    refused = headgate("execution", "resume", id)
    assert (refused.code, refused.out) == (2, "")
    assert "reason" in refused.err
    assert headgate("execution", "resume", id[:12], "-i", "reason=because").out == f"{id} goes on\n"
    done = headgate("execution", "logs", id, "--follow")
    assert (done.code, "because" in done.out) == (0, True)
