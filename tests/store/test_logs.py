"""Chunks of log lines: repeated, overlapping, out of several sources, read by level and task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from service.store import logs
from service.store import tables as _tables  # noqa: F401 - registers the tables
from service.store.database import Session
from service.store.logs import RUNNER, Line
from tests.support.station import Station

NOW = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)


def line(text: str, level: str = "INFO") -> Line:
    return Line(NOW, level, text)


def sent(session: Session, first: int, *texts: str, run: str = "r1", attempt: int = 1) -> None:
    logs.append(session, "e1", run, "task", attempt, [line(text) for text in texts], source=RUNNER, first=first)


def read(session: Session, **wanted) -> list[str]:
    return [entry.line.message for entry in logs.read(session, "e1", **wanted)]


def test_a_repeated_chunk_is_harmless_and_an_overlap_is_trimmed(station: Station):
    def action(session: Session) -> tuple[list[str], int]:
        sent(session, 0, "a", "b")
        sent(session, 0, "a", "b")
        sent(session, 1, "b", "c")
        sent(session, 0, "a")
        return read(session), logs.next_line(session, "e1", "r1", 1)

    assert station.database.write(action) == (["a", "b", "c"], 3)


def test_each_attempt_and_the_services_own_remarks_count_apart(station: Station):
    def action(session: Session) -> list[str]:
        sent(session, 0, "first")
        sent(session, 0, "second", attempt=2)
        sent(session, 0, "other", run="r2")
        for text in ("said", "said again"):
            logs.append(session, "e1", "r1", "task", 1, [line(text)])
        return read(session)

    assert station.database.write(action) == ["first", "second", "other", "said", "said again"]


def test_lines_come_back_as_they_were(station: Station):
    odd = [Line(NOW + timedelta(microseconds=1), "TRACE", "é\n\u2028\0\U0001f600"), Line(NOW, "ERROR", ""), Line(NOW, "WARN", "x" * 100_000)]

    def action(session: Session) -> list[Line]:
        logs.append(session, "e1", "", "", 0, odd)
        return [entry.line for entry in logs.read(session, "e1")]

    assert station.database.write(action) == odd


def test_half_a_character_does_not_lose_the_rest(station: Station):
    def action(session: Session) -> list[str]:
        sent(session, 0, "a\ud800b", "c")
        return read(session)

    assert station.database.write(action)[1] == "c"


def test_a_level_a_task_and_what_is_new_can_be_asked_for(station: Station):
    def action(session: Session) -> None:
        for level in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "ODD"):
            logs.append(session, "e1", "r1" if level != "WARN" else "r2", "a" if level != "WARN" else "b", 1, [line(level, level), line(f"{level} 2", level)])
        assert read(session, level="WARN") == ["WARN", "WARN 2", "ERROR", "ERROR 2"]
        assert read(session, level="warn", task="a") == ["ERROR", "ERROR 2"]
        assert read(session, task_run="r2") == ["WARN", "WARN 2"]
        *_, last = logs.read(session, "e1")
        assert read(session, after=last.chunk - 1) == ["ODD", "ODD 2"]
        assert read(session, after=last.chunk) == []

    station.database.write(action)


def test_a_chunk_keeps_lines_and_not_a_row_for_each(station: Station):
    station.database.write(lambda session: sent(session, 0, *(f"line {number}" for number in range(10_000))))
    with station.database.read() as session:
        (rows,) = session.exec_driver_sql("SELECT count(*), sum(length(data)) FROM logchunk").fetchall()
        assert rows[0] == 1
        assert rows[1] < 200_000
        assert len(read(session)) == 10_000


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 8)), max_size=15))
def test_any_resending_that_leaves_no_gap_stores_each_line_once(chunks):
    engine = create_engine("sqlite://")
    for table in ("logchunk", "execution"):
        SQLModel.metadata.tables[table].create(engine)
    with engine.connect() as session:
        session.info["topics"] = []
        known = 0
        for start, length in chunks:
            first = min(start, known)  # a runner goes back, but never ahead
            sent(session, first, *(f"{number}" for number in range(first, first + length)))
            known = max(known, first + length)
        assert read(session) == [f"{number}" for number in range(known)]
        assert logs.next_line(session, "e1", "r1", 1) == known
    engine.dispose()
