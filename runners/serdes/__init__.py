"""What tasks that turn a file of one format into one of another share: rows come and go one at a time, whatever the length of the file.

stored file ─► `read` (one generator a format) ─► rows ─► Ion, a row on a line
stored file of Ion ─► rows ─► `write` (one a format) ─► stored file

texts      characters of a file, in any charset, line by line
values     a value as the text of a cell, and as JSON
patterns   Java's patterns of dates and times
avro       schemas, and values that fit them
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from runners import ion
from runners.fields import Dynamic, Text
from runners.protocol import Metric, Outcome, Result, Unusable
from runners.serdes.patterns import PatternError
from runners.serdes.texts import lines
from runners.task import RunnerTask, Work
from runners.workspace import OWN

OnBadLines = Dynamic[Literal["ERROR", "WARN", "SKIP"]]


class BadRow(Exception):
    """A row can't be converted; the others can."""


class Serdes(RunnerTask):
    """Properties of all of them."""

    #: They read what others have made, and that may be anything.
    APART: ClassVar[bool] = True
    OUTPUTS: ClassVar[Mapping[str, str]] = {"uri": "The new file.", "size": "The number of rows."}

    from_: Dynamic[Text] = Field(alias="from", description="The file to convert: a URI.")


class ToIon(Serdes):
    """Base of those that make Ion."""

    def rows(self, work: Work, source: Path) -> Iterable[Any]:
        """The rows of a file. Raises Unusable with the place."""
        raise NotImplementedError

    def run(self, work: Work) -> Outcome:
        """Fetches, converts, stores."""
        with fetched(work, self.from_) as source, made(work, ".ion") as target:
            size = write_ion(self.rows(work, source), target)
            return converted(work, stored(work, target), size)


class FromIon(Serdes):
    """Base of those that read Ion. `EXTENSION` is that of the files that they make."""

    EXTENSION: ClassVar[str]

    def write(self, work: Work, rows: Counted, target: Path) -> None:
        """Makes the file. Raises Unusable, and BadRow and PatternError, which are told with the number of the row."""
        raise NotImplementedError

    def run(self, work: Work) -> Outcome:
        """Fetches, converts, stores."""
        with fetched(work, self.from_) as source, made(work, self.EXTENSION) as target:
            rows = Counted(read_ion(source))
            try:
                self.write(work, rows, target)
            except (BadRow, PatternError) as wrong:
                raise Unusable(f"row {rows.number:,}: {wrong}") from None
            return converted(work, stored(work, target), rows.number)


class Counted:
    """Rows, and the number of the last one that was taken."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = rows
        self.number = 0

    def __iter__(self) -> Iterator[Any]:
        for row in self._rows:
            self.number += 1
            yield row


def lacking(extra: str) -> Unusable:
    """What is said where the library of a format is not installed."""
    return Unusable(f"this runner can't do that yet: pip install 'headgate[{extra}]' where it is installed, and start it again")


# the files


@contextmanager
def fetched(work: Work, uri: str, number: int = 0) -> Iterator[Path]:
    """A stored file in the working directory, for a while."""
    uri = uri.strip()
    if not uri.startswith(("kestra://", "nsfile://")):
        why = "file:// is part of the language, but this version does not run it yet" if uri.startswith("file://") else "it must be the URI of a stored file"
        raise Unusable(f"`from` is `{uri[:200]}`: {why}" if uri else "`from` is empty: it must be the URI of a stored file")
    target = work.directory / f"{OWN}from-{work.job.lease.key}-{number}"
    try:
        work.fetch(uri, target)
        yield target
    finally:
        target.unlink(missing_ok=True)


@contextmanager
def made(work: Work, extension: str, number: int | None = None) -> Iterator[Path]:
    """A path for a new file in the working directory: nothing is there."""
    target = work.directory / f"{work.job.lease.key}{'' if number is None else f'-{number}'}{extension}"
    target.unlink(missing_ok=True)  # what an attempt before us was making in a folder that tasks share
    try:
        yield target
    finally:
        target.unlink(missing_ok=True)


def stored(work: Work, path: Path) -> str:
    """The URI of a file that was made."""
    (uri,) = work.upload(path.name).values()
    return uri


def converted(work: Work, uri: str, size: int) -> Outcome:
    """What came of it."""
    work.metric(Metric("records", "counter", size))
    return Outcome(Result.SUCCESS, outputs={"uri": uri, "size": size})


# Ion


def read_ion(source: Path) -> Iterator[Any]:
    """The rows of a file of Ion text. Raises Unusable with the line."""
    with source.open("rb") as content:
        if content.read(4) == b"\xe0\x01\x00\xea":
            raise Unusable("the file is Ion in its binary form; only text is read")
    try:
        yield from ion.stream(lines(source, "UTF-8"))
    except ion.IonError as wrong:
        raise Unusable(f"the file is not Ion: {wrong}") from None


def write_ion(rows: Iterable[Any], target: Path) -> int:
    """Writes rows, each on a line; how many."""
    size = 0
    with target.open("x", encoding="utf-8", errors="replace", newline="") as out:
        for row in rows:
            size += 1
            try:
                out.write(f"{ion.write(row)}\n")
            except ion.IonError as wrong:
                raise Unusable(f"row {size:,}: {wrong}") from None
    return size


# rows that are wrong


def kept(work: Work, rows: Iterable[Callable[[], Any]], on_bad: str, name: str = "row") -> Iterator[Any]:
    """Rows that are made one by one; what becomes of those that can't be is said by `onBadLines`. Raises Unusable with the number of the row."""
    left_out = 0
    for number, make in enumerate(rows, start=1):
        try:
            row = make()
        except BadRow as wrong:
            if on_bad == "ERROR":
                raise Unusable(f"{name} {number:,}: {wrong}") from None
            left_out += 1
            if on_bad == "WARN" and left_out <= MOST_TOLD:
                work.log("WARN", f"{name} {number:,} is left out: {wrong}")
            continue
        yield row
    if on_bad == "WARN" and left_out > MOST_TOLD:
        work.log("WARN", f"{left_out:,} rows are left out; the first {MOST_TOLD} are told above")


MOST_TOLD = 100  #: rows that are left out, and named in the log
