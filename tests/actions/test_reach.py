"""What templates of a flow reach: secrets, keys, files, logs and other servers, each only as far as the flow may."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.actions.files import Whose
from service.actions.reach import Reach
from service.actions.scope import Rendering, Scope, of_flow
from service.engine.execution import Pin
from service.engine.program import RenderFailed
from service.errors import Invalid
from service.git.helper import Helper
from service.store import kv
from tests.support.commits import Link
from tests.support.loopback import Handler, Server
from tests.support.station import RUNNER, Station, station_at

LOG = "io.kestra.plugin.core.log.Log"
SHELL = "io.kestra.plugin.scripts.shell.Commands"
NOTHING = "id: {id}\nnamespace: {namespace}\ntasks:\n  - {{id: a, type: io.kestra.plugin.core.log.Log, message: x}}\n"
SECRETS = {"TOKEN": "s3cr3t-value", "JSON": '{"user": "admin-name", "port": 54321}', "LOGIN": '{"user": "peter", "password": "only-in-json"}'}


@pytest.fixture
def keyed(tmp_path: Path, helper: Helper) -> Iterator[Station]:
    """A station with secrets."""
    environ = {f"SECRET_{name}": base64.b64encode(value.encode()).decode() for name, value in SECRETS.items()}
    with station_at(tmp_path / "data", helper, environ=environ) as station:
        yield station


def whose(station: Station, namespace: str = "t.own", execution: str | None = None, *, pin: Pin | None = None) -> Whose:
    return Whose("main", namespace, "f", execution, pin)


def reach(station: Station, who: Whose, **options: Any) -> Reach:
    return Reach(station.kit, who, station.database.read, lambda: station.clock.now, **options)


def given(reach: Reach, template: str) -> Any:
    """What a template comes to."""
    parts = of_flow(reach.kit, reach.whose.namespace, reach.whose.flow, 1, {})
    return Rendering(reach.kit, Scope(parts), reach).typed(template)


def refused(reach: Reach, template: str) -> str:
    with pytest.raises(RenderFailed) as caught:
        given(reach, template)
    return str(caught.value).rpartition(" (line")[0]


def pin(station: Station, commit: str, name: str = "default") -> Pin:
    return Pin(station.repository(name).id, commit, "refs/heads/main", ".flows/f.yml", "b" * 40)


def keep(station: Station, namespace: str, key: str, value: Any, *, environment: str = "main", **more: Any) -> None:
    at = station.clock.now.timestamp()
    station.database.write(lambda session: kv.put(session, environment, namespace, key, value, at=at, **more))


# --- secrets


def test_a_secret_and_its_parts_are_masked(keyed: Station) -> None:
    text = "{{ secret('TOKEN') }} {{ secret('JSON', subkey='user') }} {{ secret('JSON', subkey='port') }} {{ secret('TOKEN') | upper }}"
    id = keyed.flow(f'  - {{id: a, type: {LOG}, message: "{text}"}}\n')
    keyed.tick()
    assert keyed.log(id)[-1] == "****** ****** ****** S3CR3T-VALUE"


def test_a_password_inside_of_a_secret_is_masked_however_it_is_read(keyed: Station) -> None:
    text = "{{ fromJson(secret('LOGIN')).password }} {{ fromJson(secret('LOGIN')).user }} {{ inputs.password }}"
    inputs = "inputs:\n  - {id: password, type: STRING, defaults: \"{{ secret('LOGIN', subkey='password') }}\"}\n"
    id = keyed.flow(f'  - {{id: a, type: {LOG}, message: "{text}"}}\n', head=inputs)
    keyed.tick()
    assert keyed.log(id)[-1] == "****** peter ******"


def test_an_error_holds_no_part_of_a_secret(keyed: Station) -> None:
    here = reach(keyed, whose(keyed))
    assert refused(here, "{{ secret('JSON', subkey='user') | number }}") == "`******` is not a number"
    assert here.used == {SECRETS["JSON"], "admin-name"}


def test_a_job_is_told_what_to_mask(keyed: Station) -> None:
    keyed.flow(f"  - {{id: a, type: {SHELL}, commands: [\"echo {{{{ secret('JSON', subkey='user') }}}}\"]}}\n")
    keyed.tick()
    job = keyed.dispatch.try_claim(RUNNER)
    assert job is not None
    assert job.masks == tuple(sorted((SECRETS["JSON"], "admin-name")))


def test_a_secret_is_not_available_whatever_the_reason(keyed: Station) -> None:
    keyed.push({".flows/x.yml": NOTHING.format(id="x", namespace="theirs")}, name="other")
    here = reach(keyed, whose(keyed))
    sealed = reach(keyed, whose(keyed), trusted=False)
    missing, theirs, fork = refused(here, "{{ secret('NONE') }}"), refused(here, "{{ secret('TOKEN', 'theirs') }}"), refused(sealed, "{{ secret('TOKEN') }}")
    assert {missing.replace("NONE", "TOKEN"), theirs, fork} == {"the secret `TOKEN` is not available"}
    assert given(here, "{{ secret('TOKEN', 't') }}") == SECRETS["TOKEN"]


@pytest.mark.parametrize(
    "template",
    ["{{ envs.zone }}", "{{ env('zone') }}", "{{ globals.x }}", "{{ kv('a') }}", "{{ read('a') }}", "{{ http('http://x') }}", "{{ subflow('t', 'f') }}"],
)
def test_the_head_of_a_fork_reaches_nothing(station: Station, template: str) -> None:
    assert "s3cr3t" not in refused(reach(station, whose(station), trusted=False, calls=5.0), template)
    assert given(reach(station, whose(station), trusted=False), "{{ flow.id }} {{ now() | length > 0 }}") == "f true"


# --- keys


def test_a_key_is_found_in_the_nearest_namespace(station: Station) -> None:
    keep(station, "t", "a", 1)
    keep(station, "t", "b", 1)
    keep(station, "t.own", "b", {"x": [2]})
    keep(station, "t.own", "c", 3, environment="pr-1")
    here = reach(station, whose(station))
    assert given(here, "{{ [kv('a'), kv('b').x[0], kv('b', 't'), kv('c', errorOnMissing=false)] }}") == [1, 2, 1, None]
    assert refused(here, "{{ kv('a', 't.own') }}").startswith("there is no key `a` in the namespace `t.own`")


def test_a_key_ends_with_the_clock(station: Station) -> None:
    keep(station, "t.own", "a", 1, expires_at=station.clock.now.timestamp() + 60)
    here = reach(station, whose(station))
    assert given(here, "{{ kv('a') }}") == 1
    station.clock.now += timedelta(seconds=61)
    assert refused(here, "{{ kv('a') }}").startswith("there is no key `a`")


def test_a_large_value_has_its_price(station: Station) -> None:
    keep(station, "t.own", "large", {"lists": [[]] * 300_000})
    assert given(reach(station, whose(station)), "{{ kv('large').lists | length }}") == 300_000
    assert refused(reach(station, whose(station)), "{% for i in 1..1000 %}{% set a = kv('large') %}{% endfor %}").startswith(
        "this template needs too much work"
    )


def test_keys_of_another_repository_are_not_read(station: Station) -> None:
    station.push({".flows/x.yml": NOTHING.format(id="x", namespace="theirs")}, name="other")
    sha = station.push({".flows/x.yml": NOTHING.format(id="x", namespace="ours")})
    for namespace in ("theirs", "ours", "nobodys"):
        keep(station, namespace, "a", namespace)
    here = reach(station, whose(station, pin=pin(station, sha)))
    assert refused(here, "{{ kv('a', 'theirs') }}") == "the namespace `theirs` belongs to another repository; its keys are not read from here"
    assert given(here, "{{ kv('a', 'ours') }} {{ kv('a', 'nobodys') }}") == "ours nobodys"


# --- files

FLOW = NOTHING.format(id="f", namespace="t.own")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, helper: Helper) -> Iterator[Reach]:
    """What a flow in a commit with some files reaches. Nothing is changed by it."""
    with station_at(tmp_path_factory.mktemp("tree"), helper) as station:
        yield with_files(station)


def with_files(station: Station) -> Reach:
    files = {
        ".flows/f.yml": FLOW,
        ".flows/y.yml": NOTHING.format(id="y", namespace="t.beside"),
        "a.txt": "first",
        "sub/b ü.txt": "deep",
        "empty": "",
        "binary": b"\xff\xfe",
        "large": "x" * 1_000_001,
        "full": "x" * 1_000_000,
        "link": Link("a.txt"),
    }
    first = station.push(files)
    station.push({".flows/x.yml": NOTHING.format(id="x", namespace="theirs"), "a.txt": "theirs"}, name="other")
    second = station.push({"a.txt": "second"})
    assert first != second
    return reach(station, whose(station, pin=pin(station, second)))


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("{{ read('a.txt') }}", "second"),
        ("{{ read('/a.txt') }}", "second"),
        ("{{ read('./sub//b ü.txt') }}", "deep"),
        ("{{ read('nsfile:///a.txt') }}", "second"),
        ("{{ read('nsfile:///sub/b%20%C3%BC.txt') }}", "deep"),
        ("{{ read('nsfile://t.beside/a.txt') }}", "second"),
        ("{{ read('a.txt', 't.beside') }}", "second"),
        ("{{ read('a.txt', namespace='t.own') }}", "second"),
        ("{{ read(fileURI('sub/b ü.txt')) }}", "deep"),
        ("{{ fileURI('sub/b ü.txt') }}", "kestra:///t/own/_files/sub/b%20%C3%BC.txt"),
        ("{{ fileURI('a.txt', 't.beside') }}", "kestra:///t/beside/_files/a.txt"),
        ("{{ fileSize('a.txt') }}", 6),
        ("{{ fileSize('large') }}", 1_000_001),
        ("{{ read('full') | length }}", 1_000_000),
        ("{{ isFileEmpty('empty') }}", True),
        ("{{ isFileEmpty('a.txt') }}", False),
        ("{{ fileExists('a.txt') }}", True),
        ("{{ fileExists('no.txt') }}", False),
        ("{{ fileExists('sub/no.txt') }}", False),
        ("{{ fileExists('a.txt/b') }}", False),
        ("{{ fileExists('sub') }}", False),
        ("{{ fileExists('link') }}", False),
    ],
)
def test_a_file_of_the_namespace_is_that_of_the_commit(tree: Reach, template: str, wanted: Any) -> None:
    assert given(tree, template) == wanted


def test_a_revision_is_a_commit(tree: Reach) -> None:
    second = tree.whose.pin.commit if tree.whose.pin else ""
    first = tree.kit.git.commit("default", second).parents[0]
    assert given(tree, f"{{{{ read('a.txt', revision='{first}') }}}}") == "first"
    uri = given(tree, f"{{{{ fileURI('a.txt', revision='{first}') }}}}")
    assert uri == f"kestra:///t/own/_files/a.txt?revision={first}"
    assert given(tree, f"{{{{ read('{uri}') }}}}{{{{ fileSize('{uri}') }}}}") == "first5"
    assert refused(tree, "{{ read('a.txt', revision='HEAD') }}") == "`HEAD` is no revision of a file: a commit is, with all of its 40 digits"
    assert "no" in refused(tree, f"{{{{ read('a.txt', revision='{'0' * 40}') }}}}")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ read('no.txt') }}", "there is no file `no.txt`"),
        ("{{ fileURI('no.txt') }}", "there is no file `no.txt`"),
        ("{{ read('../a.txt') }}", "`../a.txt` is not the path of a file: it leads outside"),
        ("{{ read('sub/../../a.txt') }}", "`sub/../../a.txt` is not the path of a file: it leads outside"),
        ("{{ read('nsfile:///%2E%2E/a.txt') }}", "`../a.txt` is not the path of a file: it leads outside"),
        ("{{ read('kestra:///t/own/_files/..%2Fa.txt') }}", "`../a.txt` is not the path of a file: it leads outside"),
        ("{{ read('') }}", "`` is not the path of a file: it leads nowhere"),
        ("{{ read('file:///etc/passwd') }}", "`file://` is not read: a path in the namespace's files is, and what begins with kestra:/// or nsfile://"),
        ("{{ read('https://x/y') }}", "`https://` is not read: a path in the namespace's files is, and what begins with kestra:/// or nsfile://"),
        ("{{ read('binary') }}", "`binary` is not text in UTF-8"),
        ("{{ read('large') }}", "`large` is larger than 1,000,000 bytes: too large to be text in an expression; a task can read it"),
        ("{{ read('a.txt', 'theirs') }}", "the files of the namespace `theirs` are not those of this flow's repository"),
        ("{{ read('nsfile://theirs/a.txt') }}", "the files of the namespace `theirs` are not those of this flow's repository"),
        ("{{ fileExists('a.txt', 'theirs') }}", "the files of the namespace `theirs` are not those of this flow's repository"),
        ("{{ read('a.txt', 'nobodys') }}", "the files of the namespace `nobodys` are not those of this flow's repository"),
    ],
)
def test_a_file_is_refused(tree: Reach, template: str, message: str) -> None:
    assert refused(tree, template) == message


@pytest.mark.parametrize("template", ["{{ read('link') }}", "{{ fileSize('link') }}", "{{ read('sub') }}", "{{ fileURI('sub') }}"])
def test_links_and_folders_are_no_files(tree: Reach, template: str) -> None:
    assert refused(tree, template)


def put(station: Station, namespace: str, id: str, name: str = "out.txt", content: bytes = b"made") -> str:
    return str(station.kit.storage.put(namespace, "f", id, "a", "run", name, io.BytesIO(content)))


def test_a_stored_file_is_read_by_its_own_and_by_executions_that_may(station: Station) -> None:
    station.push({".flows/x.yml": NOTHING.format(id="x", namespace="theirs")}, name="other")
    sha = station.push({".flows/f.yml": FLOW, ".flows/y.yml": NOTHING.format(id="f", namespace="t.beside")})
    ids = {namespace: station.start(namespace, "x" if namespace == "theirs" else "f") for namespace in ("t.own", "t.beside", "theirs")}
    uris = {namespace: put(station, namespace, id) for namespace, id in ids.items() if namespace != "theirs"}
    uris["theirs"] = str(station.kit.storage.put("theirs", "x", ids["theirs"], "a", "run", "out.txt", io.BytesIO(b"made")))
    here = reach(station, whose(station, execution=ids["t.own"], pin=pin(station, sha)))
    assert given(here, f"{{{{ read('{uris['t.own']}') }}}} {{{{ read('{uris['t.beside']}') }}}} {{{{ fileSize('{uris['t.own']}') }}}}") == "made made 4"
    assert given(here, f"{{{{ fileExists('{uris['t.own']}x') }}}}") is False
    for uri in (uris["theirs"], uris["t.own"].replace(ids["t.own"], "0" * 22), "kestra:///x", "kestra:///", "kestra:///t/own/f/executions/../../x"):
        assert "is not a file of this execution" in refused(here, f"{{{{ read('{uri}') }}}}"), uri
        assert "is not a file of this execution" in refused(here, f"{{{{ fileExists('{uri}') }}}}"), uri
    elsewhere = reach(station, replace(here.whose, environment="pr-1", execution="0" * 22))
    assert "is not a file of this execution" in refused(elsewhere, f"{{{{ read('{uris['t.own']}') }}}}")


# --- the log


def test_errors_so_far_are_told_to_the_tasks_that_deal_with_them(station: Station) -> None:
    tasks = "  - {id: bad, type: io.kestra.plugin.core.execution.Fail, errorMessage: it broke}\n"
    message = "{{ errorLogs()[0].message }} in {{ errorLogs()[0].taskId }}; {{ tasksWithState('FAILED') }}"
    handler = f'errors:\n  - {{id: tell, type: {LOG}, message: "{message}"}}\n'
    station.push({".flows/f.yml": f"id: f\nnamespace: t\ntasks:\n{tasks}{handler}"})
    id = station.start("t", "f")
    station.tick()
    assert station.log(id)[-1] == 'it broke in bad; [{"taskId":"bad","state":"FAILED"}]'


# --- other servers


class Far(Handler):
    """Gives JSON, or sends on."""

    def respond(self) -> None:
        path, _, more = self.path.partition("?")
        if path == "/to":
            self.answer(302, [("Location", more)], b"")
        elif path == "/hang":
            self.hang(20)
        else:
            self.answer(500 if path == "/bad" else 200, [("Content-Type", "application/json")], b'{"city": "Bern"}')


@pytest.fixture
def far() -> Iterator[str]:
    server = Server(Far)
    server.start()
    yield server.url
    server.stop()


def test_http_works_where_a_job_is_made_ready(station: Station, far: str) -> None:
    station.flow(f"  - {{id: a, type: {SHELL}, commands: [\"echo {{{{ http('{far}/a').city }}}}\"]}}\n")
    station.tick()
    job = station.dispatch.try_claim(RUNNER)
    assert job is not None
    assert job.spec["commands"] == ["echo Bern"]


def with_default(template: str) -> str:
    return f'id: f\nnamespace: t\ninputs:\n  - {{id: c, type: STRING, defaults: "{template}"}}\ntasks:\n  - {{id: a, type: {LOG}, message: x}}\n'


def test_http_works_in_inputs(station: Station, far: str) -> None:
    station.push({".flows/f.yml": with_default(f"{{{{ http('{far}/a').city }}}}")})
    id = station.start("t", "f")
    assert station.execution(id).execution.inputs == {"c": "Bern"}
    station.push({".flows/f.yml": with_default(f"{{{{ http('{far}/bad') }}}}")})
    with pytest.raises(Invalid, match=r"127\.0\.0\.1 answers 500"):
        station.start("t", "f")


def test_http_is_refused_where_everybody_would_wait(station: Station, far: str) -> None:
    id = station.flow(f"  - {{id: a, type: {LOG}, message: \"{{{{ http('{far}/a').city }}}}\"}}\n")
    station.tick()
    assert station.state(id) == "FAILED"
    assert "`http()` waits for another server" in station.log(id, "ERROR")[0]


def test_a_forbidden_address_behind_a_redirect_fails_the_task(station: Station, far: str) -> None:
    id = station.flow(f"  - {{id: a, type: {SHELL}, commands: [\"{{{{ http('{far}/to?http://169.254.169.254/latest') }}}}\"]}}\n")
    station.tick()
    assert station.dispatch.try_claim(RUNNER) is None
    station.tick()
    assert station.state(id) == "FAILED"
    assert "169.254.169.254 is 169.254.169.254, an address that is never connected to" in station.log(id, "ERROR")[0]


def test_all_calls_of_one_job_share_their_time(station: Station, far: str) -> None:
    here = reach(station, whose(station), calls=0.3)
    assert refused(here, f"{{{{ http('{far}/hang') }}}}") == "127.0.0.1 did not answer in time"
    assert refused(here, f"{{{{ http('{far}/a') }}}}") == "the calls of other servers took more than 0.3 seconds together"
