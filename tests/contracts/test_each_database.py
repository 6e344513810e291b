"""What only one of the databases has."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runners import ion
from runners.memory import MemoryService
from runners.protocol import Outcome, Result, Unusable
from runners.sql.session import library
from tests.runners.playing import at_work, job, play, until
from tests.support import postgres
from tests.support.postgres import PASSWORD, USER, Postgres

_NUMBERS = itertools.count()

pytestmark = pytest.mark.xdist_group("databases")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres.running() as server:
        yield server


@pytest.fixture
def service() -> MemoryService:
    return MemoryService()


def run(folder: Path, type: str, service: MemoryService, **spec: Any) -> Outcome:
    return play(folder, job(f"run{next(_NUMBERS)}", type=f"io.kestra.plugin.{type}", spec=spec), service)[0]


def asked(folder: Path, server: Postgres, service: MemoryService, **spec: Any) -> Outcome:
    return run(
        folder,
        "jdbc.postgresql.Query",
        service,
        **{"url": server.url, "username": USER, "password": PASSWORD, "sql": "select 1 as a", "fetchOne": True, **spec},
    )


def made(folder: Path, service: MemoryService, **files: str) -> dict[str, str]:
    names = {name.replace("_", "."): content for name, content in files.items()}
    return run(folder, "core.storage.LocalFiles", service, inputs=names, outputs=["*"]).outputs["uris"]


def test_a_library_that_is_not_installed_is_named_with_what_to_install():
    with pytest.raises(Unusable) as raised:
        library("no_such_library_at_all", "duckdb")
    assert str(raised.value) == "this task needs the library no_such_library_at_all, which this runner does not have: pip install 'headgate[duckdb]'"


# PostgreSQL


def test_a_server_that_is_not_there_is_told(tmp_path, server: Postgres, service: MemoryService):
    outcome = asked(tmp_path, server, service, url="jdbc:postgresql://127.0.0.1:9/x")
    assert outcome == Outcome.failed("PostgreSQL at 127.0.0.1:9: Connection refused")


def test_a_wrong_password_is_told_and_not_repeated(tmp_path, server: Postgres, service: MemoryService):
    message = str(asked(tmp_path, server, service, password="not the one").message)
    assert message == f'PostgreSQL at 127.0.0.1:{server.port}: password authentication failed for user "{USER}"'


def test_a_database_that_is_not_there_is_told(tmp_path, server: Postgres, service: MemoryService):
    message = str(asked(tmp_path, server, service, url=f"jdbc:postgresql://127.0.0.1:{server.port}/nowhere").message)
    assert message == f'PostgreSQL at 127.0.0.1:{server.port}: database "nowhere" does not exist'


@pytest.mark.parametrize("spec", [{"sslMode": "REQUIRE"}, {"ssl": True, "sslRootCert": "-----BEGIN CERTIFICATE-----\nnone"}])
def test_a_server_without_tls_is_refused_where_tls_is_asked_for(tmp_path, server: Postgres, service: MemoryService, spec):
    assert "server does not support SSL, but SSL was required" in str(asked(tmp_path, server, service, **spec).message)
    assert asked(tmp_path, server, service, sslMode="PREFER").outputs["row"] == {"a": 1}
    assert asked(tmp_path, server, service, sslKey="no key").message == "sslKey: it is no PEM text"


def test_a_name_and_a_password_may_stand_in_the_url(tmp_path, server: Postgres, service: MemoryService):
    url = f"{server.url}?user={USER}&password={PASSWORD.replace(' ', '%20')}&currentSchema=pg_catalog"
    outcome = run(tmp_path, "jdbc.postgresql.Query", service, url=url, sql="select current_schema() as s", fetchOne=True)
    assert outcome.outputs["row"] == {"s": "pg_catalog"}


def test_each_kind_of_value(tmp_path, server: Postgres, service: MemoryService):
    sql = """select '{"a": [1, null]}'::jsonb as j, array[1, null, 3] as l, interval '90 minutes' as i, '\\x6162'::bytea as b, 'NaN'::numeric as nan,
        '00000000-0000-0000-0000-000000000001'::uuid as u, '10.0.0.1'::inet as ip, true as t, 1.5::numeric as n, int4range(1, 3) as r, null as z"""
    row = asked(tmp_path, server, service, sql=sql).outputs["row"]
    assert row == {
        "j": {"a": [1, None]}, "l": [1, None, 3], "i": "PT5400S", "b": "YWI=", "nan": None, "u": "00000000-0000-0000-0000-000000000001", "ip": "10.0.0.1",
        "t": True, "n": 1.5, "r": "[1, 3)", "z": None,
    }  # fmt: skip


def test_a_kill_ends_the_statement_on_the_server(tmp_path, server: Postgres, service: MemoryService):
    spec = {"url": server.url, "username": USER, "password": PASSWORD, "sql": "select pg_sleep(300)"}
    service.offer(job("one", type="io.kestra.plugin.jdbc.postgresql.Query", spec=spec))
    active = "select count(*) from pg_stat_activity where query = 'select pg_sleep(300)' and state = 'active'"
    with at_work(service, tmp_path, grace=10.0):
        until(lambda: server.ask(active) == [(1,)])
        began = time.monotonic()
        service.kill("one")
        assert service.ended("one").result is Result.KILLED
    assert time.monotonic() - began < 8
    until(lambda: server.ask(active) == [(0,)])


def test_what_the_server_says_beside_is_logged(tmp_path, server: Postgres, service: MemoryService):
    spec = {"url": server.url, "username": USER, "password": PASSWORD, "sql": "do $$ begin raise notice 'look; here'; end $$"}
    outcome, log = play(tmp_path, job("one", type="io.kestra.plugin.jdbc.postgresql.Query", spec=spec), service)
    assert outcome.result is Result.SUCCESS
    assert log == [("INFO", "NOTICE: look; here")]


def test_copies_in_and_out(tmp_path, server: Postgres, service: MemoryService):
    server.ask("drop table if exists copied; create table copied (a int, b text)")
    common = {
        "url": server.url,
        "username": USER,
        "password": PASSWORD,
        "table": "copied",
        "format": "CSV",
        "header": True,
        "delimiter": ";",
        "nullString": "\\0",
    }
    text = 'b;a\n"it\'s; ""x""";1\n\\0;2\n'
    uri = made(tmp_path, service, in_csv=text)["in.csv"]
    copied = run(tmp_path, "jdbc.postgresql.CopyIn", service, **common, **{"from": uri}, columns=["b", "a"])
    assert copied.outputs == {"rowCount": 2}
    assert server.ask("select a, b from copied order by a") == [(1, 'it\'s; "x"'), (2, None)]
    out = run(tmp_path, "jdbc.postgresql.CopyOut", service, **common, columns=["b", "a"])
    assert out.outputs["rowCount"] == 2
    assert service.stored(out.outputs["uri"]).decode() == text


