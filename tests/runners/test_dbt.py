"""DbtCLI: with a real dbt and DuckDB on a small project, and what is read of dbt's files and lines."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runners import dbt
from runners.memory import MemoryService
from runners.protocol import Result, Tree
from tests.require import need
from tests.runners.playing import job, play

DBT = "io.kestra.plugin.dbt.cli.DbtCLI"
COMMIT = Tree("demo", "a" * 40)
PROFILES = "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 1}}}\n"
PROJECT = {
    "dbt_project.yml": b"name: shop\nprofile: shop\nmodel-paths: [models]\n",
    "models/orders.sql": b"select 1 as id union all select 2",
    "models/sums.sql": b"select sum(id) as total from {{ ref('orders') }}",
    "models/checks.yml": b"models: [{name: orders, columns: [{name: id, data_tests: [not_null, unique]}]}]\n",
}


@pytest.fixture(scope="session")
def path() -> str:
    """A PATH with dbt on it: that of `.ci/dbt`, else this machine's."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    own = Path(os.environ.get("HEADGATE_TEST_DBT") or cache / "headgate-test" / "dbt") / "bin"
    folders = [str(own), *os.environ.get("PATH", os.defpath).split(os.pathsep)]
    if not any((Path(folder) / "dbt").exists() for folder in folders):
        need("dbt", "there is no dbt here; .ci/dbt makes one")
    return os.pathsep.join(folders)


def played(tmp_path, files, path, below="", **spec):
    service = MemoryService()
    service.hold(COMMIT, {f"{below}{name}": content for name, content in files.items()})
    work = job("one", type=DBT, spec={"commands": ["dbt build"], "profiles": PROFILES, "env": {"PATH": path}, **spec}, tree=COMMIT)
    return *play(tmp_path, work, service), service


@pytest.mark.slow
def test_every_model_and_test_is_a_result(tmp_path, path):
    outcome, lines, service = played(tmp_path, PROJECT, path, "shop/", projectDir="shop")
    assert outcome.result is Result.SUCCESS, lines
    results = {one["id"].split(".")[2]: (one["type"], one["status"], one["state"]) for one in outcome.outputs["results"]}
    assert results == {
        "orders": ("model", "success", "SUCCESS"),
        "sums": ("model", "success", "SUCCESS"),
        "not_null_orders_id": ("test", "pass", "SUCCESS"),
        "unique_orders_id": ("test", "pass", "SUCCESS"),
    }
    for one in outcome.outputs["results"]:
        assert one["startDate"] <= one["endDate"]
    files = outcome.outputs["outputFiles"]
    assert set(files) == {"run_results.json", "manifest.json"}
    assert json.loads(service.stored(files["run_results.json"]))["results"]
    assert [level for level, text in lines if "Completed successfully" in text] == ["INFO"]
    assert not [text for _, text in lines if text.startswith("{")]


@pytest.mark.slow
def test_a_failing_test_fails_the_task_and_is_named(tmp_path, path):
    files = {**PROJECT, "models/orders.sql": b"select 1 as id union all select 1"}
    outcome, lines, _ = played(tmp_path, files, path)
    assert (outcome.result, outcome.exit_code) == (Result.FAILED, 1)
    assert str(outcome.message).startswith("the command ended with exit code 1; 1 of 4 nodes failed: test.shop.unique_orders_id.")
    states = {one["id"].split(".")[2]: one["state"] for one in outcome.outputs["results"]}
    assert states == {"orders": "SUCCESS", "sums": "SKIPPED", "not_null_orders_id": "SUCCESS", "unique_orders_id": "FAILED"}
    assert "ERROR" in [level for level, _ in lines]


@pytest.mark.slow
def test_a_project_elsewhere_on_the_host_is_read_too(tmp_path, path):
    project = tmp_path / "project"
    for name, content in PROJECT.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(content)
    outcome, lines, _ = played(tmp_path / "agent", {}, path, projectDir=str(project), logFormat="TEXT")
    assert outcome.result is Result.SUCCESS, lines
    assert len(outcome.outputs["results"]) == 4
    assert not (project / "target").exists()


def test_without_dbt_it_is_told_what_to_do(tmp_path):
    outcome, _, _ = played(tmp_path, PROJECT, "/nonexistent")
    assert outcome.result is Result.FAILED
    assert outcome.message == "there is no dbt here: install it on the runner's host, or name a container image that has it"
    assert outcome.outputs["exitCode"] == 127


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"projectDir": "../x"}, "projectDir: '../x' is not a path inside the working directory"),
        ({"engine": "FUSION"}, "this version does not run it yet"),
        ({"storeManifest": {"key": "k", "namespace": "n"}}, "this version does not run it yet"),
    ],
)
def test_what_can_not_be_done_is_told(tmp_path, spec, message):
    outcome, _, _ = played(tmp_path, PROJECT, "/nonexistent", **spec)
    assert outcome.result is Result.FAILED
    assert message in str(outcome.message)


def test_results_are_left_alone_when_nobody_wants_them(tmp_path):
    outcome, _, _ = played(tmp_path, {}, "/bin:/usr/bin", commands=["mkdir target; echo [] > target/run_results.json"], parseRunResults=False)
    assert (outcome.result, "results" in outcome.outputs) == (Result.SUCCESS, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "run_results.json is not JSON"),
        ("[]", "run_results.json is no JSON object"),
        ("{}", "has no list of results"),
        ('{"results": [1]}', "has no list"),
    ],
)
def test_results_that_dbt_did_not_write_are_told(tmp_path, text, message):
    command = f"mkdir target; echo '{text}' > target/run_results.json"
    outcome, _, _ = played(tmp_path, {}, "/bin:/usr/bin", commands=[command])
    assert outcome.result is Result.FAILED
    assert message in str(outcome.message)


def test_a_line_of_dbts_log_has_its_level_and_any_other_line_is_left_as_it_is():
    assert dbt.entry('{"data": {}, "info": {"level": "warn", "msg": "careful"}}') == ("WARN", "careful")
    for line in ("plain", "{", '{"info": 1}', '{"info": {"level": "info"}}', '{"a": "info"}'):
        assert dbt.entry(line) is None
