"""PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal
from uuid import uuid4

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.protocol import Metric, Outcome, Result, Unusable
from runners.sql import address, values
from runners.sql.batch import BatchTask
from runners.sql.copying import CopyTask, listed
from runners.sql.fields import DatabaseTask
from runners.sql.query import QueriesTask, QueryTask
from runners.sql.statements import split
from runners.task import Work

if TYPE_CHECKING:
    from runners.sql.postgresql import PostgresSession

Mode = Literal["DISABLE", "ALLOW", "PREFER", "REQUIRE", "VERIFY_CA", "VERIFY_FULL"]

_CHUNK = 1 << 18


class _Postgresql(DatabaseTask):
    url: Dynamic[Text] = Field(description="`jdbc:postgresql://host:port/database`, with options after a `?`.")
    ssl: Dynamic[bool] = Field(False, description="Connect by TLS only; without an sslMode the server's certificate is checked in full.")
    ssl_mode: Dynamic[Mode] | None = Field(None, description="How much of TLS is asked for.")
    ssl_root_cert: Dynamic[Text] | None = Field(None, description="The certificate (PEM) of who signs for the server.")
    ssl_cert: Dynamic[Text] | None = Field(None, description="The client's certificate (PEM).")
    ssl_key: Dynamic[Text] | None = Field(None, description="The client's key (PEM); best a secret.")
    ssl_key_password: Dynamic[Text] | None = Field(None, description="The password of the key.")

    def open(self, work: Work) -> PostgresSession:
        """Connects."""
        from runners.sql.postgresql import PostgresSession, settings

        values.zone(self.time_zone_id)
        server = address.server(self.url, "postgresql", 5432)
        made = settings(server, lambda text: work.log("WARN", text))
        own = {"user": self.username, "password": self.password, "sslpassword": self.ssl_key_password, "sslmode": self._mode()}
        made |= {name: value for name, value in own.items() if value is not None}
        for name, content in (("sslrootcert", self.ssl_root_cert), ("sslcert", self.ssl_cert), ("sslkey", self.ssl_key)):
            if content:
                made[name] = _kept(name, content)
        return PostgresSession(server, made, lambda text: work.log("INFO", text), self.time_zone_id)

    def _mode(self) -> str | None:
        return str(self.ssl_mode).lower().replace("_", "-") if self.ssl_mode else "verify-full" if self.ssl else None


def _kept(name: str, content: str) -> str:
    """A file of ours, outside of the working directory, that only we may read."""
    if "-----BEGIN" not in content:
        raise Unusable(f"{ {'sslrootcert': 'sslRootCert', 'sslcert': 'sslCert'}.get(name, 'sslKey') }: it is no PEM text")
    path = Path(os.environ["TMPDIR"]) / f"{name}.pem"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(content.strip() + "\n")
    return str(path)


class Query(_Postgresql, QueryTask):
    """Runs one statement in PostgreSQL."""

    TYPE = "io.kestra.plugin.jdbc.postgresql.Query"


class Queries(_Postgresql, QueriesTask):
    """Runs several statements in PostgreSQL."""

    TYPE = "io.kestra.plugin.jdbc.postgresql.Queries"


class Batch(_Postgresql, BatchTask):
    """Puts the rows of a file into PostgreSQL."""

    TYPE = "io.kestra.plugin.jdbc.postgresql.Batch"


class CopyIn(_Postgresql, CopyTask):
    """Copies a file into a table, by COPY."""

    TYPE = "io.kestra.plugin.jdbc.postgresql.CopyIn"
    OUTPUTS: ClassVar[Mapping[str, str]] = {"rowCount": "How many rows were copied."}

    from_: Dynamic[Text] = Field(alias="from", description="The URI of the file.")
    freeze: Dynamic[bool] | None = Field(None, description="Rows are frozen at once, in a table that the same transaction made.")
    force_not_null: Dynamic[list[Text]] | None = Field(None, description="Columns in which the text for NULL is no NULL (CSV).")
    force_null: Dynamic[list[Text]] | None = Field(None, description="Columns in which the text for NULL is NULL in quotes, too (CSV).")

    def run(self, work: Work) -> Outcome:
        """Brings the file, sends it."""
        text = f"COPY {self.target()} FROM STDIN WITH {self.options()}"
        if not self.from_.startswith(("kestra://", "nsfile://")):
            raise Unusable("from: it is the URI of a stored file (kestra:///… or nsfile:///…)")
        path = work.directory / ".headgate-copied"
        work.fetch(self.from_.strip(), path)
        session = self.open(work)
        try:
            with path.open("rb") as source:
                count = session.copy_in(text, iter(lambda: source.read(_CHUNK), b""))
        finally:
            session.close()
        work.metric(Metric("row.count", "counter", float(count)))
        return Outcome(Result.SUCCESS, outputs={"rowCount": count})

    def settings(self) -> Iterator[str]:
        """Those of its direction, too."""
        yield from super().settings()
        if self.freeze is not None:
            yield f"FREEZE {str(self.freeze).lower()}"
        yield from listed("FORCE_NOT_NULL", self.force_not_null)
        yield from listed("FORCE_NULL", self.force_null)


class CopyOut(_Postgresql, CopyTask):
    """Copies a table, or what a query gives, into a file, by COPY."""

    TYPE = "io.kestra.plugin.jdbc.postgresql.CopyOut"
    OUTPUTS: ClassVar[Mapping[str, str]] = {"uri": "Where the file is stored.", "rowCount": "How many rows were copied."}

    sql: Dynamic[Text] | None = Field(None, description="A query, in place of a table.")
    force_quote: Dynamic[list[Text]] | None = Field(None, description="Columns whose values get quotes in any case (CSV).")

    def run(self, work: Work) -> Outcome:
        """Takes it, stores it."""
        text = f"COPY {self._source()} TO STDOUT WITH {self.options()}"
        name = f"copy-{uuid4().hex[:12]}.{ {'TEXT': 'tsv', 'CSV': 'csv'}.get(self.format, 'bin') }"
        session = self.open(work)
        try:
            with (work.directory / name).open("xb") as out:
                count = session.copy_out(text, out.write)
        finally:
            session.close()
        stored = work.upload(name)[name]
        work.metric(Metric("row.count", "counter", float(count)))
        return Outcome(Result.SUCCESS, outputs={"uri": stored, "rowCount": count})

    def settings(self) -> Iterator[str]:
        """Those of its direction, too."""
        yield from super().settings()
        yield from listed("FORCE_QUOTE", self.force_quote)

    def _source(self) -> str:
        if not self.sql:
            return self.target()
        statements = split(self.sql, "sql")
        if len(statements) != 1 or self.table:
            raise Unusable("sql: it is to be one query, without a table beside it")
        return f"({statements[0].text}\n)"