def test_a_copy_that_goes_wrong_says_where(tmp_path, server: Postgres, service: MemoryService):
    server.ask("drop table if exists copied; create table copied (a int)")
    common = {"url": server.url, "username": USER, "password": PASSWORD}
    uri = made(tmp_path, service, in_csv="1\nx\n")["in.csv"]
    outcome = run(tmp_path, "jdbc.postgresql.CopyIn", service, **common, table="copied", **{"from": uri})
    assert outcome.message == 'invalid input syntax for type integer: "x" (22P02) (COPY copied, line 2, column a: "x")'
    assert server.ask("select * from copied") == []
    bad = run(tmp_path, "jdbc.postgresql.CopyOut", service, **common, table="copied; drop table copied")
    assert bad.message == "table: it is missing, or no name of a table; for example orders, or sales.orders"


# DuckDB


def test_a_stored_database_is_opened_and_stored_again(tmp_path, service: MemoryService):
    first = run(tmp_path, "jdbc.duckdb.Queries", service, sql="create table t (a int); insert into t values (1)", outputDbFile=True)
    uri = first.outputs["databaseUri"]
    again = run(tmp_path, "jdbc.duckdb.Query", service, databaseUri=uri, sql="select * from t", fetchType="FETCH")
    assert (again.outputs["rows"], again.outputs["databaseUri"]) == ([{"a": 1}], None)


