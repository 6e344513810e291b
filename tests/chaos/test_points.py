"""The service dies at every crash point of its own, one after the other, and comes to what it would have come to anyway.

The points are found in the code. A life is armed with many of them and ends at the first that it passes; the next life goes on from what it left, armed with
the rest; and so on, until one comes to its end. In a few groups, so that a death is followed at times by another one at once, and at times by peace.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runners.crashpoints import DIED
from tests.chaos.nursery import Nursery
from tests.chaos.points import NAME, names, points

#: Parts of the service that live without processes of their own, and such points of them as need a forge to talk to.
FAMILIES = (
    "deletion",
    "dispatch",
    "edits",
    "executor",
    "git",
    "housekeeping",
    "pool",
    "pushes",
    "reaper",
    "router",
    "reporter",
    "scheduler",
    "storage",
    "sync",
    "writer",
)
ELSEWHERE = frozenset({"edits.pushed", "sync.fetched"})
MINE = [name for name in names(*FAMILIES) if name not in ELSEWHERE]
GROUPS = 2


def test_every_point_has_a_name_of_its_own():
    found = points()
    assert len(found) > 100
    assert [point for point in found if not NAME.fullmatch(point.name)] == []
    assert [name for name, number in Counter(point.name for point in found).items() if number > 1] == []


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery("tests.chaos.life")
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def undisturbed(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("undisturbed")
    code, given = nursery.live(folder=str(folder))
    assert code == 0, (folder / "log").read_text()[-4000:]
    return given


def test_a_life_passes_every_point(undisturbed: dict[str, Any]):
    """A new point that no life passes is tested by nobody: give the life something to do there."""
    assert [name for name in MINE if name not in undisturbed["passed"]] == []


def deaths(nursery: Nursery, folder: Path, wanted: dict[str, int]) -> tuple[list[str], Any]:
    """Lives on one folder until one comes to its end: where they died, and what was to be seen in the end."""
    died: list[str] = []
    while True:
        code, given = nursery.live(folder=str(folder), crash={name: number for name, number in wanted.items() if name not in died})
        if code == 0:
            return died, given["seen"]
        assert code == DIED, f"after {died}:\n{(folder / 'log').read_text()[-6000:]}"
        died = (folder / "deaths").read_text().split()


def compare(seen: Any, undisturbed: Any, died: list[str]) -> None:
    for part, found in json.loads(json.dumps(seen)).items():
        assert found == undisturbed["seen"][part], f"{part}, after deaths at {died}"


@pytest.mark.parametrize("group", range(GROUPS))
def test_it_dies_at_the_first_passing_of_each_and_comes_to_the_same(nursery: Nursery, undisturbed: dict[str, Any], tmp_path: Path, group: int):
    mine = dict.fromkeys(MINE[group::GROUPS], 1)
    died, seen = deaths(nursery, tmp_path, mine)
    compare(seen, undisturbed, died)
    # What one death brought about may leave nothing to do for the next: such points have a life of their own.
    for name in mine.keys() - set(died):
        folder = tmp_path / name
        folder.mkdir()
        died, seen = deaths(nursery, folder, {name: 1})
        assert died == [name]
        compare(seen, undisturbed, died)


@pytest.mark.parametrize("group", range(GROUPS))
def test_it_dies_at_the_second_passing_and_comes_to_the_same(nursery: Nursery, undisturbed: dict[str, Any], tmp_path: Path, group: int):
    mine = dict.fromkeys(MINE[group::GROUPS], 2)
    died, seen = deaths(nursery, tmp_path, mine)
    compare(seen, undisturbed, died)
    assert len(died) > len(mine) // 4
