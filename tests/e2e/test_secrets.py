"""Secrets of the environment: usable in templates, and found nowhere that anybody reads afterwards."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import FAILED, SUCCESS, Service
from tests.e2e.texts import ON_PUSH, flow, shell

pytestmark = pytest.mark.xdist_group("e2e-secrets")

SECRET = "s3cr3t/päss+wörd=="
LINES = "first-line-of-key\nsecond-line-of-key"
MASK = "******"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    secrets = {"SECRET_DB_PASSWORD": base64.b64encode(SECRET.encode()).decode(), "SECRET_KEY": base64.b64encode(LINES.encode()).decode()}
    with Service(tmp_path_factory.mktemp("secrets") / "data", **secrets) as service:
        yield service


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def image(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "process" else request.getfixturevalue("docker_images").plain


LEAKY = r"""
echo "plain $PASSWORD"
echo "split ${PASSWORD%w*}"w"${PASSWORD##*w}" >&2
printf '%s' "$PASSWORD" | base64
echo "in text {{ secret('DB_PASSWORD') }}"
echo '{{ secret("KEY") }}'
echo "::{\"outputs\": {\"leak\": \"$PASSWORD\", \"deep\": {\"$PASSWORD\": [\"$PASSWORD\"]}}}::"
"""


def test_a_script_gets_the_secret_and_nobody_sees_it(service: Service, image: str | None):
    hosted = service.host(f"leaky-{'docker' if image else 'process'}")
    leaky = shell("leaky", LEAKY, image=image, more="env:\n  PASSWORD: \"{{ secret('DB_PASSWORD') }}\"")
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    text = f'printf %s "$PASSWORD" | sha256sum | grep -q {digest} && echo right'
    check = shell("check", text, image=image, more="env:\n  PASSWORD: \"{{ secret('db_password') }}\"")
    inline = """
- id: log
  type: io.kestra.plugin.core.log.Log
  message: "log {{ secret('DB_PASSWORD') }} {{ outputs.leaky.vars.leak }}"
- id: return
  type: io.kestra.plugin.core.debug.Return
  format: "return {{ secret('DB_PASSWORD') }}"
- id: fail
  type: io.kestra.plugin.core.execution.Fail
  errorMessage: "fail {{ secret('DB_PASSWORD') }}"
"""
    hosted.tree.write(".flows/leaky.yml", flow("leaky", f"secrets.{hosted.name}", leaky + check + inline.lstrip("\n"), ON_PUSH))
    assert hosted.push_commit().ok
    commit = hosted.settled()
    (ran,) = commit["executions"]
    execution = service.execution(ran["id"])
    assert {run["taskId"]: run["state"]["current"] for run in execution["taskRunList"]} == {
        "leaky": SUCCESS,
        "check": SUCCESS,
        "log": SUCCESS,
        "return": SUCCESS,
        "fail": FAILED,
    }
    lines = service.lines(ran["id"])
    assert f"plain {MASK}" in lines
    assert "right" in lines
    followed = [value for _, value in service.events(f"/logs/{ran['id']}/follow")]
    pages = [service.client.get(path).text for path in (f"/executions/{ran['id']}", f"/commits/{hosted.name}/{commit['sha']}", "/")]
    shown = json.dumps([commit, execution, lines, followed, *pages, service.get("/executions/search", namespace=execution["namespace"])], ensure_ascii=False)
    assert found_in(shown.encode()) == []
    everything_on_disk_is_clean(service)


def found_in(content: bytes) -> list[str]:
    """The secrets that stand in some bytes, as they are or in base64."""
    texts = [SECRET, base64.b64encode(SECRET.encode()).decode().rstrip("="), *LINES.splitlines()]
    return [text for text in texts if text.encode() in content or json.dumps(text)[1:-1].encode() in content]


def everything_on_disk_is_clean(service: Service) -> None:
    """The data folder, the logs of the programs, and every value of the database, unpacked where it is packed."""
    for path in [service.log, *service.data.rglob("*")]:
        if path.is_file() and not path.is_symlink():
            assert found_in(path.read_bytes()) == [], path
    for place, value in values(service.data / "headgate.db"):
        assert found_in(value) == [], place


def values(database: Path) -> Iterator[tuple[str, bytes]]:
    """Every value of every table."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        packed = 0
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    content = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
                    yield table, content
                    if isinstance(value, bytes) and value[:1] == b"\x78":
                        packed += 1
                        yield table, zlib.decompress(value)
        assert packed, "no log was found in the database"
    connection.close()


def test_a_secret_that_is_not_there_fails_the_task_and_says_so(service: Service):
    text = flow("none", "secrets.none", "- id: log\n  type: io.kestra.plugin.core.log.Log\n  message: \"{{ secret('NOWHERE') }}\"\n")
    service.ask("POST", "/flows", content=text, headers={"content-type": "application/x-yaml"})
    ended = service.run("secrets.none", "none")
    assert ended["state"]["current"] == FAILED
    assert "NOWHERE" in service.lines(ended["id"])[0]
