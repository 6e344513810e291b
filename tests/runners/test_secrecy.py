"""What the agent knows of a job's secrets stays in it: out of its log, out of what it prints, out of other processes' sight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runners.backend import Launch
from runners.protocol import Adopted, Job, decode, encode
from runners.task import Command
from service.app import _agent_environment
from tests.runners.playing import job, until
from tests.support.loopback import Handler, Server

ROOT = Path(__file__).parents[2]
SECRET = "s3cr3t-value"
NOBODY = 65534


def secretive() -> Job:
    return job("one", spec={"commands": [f"echo {SECRET}"], "env": {"A": SECRET}}, env={"B": SECRET}, masks=(SECRET,))


def test_nothing_that_holds_a_job_prints_its_secrets():
    work = secretive()
    command = Command(("sh", SECRET), env={"A": SECRET}, runner={"credentials": SECRET})
    launch = Launch(work.lease, 0, ("sh", SECRET), {"A": SECRET}, Path("/w"), Path("/f"), options={"credentials": SECRET})
    for value in (work, Adopted(work, 0), command, launch):
        assert SECRET not in f"{value!r} {value}"


@pytest.mark.parametrize("wrong", [{"masks": SECRET}, {"lease": SECRET}, {"env": [SECRET]}, {"timeout": SECRET}, {"spec": SECRET}])
def test_a_message_that_cannot_be_read_is_not_quoted(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))) as caught:
        decode(Job, {**encode(secretive()), **wrong})
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


FAULT = """
import sys
import structlog
from runners.__main__ import log_to_stderr
from runners.protocol import Adopted, Job, Lease

def work(job):
    plain = job.spec["commands"][0]
    text = {"inner": [plain, job.masks]}
    raise RuntimeError("a fault of ours")

log_to_stderr("DEBUG")
log = structlog.get_logger()
job = Job(Lease("one", 1, 1), "e", "n", "f", "t", "x", {"commands": ["echo " + sys.argv[1]]}, env={"A": sys.argv[1]}, masks=(sys.argv[1],))
log.info("a job", job=job, adopted=Adopted(job, 0))
try:
    work(job)
except RuntimeError:
    log.exception("job failed in the runner", job=job.lease.key)
"""


def test_a_fault_while_a_secret_is_at_hand_is_logged_without_it(tmp_path):
    (tmp_path / "fault.py").write_text(FAULT)
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run((sys.executable, tmp_path / "fault.py", SECRET), env=environ, capture_output=True, text=True, check=True)
    assert "RuntimeError: a fault of ours" in done.stderr
    assert "raise RuntimeError" in done.stderr
    assert "job failed in the runner job=one-1-1" in done.stderr
    assert SECRET not in done.stderr + done.stdout


class Garbling(Handler):
    """A service of another version: answers every claim with a job that this agent can't read."""

    def respond(self) -> None:
        with self.body() as body:
            body.read()
        content = {**encode(secretive()), "labels": [SECRET]} if self.path.endswith("/claim") else {}
        self.answer(200, (), json.dumps(content).encode())


def test_the_agents_log_does_not_quote_a_job_that_it_cannot_read(tmp_path):
    """The agent as the service starts it."""
    server = Server(Garbling)
    server.start()
    (tmp_path / "server.json").write_text(json.dumps({"url": server.url}))
    (tmp_path / "token").write_text("token")
    places = ("--server-file", tmp_path / "server.json", "--token-file", tmp_path / "token", "--base", tmp_path / "base", "--backend", "process")
    with (tmp_path / "log").open("wb") as log:
        agent = subprocess.Popen((sys.executable, "-m", "runners", *map(str, places)), cwd=ROOT, stdout=log, stderr=log)
    try:
        until(lambda: "claim failed" in (tmp_path / "log").read_text() or agent.poll() is not None)
        agent.terminate()
        assert agent.wait(20) == 0
    finally:
        agent.kill()
        agent.wait()
        server.stop()
    said = (tmp_path / "log").read_text()
    assert "Rejected: the service's answer is not of this version: labels: " in said
    assert SECRET not in said


TOKENS = """GITHUB_TOKEN GH_TOKEN GITLAB_TOKEN MY_FORGE_TOKEN HEADGATE_TOKEN HEADGATE_RUNNER_TOKEN HEADGATE_ENCRYPTION_KEY SECRET_A ENV_A KESTRA_CONFIGURATION
AWS_SECRET_ACCESS_KEY DOCKER_PASSWORD DOCKER_AUTH_CONFIG DATABASE_URL HTTPS_PROXY PATH_TO_KEY LCX SSH_AUTH_SOCK PGPASSWORD""".split()
NEEDED = "PATH HOME LANG LC_ALL TZ TMPDIR DOCKER_HOST DOCKER_CONFIG DOCKER_TLS_VERIFY DOCKER_CERT_PATH XDG_RUNTIME_DIR SSL_CERT_FILE HEADGATE_JOB".split()


def test_the_agent_is_given_what_it_needs_and_no_token_of_the_service():
    given = _agent_environment({**dict.fromkeys(TOKENS, SECRET), **dict.fromkeys(NEEDED, "needed"), "PYTHONPATH": "/mine"})
    assert {name: value for name, value in given.items() if name != "PYTHONPATH"} == dict.fromkeys(NEEDED, "needed")
    assert given["PYTHONPATH"] == f"{ROOT}{os.pathsep}/mine"


#: Becomes a plain user where it can, so that the right of root to look everywhere is not in the way; waits to be looked at.
WAITING = f"""
import ctypes, os, subprocess, sys
from runners.processes import seal
if os.getuid() == 0:
    os.setgid({NOBODY})
    os.setuid({NOBODY})
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
if sys.argv[1] == "sealed":
    seal()
print(subprocess.run(["echo", "started"], capture_output=True, text=True).stdout.strip(), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can close a process to its own user")
@pytest.mark.parametrize(("kind", "seen"), [("open", True), ("sealed", False)])
def test_a_sealed_process_is_closed_to_programs_of_its_own_user_and_can_start_some(kind: str, seen: bool):
    environ = {"PATH": os.environ["PATH"], "TOKEN": SECRET}
    command = (sys.executable, "-c", WAITING, kind)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        user = NOBODY if os.getuid() == 0 else None
        look = subprocess.run(("cat", f"/proc/{process.pid}/environ"), capture_output=True, check=False, text=True, user=user, group=user, cwd="/")
        assert (SECRET in look.stdout) is seen
        process.communicate("")
