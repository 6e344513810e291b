"""`up`, `runner` and `run` as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from tests.cli.conftest import ROOT, Command, environment, spawn
from tests.runners.images import docker_images
from tests.runners.playing import SHELL, until
from tests.support import daemon
from tests.support.repo import Repo

__all__ = ["docker_images"]

SCRIPT = """\
id: script
namespace: serving
inputs:
  - id: user
    type: STRING
    defaults: nobody
tasks:
  - id: look
    type: io.kestra.plugin.scripts.shell.Commands
    commands:
      - cat note.txt
      - echo "::{\\"outputs\\":{\\"user\\":\\"{{ inputs.user }}\\"}}::"
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: "hello {{ outputs.look.vars.user }}, {{ read('note.txt') | trim }}"
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree with a flow that is not committed yet."""
    repo = Repo(tmp_path / "tree").write("note.txt", "a note of the tree\n").commit()
    repo.write(".flows/script.yml", SCRIPT)
    return repo.path


def test_run_needs_no_server_and_sees_the_working_tree(tree: Path) -> None:
    process = spawn("run", ".flows/script.yml", "--backend", "process", "--input", "user=Ada", cwd=tree)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert [line.split(" ", 1)[1] for line in out.splitlines()] == ["INFO  look | a note of the tree", "INFO  say | hello Ada, a note of the tree"]
    assert err.splitlines()[-1].startswith("serving.script ")
    assert " SUCCESS in " in err
    assert "http" not in err
    assert list(tree.glob(".headgate*")) == []


PAUSE = """
id: ask
namespace: serving
tasks:
  - id: wait
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - {id: size, type: INT}
      - {id: why, type: STRING, required: false}
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "{{ outputs.wait.onResume.size + 1 }} {{ outputs.wait.onResume.why }}"}
"""


def test_run_asks_at_a_terminal_for_what_a_pause_waits_for(tree: Path) -> None:
    (tree / ".flows" / "ask.yml").write_text(PAUSE)
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "service", "run", ".flows/ask.yml", "--backend", "process"]
    with subprocess.Popen(command, cwd=tree, env=environment(), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        os.close(theirs)
        os.write(ours, b"many\n\n7\nbecause\n")
        out, err = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0, out + err
    assert "say | 8 because" in out
    assert "`wait` waits for you" in err
    assert "size" in err.split("waits for you")[1]


APPROVAL = """
id: decide
namespace: serving
tasks:
  - id: ship
    type: io.kestra.plugin.core.flow.Approval
    commentRequired: true
    decisions: {approve: Ship it}
    inputs: [{id: size, type: INT}]
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "{{ outputs.ship.decision }} {{ outputs.ship.inputs.size + 1 }} {{ outputs.ship.comment }}"}
"""


def test_run_asks_at_a_terminal_for_a_decision(tree: Path) -> None:
    (tree / ".flows" / "decide.yml").write_text(APPROVAL)
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "service", "run", ".flows/decide.yml", "--backend", "process"]
    with subprocess.Popen(command, cwd=tree, env=environment(), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        os.close(theirs)
        os.write(ours, b"what\na\n7\n\nA\n7\nlooks good\n")  # no decision, then one without the comment, then a whole one
        out, err = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0, out + err
    assert "say | APPROVED 8 looks good" in out
    assert "`ship` waits for your decision" in err
    assert "a: Ship it, d: deny" in err
    assert "`ship` needs a comment" in err


def test_run_does_not_wait_for_the_decision_of_somebody_who_is_not_there(tree: Path) -> None:
    (tree / ".flows" / "decide.yml").write_text(APPROVAL)
    process = spawn("run", ".flows/decide.yml", "--backend", "process", cwd=tree)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "`ship` waits for a decision, and nobody is here to be asked" in err) == (1, True)


OVER = """
id: over
namespace: serving
retry: {type: constant, interval: PT1S, maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}
tasks:
  - {id: once, type: io.kestra.plugin.core.execution.Fail, errorMessage: no luck}
