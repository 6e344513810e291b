"""What Query, Queries and Batch do on every database, each a real one, in a child of a real agent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from runners import ion
from runners.apart import Limits
from runners.memory import MemoryService
from runners.protocol import Job, Metric, Outcome, Result
from tests.runners.playing import job, play
from tests.support import postgres
from tests.support.postgres import PASSWORD, USER, Postgres

pytestmark = pytest.mark.xdist_group("databases")


class Database:
    """One of them, and where its tasks find it."""

    def __init__(self, name: str, folder: Path, server: Postgres | None) -> None:
        self.name, self.folder = name, folder
        file = f"jdbc:{name}:{folder / 'data.db'}"
        self.where = {"url": server.url, "username": USER, "password": PASSWORD} if server else {"url": file}
        self.service = MemoryService()
        self._count = 0

    def play(self, kind: str, **spec: Any) -> Outcome:
        return self.play_job(self.job(kind, **spec))[0]

    def job(self, kind: str, **spec: Any) -> Job:
        self._count += 1
        return job(f"run{self._count}", type=f"io.kestra.plugin.jdbc.{self.name}.{kind}", spec={**self.where, **spec}, masks=(PASSWORD,))

    def play_job(self, work: Job, **rest: Any) -> tuple[Outcome, list[tuple[str, str]]]:
        return play(self.folder / "base", work, self.service, **rest)

    def does(self, *statements: str) -> None:
        outcome = self.play("Queries", sql=";\n".join(statements))
        assert outcome.result is Result.SUCCESS, outcome.message

    def rows(self, sql: str) -> list[dict[str, Any]]:
        outcome = self.play("Query", sql=sql, fetchType="FETCH")
        assert outcome.result is Result.SUCCESS, outcome.message
        return outcome.outputs["rows"]

    def stored(self, uri: str) -> list[Any]:
        return list(ion.rows(self.service.stored(uri).decode()))


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres.running() as server:
        yield server


@pytest.fixture(params=["sqlite", "duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    server = request.getfixturevalue("server") if request.param == "postgresql" else None
    if server:
        server.ask("drop schema public cascade; create schema public")
    return Database(request.param, tmp_path, server)


def own(outcome: Outcome) -> dict[str, Any]:
    """The outputs that every database has."""
    return {name: value for name, value in outcome.outputs.items() if name in ("row", "rows", "uri", "size", "outputs", "rowCount", "updatedCount")}


NOTHING = {"row": None, "rows": None, "uri": None, "size": None}
THREE = "select * from (values (1, 'a'), (2, 'b'), (3, null)) t(n, s) order by 1"


def three(database: Database) -> str:
    return THREE if database.name != "sqlite" else "select column1 as n, column2 as s from (values (1, 'a'), (2, 'b'), (3, null)) order by 1"


# Query


@pytest.mark.parametrize("spelling", [{"fetchType": "FETCH"}, {"fetch": True}])
def test_fetch_gives_the_rows(database: Database, spelling):
    outcome = database.play("Query", sql=three(database), **spelling)
    assert own(outcome) == NOTHING | {"rows": [{"n": 1, "s": "a"}, {"n": 2, "s": "b"}, {"n": 3, "s": None}], "size": 3}
    assert outcome.metrics == (Metric("fetch.size", "counter", 3.0, {"fetch": "FETCH"}),)


@pytest.mark.parametrize("spelling", [{"fetchType": "FETCH_ONE"}, {"fetchOne": True}])
def test_fetch_one_gives_the_first(database: Database, spelling):
    outcome = database.play("Query", sql=three(database), **spelling)
    assert own(outcome) == NOTHING | {"row": {"n": 1, "s": "a"}, "size": 1}
    nobody = database.play("Query", sql=f"select * from ({three(database)}) u where n > 3", **spelling)
    assert own(nobody) == NOTHING | {"size": 0}


@pytest.mark.parametrize("spelling", [{"fetchType": "STORE"}, {"store": True}])
def test_store_writes_ion(database: Database, spelling):
    outcome = database.play("Query", sql=three(database), fetchSize=2, **spelling)
    assert own(outcome) == NOTHING | {"uri": outcome.outputs["uri"], "size": 3}
    assert database.service.stored(outcome.outputs["uri"]) == b'{n:1,s:"a"}\n{n:2,s:"b"}\n{n:3,s:null}\n'


def test_none_gives_nothing_and_runs_it_all_the_same(database: Database):
    assert own(database.play("Query", sql="create table t (a int)")) == NOTHING
    assert own(database.play("Query", sql="insert into t values (1), (2);")) == NOTHING
    assert own(database.play("Query", sql="insert into t values (3)", fetchType="FETCH")) == NOTHING
    assert own(database.play("Query", sql="select * from t")) == NOTHING
    returned = database.play("Query", sql="insert into t values (4) returning a", fetchType="FETCH")
    assert own(returned) == NOTHING | {"rows": [{"a": 4}], "size": 1}
    assert database.rows("select sum(a) as s from t") == [{"s": 10}]


def test_parameters_reach_the_database_apart_from_the_text(database: Database):
    sql = (
        "select :word as word, ':word' as text, :n + 1 as more"
        if database.name != "postgresql"
        else "select :word::text as word, ':word' as text, :n + 1 as more"
    )
    outcome = database.play("Query", sql=sql, parameters={"word": "it's; drop table t --", "n": 41, "unused": None}, fetchType="FETCH_ONE")
    assert outcome.outputs["row"] == {"word": "it's; drop table t --", "text": ":word", "more": 42}


def test_what_comes_after_is_of_the_same_transaction(database: Database):
    database.does("create table t (a int)")
    outcome = database.play("Query", sql="select 1 as one", fetchType="FETCH", afterSQL="insert into t values (1); insert into t values (2)")
    assert outcome.outputs["rows"] == [{"one": 1}]
    assert database.rows("select count(*) as n from t") == [{"n": 2}]
    failed = database.play("Query", sql="insert into t values (3)", afterSQL="insert into t values (4);\ninsert into nowhere values (5)")
    assert failed.result is Result.FAILED
    assert str(failed.message).startswith("afterSQL, line 2, column ")
    assert database.rows("select count(*) as n from t") == [{"n": 2}]


def test_several_statements_are_for_queries(database: Database):
    outcome = database.play("Query", sql="select 1;\nselect 2")
    assert outcome.message == f"sql, line 2, column 1: Query runs one statement, and here are 2; use io.kestra.plugin.jdbc.{database.name}.Queries"


@pytest.mark.parametrize(("sql", "message"), [(None, "sql: it is missing; write the SQL to run"), (" -- nothing\n", "sql: there is no statement in it")])
def test_without_a_statement_there_is_nothing_to_run(database: Database, sql: str | None, message: str):
    spec = {} if sql is None else {"sql": sql}
    assert database.play("Query", **spec).message == message
    assert database.play("Queries", **spec).message == message


@pytest.mark.parametrize(
    ("sql", "place", "words"),
    [
        ("selec 1", "line 1, column 1", "selec"),
        ("select 1,\n  nope", "line 2, column 3", "nope"),
        ("-- héllo\nselect *\nfrom   nowhere", "line 3, column 8", "nowhere"),
        ("select :a,\n  nope", "line 2, column 3", "nope"),
    ],
)
def test_a_mistake_is_told_with_its_place(database: Database, sql: str, place: str, words: str):
    outcome = database.play("Query", sql=sql, parameters={"a": 1} if ":a" in sql else None)
    assert outcome.result is Result.FAILED
    assert re.match(f"sql, {place}: .*{words}", str(outcome.message)), outcome.message


def test_a_result_that_is_too_large_for_outputs_is_refused_and_can_be_stored(database: Database):
    series = "with recursive r(n) as (select 1 union all select n + 1 from r where n < 60000) select n, 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' as x from r"
    fetched = database.play("Query", sql=series, fetchType="FETCH")
    assert fetched.message == (
        "the rows are larger than the 1,000,000 bytes of JSON that a task's outputs may have; use fetchType: STORE, or ask for fewer rows"
    )
    stored = database.play("Query", sql=series, fetchType="STORE")
    assert stored.outputs["size"] == 60000
    assert len(database.stored(stored.outputs["uri"])) == 60000


def test_a_huge_result_needs_little_memory(database: Database):
    """4,000,000 rows, some 800 MB as Python has them, in a process that may have a fourth of that for itself."""
    series = {
        "sqlite": "with recursive r(n) as (select 1 union all select n + 1 from r where n < 4000000) select n, 'a text of the row' || n as x from r",
        "duckdb": "select n, 'a text of the row' || n as x from range(4000000) t(n)",
        "postgresql": "select n, 'a text of the row' || n as x from generate_series(1, 4000000) n",
    }[database.name]
    outcome, _ = database.play_job(database.job("Query", sql=series), limits=Limits(memory=400 << 20))
    assert outcome.result is Result.SUCCESS, outcome.message


# Queries


def test_queries_give_an_entry_for_each_that_gives_rows(database: Database):
    sql = "create table t (a int); insert into t values (1), (2); select a from t order by a; select count(*) as n from t where a > :least"
    outcome = database.play("Queries", sql=sql, fetchType="FETCH", parameters={"least": 1})
    assert own(outcome)["outputs"] == [NOTHING | {"rows": [{"a": 1}, {"a": 2}], "size": 2}, NOTHING | {"rows": [{"n": 1}], "size": 1}]
    stored = database.play("Queries", sql="select 1 as a; select 2 as a", fetchType="STORE").outputs["outputs"]
    assert [database.stored(one["uri"]) for one in stored] == [[{"a": 1}], [{"a": 2}]]


@pytest.mark.parametrize(("spec", "left"), [({}, 0), ({"transaction": True}, 0), ({"transaction": False}, 1)])
def test_queries_are_one_transaction_unless_they_are_not(database: Database, spec, left: int):
    database.does("create table t (a int)")
    outcome = database.play("Queries", sql="insert into t values (1);\n insert into nowhere values (2)", **spec)
    assert str(outcome.message).startswith("sql, line 2, column ")
    assert database.rows("select count(*) as n from t") == [{"n": left}]


def test_a_text_may_begin_and_end_transactions_itself(database: Database):
    database.does("create table t (a int)", "begin", "insert into t values (1)", "commit", "begin", "insert into t values (2)", "rollback")
    assert database.rows("select a from t") == [{"a": 1}]


# Batch


def test_a_batch_puts_the_rows_of_a_stored_file_into_a_table(database: Database):
    database.does("create table t (a int, b varchar(20), c date, d decimal(10, 2))")
    text = "".join(ion.write({"a": n, "b": f"it's {n}", "c": date(2026, 1, 1), "d": Decimal("1.50")}) + "\n" for n in range(25))
    uri = given(database, text)
    outcome = database.play("Batch", **{"from": uri}, table="t", chunk=10)
    assert own(outcome) == {"rowCount": 25, "updatedCount": 25}
    assert {metric.name: metric.value for metric in outcome.metrics} == {"records": 25.0, "updated": 25.0, "query": 3.0}
    assert database.rows("select count(*) as n, min(b) as b from t where d = 1.5") == [{"n": 25, "b": "it's 0"}]


def given(database: Database, text: str) -> str:
    """The URI of a stored file, made by a task."""
    files = job("made", type="io.kestra.plugin.core.storage.LocalFiles", spec={"inputs": {"rows.ion": text}, "outputs": ["rows.ion"]})
    uri = database.play_job(files)[0].outputs["uris"]["rows.ion"]
    kept = database.service.stored(uri)
    assert kept.decode() == text
    return uri


@pytest.mark.parametrize("rows", [[[1, "a"], [2, "b"]], '[[1, "a"], [2, "b"]]'])
def test_a_batch_runs_any_statement(database: Database, rows):
    database.does("create table t (a int, b varchar(20))")
    outcome = database.play("Batch", **{"from": rows}, sql="insert into t values (?, ?)")
    assert own(outcome) == {"rowCount": 2, "updatedCount": 2}
    changed = database.play("Batch", **{"from": [["c", 1], ["d", 7]]}, sql="update t set b = ? where a = ?")
    assert own(changed) == {"rowCount": 2, "updatedCount": 1}
    assert database.rows("select a, b from t order by a") == [{"a": 1, "b": "c"}, {"a": 2, "b": "b"}]


def test_a_batch_takes_the_columns_that_are_named(database: Database):
    database.does("create table t (a int, b varchar(20), c int)")
    assert database.play("Batch", **{"from": [{"b": "x", "a": 1, "z": 9}]}, table="t", columns=["a", "b"]).outputs["rowCount"] == 1
    assert database.rows("select * from t") == [{"a": 1, "b": "x", "c": None}]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"from": [[1]], "sql": "insert into t values (?, ?)"}, "from: row 1 has 1 values, and the statement has 2 places (?) for them"),
        ({"from": [{"a": 1}, {"b": 2}], "table": "t"}, "from: row 2 has no 'a'"),
        ({"from": [7], "table": "t"}, "from: row 1 is neither a list of values nor a map"),
        ({"from": "nothing", "table": "t"}, "from: it is neither the URI of a stored file (kestra:///…) nor a list of rows"),
        ({"from": "[1", "table": "t"}, "from: it is no JSON: Expecting ',' delimiter: line 1 column 3 (char 2)"),
        ({"from": [[1]]}, "sql or table: one of them is needed"),
    ],
)
def test_a_batch_that_can_not_be_says_why(database: Database, spec, message: str):
    database.does("create table t (a int, b int)")
    assert database.play("Batch", **spec).message == message


def test_a_batch_is_all_or_nothing(database: Database):
    database.does("create table t (a int not null)")
    outcome = database.play("Batch", **{"from": [[1], [2], [None]]}, table="t", chunk=2)
    assert outcome.result is Result.FAILED
    assert database.rows("select count(*) as n from t") == [{"n": 0}]


# values


@pytest.mark.parametrize("database", ["duckdb", "postgresql"], indirect=True)  # SQLite has no moments
def test_moments_are_told_in_the_zone_that_is_asked_for(database: Database):
    sql = "select timestamptz '2026-07-01 10:00:00+00' as aware, timestamp '2026-07-01 10:00:00.5' as naive, date '2026-07-01' as day, time '10:30' as t"
    row = database.play("Query", sql=sql, fetchType="FETCH_ONE", timeZoneId="Europe/Paris").outputs["row"]
    assert row == {"aware": "2026-07-01T12:00:00+02:00", "naive": "2026-07-01T10:00:00.500000", "day": "2026-07-01", "t": "10:30:00"}
    assert database.play("Query", sql=sql, fetchOne=True).outputs["row"]["aware"] == "2026-07-01T10:00:00Z"
    (stored,) = database.stored(database.play("Query", sql=sql, store=True).outputs["uri"])
    assert stored["aware"] == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert stored["day"] == date(2026, 7, 1)


def test_numbers_keep_their_digits_where_they_are_stored(database: Database):
    sql = "select cast(1.10 as decimal(10, 2)) as d, 1e0 * 0.5 as f, 9007199254740993 as n"
    (stored,) = database.stored(database.play("Query", sql=sql, store=True).outputs["uri"])
    assert stored["n"] == 9007199254740993
    assert stored["d"] == (1.1 if database.name == "sqlite" else Decimal("1.10"))
    row = database.play("Query", sql=sql, fetchOne=True).outputs["row"]
    assert (row["d"], row["f"], row["n"]) == (1.1, 0.5, 9007199254740993)


def test_a_zone_that_is_none_is_refused(database: Database):
    assert str(database.play("Query", sql="select 1", timeZoneId="Mars/Olympus").message).startswith("timeZoneId: 'Mars/Olympus' is no time zone")


def test_the_url_of_another_database_is_refused(database: Database):
    database.where = {**database.where, "url": "jdbc:mysql://host/x?password=hunter22"}
    message = database.play("Query", sql="select 1").message
    assert message == f"url: it begins with jdbc:mysql:; this task wants one that begins with jdbc:{database.name}:"
