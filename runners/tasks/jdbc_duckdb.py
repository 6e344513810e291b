"""DuckDB: analysis in the task's own process, of files and of databases."""

from __future__ import annotations

import os
import resource
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
from runners.transfer import put_inputs

_FILE = "database.duckdb"
_MORE: Mapping[str, str] = {"databaseUri": "Where the database is stored (outputDbFile).", "outputFiles": "Stored files: name → URI."}


class _Duckdb(DatabaseTask):
    url: Dynamic[Text] = Field("jdbc:duckdb:", description="`jdbc:duckdb:path`; a relative path is one in the working directory. Without a path: in memory.")
    input_files: Dynamic[dict[str, Text | None]] | None = Field(None, description="Files to make in the working directory: path → content or URI.")
    output_files: Dynamic[list[Text]] | None = Field(None, description="Files that the SQL makes, `{{ outputFiles.name }}` in it; they are stored.")
    database_uri: Dynamic[Text] | None = Field(None, description="The URI of a stored database to open.")
    output_db_file: Dynamic[bool] = Field(False, description="Also store the database.")
    community_extensions: Dynamic[list[Text]] | None = Field(None, description="Community extensions to install and load.")

    def prepare(self, work: Work) -> None:
        """Brings the files and the database."""
        super().prepare(work)
        put_inputs(work, self.input_files or {})
        if self.database_uri:
            work.fetch(self.database_uri.strip(), work.directory / self._path()[0])

    def open(self, work: Work) -> Session:
        """Opens the database. It may use two thirds of the memory that the process has, and a folder of the job's for what does not fit."""
        from runners.sql.duckdb import DuckdbSession

        path, options = self._path()
        config = {"temp_directory": os.path.join(os.environ.get("TMPDIR", "."), "duckdb")}
        memory, _ = resource.getrlimit(resource.RLIMIT_DATA)
        if memory != resource.RLIM_INFINITY:
            config["memory_limit"] = f"{memory * 2 // 3 >> 20}MiB"
        return DuckdbSession(path, {**config, **options}, self.community_extensions or (), self.time_zone_id)

    def finish(self, work: Work) -> Mapping[str, Any]:
        """Stores what is wanted."""
        stored: dict[str, str] = {}
        for name in self.output_files or ():
            found = work.upload(name)
            if not found:
                raise Unusable(f"outputFiles: the SQL made no file {name!r}")
            stored |= found
        database = work.upload(self._path()[0]) if self.output_db_file else {}
        return {**super().finish(work), "databaseUri": next(iter(database.values()), None), "outputFiles": stored}

    def _path(self) -> tuple[str, Mapping[str, str]]:
        path, options = address.file(self.url, "duckdb", ";")
        if path in ("", ":memory:") and (self.database_uri or self.output_db_file):
            path = _FILE
        if os.path.isabs(path) and (self.output_db_file or self.database_uri):
            raise Unusable("url: with databaseUri or outputDbFile the database must be in the working directory; give a relative path")
        return path or ":memory:", options


class Query(_Duckdb, QueryTask):
    """Runs one statement in DuckDB."""

    TYPE = "io.kestra.plugin.jdbc.duckdb.Query"
    OUTPUTS: ClassVar[Mapping[str, str]] = {**QueryTask.OUTPUTS, **_MORE}


class Queries(_Duckdb, QueriesTask):
    """Runs several statements in DuckDB."""

    TYPE = "io.kestra.plugin.jdbc.duckdb.Queries"
    OUTPUTS: ClassVar[Mapping[str, str]] = {**QueriesTask.OUTPUTS, **_MORE}


class Batch(_Duckdb, BatchTask):
    """Puts the rows of a file into DuckDB."""

    TYPE = "io.kestra.plugin.jdbc.duckdb.Batch"
    OUTPUTS: ClassVar[Mapping[str, str]] = {**BatchTask.OUTPUTS, **_MORE}
