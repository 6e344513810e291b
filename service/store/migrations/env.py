"""Runs the migrations: called by Alembic, started by `service.store.schema`.

All of them in one transaction, which SQLite does for schemas as for rows: a start that dies in the middle, or that another start overtakes, leaves
nothing half made.
"""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from service.store import tables  # noqa: F401 - registers the tables

engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "", connect_args={"timeout": 30})


@event.listens_for(engine, "connect")
def _prepare(raw: Any, _record: Any) -> None:
    raw.isolation_level = None  # the driver's own guesses would commit before every CREATE


@event.listens_for(engine, "begin")
def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
