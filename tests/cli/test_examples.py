"""The flows that teach: each runs, from the tree of its commit, and gives what stands under its `extend.expect`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.cli.program import run
from tests.cli.conftest import ROOT, Command
from tests.support.repo import Repo

EXAMPLES = ROOT / ".flows" / "examples"
FLOWS = sorted(EXAMPLES.glob("*.yml"))


@pytest.fixture(scope="module")
def pushed(service: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A service that has all examples; nothing was started by their push."""
    tree = tmp_path_factory.mktemp("examples") / "tree"
    repo = Repo(tree)
    shutil.copytree(EXAMPLES, tree / ".flows" / "examples")
    assert run(["repo", "add", "examples", "--server", service]) == 0
    done = repo.commit("The examples [skip ci]").push(f"{service}/git/examples.git")
    assert done.ok, done.stderr
    return service


@pytest.mark.parametrize("file", FLOWS, ids=lambda file: file.stem)
def test_an_example_does_what_it_says(headgate: Command, pushed: str, file: Path) -> None:
    flow = yaml.safe_load(file.read_text())
    expected = flow["extend"]["expect"]
    done = headgate("flow", "execute", flow["namespace"], flow["id"], "--follow", "-o", "json", "--server", pushed)
    execution = done.json
    assert execution["state"]["current"] == expected["state"], done.err
    outputs = {run["taskId"]: run["outputs"] for run in execution["taskRunList"]}
    for task, values in expected.get("outputs", {}).items():
        assert chosen(outputs[task], values) == values


def chosen(value: Any, pattern: Any) -> Any:
    """The part of a value that the pattern speaks about."""
    if isinstance(pattern, Mapping) and isinstance(value, Mapping):
        return {key: chosen(value.get(key), part) for key, part in pattern.items()}
    return value


def test_every_example_starts_by_a_push_and_says_what_comes_of_it() -> None:
    assert 3 <= len(FLOWS) <= 5
    for file in FLOWS:
        flow = yaml.safe_load(file.read_text())
        assert "headgate.git.Push" in [trigger["type"] for trigger in flow["triggers"]], file.name
        assert flow["extend"]["expect"]["state"] == "SUCCESS", file.name


def test_scripts_of_the_examples_need_no_container() -> None:
    for file in FLOWS:
        text = file.read_text()
        assert ("plugin.scripts." not in text) or ("io.kestra.plugin.core.runner.Process" in text), file.name
