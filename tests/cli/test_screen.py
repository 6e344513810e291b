"""What reaches a terminal, a pipe or a file."""

from __future__ import annotations

import io
import sys

import pytest

from service.cli import screen
from service.cli.follow import log_line
from service.cli.times import clock, date_and_time, duration, length


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain äöü 日本", "plain äöü 日本"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07gone", "gone"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2J\x1b[1;1Hcleared", "cleared"),
        ("over\rwritten\x08", "over\ufffdwritten\ufffd"),
        ("\x9b31mC1", "\ufffd31mC1"),
        ("right\u202eleft", "right\ufffdleft"),
        ("\x1b", ""),
    ],
)
def test_somebodys_text_cannot_steer_the_terminal(text: str, shown: str) -> None:
    assert screen.harmless(text) == shown


def test_colours_of_a_script_may_stay_and_end() -> None:
    assert screen.harmless("\x1b[31mred\x1b[2J", colours=True) == "\x1b[31mred\x1b[0m"


def test_a_table_in_a_pipe_is_never_cut_and_has_no_trailing_blanks() -> None:
    stream = io.StringIO()
    screen.table(("A", "NUMBER", "LONG"), [("x", 1, "y" * 500), ("xyz", 20, None)], stream, right=("NUMBER",))
    assert stream.getvalue().splitlines() == ["A    NUMBER  LONG", "x         1  " + "y" * 500, "xyz      20"]


def test_markup_in_data_is_text() -> None:
    stream = io.StringIO()
    screen.table(("A",), [("[bold]x[/bold] :smile:",)], stream)
    assert stream.getvalue() == "A\n[bold]x[/bold] :smile:\n"


def test_no_color_wins_over_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert screen.state("FAILED", Terminal()) == "FAILED"
    monkeypatch.delenv("NO_COLOR")
    assert screen.state("FAILED", Terminal()) == "\x1b[31mFAILED\x1b[0m"
    assert screen.state("FAILED", io.StringIO()) == "FAILED"


def test_json_is_whole_and_readable(capsys: pytest.CaptureFixture[str]) -> None:
    screen.document({"name": "Grüße"})
    assert capsys.readouterr().out == '{\n  "name": "Grüße"\n}\n'


def test_the_lines_of_one_entry_stand_under_each_other() -> None:
    assert log_line("task", "INFO", "one\ntwo\x1b[31m", "07:00:00.000", sys.stdout).splitlines() == [
        "07:00:00.000 INFO  task | one",
        "                   task | two",
    ]


@pytest.mark.parametrize(("seconds", "text"), [(None, ""), (0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (7384, "2 h 03 min")])
def test_lengths_of_time_are_said_shortly(seconds: float | None, text: str) -> None:
    assert length(seconds) == text


def test_odd_dates_are_left_out() -> None:
    assert (date_and_time(None), date_and_time("soon"), clock("soon")) == ("", "", "--:--:--.---")
    assert duration({"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-01-01T00:00:01.500000Z"}) == 1.5
    assert duration({"startDate": "2026-01-01T00:00:00Z"}) is None
