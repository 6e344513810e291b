"""The table of moves, and the page that is printed from it."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from service.engine.state import LONGEST, MOVES, TERMINAL, History, IllegalMove, Stamp, State, moved, worst
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


@pytest.mark.parametrize("waits", [[State.PAUSED], [State.PAUSED, State.RETRYING, State.RETRYING]])
def test_a_history_has_an_end(waits):
    history: History = (Stamp(State.CREATED, START), Stamp(State.RUNNING, START))
    for number in range(3 * LONGEST):
        for state in (waits[number % len(waits)], State.RUNNING):
            history = moved(history, state, history[-1].date + timedelta(seconds=1))
    ended = moved(history, State.SUCCESS, history[-1].date)
    assert len(ended) <= LONGEST
    assert [stamp.state.value for stamp in ended[:3]] == ["CREATED", "RUNNING", "PAUSED"]
    assert ended[-2:] == (history[-1], Stamp(State.SUCCESS, history[-1].date))
    assert history[-1].date == START + timedelta(seconds=6 * LONGEST), "the last ones are all there"
    for before, after in pairwise(ended):
        assert after.state in MOVES[before.state]
        assert after.date >= before.date
