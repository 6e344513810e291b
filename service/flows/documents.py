"""Several flows in one text, parted by lines of `---`: how an address takes many at once. A file in a repository holds one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from service.errors import Invalid
from service.flows.flow import Reading

#: So many flows are taken in one text.
MOST_DOCUMENTS = 1_000

#: At the start of a line it is a mark in every place where a line may begin: block texts are indented, and quoted ones may not hold it.
_MARK = re.compile(rb"^---(?=[ \t\r\n]|\Z)[ \t]*(?:\r?\n)?", re.MULTILINE)
#: What is neither blank nor a comment.
_SOMETHING = re.compile(rb"(?:^|\r)[ \t]*[^# \t\r\n]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """One of them. `line` is the line of the whole text before its first."""

    text: bytes
    line: int = 0

    def moved(self, reading: Reading) -> Reading:
        """Its reading, with the lines of the whole text."""
        if not self.line:
            return reading
        problems = (
            replace(problem, line=problem.line + self.line, end_line=None if problem.end_line is None else problem.end_line + self.line)
            for problem in reading.problems
        )
        return replace(reading, problems=tuple(problems))


def documents(text: bytes) -> list[Document]:
    """The documents, those without anything in them left out; the whole text where there is nothing in it at all. Raises Invalid for too many."""
    found: list[Document] = []
    start = line = 0
    for end, following in _marks(text):
        part = text[start:end]
        if _SOMETHING.search(part):
            found.append(Document(part, line))
        if len(found) > MOST_DOCUMENTS:
            raise Invalid(f"the text has more than {MOST_DOCUMENTS:,} flows; a commit can have any number of them")
        line += text.count(b"\n", start, following)
        start = following
    return found or [Document(text)]


def _marks(text: bytes) -> Iterator[tuple[int, int]]:
    """Where each document ends, and where the next begins."""
    yield from (match.span() for match in _MARK.finditer(text))
    yield len(text), len(text)
