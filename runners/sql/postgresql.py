"""A session with PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from runners.protocol import Unusable
from runners.sql.address import Server
from runners.sql.session import Rows, insert_text, library
from runners.sql.statements import Bound, Statement, bind, number

#: Names of options in a JDBC URL → libpq's, and those that mean nothing here.
OPTIONS: Mapping[str, str] = {
    "user": "user",
    "password": "password",
    "sslmode": "sslmode",
    "sslrootcert": "sslrootcert",
    "sslcert": "sslcert",
    "sslkey": "sslkey",
    "sslpassword": "sslpassword",
    "ApplicationName": "application_name",
    "connectTimeout": "connect_timeout",
    "loginTimeout": "connect_timeout",
    "options": "options",
    "targetServerType": "target_session_attrs",
    "channelBinding": "channel_binding",
    "gssEncMode": "gssencmode",
}
_TARGETS = {"any": "any", "primary": "primary", "master": "primary", "secondary": "standby", "slave": "standby", "preferSecondary": "prefer-standby"}
_WITHOUT_EFFECT = {
    *("ssl", "currentSchema", "tcpKeepAlive", "socketTimeout", "prepareThreshold", "preparedStatementCacheQueries", "preferQueryMode", "stringtype"),
    *("reWriteBatchedInserts", "defaultRowFetchSize", "binaryTransfer", "loggerLevel", "assumeMinServerVersion", "autosave", "readOnly", "sslfactory"),
    *("cancelSignalTimeout", "adaptiveFetch", "loadBalanceHosts", "hostRecheckSeconds", "disableColumnSanitiser", "cleanupSavepoints"),
}
#: The longest wait for a server, in seconds, where the URL says nothing else.
_PATIENCE = 10
#: How many rows the driver is asked for at a time; more of them do not make it quicker.
_MOST_AT_ONCE = 1000
_PREFIX = re.compile(r'connection to server (?:at|on) (?:"[^"]*"|\S+?)(?: \([^)]*\))?,? (?:port \d+ )?failed: ')


def settings(server: Server, warn: Callable[[str], None]) -> dict[str, str]:
    """libpq's settings of a URL."""
    hosts, ports = zip(*server.hosts, strict=True)
    made = {"host": ",".join(hosts), "port": ",".join(map(str, ports)), "connect_timeout": str(_PATIENCE), "application_name": "Headgate"}
    made |= {"dbname": server.database} if server.database else {}
    for name, value in server.options.items():
        if name in OPTIONS:
            made[OPTIONS[name]] = _TARGETS.get(value, value) if name == "targetServerType" else value
        elif name not in _WITHOUT_EFFECT:
            warn(f"url: the option {name[:60]!r} is not known, and has no effect")
    if server.options.get("ssl", "false").lower() in ("true", "") and "ssl" in server.options:
        made.setdefault("sslmode", "verify-full")
    if schema := server.options.get("currentSchema"):
        made["options"] = f"{made.get('options', '')} -c search_path={_escaped(schema)}".strip()
    return made


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


