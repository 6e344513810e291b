"""What a start finds and leaves: a folder that is nobody else's, a token where others get in, a log that does not grow for ever."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from service.app import AgentProcess, Service, folder
from service.errors import Invalid
from service.settings import Settings
from service.store import settings as facts
from tests.support.serving import until

ROOT = Path(__file__).parents[2]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def service(data: Path, **settings: object) -> Iterator[Service]:
    made = Service(replace(Settings(data=data), **settings), {}, 8080)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.stop()


# who gets in


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, False),
        ({"url": "http://localhost:8080"}, False),
        ({"url": "https://flows.example.com"}, True),
        ({"host": "0.0.0.0"}, True),
        ({"host": "0.0.0.0", "url": "http://localhost:8080"}, True),
    ],
)
def test_the_admin_token_is_made_where_others_may_get_in_and_told_once(tmp_path: Path, settings: dict, asked: bool):
    tokens: list[str] = []
    for _ in range(2):
        with service(tmp_path / "data", **settings) as made:
            token = made.prepare({})
            if token is not None:
                tokens.append(token)
                made.shown()
            with made.database.read() as session:
                assert [facts.token_kind(session, one) for one in tokens] == ["admin"] * asked


def test_a_token_that_was_never_shown_lets_nobody_in_and_another_one_is_made(tmp_path: Path):
    tokens = []
    for _ in range(3):
        with service(tmp_path / "data", host="0.0.0.0") as made:
            tokens.append(made.prepare({}))
            with made.database.read() as session:
                assert [facts.token_kind(session, token or "") for token in tokens] == [None] * (len(tokens) - 1) + ["admin"]


def test_the_operators_own_admin_token_takes_the_place_of_a_lost_one(tmp_path: Path):
    own = "x" * 32
    with service(tmp_path / "data", host="0.0.0.0") as made:
        lost = made.prepare({})
        made.shown()
    for environ in ({"HEADGATE_ADMIN_TOKEN": own}, {"HEADGATE_ADMIN_TOKEN": own}, {}):
        with service(tmp_path / "data", host="0.0.0.0") as made:
            assert made.prepare(environ) is None
            with made.database.read() as session:
                assert (facts.token_kind(session, own), facts.token_kind(session, lost or "")) == ("admin", None)
    with service(tmp_path / "data", host="0.0.0.0") as made, pytest.raises(Invalid, match="shorter than 20 characters"):
        made.prepare({"HEADGATE_ADMIN_TOKEN": "short"})


def test_a_time_zone_that_is_none_is_refused_at_start(tmp_path: Path):
    with pytest.raises(Invalid, match="HEADGATE_TIMEZONE.*Mars/X"), service(tmp_path / "data", timezone="Mars/X"):
        pass


def test_a_service_that_gets_a_public_name_later_makes_the_token_then(tmp_path: Path):
    with service(tmp_path / "data") as made:
        assert made.prepare({}) is None
    with service(tmp_path / "data", url="https://flows.example.com") as made:
        assert made.prepare({}) is not None


# the folder


@pytest.mark.parametrize("before", [0o755, 0o777, 0o750, 0o700])
def test_a_folder_that_others_could_read_is_closed(tmp_path: Path, before: int):
    data = tmp_path / "data"
    with service(data):
        pass
    (data / "runner.log").touch()
    for path in (data, data / "headgate.db", data / "runner.log"):
        path.chmod(before if path.is_dir() else before & 0o666)
    assert folder(Settings(data=data)) == data
    assert mode(data) == 0o700
    assert [mode(data / name) for name in ("headgate.db", "runner.log")] == [0o600, 0o600]
    with service(data) as made:
        made.prepare({})
        assert {path.name: mode(path) for path in data.glob("headgate.db*")} == dict.fromkeys(("headgate.db", "headgate.db-wal", "headgate.db-shm"), 0o600)


def test_what_a_service_makes_is_its_owners_alone_and_its_runner_has_the_umask_of_the_start(tmp_path: Path):
    data = tmp_path / "data"
    command = [sys.executable, "-m", "service", "up", "--port", "0", "--data", str(data)]
    environ = {"PATH": os.environ["PATH"], "HEADGATE_BACKEND": "process"}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, umask=0o027) as process:
        try:
            until(lambda: (data / "server.json").exists() and (data / "runner" / "lock").exists())
            url = json.loads((data / "server.json").read_text())["url"]
            assert httpx2.get(f"{url}/healthz").status_code == 200
            mine = [path for path in (data, *data.rglob("*")) if path.relative_to(data).parts[:1] != ("runner",) and not path.is_socket()]
            assert [str(path) for path in mine if path.exists() and mode(path) & 0o077] == []
            agent = int((data / "runner" / "lock").read_text())
            umask = next(line for line in Path(f"/proc/{agent}/status").read_text().splitlines() if line.startswith("Umask"))
            assert int(umask.split()[1], 8) == 0o027
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


# health, and the runner's log


def test_a_service_is_well_while_all_of_it_works(tmp_path: Path):
    with service(tmp_path / "data") as made:
        assert made.ill() == [f"the {name}" for name in ("executor", "scheduler", "reaper", "router", "reconciler", "reporter", "pool", "housekeeping")]
        made.prepare({})
        made.start()
        assert made.ill() == []
    assert "the database" in made.ill()


def written(path: Path) -> int:
    """Bytes of a file; 0 also while one takes the place of another."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize(("size", "rotated"), [(0, False), (16 << 20, False), ((16 << 20) + 1, True)])
def test_the_runners_log_begins_anew_when_it_has_grown_large(tmp_path: Path, size: int, rotated: bool):
    data = tmp_path / "data"
    with service(data) as made:
        log = data / "runner.log"
        with log.open("wb") as out:
            out.truncate(size)
        (data / "runner.token").unlink(missing_ok=True)  # it ends at once, which is all that is wanted of it
        agent = AgentProcess(made, 0o022)
        agent.start()
        try:
            until(lambda: written(log) not in (0, size))
        finally:
            agent.stop(5)
    assert (data / "runner.log.1").exists() == rotated
    assert (log.stat().st_size < 1 << 20) == (rotated or size == 0)
    assert mode(log) == 0o600
