"""The table of moves, and the page that is printed from it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from service.engine.state import MOVES, TERMINAL, IllegalMove, Stamp, State, moved, worst
from tests.engine.playing import START
from tests.engine.states import meanings, page


def test_the_page_of_states_is_up_to_date():
    assert (Path(__file__).parents[2] / "docs" / "states.md").read_text("utf-8") == page()


def test_every_state_has_its_row_and_its_meaning():
    assert set(MOVES) == set(State) == set(meanings())


def test_nothing_follows_a_terminal_state():
    assert {state for state in State if not MOVES[state]} == TERMINAL


def test_every_state_can_be_reached_but_those_that_later_versions_need():
    reached = {State.CREATED, *(to for moves in MOVES.values() for to in moves)}
    assert set(State) == reached


@pytest.mark.parametrize("state", State)
def test_moving_is_listed_or_a_bug(state):
    history = (Stamp(state, START),)
    later = START + timedelta(seconds=1)
    for to in State:
        if to is state:
            assert moved(history, to, later) == history
        elif to in MOVES[state]:
            assert moved(history, to, later) == (*history, Stamp(to, later))
        else:
            with pytest.raises(IllegalMove, match=f"{state} -> {to}"):
                moved(history, to, later)


def test_a_group_takes_the_worst_of_its_children():
    assert worst() is State.SUCCESS
    order = [State.SKIPPED, State.WARNING, State.CANCELLED, State.FAILED, State.KILLED]
    assert [worst(*order[: number + 1]) for number in range(5)] == [State.SUCCESS, *order[1:]]