def test_files_in_and_files_out(tmp_path, service: MemoryService):
    uri = made(tmp_path, service, in_csv="a\n1\n2\n")["in.csv"]
    sql = "copy (select sum(a) as s from read_csv('x/in.csv')) to 'out.csv'"
    outcome = run(tmp_path, "jdbc.duckdb.Query", service, sql=sql, inputFiles={"x/in.csv": uri}, outputFiles=["out.csv"])
    assert service.stored(outcome.outputs["outputFiles"]["out.csv"]) == b"s\n3\n"
    missing = run(tmp_path, "jdbc.duckdb.Query", service, sql="select 1", outputFiles=["out.csv"])
    assert missing.message == "outputFiles: the SQL made no file 'out.csv'"


def test_the_input_file_stands_in_the_working_directory(tmp_path, service: MemoryService):
    uri = made(tmp_path, service, in_csv="a\n7\n")["in.csv"]
    outcome = run(tmp_path, "jdbc.duckdb.Query", service, sql="select a from 'in.csv'", inputFile=uri, fetchOne=True)
    assert outcome.outputs["row"] == {"a": 7}


def test_duckdbs_kinds_of_values(tmp_path, service: MemoryService):
    sql = """select [1, 2] as l, {'a': date '2026-01-01'} as s, map {'k': 1.5} as m, 'ab'::blob as b, interval '90 minutes' as i,
        170141183460469231731687303715884105727 as h"""
    outcome = run(tmp_path, "jdbc.duckdb.Query", service, sql=sql, fetchOne=True)
    assert outcome.outputs["row"] == {
        "l": [1, 2], "s": {"a": "2026-01-01"}, "m": {"k": 1.5}, "b": "YWI=", "i": "PT5400S", "h": 170141183460469231731687303715884105727
    }  # fmt: skip


def test_duckdb_does_not_see_our_own_variables(tmp_path, service: MemoryService):
    assert "Table with name bound does not exist" in str(run(tmp_path, "jdbc.duckdb.Query", service, sql="select * from bound").message)


# SQLite


def test_a_file_that_is_no_database_is_told(tmp_path, service: MemoryService):
    uri = made(tmp_path, service, in_db="no database " * 100)["in.db"]
    outcome = run(tmp_path, "jdbc.sqlite.Query", service, url="jdbc:sqlite:in.db", sqliteFile=uri, sql="select 1")
    assert outcome.message == "SQLite can't open the database: file is not a database"


def test_a_trigger_with_statements_of_its_own_is_one_statement(tmp_path, service: MemoryService):
    sql = """create table a (x int); create table b (y int);
        create trigger t after insert on a begin insert into b values (new.x); insert into b values (new.x * 10); end;
        insert into a values (1), (2); select sum(y) as s from b"""
    outcome = run(tmp_path, "jdbc.sqlite.Queries", service, url="jdbc:sqlite:", sql=sql, fetchType="FETCH")
    assert outcome.outputs["outputs"][0]["rows"] == [{"s": 33}]


def test_options_of_the_url_are_pragmas(tmp_path, service: MemoryService):
    common = {"sql": "pragma foreign_keys", "fetchOne": True}
    assert run(tmp_path, "jdbc.sqlite.Query", service, url="jdbc:sqlite:x.db?foreign_keys=true", **common).outputs["row"] == {"foreign_keys": 1}
    wrong = run(tmp_path, "jdbc.sqlite.Query", service, url="jdbc:sqlite:x.db?foreign_keys=1;drop", **common)
    assert wrong.result is Result.SUCCESS  # what follows a semicolon is another option, and has no effect
    read_only = run(tmp_path, "jdbc.sqlite.Query", service, url="jdbc:sqlite:y.db?mode=ro", sql="select 1")
    assert read_only.message == "SQLite can't open the database: unable to open database file"


def test_bytes_and_texts_are_kept_as_they_are(tmp_path, service: MemoryService):
    outcome = run(tmp_path, "jdbc.sqlite.Query", service, url="jdbc:sqlite:", sql="select x'6162' as b, 'é' as t", store=True)
    assert list(ion.rows(service.stored(outcome.outputs["uri"]).decode())) == [{"b": b"ab", "t": "é"}]
