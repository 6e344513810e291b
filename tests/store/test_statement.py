"""Statements that the driver runs: what goes in and comes out, and the errors, are the same as for those that SQLAlchemy runs."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from service.store.database import Session
from service.store.statement import Statement, by, insert_into
from service.store.tables import Repository, core
from tests.support.station import Station

_table = core(Repository)
_insert = insert_into(_table, "id", "name", "forge", "url", "allow_private", "hook_id", "hook_secret", "looked", "created_at")
_rename = Statement(update(_table).where(_table.c.id == bindparam("b_id")).values(name=bindparam("name"), looked=bindparam("looked")))
_named = by(_table, "forge", "looked")
_first = Statement(select(_table.c.name).where(_table.c.forge == bindparam("forge")).order_by(_table.c.name).limit(1))


def values(name: str, *, looked: bool = False, url: str | None = None) -> dict[str, object]:
    return {
        "id": f"id of {name}", "name": name, "forge": "embedded", "url": url, "allow_private": False, "hook_id": f"hook of {name}",
        "hook_secret": "", "looked": looked, "created_at": 1.5,
    }  # fmt: skip


def fill(session: Session) -> None:
    _insert.run(session, values("a"))
    assert _insert.run_all(session, [values("b", looked=True, url="x"), values("c", looked=True)]) == 2


def test_a_row_is_what_sqlalchemy_makes_of_it(station: Station) -> None:
    station.database.write(fill)
    with station.database.read() as session:
        for found in _named.rows(session, {"forge": "embedded", "looked": True}):
            usual = session.execute(select(_table).where(_table.c.id == found.id)).one()
            assert found._mapping == dict(usual._mapping)
            assert (found.looked, found.allow_private) == (True, False)
            assert type(found.looked) is bool


@pytest.mark.parametrize("forge", ["embedded", "none"])
def test_one_row_one_value_or_none(station: Station, forge: str) -> None:
    station.database.write(fill)
    with station.database.read() as session:
        row, name = _named.first(session, {"forge": forge, "looked": False}), _first.value(session, {"forge": forge})
        assert (row and row.name, name) == (("a", "a") if forge == "embedded" else (None, None))
        assert len(_named.rows(session, {"forge": forge, "looked": True})) == (2 if forge == "embedded" else 0)


def test_how_many_rows_were_changed(station: Station) -> None:
    station.database.write(fill)
    assert station.database.write(lambda session: _rename.run(session, {"b_id": "id of a", "name": "d", "looked": True})) == 1
    assert station.database.write(lambda session: _rename.run(session, {"b_id": "nobody", "name": "e", "looked": True})) == 0
    changes = [{"b_id": id, "name": id, "looked": False} for id in ("id of a", "nobody", "id of b")]
    assert station.database.write(lambda session: _rename.run_all(session, changes)) == 2
    with station.database.read() as session:
        assert {row.name for row in _named.rows(session, {"forge": "embedded", "looked": False})} == {"id of a", "id of b"}


@pytest.mark.parametrize("many", [False, True])
def test_an_error_is_sqlalchemy_s_and_undoes_its_action_alone(station: Station, many: bool) -> None:
    station.database.write(fill)
    twice = values("a") | {"id": "another", "hook_id": "another"}

    def action(session: Session) -> None:
        _insert.run(session, values("z"))
        _insert.run_all(session, [twice]) if many else _insert.run(session, twice)

    with pytest.raises(IntegrityError, match="UNIQUE constraint failed: repository.name"):
        station.database.write(action)
    with station.database.read() as session:
        assert len(session.execute(select(_table)).all()) == 3


def test_a_reader_can_not_write(station: Station) -> None:
    with station.database.read() as session, pytest.raises(OperationalError, match="readonly"):
        _insert.run(session, values("a"))


def test_a_parameter_that_is_missing_is_an_error_and_none_is_not(station: Station) -> None:
    with pytest.raises(KeyError):
        station.database.write(lambda session: _rename.run(session, {"b_id": "x", "name": "y"}))
    station.database.write(fill)
    with station.database.read() as session:
        assert [row.url for row in _named.rows(session, {"forge": "embedded", "looked": True})] == ["x", None]
