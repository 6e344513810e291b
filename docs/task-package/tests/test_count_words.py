"""The task as flows have it: in Headgate's own engine and runner, which `headgate run` starts in one process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

FLOW = Path(__file__).with_name("count.yml")


def play(**inputs: str) -> tuple[str, dict[str, Any]]:
    """The state that the flow ends in, and the outputs of its tasks by id."""
    given = [part for name, value in inputs.items() for part in ("--input", f"{name}={value}")]
    command = [sys.executable, "-m", "service", "run", str(FLOW), "--backend", "process", "-o", "json", *given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout, done.stderr
    execution = json.loads(done.stdout)
    return execution["state"]["current"], {run["taskId"]: run.get("outputs", {}) for run in execution["taskRunList"]}


def test_it_counts() -> None:
    state, outputs = play(text="the cat and the hat")
    assert state == "SUCCESS"
    assert (outputs["count"]["words"], outputs["count"]["most"]) == (5, "the")
    assert json.loads(outputs["show"]["value"].splitlines()[0]) == {"word": "the", "count": 2}


def test_it_leaves_short_words_out() -> None:
    _, outputs = play(text="a cat", shortest="2")
    assert outputs["count"]["words"] == 1


def test_a_flow_that_gives_it_nonsense_fails() -> None:
    state, _ = play(shortest="0")
    assert state == "FAILED"
