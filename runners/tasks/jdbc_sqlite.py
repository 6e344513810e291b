"""SQLite: a database that is a file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.protocol import Unusable
from runners.sql import address
from runners.sql.batch import BatchTask
from runners.sql.fields import DatabaseTask
from runners.sql.query import QueriesTask, QueryTask
from runners.sql.session import Session
from runners.task import Work

_FILE = "database.sqlite"
#: Options of a URL that are pragmas; others of the JDBC driver have no effect here.
_PRAGMAS = frozenset(
    "auto_vacuum busy_timeout cache_size case_sensitive_like defer_foreign_keys encoding foreign_keys journal_mode journal_size_limit locking_mode "
    "mmap_size page_size query_only read_uncommitted recursive_triggers reverse_unordered_selects secure_delete synchronous temp_store user_version".split()
)
_OF_THE_FILE = frozenset(("mode", "cache", "immutable", "vfs"))
_VALUE = re.compile(r"-?\w{1,40}")


class _Sqlite(DatabaseTask):
    url: Dynamic[Text] = Field(description="`jdbc:sqlite:path`; a relative path is one in the working directory. Without a path: in memory.")
    sqlite_file: Dynamic[Text] | None = Field(None, description="The URI of a stored database; the URL's path is the name that it gets.")
    output_db_file: Dynamic[bool] = Field(False, description="Also store the database.")

    def prepare(self, work: Work) -> None:
        """Brings the stored database."""
        super().prepare(work)
        if self.sqlite_file:
            work.fetch(self.sqlite_file.strip(), work.directory / self._path()[0])

    def open(self, work: Work) -> Session:
        """Opens the file."""
        from runners.sql.sqlite import SqliteSession

        path, options = self._path()
        pragmas = {name: value for name, value in options.items() if name.lower() in _PRAGMAS}
        if wrong := [name for name, value in pragmas.items() if not _VALUE.fullmatch(value)]:
            raise Unusable(f"url: {wrong[0]} has a value that it can't have")
        for name in options.keys() - pragmas.keys() - _OF_THE_FILE:
            work.log("WARN", f"url: the option {name[:60]!r} has no effect")
        uri = path.startswith("file:")
        extra = "&".join(f"{name}={value}" for name, value in options.items() if name in _OF_THE_FILE)
        if extra and path != ":memory:":
            path, uri = f"{path if uri else 'file:' + path}?{extra}", True
        return SqliteSession(path, pragmas, uri)

    def finish(self, work: Work) -> Mapping[str, Any]:
        """Stores the database, if that is wanted."""
        stored = work.upload(self._path()[0]) if self.output_db_file else {}
        return {**super().finish(work), "databaseUri": next(iter(stored.values()), None)}

    def _path(self) -> tuple[str, Mapping[str, str]]:
        path, options = address.file(self.url, "sqlite", "?")
        if path.startswith(":resource:"):
            raise Unusable("url: a database inside a Java archive can't be read here")
        if path in ("", ":memory:") and (self.sqlite_file or self.output_db_file):
            path = _FILE
        if self.output_db_file and (os.path.isabs(path) or path.startswith("file:")):
            raise Unusable("outputDbFile: the database must be in the working directory; give a relative path in the url")
        return path or ":memory:", options


class Query(_Sqlite, QueryTask):
    """Runs one statement in a SQLite database."""

    TYPE = "io.kestra.plugin.jdbc.sqlite.Query"
    OUTPUTS: ClassVar[Mapping[str, str]] = {**QueryTask.OUTPUTS, "databaseUri": "Where the database is stored (outputDbFile)."}


class Queries(_Sqlite, QueriesTask):
    """Runs several statements in a SQLite database."""

    TYPE = "io.kestra.plugin.jdbc.sqlite.Queries"
    OUTPUTS: ClassVar[Mapping[str, str]] = {**QueriesTask.OUTPUTS, "databaseUri": "Where the database is stored (outputDbFile)."}


class Batch(_Sqlite, BatchTask):
    """Puts the rows of a file into a SQLite database."""

    TYPE = "io.kestra.plugin.jdbc.sqlite.Batch"
    OUTPUTS: ClassVar[Mapping[str, str]] = {**BatchTask.OUTPUTS, "databaseUri": "Where the database is stored (outputDbFile)."}
