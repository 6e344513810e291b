"""`python -m bench`: it finds its modules, measures, and compares with the run before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from bench.__main__ import discover, keep, main, measure, number, previous, table
from bench.figure import Figure, best

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_every_module_with_a_run_is_found() -> None:
    names = [name for name, _ in discover()]
    assert "commits" in names
    assert "figure" not in names


def test_only_chosen_modules_run() -> None:
    assert [name for name, _ in discover(["commits"])] == ["commits"]


def test_an_unknown_name_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["comits"]) == 2
    assert "no such bench: comits; there are: " in capsys.readouterr().err


def test_a_figure_stands_beside_its_floor_and_its_last_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep({"disk: commit": Figure("commit", 100.0, "µs", 50.0)}, tmp_path, NOW)
    figures = measure([("disk", lambda: [Figure("commit", 150.0, "µs", 50.0)])])
    Console(width=120).print(table(figures, previous(tmp_path)))
    printed = capsys.readouterr().out
    row = next(line for line in printed.splitlines() if "disk: commit" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["disk: commit", "150", "µs", "50", "3", "100", "+50 %"]


def test_the_newest_kept_value_counts(tmp_path: Path) -> None:
    keep({"a": Figure("a", 1.0, "s")}, tmp_path, NOW)
    keep({"a": Figure("a", 2.0, "s")}, tmp_path, NOW.replace(second=6))
    assert previous(tmp_path) == {"a": 2.0}


def test_before_the_first_run_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    assert previous(tmp_path / "results") == {}


@pytest.mark.parametrize(("value", "text"), [(None, ""), (0.00123, "0.00123"), (12.345, "12.3"), (123456.7, "123,457")])
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert number(value) == text


def test_the_best_of_some_runs_is_a_time() -> None:
    runs: list[int] = []
    assert best(lambda: runs.append(1), times=4) >= 0
    assert len(runs) == 4
