"""A file's bytes, or a text, to YAML values with their places: the encoding, the caps, and libyaml's complaints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from yaml import YAMLError
from yaml.events import ScalarEvent

from service.flows.composer import Composer, Stop
from service.flows.findings import Findings
from service.flows.problems import Problem, Severity, escaped, lines_of
from service.flows.source import Source, at, behind
from service.flows.syntax import explain

LARGEST = 1_048_576

_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKS = ((b"\xff\xfe\x00\x00", "UTF-32"), (b"\x00\x00\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
#: A `#` that begins a comment, with something right behind it.
_HASH = re.compile(r"(?<![ \t])[ \t]+(?P<hash>#[^\s#!][^\s]*)")


def read_source(data: bytes, findings: Findings, what: str = "flow") -> tuple[str | None, Source | None]:
    """The text where it could be decoded, and the values where they could be read. What is wrong goes to `findings`; `what` is the word for what is read."""
    text = _decoded(data, findings)
    if text is None:
        return None, None
    try:
        source = Composer(text, findings).document(what)
    except Stop:
        return text, None
    except YAMLError as error:
        _note_syntax(error, text, findings)
        return text, None
    if source is not None:
        _warn_of_comments(source, findings)
    return text, source


def written(text: str) -> Mapping[str, Any]:
    """What a file holds that has been read before, as it was written; nothing where it can't be read any more."""
    _, source = read_source(text.encode("utf-8", "surrogatepass"), Findings(""))
    return source.value if source is not None else {}


def read_value(text: str) -> tuple[Any, Problem | None]:
    """Any YAML value in a text of its own, under the same caps; with the first thing that is wrong, if something is."""
    findings = Findings("")
    value = None
    try:
        value = Composer(text, findings).value()
    except Stop:
        pass
    except YAMLError as error:
        _note_syntax(error, text, findings)
    errors = (problem for problem in findings.problems if problem.severity is Severity.ERROR)
    return value, next(errors, None)


def _decoded(data: bytes, findings: Findings) -> str | None:
    if len(data) > LARGEST:
        findings.add(
            "HG-0002", at(1, 1), f"the file has {len(data):,} bytes; a flow may have {LARGEST:,}", "move long scripts and data into files of their own"
        )
        return None
    for mark, name in _MARKS:
        if data.startswith(mark):
            findings.add("HG-0004", at(1, 1), f"the file is in {name}", "save it as UTF-8")
            return None
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        place = behind(data[: error.start].decode("utf-8").removeprefix("\ufeff"))
        findings.add("HG-0003", place, f"the byte 0x{data[error.start]:02x} is not UTF-8", "files must be UTF-8: save it so")
        return None


def _note_syntax(error: YAMLError, text: str, findings: Findings) -> None:
    control = _CONTROL.search(text)
    if control and not hasattr(error, "problem_mark"):
        name = "NUL" if control[0] == "\0" else f"the control character {escaped(control[0])}"
        hint = "is this a text file?" if control[0] == "\0" else 'in double quotes it can be written as an escape, such as "\\x1b"'
        findings.add("HG-0005", behind(text[: control.start()]), f"{name} can't stand in YAML", hint)
        return
    found = explain(error, lines_of(text))
    if any((problem.line, problem.column) == (found.line, found.column) for problem in findings.problems):
        return
    findings.add(found.code, at(found.line, found.column), found.message, found.hint)


def _warn_of_comments(source: Source, findings: Findings) -> None:
    """Plain text that a ` #…` cuts off. Looked for only where the text has such a thing at all."""
    if not _HASH.search(source.text):
        return
    ends = {event.end_mark.index: event.end_mark for event in _plain_scalars(source)}
    for match in _HASH.finditer(source.text):
        mark = ends.get(match.start())
        if mark is None:
            continue
        place = at(mark.line + 1, mark.column + 1 + match.start("hash") - match.start(), len(match["hash"]))
        message = f"everything from `{escaped(match['hash'], 20)}` on is a comment and not part of the value"
        findings.add("HG-0120", place, message, "quote the whole text, or put a space after `#` if a comment is meant", Severity.WARNING)


def _plain_scalars(source: Source) -> list[Any]:
    rows = [row for table in source.tables.values() for row in (table.values() if isinstance(table, dict) else table)]
    return [value for _, value in rows if type(value) is ScalarEvent and not value.style]
