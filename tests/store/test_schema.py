"""Migrations make what the tables say, once, and a database of a newer version is left alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

from service.errors import Unavailable
from service.store import schema
from service.store import tables as _tables  # noqa: F401 - registers the tables


def test_the_migrations_make_what_the_tables_say(tmp_path: Path):
    schema.upgrade(tmp_path / "headgate.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'headgate.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


def test_the_code_knows_the_newest_migration():
    settings = Config()
    settings.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(settings).get_heads() == [schema.HEAD]


def test_migrating_twice_changes_nothing(tmp_path: Path):
    path = tmp_path / "a folder" / "100%.db"
    schema.upgrade(path)
    before = path.read_bytes()
    schema.upgrade(path)
    assert path.read_bytes() == before


def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path):
    path = tmp_path / "headgate.db"
    schema.upgrade(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(Unavailable, match="newer Headgate"):
        schema.upgrade(path)
    assert path.read_bytes() == before


def test_what_is_no_database_is_refused_with_one_line(tmp_path: Path):
    path = tmp_path / "headgate.db"
    path.write_bytes(b"words" * 1000)
    with pytest.raises(Unavailable, match="headgate.db"):
        schema.upgrade(path)


def test_two_processes_that_start_at_once_migrate_once(tmp_path: Path):
    code = "import sys, pathlib; from service.store import schema; schema.upgrade(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path / "headgate.db")]
    started = [subprocess.Popen(command, cwd=Path(__file__).parents[2]) for _ in range(3)]
    assert [process.wait(30) for process in started] == [0, 0, 0]
    schema.upgrade(tmp_path / "headgate.db")


def test_a_migration_that_does_not_end_leaves_nothing_half_made(tmp_path: Path):
    path = tmp_path / "headgate.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE token (mine)")  # the last table of the first migration can't be made
    connection.close()
    with pytest.raises(OperationalError, match="token already exists"):
        schema.upgrade(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("token",)]
        connection.execute("DROP TABLE token")
    connection.close()
    schema.upgrade(path)


def test_a_version_table_without_a_version_is_a_fresh_database(tmp_path: Path):
    path = tmp_path / "headgate.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    connection.close()
    schema.upgrade(path)
    schema.upgrade(path)
