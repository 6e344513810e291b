"""A service that other machines can reach asks everybody for a token: people, `git`, and runners."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest

from tests.e2e.service import SUCCESS, Service
from tests.e2e.texts import ON_PUSH, script

pytestmark = pytest.mark.xdist_group("e2e-refs")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("token") / "data", HEADGATE_HOST="0.0.0.0", HEADGATE_BACKEND="process") as service:
        yield service


def printed(service: Service) -> list[str]:
    """The admin tokens that were printed, once the service has said that it is ready."""
    service.until(lambda: service.log.read_text().count("push to") == service.starts, "the greeting")
    return re.findall(r"hg_admin_\S+", service.log.read_text())


def test_without_a_token_nothing_but_the_health_is_told(service: Service):
    (token,) = printed(service)
    runner = (service.data / "runner.token").read_text().strip()
    assert service.client.get("/healthz").status_code == 200
    for given, status in ((None, 401), ("wrong", 401), (runner, 403), (token, 200)):
        headers = {} if given is None else {"authorization": f"Bearer {given}"}
        for path in ("/", "/api/v1/main/flows/search", "/api/v1/main/repositories", "/git/default.git/info/refs?service=git-upload-pack"):
            assert service.client.get(path, headers=headers).status_code == status, (path, status)


def test_git_gives_the_token_as_its_password_and_the_flow_runs(service: Service):
    (token,) = printed(service)
    service.client.headers["authorization"] = f"Bearer {token}"
    hosted = service.host("guarded")
    hosted.tree.write(".flows/a.yml", script("a", "guarded", "echo ran", ON_PUSH)).commit()
    for address in (hosted.url, hosted.url.replace("://", "://x:wrong@")):
        pushed = hosted.tree.push(address)
        assert not pushed.ok
    assert hosted.tree.push(hosted.url.replace("://", f"://x:{token}@")).ok
    (run,) = hosted.settled()["executions"]
    assert (run["state"], service.lines(run["id"])) == (SUCCESS, ["ran"])
    assert "guarded" in service.cli("flow", "list", HEADGATE_TOKEN=token).stdout
    assert service.cli("flow", "list", check=2).stdout == ""


def test_the_token_is_printed_once_and_kept_as_a_hash(service: Service):
    (token,) = printed(service)
    service.stop()
    service.start()
    assert printed(service) == [token]
    assert service.client.get("/api/v1/main/repositories", headers={"authorization": f"Bearer {token}"}).status_code == 200
    secret = token.removeprefix("hg_admin_")
    for path in service.data.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert secret.encode() not in content, path
            assert base64.b64encode(secret.encode()) not in content, path
