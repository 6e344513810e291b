"""Logs: numbered, capped, sent once."""

from __future__ import annotations

import threading

import pytest

from runners.protocol import Gone, LogLine, Rejected, Unreachable
from runners.reports import Caps, Report


class Store:
    """What was sent; `problem` is raised in its place."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self.problem: Exception | None = None

    def __call__(self, lines: tuple[LogLine, ...]) -> None:
        if self.problem:
            raise self.problem
        self.lines += lines

    @property
    def said(self) -> list[tuple[int, str]]:
        return [(line.number, line.message) for line in self.lines]


def same(text: str) -> str:
    return text


def test_entries_are_numbered_and_sent_in_order():
    store = Store()
    report = Report(store, same)
    for word in "abc":
        report.say("INFO", word)
    assert report.flush()
    assert report.flush()
    assert store.said == [(0, "a"), (1, "b"), (2, "c")]


def test_entries_below_the_level_are_not_counted():
    store = Store()
    report = Report(store, same, least="WARN")
    for level in ("DEBUG", "info", "WARNING", "odd", "ERROR"):
        report.say(level, level)
    report.flush()
    assert [(line.number, line.level) for line in store.lines] == [(0, "WARN"), (1, "ERROR")]


def test_what_could_not_be_sent_is_sent_later():
    store = Store()
    report = Report(store, same)
    report.say("INFO", "a")
    store.problem = Unreachable()
    assert not report.flush()
    report.say("INFO", "b")
    store.problem = None
    assert report.flush()
    assert store.said == [(0, "a"), (1, "b")]


def test_what_is_never_taken_is_passed_over():
    store = Store()
    report = Report(store, same)
    report.say("INFO", "a")
    store.problem = Rejected()
    assert report.flush()
    store.problem = Gone()
    report.say("INFO", "b")
    with pytest.raises(Gone):
        report.flush()


def test_an_entry_is_masked_before_it_is_cut():
    store = Store()
    report = Report(store, lambda text: text.replace("secret", "***"), caps=Caps(line=100))
    report.say("INFO", "x" * 97 + "secret" + "y" * 100)
    report.flush()
    assert "sec" not in store.lines[0].message
    assert store.lines[0].message.startswith("x" * 97 + "***")
    assert "cut" in store.lines[0].message


def test_a_full_log_keeps_its_head_and_counts_the_rest():
    store = Store()
    report = Report(store, same, caps=Caps(log=2000))
    for number in range(100):
        report.say("INFO", f"line {number} {'x' * 50}")
    report.finish()
    report.flush()
    kept = [line for line in store.lines if line.message.startswith("line")]
    assert [line.message[:7] for line in kept[:2]] == ["line 0 ", "line 1 "]
    assert f"{100 - len(kept)} lines were dropped" in store.lines[-1].message
    assert [line.number for line in store.lines] == list(range(len(store.lines)))


def test_what_a_full_log_does_not_take_is_not_even_looked_at():
    store, looked = Store(), list[str]()

    def mask(text: str) -> str:
        looked.append(text)
        return text

    report = Report(store, mask, caps=Caps(log=2000))
    for _ in range(5):
        report.say_all("INFO", ["x"] * 100_000)
        report.say("INFO", "x")
    report.finish()
    report.flush()
    kept = [line for line in store.lines if line.message == "x"]
    assert len(looked) <= 1000
    assert f"{500_005 - len(kept)} lines were dropped" in store.lines[-1].message
    assert [line.number for line in store.lines] == list(range(len(store.lines)))


def test_what_is_to_be_said_last_is_said_also_in_a_full_log():
    store = Store()
    report = Report(store, same, caps=Caps(log=200))
    report.say_all("INFO", "abcdefgh")
    report.last("the rest was dropped")
    report.finish()
    report.flush()
    assert [line.message for line in store.lines[-2:]] == ["the rest was dropped", "4 lines were dropped: the log is over 0 MiB"]


@pytest.mark.parametrize("least", [None, "WARN"])
def test_entries_that_come_together_are_as_those_that_come_one_by_one(least):
    together, apart = Store(), Store()
    one, other = (Report(store, str.upper, least=least, caps=Caps(line=40, log=90_000)) for store in (together, apart))
    for level in ("INFO", "error", "odd"):
        words = [f"{level} {number} {'x' * (number % 60)}" for number in range(2500)]
        one.say_all(level, words)
        for word in words:
            other.say(level, word)
    for report in (one, other):
        report.finish()
        report.flush()
    assert together.said == apart.said
    assert [line.level for line in together.lines] == [line.level for line in apart.lines]


def test_many_short_entries_hold_up_who_speaks_as_a_few_long_ones_do():
    store = Store()
    store.problem = Unreachable()
    report = Report(store, same)
    thread = threading.Thread(target=report.say_all, args=("INFO", ["x"] * 500_000))
    thread.start()
    thread.join(2)
    assert thread.is_alive()
    assert report.waiting < 150_000
    report.abandon()
    thread.join(20)
    assert not thread.is_alive()


def test_entries_the_service_has_already_are_not_sent_again():
    store = Store()
    report = Report(store, same, first=2)
    for word in "abcd":
        report.say("INFO", word)
    report.flush()
    assert store.said == [(2, "c"), (3, "d")]


def test_what_was_said_before_a_program_is_put_back_in_place_of_what_is_said_now():
    first = Report(Store(), same)
    for word in ("pulling", "pulled"):
        first.say("INFO", word)
    kept = first.aside()
    store = Store()
    again = Report(store, same, first=1)
    again.say("INFO", "something else")
    again.resume(kept)
    again.say("INFO", "line")
    again.flush()
    assert store.said == [(1, "pulled"), (2, "line")]


def test_a_full_buffer_holds_up_who_speaks_until_it_is_sent_or_abandoned():
    store = Store()
    store.problem = Unreachable()
    report = Report(store, same)

    def talk() -> None:
        for _ in range(400):
            report.say("INFO", "x" * 50_000)

    for end in ("send", "abandon"):
        thread = threading.Thread(target=talk)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        if end == "send":
            store.problem = None
            while thread.is_alive():
                report.flush()
            report.flush()
            store.problem = Unreachable()
        else:
            report.abandon()
        thread.join(5)
        assert not thread.is_alive()
    assert len(store.lines) == 400
