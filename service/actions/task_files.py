"""The stored files of an execution, as its server tasks may use them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, cast
from urllib.parse import quote

from runners import ion
from service.actions.attempts import Attempted, whose
from service.actions.files import Files
from service.actions.kit import Kit
from service.asks import TaskFailed
from service.errors import Forbidden, Invalid, NotFound, TooLarge
from service.git.repository import FLOWS
from service.store import repositories

_HELD = 1 << 20  #: bytes of a file that is not on a disk while it is made
_BETWEEN = 10_000  #: rows that are written until it is asked again whether the task goes on
_MOST = 100_000  #: files of a commit that are listed
_BINARY = b"\xe0\x01\x00\xea"  #: how binary Ion begins


class TaskFiles:
    """Implements `service.asks.OwnFiles`."""

    def __init__(self, kit: Kit, work: Attempted, check: Callable[[], None], gathered: Mapping[str, str] | None = None) -> None:
        self._kit, self._work, self._check, self._gathered = kit, work, check, gathered

    def open(self, uri: str) -> BinaryIO:
        """See `OwnFiles.open`."""
        of = self._work.execution
        try:
            return Files(self._kit, whose(of), self._kit.database.read).open(uri)
        except (Forbidden, Invalid, NotFound) as failure:
            raise TaskFailed(failure.message) from failure

    def rows(self, uri: str) -> Iterator[Any]:
        """See `OwnFiles.rows`."""
        with self.open(uri) as content:
            try:
                yield from ion.stream(_lines(content))
            except ion.IonError as wrong:
                raise TaskFailed(f"the file is not Ion: {wrong}") from None

    def size(self, uri: str) -> int:
        """See `OwnFiles.size`."""
        of = self._work.execution
        try:
            return Files(self._kit, whose(of), self._kit.database.read).meta(uri).size
        except (Forbidden, Invalid, NotFound) as failure:
            raise TaskFailed(failure.message) from failure

    def directory(self) -> Mapping[str, str]:
        """See `OwnFiles.directory`."""
        if self._gathered is not None:
            return self._gathered
        pin = self._work.execution.pin
        with self._kit.database.read() as session:
            repository = None if pin is None else repositories.by_id(session, pin.repository)
        if pin is None or repository is None:
            return {}
        try:
            found = self._kit.git.files(repository.name, pin.commit, "", _MOST) or ()
        except TooLarge as failure:
            raise TaskFailed(failure.message) from failure
        return {path: f"nsfile:///{quote(path)}" for path, _ in found if not path.startswith(f"{FLOWS}/")}

    def delete(self, uri: str) -> bool:
        """See `OwnFiles.delete`."""
        self._check()
        try:
            return Files(self._kit, whose(self._work.execution), self._kit.database.read).delete(uri)
        except (Forbidden, Invalid, NotFound) as failure:
            raise TaskFailed(failure.message) from failure

    def put(self, name: str, content: BinaryIO) -> str:
        """See `OwnFiles.put`."""
        self._check()
        of, run = self._work.execution, self._work.run
        return self._kit.storage.put(of.namespace, of.flow, of.id, run.node, run.id, name, content)

    def write(self, name: str, rows: Iterable[Any]) -> tuple[str, int]:
        """See `OwnFiles.write`."""
        of, run, size = self._work.execution, self._work.run, 0
        with tempfile.SpooledTemporaryFile(_HELD) as held:
            for row in rows:
                if size % _BETWEEN == 0:
                    self._check()
                held.write(f"{ion.write(row)}\n".encode("utf-8", "replace"))
                size += 1
            held.seek(0)
            return self._kit.storage.put(of.namespace, of.flow, of.id, run.node, run.id, name, cast("BinaryIO", held)), size

    def remove(self) -> Sequence[str]:
        """See `OwnFiles.remove`."""
        self._check()
        of = self._work.execution
        return self._kit.storage.remove(of.namespace, of.flow, of.id)


def _lines(content: BinaryIO) -> Iterator[str]:
    number = 0
    while line := content.readline(ion.LONGEST + 1):
        number += 1
        if number == 1 and line.startswith(_BINARY):
            raise TaskFailed("the file is Ion in its binary form; only text is read")
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as wrong:
            raise TaskFailed(f"line {number:,}: the byte 0x{wrong.object[wrong.start]:02X} is no UTF-8 text") from None
