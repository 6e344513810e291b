"""`flow graph`: a picture on stdout, problems beside it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Command, environment
from tests.cli.test_validate import HEAVY, WATCHED
from tests.flows.pictures import check_dot, check_mermaid

GOOD = """\
id: good
namespace: dev
tasks:
  - id: all
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {id: one, type: io.kestra.plugin.core.log.Log, message: hi}
      - {id: two, type: io.kestra.plugin.core.log.Log, message: hi}
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yml"
    path.write_text(GOOD)
    return path


def test_a_flow_is_drawn(headgate: Command, good: Path) -> None:
    done = headgate("flow", "graph", good)
    assert (done.code, done.err) == (0, "")
    assert check_mermaid(done.out) == (6, 6, 1)
    assert headgate("flow", "graph", good, "-o", "mermaid").out == done.out
    assert check_dot(headgate("flow", "graph", good, "-o", "dot").out) == (6, 6, 1)
    assert headgate("flow", "graph", good, "-o", "json").json["flowables"] == ["all"]


class Stdin:
    """Standard input with these bytes."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


def test_a_flow_is_read_from_standard_input(headgate: Command, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(GOOD.encode()))
    assert headgate("flow", "graph", "-").out == headgate("flow", "graph", good).out
    monkeypatch.setattr(sys, "stdin", Stdin(b""))
    empty = headgate("flow", "graph", "-")
    assert (empty.code, empty.out) == (2, "")
    assert "--> <stdin>:1:1" in empty.err


def test_of_a_wrong_flow_there_are_its_problems_and_no_picture(headgate: Command, good: Path) -> None:
    good.write_text(GOOD.replace("log.Log, message: hi}\n      - {id: two", "log.Lag, message: hi}\n      - {id: one"))
    done = headgate("flow", "graph", good, "-o", "json")
    assert (done.code, done.out) == (2, "")
    assert "warning[HG-0220]: unknown task type `io.kestra.plugin.core.log.Lag`" in done.err
    assert "error[HG-0213]" in done.err
    assert done.err.endswith(f"{good} has errors, so there is nothing to draw\n")


def test_a_flow_with_types_that_are_not_installed_is_drawn_too(headgate: Command, good: Path) -> None:
    good.write_text(GOOD.replace("log.Log, message: hi}", "log.Lag, message: hi}"))
    done = headgate("flow", "graph", good, "-o", "json")
    assert done.code == 0
    assert "io.kestra.plugin.core.log.Lag" in [node["task"]["type"] for node in done.json["nodes"] if node.get("task")]


def test_what_is_not_run_yet_is_drawn_all_the_same(headgate: Command, good: Path) -> None:
    good.write_text(GOOD + "policyRefs: [a]\n")
    validated = headgate("flow", "validate", good)
    assert "HG-0206" in validated.out
    assert headgate("flow", "graph", good).code == 0


def test_the_only_flow_of_a_folder_is_meant(headgate: Command, good: Path) -> None:
    assert headgate("flow", "graph", good.parent).out == headgate("flow", "graph", good).out


@pytest.mark.parametrize("name", ["nowhere.yml", "empty", "several", "several/link.yml", "HEAD:nowhere.yml"])
def test_what_is_not_one_flow_file_is_said(headgate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "several"):
        (tmp_path / folder).mkdir()
    for file in ("a.yml", "b.yml"):
        (tmp_path / "several" / file).write_text(GOOD)
    (tmp_path / "several" / "link.yml").symlink_to("nowhere")
    done = headgate("flow", "graph", name)
    assert (done.code, done.out) == (2, "")
    assert name in done.err


def test_its_help_names_the_forms(headgate: Command) -> None:
    done = headgate("flow", "graph", "--help")
    assert (done.code, "mermaid|dot|json" in done.out) == (0, True)


def test_a_form_that_is_none_is_refused(headgate: Command, good: Path) -> None:
    done = headgate("flow", "graph", good, "-o", "png")
    assert (done.code, done.out) == (2, "")


def test_drawing_loads_no_more_than_reading_needs(good: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WATCHED, "flow", "graph", str(good)], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    loaded = json.loads(ran.stderr.splitlines()[-1])
    assert ran.returncode == 0, ran.stderr[-500:]
    assert HEAVY & {name.partition(".")[0] for name in loaded} == set()
