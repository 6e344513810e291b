"""All flows of a namespace at once: many texts, one commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from service.actions import repositories
from service.actions.edits import PATH, Change, check, place_of
from service.actions.kit import Kit
from service.errors import Invalid
from service.flows.documents import Document, documents
from service.flows.findings import Findings
from service.flows.flow import Reading
from service.flows.loading import read_source
from service.flows.problems import MOST, Severity
from service.store import flows
from service.store import repositories as rows
from service.store.database import Session
from service.store.flows import Identity
from service.store.repositories import MAIN

#: Names that YAML reads as something else, as it does those that begin with a digit.
_WORDS = frozenset({"true", "false", "null"})


@dataclass(frozen=True, slots=True)
class Replacement:
    """The flows of a namespace become these; with `delete` those that are not among them end."""

    namespace: str
    texts: Mapping[Identity, bytes]
    delete: bool
    message: str | None = None

    def decide(self, session: Session) -> Change:
        """Which files to write and to remove."""
        repository = repositories.home_of(session, self.namespace)
        files: dict[str, bytes | None] = {}
        live = {(row.namespace, row.flow_id): row for row in flows.live(session, MAIN, namespace=self.namespace) if row.namespace == self.namespace}
        gone = [identity for identity in live if self.delete and identity not in self.texts]
        for identity in gone:
            files |= dict.fromkeys(file.path for file in flows.files_of(session, repository.id, identity))
        for identity, text in self.texts.items():
            files[place_of(session, repository, identity, live.get(identity))] = text
        counts = f"{len(self.texts)} written" + (f", {len(gone)} removed" if gone else "")
        return Change(repository, rows.applied(session, repository.id), files, self.message or f"Update {self.namespace} ({counts})")


def replacement(kit: Kit, namespace: str, text: bytes, *, delete: bool, override: bool, message: str | None) -> Replacement:
    """The flows of a text, to be those of a namespace. Raises Invalid with the problems of all of them, as many as are shown of one file.

    `override` puts this namespace in place of the one that each of them names.
    """
    texts: dict[Identity, bytes] = {}
    problems: list[dict[str, Any]] = []
    for document in documents(text) if text.strip() else []:
        document = _moved(document, namespace) if override else document
        reading = document.moved(check(kit, document.text))
        found = list(_mistakes(reading, document, namespace, texts))
        if found or reading.flow is None:
            problems += found
            if len(problems) > MOST:
                break
        else:
            texts[reading.flow.namespace, reading.flow.id] = _whole_lines(document.text)
    if problems:
        first = problems[0]
        more = f" (and {'at least ' if len(problems) > MOST else ''}{len(problems) - 1} more problems)" if len(problems) > 1 else ""
        raise Invalid(f"nothing is changed: {first['line']}:{first['column']}: {first['message']}{more}", problems[:MOST])
    return Replacement(namespace, texts, delete, message)


def _mistakes(reading: Reading, document: Document, namespace: str, before: Mapping[Identity, bytes]) -> Iterator[dict[str, Any]]:
    """What keeps a text from being one of the namespace's flows."""
    if reading.flow is None:
        yield from (problem.as_json() for problem in reading.problems if problem.severity is Severity.ERROR)
        return
    identity, line = (reading.flow.namespace, reading.flow.id), document.line + 1
    if identity[0] != namespace:
        message = f"`{'.'.join(identity)}` is not of the namespace `{namespace}`"
        yield {"path": PATH, "line": line, "column": 1, "message": message, "hint": "`override=true` puts this namespace in its place"}
    elif identity in before:
        yield {"path": PATH, "line": line, "column": 1, "message": f"`{'.'.join(identity)}` is given twice", "hint": "keep one of them"}


def _moved(document: Document, namespace: str) -> Document:
    """The same text with another namespace: nothing else in it changes."""
    decoded, source = read_source(document.text, Findings("flow.yaml"))
    event = source.scalar(("namespace",)) if source else None
    if event is None or decoded is None:
        return document
    start, end = event.start_mark.index, event.end_mark.index
    name = f"'{namespace}'" if namespace in _WORDS or not namespace[:1].isalpha() else namespace
    anchor = f"&{event.anchor} " if event.anchor else "" if decoded[start - 1 : start].isspace() else " "
    below = "\n" if event.style in ("|", ">") else ""
    return Document((decoded[:start] + anchor + name + below + decoded[end:]).encode(), document.line)


def _whole_lines(text: bytes) -> bytes:
    """Without what stood around the marks between two flows."""
    return text.lstrip(b"\r\n").rstrip() + b"\n"
