"""The KV store: what is put is got back with its type, by namespace, until it ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from service.errors import Invalid
from service.store import kv
from tests.support.station import Station

VALUES = [
    ("text", "STRING"),
    ("2024-03-05", "STRING"),
    ("", "STRING"),
    (7, "NUMBER"),
    (2**70, "NUMBER"),
    (-0.5, "NUMBER"),
    (True, "BOOLEAN"),
    (False, "BOOLEAN"),
    (datetime(2024, 3, 5, 1, 2, 3, 456789, tzinfo=UTC), "DATETIME"),
    (date(2024, 3, 5), "DATE"),
    (timedelta(days=2, microseconds=1), "DURATION"),
    (-timedelta(hours=1), "DURATION"),
    ({"a": [1, {"b": None}]}, "JSON"),
    ([], "JSON"),
    (None, "JSON"),
]


def put(station: Station, namespace: str, key: str, value: Any, at: float = 10.0, *, environment: str = "main", **more: Any) -> int:
    return station.database.write(lambda session: kv.put(session, environment, namespace, key, value, at=at, **more))


def value(station: Station, namespace: str, key: str, at: float = 20.0, *, environment: str = "main", above: bool = False) -> Any:
    """A key's value, `missing` where there is none."""
    with station.database.read() as session:
        found = (kv.find if above else kv.get)(session, environment, namespace, key, at)
    return "missing" if found is None else found.value


@pytest.mark.parametrize(("given", "type"), VALUES, ids=lambda each: str(each)[:20])
def test_a_value_comes_back_with_its_type(station: Station, given: Any, type: str) -> None:
    put(station, "a.b", "key", given)
    with station.database.read() as session:
        found = kv.get(session, "main", "a.b", "key", 20.0)
    assert found is not None
    assert (found.value, found.value.__class__, found.type) == (given, given.__class__, type)


def test_a_decimal_keeps_all_its_digits(station: Station) -> None:
    put(station, "a", "key", Decimal("12345678901234567890.5"))
    assert Decimal(str(value(station, "a", "key"))) == Decimal("12345678901234567890.5")


def test_writing_again_counts_and_keeps_the_beginning(station: Station) -> None:
    assert [put(station, "a", "key", number, 10.0 + number) for number in range(3)] == [1, 2, 3]
    with station.database.read() as session:
        found = kv.get(session, "main", "a", "key", 20.0)
    assert found is not None
    assert (found.value, found.version, found.created_at, found.updated_at, found.expires_at, found.description) == (2, 3, 10.0, 12.0, None, None)


def test_a_key_belongs_to_one_namespace_of_one_environment(station: Station) -> None:
    put(station, "a", "key", 1)
    put(station, "a.b", "key", 2)
    put(station, "a", "key", 3, environment="pr-1")
    assert [value(station, "a", "key"), value(station, "a.b", "key"), value(station, "a", "key", environment="pr-1")] == [1, 2, 3]
    assert value(station, "a.b.c", "key") == "missing"
    assert value(station, "A", "key") == "missing"


def test_the_nearest_namespace_above_has_the_say(station: Station) -> None:
    put(station, "a", "top", 1)
    put(station, "a", "both", 1)
    put(station, "a.b", "both", 2)
    put(station, "a.bc", "both", 3)
    assert [value(station, "a.b.c", key, above=True) for key in ("top", "both", "none")] == [1, 2, "missing"]
    assert value(station, "a", "both", above=True) == 1
    assert value(station, "b", "both", above=True) == "missing"


def test_what_has_ended_is_as_if_it_were_not_there(station: Station) -> None:
    put(station, "a", "key", "above")
    put(station, "a.b", "key", "own", expires_at=15.0)
    assert value(station, "a.b", "key", 14.9, above=True) == "own"
    assert value(station, "a.b", "key", 15.0, above=True) == "above"
    assert value(station, "a.b", "key", 15.0) == "missing"
    with station.database.read() as session:
        assert kv.every(session, "main", "a.b", 15.0) == ()
    assert station.database.write(lambda session: kv.delete(session, "main", "a.b", "key", 16.0)) is False
    put(station, "a.b", "key", "again", 17.0)
    assert value(station, "a.b", "key") == "again"


def test_keys_are_listed_by_name_and_deleted_once(station: Station) -> None:
    for key in ("b", "a", "c"):
        put(station, "n", key, key)
    with station.database.read() as session:
        assert [entry.key for entry in kv.every(session, "main", "n", 20.0)] == ["a", "b", "c"]
    assert [station.database.write(lambda session: kv.delete(session, "main", "n", "b", 20.0)) for _ in range(2)] == [True, False]
    with station.database.read() as session:
        assert [entry.key for entry in kv.every(session, "main", "n", 20.0)] == ["a", "c"]


def test_ended_keys_are_forgotten_a_few_at_a_time(station: Station) -> None:
    for number in range(5):
        put(station, "n", f"k{number}", number, expires_at=float(number + 1))
    put(station, "n", "stays", 1)
    assert [station.database.write(lambda session: kv.forget(session, 4.5, 3)) for _ in range(3)] == [3, 1, 0]
    with station.database.read() as session:
        assert [entry.key for entry in kv.every(session, "main", "n", 0.0)] == ["k4", "stays"]


@pytest.mark.parametrize("key", ["", ".a", "-a", "a b", "a/b", "ä", "a\n", "a" * 257])
def test_what_is_no_key_is_refused(station: Station, key: str) -> None:
    with pytest.raises(Invalid, match="can't be a key"):
        put(station, "a", key, 1)


@pytest.mark.parametrize("key", ["a", "9", "a.b-c_D", "a" * 256])
def test_every_key_of_kestra_is_one(station: Station, key: str) -> None:
    assert put(station, "a", key, 1) == 1


def test_rows_are_no_file_store(station: Station) -> None:
    assert put(station, "a", "key", "x" * (kv.LARGEST - 2)) == 1
    with pytest.raises(Invalid, match="larger than 1,000,000 bytes"):
        put(station, "a", "key", "x" * (kv.LARGEST - 1))
