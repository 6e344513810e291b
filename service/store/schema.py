"""Brings the database to this version's schema, at start, under the file's own write lock.

The common case, a database that is up to date, is one query: Alembic is imported only when there is something to do.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DatabaseError

from service.errors import Unavailable

#: The revision that this code was written for; a test compares it with the newest migration.
HEAD = "0010"
MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(path: Path) -> None:
    """Creates or migrates the database. One newer than this code, and a file that is none, are refused with one clear line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}")
    try:
        current = _current(engine, path)
        if current != HEAD:
            _check_known(current, path)
            _run_alembic(path)
    finally:
        engine.dispose()


def _current(engine: Engine, path: Path) -> str | None:
    try:
        with engine.connect() as connection:
            found = connection.execute(text("SELECT name FROM sqlite_master WHERE type='table' AND name='alembic_version'")).first()
            if found is None:
                return None
            row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
            return None if row is None else str(row[0])
    except DatabaseError as failure:
        raise Unavailable(f"{path} can't be read as a database ({failure.orig}): restore a backup, or move it away to start anew") from failure


def _check_known(current: str | None, path: Path) -> None:
    if current is not None and current > HEAD:
        raise Unavailable(f"{path} was written by a newer Headgate (schema {current}, this one knows {HEAD}): start that version, or restore a backup")


def _run_alembic(path: Path) -> None:
    command, config = importlib.import_module("alembic.command"), importlib.import_module("alembic.config")
    settings = config.Config()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    settings.set_main_option("sqlalchemy.url", f"sqlite:///{path}".replace("%", "%%"))
    command.upgrade(settings, "head")