class PostgresSession:
    """A connection to a server."""

    def __init__(self, server: Server, settings: Mapping[str, str], notice: Callable[[str], None], zone: str | None = None) -> None:
        self._psycopg = library("psycopg", "postgresql")
        try:
            self._connection = self._psycopg.connect("", autocommit=True, prepare_threshold=None, cursor_factory=self._psycopg.RawCursor, **_utf8(settings))
            self._connection.add_notice_handler(lambda said: notice(f"{said.severity}: {said.message_primary}"))
            if zone:
                self._connection.execute("SELECT set_config('TimeZone', $1, false)", (zone,))
        except self._psycopg.Error as problem:
            raise Unusable(f"PostgreSQL at {server.shown}: {_unreached(str(problem))}") from problem

    def placed(self, statement: Statement, values: Mapping[str, Any] | None) -> Bound:
        """PostgreSQL's own form is `$1`."""
        return bind(statement, values, lambda _, number: f"${number}")

    def numbered(self, statement: Statement) -> tuple[Bound, int]:
        """The same."""
        return number(statement, lambda number: f"${number}")

    def run(self, bound: Bound, values: Mapping[str, Any], size: int) -> Rows | None:
        """Rows come as the server makes them."""
        cursor = self._connection.cursor()
        given = [self._sent(values[name]) for name in bound.names] or None
        at_once = min(size, _MOST_AT_ONCE) if self._psycopg.capabilities.has_stream_chunked() else 1
        with self._told(bound):
            rows = cursor.stream(bound.text, given, size=at_once)
            try:
                first = next(rows, None)
            except self._psycopg.ProgrammingError as problem:
                if problem.sqlstate or problem.diag.message_primary:
                    raise
                return None  # the driver's own words, when all is done: there are no rows
        # Of a result without rows it keeps no columns.
        names = [column.name for column in cursor.description or ()]
        return Rows(names, self._batches(first, rows, bound, size))

    def run_many(self, bound: Bound, rows: Sequence[Sequence[Any]]) -> int:
        """All of them sent without waiting for each."""
        cursor = self._connection.cursor()
        with self._told(bound):
            cursor.executemany(bound.text, [[self._sent(value) for value in row] for row in rows])
        return max(0, int(cursor.rowcount))

    def insert_into(self, table: str, columns: Sequence[str], width: int) -> str:
        """As everywhere."""
        return insert_text(table, columns, width)

    def copy_in(self, text: str, chunks: Iterable[bytes]) -> int:
        """Sends what COPY … FROM STDIN takes; how many rows that was."""
        cursor = self._connection.cursor()
        with self._copying(), cursor.copy(text) as copy:
            for chunk in chunks:
                copy.write(chunk)
        return int(cursor.rowcount)

    def copy_out(self, text: str, write: Callable[[bytes], object]) -> int:
        """Hands on what COPY … TO STDOUT gives; how many rows that was."""
        cursor = self._connection.cursor()
        with self._copying(), cursor.copy(text) as copy:
            for chunk in copy:
                write(bytes(chunk))
        return int(cursor.rowcount)

    def begin(self) -> None:
        """Begins a transaction."""
        self._connection.execute("BEGIN")

    def commit(self) -> None:
        """One that failed half-way is not taken for one that went well."""
        try:
            done = self._connection.execute("COMMIT").statusmessage
        except self._psycopg.Error as problem:
            raise Unusable(f"PostgreSQL can't commit: {_said(problem)}") from problem
        if done == "ROLLBACK":
            raise Unusable("PostgreSQL undid the transaction: a statement in it had failed")

    def close(self) -> None:
        """What is not committed is undone."""
        self._connection.close()

    def _sent(self, value: Any) -> Any:
        if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value)):
            return self._psycopg.types.json.Jsonb(value)
        return value

    def _batches(self, first: Any, rest: Iterator[Any], bound: Bound, size: int) -> Iterator[Sequence[Sequence[Any]]]:
        batch = [] if first is None else [first]
        with self._told(bound):
            for row in rest:
                batch.append(row)
                if len(batch) >= size:
                    yield batch
                    batch = []
        if batch:
            yield batch

    @contextmanager
    def _told(self, bound: Bound) -> Iterator[None]:
        try:
            yield
        except self._psycopg.Error as problem:
            position = problem.diag.statement_position
            raise Unusable(f"{bound.at(int(position) - 1 if position else 0)}: {_said(problem)}") from problem

    @contextmanager
    def _copying(self) -> Iterator[None]:
        try:
            yield
        except self._psycopg.Error as problem:
            where = f" ({problem.diag.context.splitlines()[0]})" if problem.diag.context else ""
            raise Unusable(f"{_said(problem)}{where}") from problem


def _utf8(settings: Mapping[str, str]) -> Mapping[str, str]:
    return {**settings, "client_encoding": "UTF8"}


def _said(problem: Any) -> str:
    """The server's words: what is wrong, more about it, what to do."""
    diag = problem.diag
    if not diag.message_primary:
        return " ".join(str(problem).split()) or type(problem).__name__
    more = "".join(f". {part}" for part in (diag.message_detail, diag.message_hint) if part)
    return f"{diag.message_primary}{more} ({diag.sqlstate})"


def _unreached(text: str) -> str:
    """libpq tells one attempt per address; the words of the last one say what is wrong, without advice."""
    words = _PREFIX.split(text.removeprefix("connection failed: "))[-1]
    return next((line.strip() for line in words.splitlines() if line.strip()), "it can't be reached").removeprefix("FATAL:").strip()