"""


def test_run_follows_the_execution_that_takes_over(tree: Path) -> None:
    (tree / ".flows" / "over.yml").write_text(OVER)
    process = spawn("run", ".flows/over.yml", "--backend", "process", "-o", "json", cwd=tree)
    out, err = process.communicate(timeout=60)
    execution = json.loads(out)
    assert (process.returncode, execution["state"]["current"], execution["metadata"]["attemptNumber"]) == (1, "FAILED", 2)
    assert execution["originalId"] != execution["id"]
    assert err.count("no luck") == 2


def test_run_does_not_wait_for_somebody_who_is_not_there(tree: Path) -> None:
    (tree / ".flows" / "ask.yml").write_text(PAUSE)
    process = spawn("run", ".flows/ask.yml", "--backend", "process", cwd=tree)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "`wait` waits for somebody to resume it, and nobody is here to be asked" in err


def test_run_ends_with_1_when_the_flow_fails_and_json_is_one_document(headgate: Command, tree: Path) -> None:
    (tree / "note.txt").unlink()
    process = spawn("run", ".flows/script.yml", "--backend", "process", "-o", "json", cwd=tree)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    execution = json.loads(out)
    assert execution["state"]["current"] == "FAILED"
    assert execution["url"] == ""
    assert "http" not in out + err
    assert "look | " in err


def test_run_of_a_wrong_file_is_a_lint(headgate: Command, tree: Path) -> None:
    (tree / ".flows" / "script.yml").write_text(SCRIPT.replace("log.Log", "lgo.Log"))
    done = headgate("run", tree / ".flows" / "script.yml")
    assert done.code == 2
    assert "error[HG-0220]" in done.out


def test_run_refuses_inputs_that_do_not_fit(tree: Path) -> None:
    (tree / ".flows" / "script.yml").write_text(SCRIPT.replace("type: STRING\n    defaults: nobody", "type: INT"))
    process = spawn("run", ".flows/script.yml", "--backend", "process", "--input", "user=many", cwd=tree)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert "user" in err
    assert "Traceback" not in err


@dataclass(frozen=True)
class Begun:
    """A run whose task has begun, and how to find what it started: a word of the task's command line, its namespace and the run's own folder."""

    process: subprocess.Popen[str]
    word: str
    namespace: str
    scratch: Path

    @property
    def left(self) -> list[str]:
        """Command lines, containers and folders."""
        return [*processes(self.word).values(), *containers(self.namespace), *(path.name for path in self.scratch.glob("headgate-run-*"))]

    def end(self) -> None:
        """Ends it without its own help."""
        self.process.kill()
        self.process.communicate()
        for container in containers(self.namespace):
            subprocess.run(("docker", "rm", "-f", container), capture_output=True, check=False)
        for pid in processes(self.word):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


Begin = Callable[..., Begun]


@pytest.fixture
def begin(tree: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Begin]:
    """Runs shell commands, in which `{word}` is the unique argument of a long sleep, until they say `begun`."""
    started: list[Begun] = []

    def start(command: str, backend: str = "process", hangup: signal.Handlers = signal.SIG_DFL) -> Begun:
        image = request.getfixturevalue("docker_images").plain if backend == "docker" else "unused"
        unique = uuid4().int
        word, namespace, scratch = f"317.{unique % 10**9}", f"serving{unique}", tmp_path / "scratch"
        scratch.mkdir()
        flow = {
            "id": "long",
            "namespace": namespace,
            "tasks": [{"id": "look", "type": SHELL, "containerImage": image, "commands": [command.format(word=word)]}],
        }
        (tree / ".flows" / "script.yml").write_text(json.dumps(flow))
        process = spawn("run", ".flows/script.yml", "--backend", backend, cwd=tree, env=environment(TMPDIR=str(scratch)), hangup=hangup)
        begun = Begun(process, word, namespace, scratch)
        started.append(begun)
        assert process.stdout is not None
        line = process.stdout.readline()
        while line and "begun" not in line:
            line = process.stdout.readline()
        assert line, process.communicate()[1]
        until(lambda: len(begun.left) > 1)
        return begun

    yield start
    for run in started:
        run.end()


CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize("backend", ["process", pytest.param("docker", marks=pytest.mark.docker)])
@pytest.mark.parametrize("number", CODES)
def test_a_signal_ends_a_run_and_what_it_started(begin: Begin, number: signal.Signals, backend: str) -> None:
    run = begin("echo begun; exec sleep {word}", backend)
    run.process.send_signal(number)
    _, err = run.process.communicate(timeout=120)
    assert run.process.returncode == CODES[number]
    assert "Traceback" not in err
    assert run.left == []


@pytest.mark.parametrize("number", CODES)
def test_a_second_signal_does_not_leave_behind_what_is_being_ended(begin: Begin, tmp_path: Path, number: signal.Signals) -> None:
    """As a CI server does it: a step that does not end at the first word hears another one."""
    run = begin(f"trap 'touch {tmp_path}/asked' TERM; echo begun; while :; do sleep {{word}}; done")
    run.process.send_signal(number)
    until((tmp_path / "asked").exists)
    run.process.send_signal(signal.SIGTERM)
    run.process.send_signal(signal.SIGHUP)
    run.process.communicate(timeout=120)
    assert run.process.returncode == CODES[number]
    assert run.left == []


def test_a_run_that_was_started_to_outlive_its_terminal_does_so(begin: Begin, tmp_path: Path) -> None:
    """`nohup headgate run`."""
    run = begin(f"echo begun; sleep {{word}} & while [ ! -e {tmp_path}/go ]; do sleep 0.02; done", hangup=signal.SIG_IGN)
    run.process.send_signal(signal.SIGHUP)
    (tmp_path / "go").touch()
    _, err = run.process.communicate(timeout=120)
    assert run.process.returncode == 0, err
    assert run.left == []


def processes(word: str) -> dict[int, str]:
    """The command lines in which the word stands, by process."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().decode("utf-8", "replace").replace("\0", " ")
        except OSError:
            continue
        if word in line:
            found[int(entry.parent.name)] = line
    return found


