"""Pairs of folders, and the comment that a pull request between them gets: `pairs/<name>/before`, `after` and `plan.md`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.flows.plan import plan
from service.flows.plan_markdown import as_markdown
from service.flows.plan_values import Side
from tests.flows.test_plan_markdown import check
from tests.flows.world import read

PAIRS = Path(__file__).parent / "pairs"
NAMES = sorted(found.name for found in PAIRS.iterdir())
NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)


def side(folder: Path) -> Side:
    readings = {path.relative_to(folder).as_posix(): read(path.read_bytes()) for path in sorted(folder.rglob("*.yml"))}
    paths = {reading.identity: name for name, reading in readings.items()}
    flows = {reading.identity: reading.flow for reading in readings.values() if reading.flow}
    return Side(flows, paths, {identity: name for identity, name in paths.items() if identity not in flows})


def shown(name: str) -> str:
    return as_markdown(plan(side(PAIRS / name / "before"), side(PAIRS / name / "after"), NOW))


@pytest.mark.parametrize("name", NAMES)
def test_a_pull_request_gets_the_comment_that_was_promised(name):
    markdown = shown(name)
    check(markdown)
    assert markdown == (PAIRS / name / "plan.md").read_text("utf-8")
