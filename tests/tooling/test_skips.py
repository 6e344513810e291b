"""Optional groups: what a run of pytest says and returns when an engine is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CASES = """
import pytest
from tests.require import need

def test_one_that_needs_the_engine():
    need("engine", "no engine answers")

def test_another_that_needs_the_engine():
    need("engine", "no engine answers")

@pytest.mark.skip(reason="just so")
def test_one_that_is_skipped_past_the_groups():
    raise AssertionError

def test_that_runs():
    pass
"""


def play(folder: Path, chosen: str, require: str = "") -> tuple[int, str]:
    """Runs the chosen cases as a user would; returns the exit code and what was printed."""
    (folder / "test_cases.py").write_text(CASES)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "-k", chosen, "test_cases.py"]
    env = os.environ | {"HEADGATE_TEST_REQUIRE": require, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def test_a_missing_engine_is_a_skip_that_is_counted_with_its_reason(tmp_path: Path) -> None:
    code, text = play(tmp_path, "engine or runs")
    assert code == 0
    assert "2 skipped" in text
    assert "    2  engine: no engine answers" in text


def test_no_skip_adds_no_words(tmp_path: Path) -> None:
    code, text = play(tmp_path, "runs")
    assert code == 0
    assert "skipped" not in text


@pytest.mark.parametrize("require", ["docker, engine", "all"])
def test_a_required_group_fails_where_its_engine_is_missing(tmp_path: Path, require: str) -> None:
    code, text = play(tmp_path, "engine", require)
    assert code == 1
    assert "2 failed" in text
    assert "engine is required here: no engine answers" in text


def test_a_group_that_nobody_requires_stays_a_skip(tmp_path: Path) -> None:
    code, _ = play(tmp_path, "engine or runs", "docker")
    assert code == 0


def test_where_all_is_required_no_skip_slips_past_the_groups(tmp_path: Path) -> None:
    code, text = play(tmp_path, "past or runs", "all")
    assert code == 1
    assert "just so" in text
    assert "a skip is a failure" in text
