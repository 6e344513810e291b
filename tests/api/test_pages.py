"""The pages for people: complete, escaped, and without a script."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.support.commits import MAIN
from tests.support.station import Station

EVIL = "</pre><script>alert('x')</script><img src=x onerror=\"alert(1)\">"
FLOW = """
id: f
namespace: t
inputs: [{id: word, type: STRING, defaults: "EVIL"}]
triggers: [{id: p, type: headgate.git.Push}]
outputs: [{id: said, type: STRING, value: '{{ inputs.word }}'}]
tasks:
  - {id: a, type: io.kestra.plugin.core.log.Log, message: '{{ inputs.word }}'}
  - {id: b, type: io.kestra.plugin.core.execution.Fail, errorMessage: '{{ inputs.word }}'}
""".replace("EVIL", EVIL.replace('"', '\\"'))
WRONG = f'id: bad\nnamespace: t\ntasks: [{{id: a, type: "{EVIL.replace(chr(34), "")}"}}]\n'


@pytest.fixture
def sha(station: Station) -> str:
    sha = station.push({".flows/f.yml": FLOW, f".flows/{EVIL.replace('/', '')}.yml": WRONG}, message=EVIL)
    station.tick()
    return sha


def pages(client: TestClient, station: Station, sha: str) -> dict[str, str]:
    (row,) = station.every()
    found = {}
    for path in ("/", f"/executions/{row.execution.id}", f"/commits/default/{sha}"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        found[path] = answer.text
    return found


def test_pages_show_what_happened(client: TestClient, station: Station, sha: str):
    index, execution, commit = pages(client, station, sha).values()
    assert "t.f r1" in index
    assert "FAILED" in index
    assert f"default@{sha[:8]}" in index
    assert "1 in all" in index
    assert "&lt;script&gt;alert" in execution
    assert "<h2>Outputs</h2><ul><li><code>said</code>" in execution
    assert "HG-0221" in commit
    assert "headgate/runs" in commit


def test_what_others_wrote_is_text_and_never_markup(client: TestClient, station: Station, sha: str):
    for path, text in pages(client, station, sha).items():
        assert "<script" not in text.lower(), path
        assert "<img" not in text.lower(), path
        assert "javascript:" not in text.lower(), path
        assert text.count("</pre>") <= 1, path


def test_pages_may_load_nothing_and_be_framed_by_nobody(client: TestClient, station: Station, sha: str):
    for path in ("/", f"/commits/default/{sha}"):
        policy = client.get(path).headers
        assert "default-src 'none'" in policy["content-security-policy"]
        assert "frame-ancestors 'none'" in policy["content-security-policy"]
        assert "script-src" not in policy["content-security-policy"]
        assert (policy["x-content-type-options"], policy["referrer-policy"]) == ("nosniff", "no-referrer")


def test_an_empty_service_says_what_to_do(client: TestClient):
    assert "No execution yet" in client.get("/").text


def test_a_commit_is_found_by_its_beginning(client: TestClient, station: Station, sha: str):
    assert client.get(f"/commits/default/{sha[:8].upper()}").status_code == 200
    assert client.get("/commits/default/%25%25%25%25").status_code == 422


def test_long_lists_have_pages(client: TestClient, station: Station):
    station.push({".flows/f.yml": "id: f\nnamespace: t\ntasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: x}]\n"})
    for _ in range(51):
        station.start("t", "f")
    assert "page 1 of 2" in client.get("/").text
    assert "page 2 of 2" in client.get("/?page=2").text
    assert "page 9 of 2" in client.get("/?page=9").text


def test_a_branch_with_an_odd_name_is_text(client: TestClient, station: Station):
    base = station.push({"a.txt": "x"}, ref=MAIN)
    sha = station.push({"b.txt": "y"}, ref="refs/heads/<b>x", onto=base)
    assert "<b>" not in client.get(f"/commits/default/{sha}").text
