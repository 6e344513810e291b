"""SQL text into statements and places, JDBC's URLs, values: what needs no database."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from runners.protocol import Unusable
from runners.sql import address, values
from runners.sql.postgresql import settings
from runners.sql.statements import bind, number, split


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("select 1", ["select 1"]),
        ("select 1;", ["select 1"]),
        (" ; ;select 1 ;; -- done; now\n select 2 ", ["select 1", "select 2"]),
        ("select ';' as \"a;b\", 'it''s;'; select 2", ["select ';' as \"a;b\", 'it''s;'", "select 2"]),
        ("/* a; /* b; */ c; */ select 1; select /*;*/ 2", ["select 1", "select /*;*/ 2"]),
        ("do $$ begin; end $$; select $x$ ; $$ ; $x$", ["do $$ begin; end $$", "select $x$ ; $$ ; $x$"]),
        (r"select e'\';', 1; select 2", [r"select e'\';', 1", "select 2"]),
        ("select '\\'; select 2", ["select '\\'", "select 2"]),
        ("create trigger t after insert on a begin update a set x = case when 1 then 2 end; delete from b; end; select 1",
         ["create trigger t after insert on a begin update a set x = case when 1 then 2 end; delete from b; end", "select 1"]),
        ("begin; update t set a = 1; end; select 1", ["begin", "update t set a = 1", "end", "select 1"]),
        ("select 'unfinished; select 2", ["select 'unfinished; select 2"]),
        ("select $1; select $2", ["select $1", "select $2"]),
        ("-- nothing; here", []),
        ("/* nothing", []),
        ("", []),
    ],
)  # fmt: skip
def test_statements_end_at_semicolons_that_are_not_inside_of_something(text: str, statements: list[str]):
    found = split(text, "sql")
    assert [one.text for one in found] == statements
    assert all(text[one.offset :].startswith(one.text) for one in found)


def test_a_long_text_takes_time_in_proportion():
    assert len(split(("select '" + "x" * 1_000_000 + "';\n") * 2 + "select 1;\n" * 50_000, "sql")) == 50_002
    assert len(split("'" * 999_999 + "(" * 100_000 + "/*" * 100_000 + "$" * 100_000, "sql")) == 1


def test_parameters_are_what_no_string_cast_or_slice_hides():
    (one,) = split("select :a, x::int, ':b', a[1:2], \"c:d\", :b -- :e\n where t = :a and m = '10:00'", "sql")
    bound = bind(one, {"a": 1, "b": 2}, lambda _, number: f"${number}")
    assert bound.text == "select $1, x::int, ':b', a[1:2], \"c:d\", $2 -- :e\n where t = $1 and m = '10:00'"
    assert bound.names == ("a", "b")
    assert bind(one, None, lambda name, _: name).text == one.text


def test_a_parameter_without_a_value_is_pointed_at():
    with pytest.raises(Unusable, match=r"^sql, line 2, column 6: parameters has no value for :other$"):
        bind(split("select\n 1 + :other", "sql")[0], {"a": 1}, lambda name, _: name)


def test_places_are_those_of_the_users_text():
    _, second = split("select 1;\n\nselect :long_name, wrong from t", "sql")
    bound = bind(second, {"long_name": 1}, lambda _, number: f"${number}")
    assert bound.text == "select $1, wrong from t"
    assert bound.at(0) == "sql, line 3, column 1"
    assert bound.at(bound.text.index("wrong")) == "sql, line 3, column 20"
    assert bound.at(10_000) == "sql, line 3, column 32"


def test_question_marks_are_places_for_values_and_two_of_them_are_one():
    bound, count = number(split("insert into t values (?, '?', ?) -- ?\n where a ?? b", "sql")[0], lambda number: f"${number}")
    assert (bound.text, count) == ("insert into t values ($1, '?', $2) -- ?\n where a ? b", 2)


@pytest.mark.parametrize(
    ("url", "hosts", "database"),
    [
        ("jdbc:postgresql://db.example:6000/shop", (("db.example", 6000),), "shop"),
        ("jdbc:postgresql://db.example/shop?ssl=true", (("db.example", 5432),), "shop"),
        ("JDBC:postgresql://one:1,two:2/a%20b", (("one", 1), ("two", 2)), "a b"),
        ("jdbc:postgresql://[::1]:7/x", (("::1", 7),), "x"),
        ("jdbc:postgresql:shop", (("localhost", 5432),), "shop"),
        ("jdbc:postgresql://db/", (("db", 5432),), None),
        (" jdbc:postgresql:/ ", (("localhost", 5432),), None),
    ],
)
def test_the_url_of_a_server_is_taken_apart(url: str, hosts, database: str | None):
    found = address.server(url, "postgresql", 5432)
    assert (found.hosts, found.database) == (hosts, database)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("jdbc:mysql://h/x?password=hunter22", "url: it begins with jdbc:mysql:; this task wants one that begins with jdbc:postgresql:"),
        ("postgres://me:hunter22@h/x", "url: it is no JDBC URL; this task wants one that begins with jdbc:postgresql:"),
        ("jdbc:postgresql://me:hunter22@h/x", "url: a JDBC URL has no place for a name and a password before the host; use username and password"),
        ("jdbc:postgresql://h:99999/x", "url: '99999' is no port"),
    ],
)
def test_a_wrong_url_is_told_without_repeating_what_may_be_secret(url: str, message: str):
    with pytest.raises(Unusable) as raised:
        address.server(url, "postgresql", 5432)
    assert str(raised.value) == message


def test_options_of_a_url_are_libpqs():
    said: list[str] = []
    options = "user=me&sslmode=require&currentSchema=a b&connectTimeout=3&ApplicationName=app&reWriteBatchedInserts=true&odd=1&targetServerType=master"
    url = f"jdbc:postgresql://h/x?{options}"
    made = settings(address.server(url, "postgresql", 5432), said.append)
    assert made == {
        "host": "h", "port": "5432", "dbname": "x", "user": "me", "sslmode": "require", "connect_timeout": "3", "application_name": "app",
        "target_session_attrs": "primary", "options": "-c search_path=a\\ b",
    }  # fmt: skip
    assert said == ["url: the option 'odd' is not known, and has no effect"]
    assert settings(address.server("jdbc:postgresql://h/x?ssl=true", "postgresql", 1), said.append)["sslmode"] == "verify-full"


def test_values_as_ion_and_as_json_have_them():
    paris = ZoneInfo("Europe/Paris")
    given = {
        "aware": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "naive": datetime.fromisoformat("2026-01-02T03:04:05"), "day": date(2026, 1, 2),
        "time": time(10, 30),
        "span": timedelta(seconds=90), "id": UUID(int=1), "exact": Decimal("1.10"), "whole": Decimal("12345678901234567890"), "nan": float("nan"),
        "bytes": bytearray(b"ab"), "list": (1, [Decimal("2")]), "map": {1: timedelta(0)}, "none": None, "yes": True,
    }  # fmt: skip
    row = values.row(list(given), given.values(), paris)
    assert row["aware"] == datetime(2026, 1, 2, 4, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    assert row["naive"].tzinfo is None
    assert (row["exact"], row["bytes"]) == (Decimal("1.10"), b"ab")
    assert values.as_json(row) == {
        "aware": "2026-01-02T04:04:05+01:00", "naive": "2026-01-02T03:04:05", "day": "2026-01-02", "time": "10:30:00", "span": "PT90S",
        "id": "00000000-0000-0000-0000-000000000001", "exact": 1.1, "whole": 12345678901234567890, "nan": None, "bytes": "YWI=", "list": [1, [2]],
        "map": {"1": "PT0S"}, "none": None, "yes": True,
    }  # fmt: skip


def test_a_zone_that_is_none_is_refused():
    with pytest.raises(Unusable, match="timeZoneId: 'Mars/Olympus' is no time zone"):
        values.zone("Mars/Olympus")
