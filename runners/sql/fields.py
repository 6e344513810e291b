"""The properties that every task for a database has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, Positive, Text
from runners.protocol import Unusable
from runners.sql.session import Session
from runners.task import RunnerTask, Work

Fetch = Literal["STORE", "FETCH", "FETCH_ONE", "NONE"]


class DatabaseTask(RunnerTask):
    """A task that has a connection."""

    APART: ClassVar[bool] = True

    url: Dynamic[Text] = Field(description="The JDBC URL of the database.")
    username: Dynamic[Text] | None = Field(None, description="Who connects.")
    password: Dynamic[Text] | None = Field(None, description="The password; best a secret.")
    time_zone_id: Dynamic[Text] | None = Field(None, description="The time zone that moments are given in; UTC when absent.")

    @abstractmethod
    def open(self, work: Work) -> Session:
        """Connects. Raises Unusable with what is wrong."""

    def prepare(self, work: Work) -> None:
        """What is to be done before connecting: files."""

    def finish(self, work: Work) -> Mapping[str, Any]:
        """What is to be done when the connection is closed and all went well; gives outputs of its own."""
        return {}

    @contextmanager
    def session(self, work: Work) -> Iterator[Session]:
        """A connection while the block runs."""
        session = self.open(work)
        try:
            yield session
        finally:
            session.close()


class FetchTask(DatabaseTask):
    """A task whose rows may be wanted."""

    sql: Dynamic[Text] | None = Field(None, description="The SQL to run.")
    parameters: Dynamic[dict[str, Any]] | None = Field(None, description="Values for `:name` in the SQL. The database gets them apart from the text.")
    fetch_type: Dynamic[Fetch] = Field("NONE", description="What becomes of the rows: STORE in a file (Ion), FETCH as outputs, FETCH_ONE the first, NONE.")
    fetch_size: Dynamic[Positive] = Field(10_000, description="How many rows are held at a time.")
    fetch: Dynamic[bool] = Field(False, description="Old spelling of fetchType: FETCH.")
    fetch_one: Dynamic[bool] = Field(False, description="Old spelling of fetchType: FETCH_ONE.")
    store: Dynamic[bool] = Field(False, description="Old spelling of fetchType: STORE.")
    input_file: Dynamic[Text] | None = Field(None, description="A stored file's URI; it is put into the working directory under its own name.")

    @property
    def wanted(self) -> str:
        """What becomes of the rows, in whichever spelling that was said."""
        if self.fetch_type != "NONE":
            return str(self.fetch_type)
        return "FETCH" if self.fetch else "FETCH_ONE" if self.fetch_one else "STORE" if self.store else "NONE"

    def prepare(self, work: Work) -> None:
        """Brings the input file."""
        super().prepare(work)
        if self.input_file:
            if not self.input_file.startswith(("kestra://", "nsfile://")):
                raise Unusable("inputFile: it is the URI of a stored file (kestra:///… or nsfile:///…)")
            work.fetch(self.input_file.strip(), work.directory / self.input_file.strip().rpartition("/")[2])
