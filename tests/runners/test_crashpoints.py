"""A process dies where it was told to, and nowhere else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runners.crashpoints import DIED, SAID, VARIABLE, arm, arm_from, at, crashpoint


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    arm(None)


def test_a_point_does_nothing_by_itself():
    arm_from({})
    crashpoint("a.b")


def test_it_dies_at_the_point_that_comes_first_for_so_many_times():
    died: list[str] = []
    arm(at({"a.b": 2, "a.c": 1}, died.append))
    for name in ("a.b", "a.d", "a.b", "a.c", "a.b", "a.c"):
        crashpoint(name)
    assert died == ["a.b", "a.c"]


@pytest.mark.parametrize("text", [":1", "a.b:0", "a.b:x", "a.b:-1", "a.b:1,", ","])
def test_what_says_nothing_sensible_is_refused(text: str):
    with pytest.raises(ValueError, match="is not name:n"):
        arm_from({VARIABLE: text})


def test_dead_is_dead():
    """No `finally`, no exit handler."""
    text = (
        "import atexit, os\nfrom runners.crashpoints import *\natexit.register(print, 'bye')\narm_from(os.environ)\n"
        "try:\n    crashpoint('a.b')\n    print('once', flush=True)\n    crashpoint('a.b')\nfinally:\n    print('bye', flush=True)\n"
    )
    done = subprocess.run((sys.executable, "-c", text), env={VARIABLE: "x.y,a.b:2"}, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (DIED, "once\n", f"{SAID} a.b\n")