def containers(namespace: str) -> list[str]:
    """The containers of a namespace's tasks, by id."""
    client = daemon.connected()
    if isinstance(client, str):
        return []
    found = client.containers(all=True, filters={"label": f"kestra.io/namespace={namespace}"})
    client.close()
    return [str(one["Id"]) for one in found]


@dataclass(frozen=True)
class Alone:
    """A service without a runner."""

    url: str
    process: subprocess.Popen[str]


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    env = environment(HEADGATE_RUNNER_TOKEN="a-token-that-both-know")
    process = spawn("up", "--port", 0, "--data", tmp_path / "data", "--no-runner", cwd=tmp_path, env=env)
    assert process.stdout is not None
    yield Alone(process.stdout.readline().split()[1], process)
    process.terminate()
    process.communicate(timeout=30)


def test_a_runner_of_another_process_does_the_work_if_it_has_the_token(headgate: Command, alone: Alone, tmp_path: Path) -> None:
    repo = Repo(tmp_path / "tree").write("note.txt", "a note of the tree\n").write(".flows/script.yml", SCRIPT).commit("first [skip ci]")
    assert repo.push(f"{alone.url}/git/default.git").ok

    refused = spawn("runner", "--token", "wrong", "--base", tmp_path / "wrong", cwd=tmp_path, env=environment(HEADGATE_SERVER=alone.url))
    _, err = refused.communicate(timeout=30)
    assert refused.returncode == 1
    assert "does not take this runner" in err

    env = environment(HEADGATE_SERVER=alone.url, HEADGATE_RUNNER_TOKEN="a-token-that-both-know")
    runner = spawn("runner", "--backend", "process", "--base", tmp_path / "base", cwd=tmp_path, env=env)
    try:
        done = headgate("flow", "execute", "serving", "script", "--follow", "--server", alone.url)
        assert done.code == 0, done.err
        assert "a note of the tree" in done.out
    finally:
        runner.terminate()
        # A runner that waits for a job hears of the end when its question is answered; a service that goes answers at once.
        alone.process.terminate()
        out, err = runner.communicate(timeout=30)
    assert (runner.returncode, out) == (0, ""), err
    assert "job finished" in err


LOADED = """
import sys
calls = 0
def count(frame, event, argument):
    global calls
    calls += event in ("call", "c_call")
sys.setprofile(count)
import service.app
sys.setprofile(None)
print(calls, 'croniter' in sys.modules)
"""


def test_what_up_loads_takes_few_calls() -> None:
    """Most of the time until `up` answers. Seconds are a figure of the bench: they depend on what else the machine does."""
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=100, check=True)
    calls, cron = done.stdout.split()
    assert 500_000 < int(calls) < 2_500_000
    assert cron == "False", "croniter starts a command as it is loaded"


def test_up_answers_when_it_says_so_has_its_folder_for_itself_and_ends_in_order(tmp_path: Path) -> None:
    for _ in range(2):
        process = spawn("up", "--port", 0, "--data", tmp_path / "data", cwd=tmp_path)
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        assert process.stdout.readline() == f"data     {tmp_path / 'data'}\n"
        assert process.stdout.readline() == f"push to  {url}/git/default.git\n"
        assert httpx2.get(f"{url}/healthz").status_code == 200
        second = spawn("up", "--port", 0, "--data", tmp_path / "data", cwd=tmp_path)
        _, err = second.communicate(timeout=30)
        process.terminate()
        process.communicate(timeout=30)
        assert process.returncode == 0
        assert second.returncode not in (0, None)
        assert f"is in use by another Headgate (process {process.pid})" in err


def test_up_on_any_other_address_shows_the_admin_token_once(headgate: Command, tmp_path: Path) -> None:
    def start() -> tuple[subprocess.Popen[str], list[str]]:
        process = spawn("up", "--host", "0.0.0.0", "--port", 0, "--data", tmp_path / "data", "--no-runner", cwd=tmp_path)
        assert process.stdout is not None
        return process, [process.stdout.readline() for _ in range(3)]

    process, lines = start()
    assert process.stdout is not None
    token = process.stdout.readline().split()[1]
    url = lines[0].split()[1]
    assert headgate("repo", "list", "--server", url, "--token", token).code == 0
    refused = headgate("repo", "list", "--server", url)
    process.terminate()
    process.communicate(timeout=30)
    assert refused.code == 2
    assert "--token or HEADGATE_TOKEN" in refused.err
    process, _ = start()
    process.terminate()
    rest, _ = process.communicate(timeout=30)
    assert "token" not in rest
