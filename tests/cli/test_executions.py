"""`execution …` against a real service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command

FLOW = """\
id: levels
namespace: executions
labels:
  team: a
tasks:
  - id: quiet
    type: io.kestra.plugin.core.log.Log
    level: DEBUG
    message: barely audible
  - id: loud
    type: io.kestra.plugin.core.log.Log
    level: WARN
    message: |-
      first line
      second line
  - id: give
    type: io.kestra.plugin.core.debug.Return
    format: given
"""


@pytest.fixture
def execution(headgate: Command, server: str, tmp_path: Path) -> str:
    """The id of an ended execution."""
    file = tmp_path / "levels.yml"
    file.write_text(FLOW)
    headgate("flow", "create", file)
    return str(headgate("flow", "execute", "executions", "levels", "--follow", "-o", "json").json["id"])


def test_list_finds_by_namespace_flow_and_state(headgate: Command, execution: str) -> None:
    def ids(*arguments: str) -> list[str]:
        return [found["id"] for found in headgate("execution", "list", *arguments, "-o", "json").json]

    assert ids("--namespace", "executions")[0] == execution
    assert ids("--flow", "levels", "--state", "success", "--state", "FAILED")[0] == execution
    assert ids("--namespace", "executions", "--state", "FAILED") == []
    assert len(ids("--limit", "1")) == 1
    table = headgate("execution", "list", "-n", "executions").out.splitlines()
    assert table[0].split() == ["ID", "FLOW", "REVISION", "STATE", "STARTED", "DURATION"]
    assert table[1].split()[:4] == [execution, "executions.levels", "1", "SUCCESS"]


def test_show_tells_what_an_execution_did(headgate: Command, execution: str) -> None:
    done = headgate("execution", "show", execution)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == f"id        {execution}"
    assert "flow      executions.levels revision 1" in lines
    assert "state     SUCCESS" in lines
    assert any(line.startswith("labels ") and "team:a" in line for line in lines)
    assert [line.split()[:2] for line in lines if line.startswith(("quiet", "loud", "give "))] == [
        ["quiet", "SUCCESS"],
        ["loud", "SUCCESS"],
        ["give", "SUCCESS"],
    ]
    assert 'outputs.give {"value": "given"}' in lines


def test_the_beginning_of_an_id_is_enough(headgate: Command, execution: str) -> None:
    assert headgate("execution", "show", execution[:14], "-o", "json").json["id"] == execution


def test_an_unknown_id_is_refused(headgate: Command, server: str) -> None:
    done = headgate("execution", "show", "zzzzzzzz")
    assert done.code == 2
    assert "there is no execution `zzzzzzzz`" in done.err


def test_logs_are_printed_from_a_level_on(headgate: Command, execution: str) -> None:
    assert "barely audible" in headgate("execution", "logs", execution).out
    done = headgate("execution", "logs", execution, "--level", "warn")
    first, second = done.out.splitlines()
    assert first.endswith("WARN  loud | first line")
    assert second == f"{' ' * 18} loud | second line"


def test_logs_as_json_are_a_list_and_followed_they_are_lines(headgate: Command, execution: str) -> None:
    whole = headgate("execution", "logs", execution, "-o", "json").json
    assert [entry["taskId"] for entry in whole] == ["quiet", "loud", "give"]
    done = headgate("execution", "logs", execution[:14], "-f", "-o", "json")
    assert [json.loads(line) for line in done.out.splitlines()] == whole
    assert done.code == 0


def test_what_has_ended_cannot_be_killed(headgate: Command, execution: str) -> None:
    done = headgate("execution", "kill", execution)
    assert done.code == 2
    assert "is SUCCESS already" in done.err
