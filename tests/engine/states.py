"""Prints docs/states.md from the engine's own table: `python -m tests.engine.states > docs/states.md`."""

from __future__ import annotations

import re
import sys
from inspect import getsource

from service.engine.state import MOVES, REOPENED, State

_HEAD = """\
# States

The states of executions and of task runs, and every move between them. This page is printed from `MOVES` in
`service/engine/state.py` by `python -m tests.engine.states`; a test fails when it is out of date.

Nothing follows a terminal state of the same attempt. A second try of a task is a new attempt; a second run of a commit is a new execution. What a person
opens again (restart, replay, change of state) has a new attempt, and goes on in one of the states named last.

| state | means | may become |
|---|---|---|
"""


def meanings() -> dict[str, str]:
    """What the class says of each state."""
    return dict(re.findall(r'^    ([A-Z]+) = "[A-Z]+"  #: (.+)$', getsource(State), re.MULTILINE))


def page() -> str:
    """The whole page."""
    means = meanings()
    rows = [f"| `{state}` | {means[state]} | {', '.join(f'`{to}`' for to in State if to in MOVES[state]) or '–'} |" for state in State]
    again = ", ".join(f"`{to}`" for to in State if to in REOPENED)
    arrows = [f"    {state} --> {to}" for state in State for to in State if to in MOVES[state]]
    ends = [f"    {state} --> [*]" for state in State if state.terminal]
    return (
        _HEAD
        + "\n".join(rows)
        + "\n"
        + f"| ended, and opened again by a person | | {again} |"
        + "\n\n```mermaid\nstateDiagram-v2\n    [*] --> CREATED\n"
        + "\n".join((*arrows, *ends))
        + "\n```\n"
    )


if __name__ == "__main__":
    sys.stdout.write(page())
