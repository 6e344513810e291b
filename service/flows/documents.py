"""Several flows in one text, parted by lines of `---`: how an address takes many at once. A file in a repository holds one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from service.flows.flow import Reading

#: At the start of a line it is a mark in every place where a line may begin: block texts are indented, and quoted ones may not hold it.
_MARK = re.compile(rb"^---(?=[ \t\r\n]|\Z)[ \t]*(?:\r?\n)?", re.MULTILINE)
_NOTHING = re.compile(rb"(?:[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z))*")


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
    """The documents, those without anything in them left out; the whole text where there is nothing in it at all."""
    marks = [match.span() for match in _MARK.finditer(text)]
    starts = [0, *(end for _, end in marks)]
    ends = [*(start for start, _ in marks), len(text)]
    found = [Document(text[start:end], text.count(b"\n", 0, start)) for start, end in zip(starts, ends, strict=True)]
    return [document for document in found if not _NOTHING.fullmatch(document.text)] or [Document(text)]
