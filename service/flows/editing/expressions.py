"""What may stand at a place inside `{{ … }}`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from service.expressions.registry import entries
from service.flows.editing.names import Name, Names
from service.flows.editing.sketch import Sketch
from service.flows.editing.spot import Cursor

_LONGEST = 4_000
_STEP = r"(?:\.\w[\w-]*|\[(?:'[^'\[\]]*'|\"[^\"\[\]]*\"|\d+)\])"
_MEMBER = re.compile(rf"(?P<path>\b[A-Za-z_]\w*{_STEP}*)\.(?P<typed>[\w-]*)$")
_BRACKET = re.compile(rf"(?P<path>\b[A-Za-z_]\w*{_STEP}*)\[(?P<quote>['\"])(?P<typed>[^'\"\[\]]*)$")
_FILTER = re.compile(r"\|\s*(?P<typed>[A-Za-z_]?\w*)$")
_TEST = re.compile(r"\bis\s+(?:not\s+)?(?P<typed>[A-Za-z_]?\w*)$")
_FREE = re.compile(r"(?<![\w.])(?P<typed>[A-Za-z_]?\w*)$")
_STEPS = re.compile(r"\.(\w[\w-]*)|\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\d+)\]")
#: Words that a path can't begin with.
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that may stand there: how it is shown, what it is, and what is written for it in the place of the last `width` characters."""

    name: Name
    insert: str
    width: int


@dataclass(frozen=True, slots=True)
class Choices:
    """All that may stand at a place, and what is typed of it already."""

    typed: str
    choices: tuple[Choice, ...]


def inside(place: Cursor, whole: Sketch) -> str | None:
    """The text from the beginning of the expression that a place is in; None outside of expressions."""
    start = place.line
    for entry in whole.entries:
        value = entry.value
        if value is not None and value.block is not None and value.place[0] < place.line <= value.end[0]:
            start = value.place[0] + 1
    if start == place.line and place.before.lstrip().startswith("#"):
        return None
    text = "\n".join((*place.lines[start : place.line], place.before))[-_LONGEST:]
    opened = max(text.rfind("{{"), text.rfind("{%"))
    return text[opened + 2 :] if opened > max(text.rfind("}}"), text.rfind("%}")) else None


def choices(inner: str, names: Names) -> Choices:
    """What may stand at the end of an unfinished expression."""
    bracket = _BRACKET.search(inner)
    if bracket is not None and _quote(inner[: bracket.start("quote")]) is None:
        found = names.members(_steps(bracket["path"]))
        return Choices(bracket["typed"], tuple(Choice(name, name.name, len(bracket["typed"])) for name in found))
    if _quote(inner) is not None:
        return Choices("", ())
    member = _MEMBER.search(inner)
    if member is not None:
        typed = member["typed"]
        return Choices(typed, tuple(_after_dot(name, typed) for name in names.members(_steps(member["path"]))))
    for pattern, kind in ((_FILTER, "filter"), (_TEST, "test")):
        match = pattern.search(inner)
        if match is not None:
            return Choices(match["typed"], tuple(_called(name, kind, len(match["typed"])) for name in _registered(kind)))
    free = _FREE.search(inner)
    if free is None:
        return Choices("", ())
    width = len(free["typed"])
    roots = tuple(Choice(name, name.name, width) for name in names.roots())
    return Choices(free["typed"], (*roots, *(_called(name, "function", width) for name in _registered("function"))))


def _quote(inner: str) -> str | None:
    """The quote of the text that the end lies in; None outside of texts."""
    quote: str | None = None
    for sign in inner:
        if quote is None and sign in "'\"":
            quote = sign
        elif sign == quote:
            quote = None
    return quote


def _steps(path: str) -> list[str]:
    root = _IDENTIFIER.match(path)
    first = root[0] if root else ""
    return [first, *(next(part for part in match.groups() if part is not None) for match in _STEPS.finditer(path, len(first)))]


def _after_dot(name: Name, typed: str) -> Choice:
    """A name behind a dot; one with a hyphen needs brackets in the place of the dot."""
    if _IDENTIFIER.fullmatch(name.name):
        return Choice(name, name.name, len(typed))
    return Choice(name, f"['{name.name}']", len(typed) + 1)


def _registered(kind: str) -> list[Name]:
    return [Name(entry.name, kind, entry.document, entry.signature) for (of, _), entry in sorted(entries().items()) if of == kind]


def _called(name: Name, kind: str, width: int) -> Choice:
    """A function is called; a filter or a test only where it needs something."""
    entry = entries()[kind, name.name]
    called = bool(entry.required) if kind != "function" else bool(entry.order) or entry.variadic
    return Choice(name, f"{name.name}($1)" if called else f"{name.name}()" if kind == "function" else name.name, width)
