"""Reads flow files, each text once: the parse is kept by blob id, because a blob never changes.

A push of a few kilobytes can spell out gigabytes of flows: the same text under many names, or texts that pack to nothing. So what is held is weighed: one
part of the texts at a time, and as many readings as their weight allows.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from service.errors import Bug
from service.flows.catalogue import Catalogue
from service.flows.flow import Flow, Reading
from service.flows.problems import Severity
from service.flows.reading import read_flow
from service.store import flows
from service.store.database import Session

_KEPT = 150_000_000  #: weight of the readings kept: some 5,000 flows of a usual size

_REVISIONS = 20_000  #: revisions whose blobs are remembered

#: Gives contents by blob id, in the order asked, in parts; only one of them is held.
Fetch = Callable[[Sequence[str]], Iterator[Mapping[str, bytes]]]


def weight(reading: Reading, size: int) -> int:
    """About how many bytes of memory the reading of a text of this size takes: a flow is some twenty times its text."""
    return 2_000 + 20 * size + 600 * len(reading.problems)


class FlowReader:
    """The flow language with a memory. Thread-safe."""

    def __init__(self, catalogue: Catalogue, defaults: Sequence[Mapping[str, Any]] = (), kept: int = _KEPT, *, image_digests: str = "off") -> None:
        self.catalogue = catalogue
        self.parsed = 0  #: texts really parsed: a test proves that unchanged blobs are not
        self._defaults, self._kept = defaults, kept
        self._digests = None if image_digests == "off" else Severity(image_digests)
        self._readings: OrderedDict[str, tuple[str, Reading, int]] = OrderedDict()
        self._weight = 0
        self._revisions: OrderedDict[tuple[str, int], tuple[str, str]] = OrderedDict()  #: blob and path; a revision never changes
        self._lock = threading.Lock()

    def check(self, text: bytes, path: str, *, allow_unknown_types: bool = False) -> Reading:
        """The reading of a text that is of no blob yet; it is not kept."""
        return read_flow(text, path, self.catalogue, defaults=self._defaults, allow_unknown_types=allow_unknown_types, require_digests=self._digests)

    def read(self, blob: str, path: str, text: bytes) -> Reading:
        """The reading of a blob, with `path` in its problems."""
        known = self.known(blob, path)
        if known is not None:
            return known
        reading = self.check(text, path)
        self.parsed += 1
        heavy = weight(reading, len(text))
        with self._lock:
            if blob not in self._readings:
                self._readings[blob] = (path, reading, heavy)
                self._weight += heavy
            while self._weight > self._kept:
                _, (_, _, lost) = self._readings.popitem(last=False)
                self._weight -= lost
        return reading

    def read_all(self, files: Iterable[tuple[str, str]], fetch: Fetch) -> Iterator[tuple[str, str, Reading, int]]:
        """Reads files given as (path, blob): path, blob, reading and weight, in their order, with one part of their texts in memory."""
        files = list(files)
        ahead = dict.fromkeys(blob for _, blob in files)
        parts, texts = fetch(list(ahead)), dict[str, bytes]()
        for path, blob in files:
            if blob in ahead:
                texts = dict(next(parts)) if blob not in texts else texts
                ahead.pop(blob)
            reading = self.known(blob, path)
            if reading is None:
                text = texts[blob] if blob in texts else next(fetch([blob]))[blob]
                reading = self.read(blob, path, text)
            yield path, blob, reading, weight(reading, len(texts.get(blob, b"")))

    def known(self, blob: str, path: str) -> Reading | None:
        """The reading of a blob that was read before, None otherwise."""
        with self._lock:
            if blob not in self._readings:
                return None
            self._readings.move_to_end(blob)
            read_at, reading, _ = self._readings[blob]
        return reading if read_at == path else replace(reading, problems=tuple(replace(problem, path=path) for problem in reading.problems))

    def revision(self, session: Session, flow: str, number: int) -> Reading:
        """The reading of a stored revision. One that was read before costs no query."""
        known = self._revisions.get((flow, number))
        reading = self.known(*known) if known else None
        if reading is not None:
            return reading
        revision = flows.revision(session, flow, number)
        if revision is None:
            raise Bug(f"revision {number} of flow {flow} is not stored")
        with self._lock:
            self._revisions[flow, number] = revision.blob, revision.path
            if len(self._revisions) > _REVISIONS:
                self._revisions.popitem(last=False)
        return self.read(revision.blob, revision.path, revision.source.encode("utf-8"))

    def live(self, session: Session, flow: flows.Flow) -> Flow | None:
        """The flow that runs now; None when it is deleted, or when this version of Headgate can't read its text any more."""
        return None if flow.live is None else self.revision(session, flow.id, flow.live).flow
