"""YAML text to data, typed as Kestra's reader types it: plain scalars by the rules of YAML 1.1, with Jackson's exceptions.

`yes`, `no`, `on` and `off` are booleans, `010` is octal, `1_000` a number; dates and `12:30` stay text, and so does every key. Of two equal keys the last
counts, of several documents the first. Aliases stand for what they name, and `<<` merges.

libyaml reads; its events are counted and paid for here, before anything is built.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from yaml import YAMLError
from yaml._yaml import CParser
from yaml.events import AliasEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent, StreamEndEvent

from service.expressions.errors import Refused
from service.expressions.limits import Budget

#: Steps of work that each event costs.
_EVENT = 4
_MOST_DIGITS = 1_000
_TAGS = "tag:yaml.org,2002:"
_NULLS = frozenset(["", "~", "null", "Null", "NULL"])
_YES = frozenset("yes Yes YES true True TRUE on On ON".split())
_NO = frozenset("no No NO false False FALSE off Off OFF".split())
_WHOLE = re.compile(r"([-+]?)(?:0b_*([01][01_]*)|0x_*([0-9a-fA-F][0-9a-fA-F_]*)|0([0-7_]+)|(0|[1-9][0-9_]*))")
_DOUBLE = re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?")
_SPECIAL: Mapping[str, float] = {
    **{f"{sign}.{word}": number for sign, number in (("", math.inf), ("+", math.inf), ("-", -math.inf)) for word in ("inf", "Inf", "INF")},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_OPEN = object()


def parse_yaml(text: str, budget: Budget) -> Any:
    """The data in the first document of a YAML text. Raises Refused."""
    budget.spend(len(text) >> 2)
    try:
        return _Reading(text, budget).document()
    except UnicodeEncodeError:
        raise Refused("this text is not YAML: half a character (a lone surrogate) can't stand in it") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it can't be read"
        raise Refused(f"this text is not YAML: {problem}{where}") from None


def resolve(text: str) -> Any:
    """What a plain scalar stands for: null, a boolean, a number, or the text itself."""
    if text in _NULLS:
        return None
    if text in _YES or text in _NO:
        return text in _YES
    first = text[0]
    if not (first.isdigit() or first in "+-."):
        return text
    return _number(text)


def _number(text: str) -> Any:
    """The number that a text is, or the text."""
    match = _WHOLE.fullmatch(text)
    if match:
        return _whole(match)
    if _DOUBLE.fullmatch(text):
        _check(text)
        return float(text.replace("_", ""))
    return _SPECIAL.get(text, text)


def _check(digits: str) -> None:
    if len(digits) > _MOST_DIGITS:
        raise Refused(f"this YAML has a number of more than {_MOST_DIGITS:,} digits")


def _whole(match: re.Match[str]) -> Any:
    sign, *forms = match.groups()
    for base, digits in zip((2, 16, 8, 10), forms, strict=True):
        if digits is not None:
            _check(digits)
            number = int(digits.replace("_", "") or "0", base)
            return -number if sign == "-" else number
    return match[0]


def _binary(text: str) -> str:
    try:
        return base64.b64encode(base64.b64decode("".join(text.split()), validate=True)).decode()
    except (binascii.Error, ValueError):
        raise Refused("this YAML has a `!!binary` that is not Base64") from None


def _double(text: str) -> Any:
    number = _number(text)
    return float(number) if isinstance(number, int | float) else text


_TAGGED: Mapping[str, Callable[[str], Any]] = {
    "int": _number,
    "float": _double,
    "bool": lambda text: resolve(text) if text in _YES or text in _NO else text,
    "null": lambda _text: None,
    "binary": _binary,
}


class _Reading:
    """One text, event by event."""

    def __init__(self, text: str, budget: Budget) -> None:
        self._parser, self._budget = CParser(text), budget
        self._anchors: dict[str, Any] = {}

    def document(self) -> Any:
        while True:
            event = self._next()
            if isinstance(event, StreamEndEvent):
                raise Refused("there is no YAML in this text")
            if isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent | AliasEvent):
                return self._node(event, self._budget.limits.nesting)

    def _next(self) -> Any:
        self._budget.spend(_EVENT)
        return self._parser.get_event()

    def _node(self, event: Any, levels: int) -> Any:
        if isinstance(event, AliasEvent):
            return self._named(event.anchor)
        if event.anchor:
            self._anchors[event.anchor] = _OPEN
        if isinstance(event, ScalarEvent):
            value = _scalar(event)
        else:
            if levels <= 0:
                raise Refused(f"this YAML is nested deeper than {self._budget.limits.nesting} levels")
            value = self._list(levels - 1) if isinstance(event, SequenceStartEvent) else self._map(levels - 1)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _named(self, anchor: str | None) -> Any:
        if anchor is None or anchor not in self._anchors:
            raise Refused(f"this YAML has an alias `*{(anchor or '')[:40]}` without an anchor")
        if self._anchors[anchor] is _OPEN:
            raise Refused(f"in this YAML `*{anchor[:40]}` stands inside of what it names")
        return self._anchors[anchor]

    def _list(self, levels: int) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            found.append(self._node(event, levels))
        return found

    def _map(self, levels: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            merges = isinstance(event, ScalarEvent) and event.value == "<<" and event.implicit[0]
            key = self._key(event)
            value = self._node(self._next(), levels)
            if merges:
                merged = {**self._merge(value), **merged}
            else:
                found[key] = value
        return {**found, **{key: value for key, value in merged.items() if key not in found}} if merged else found

    def _merge(self, value: Any) -> dict[str, Any]:
        """The maps of a `<<`, one or a list; of two with the same key the first counts."""
        merged: dict[str, Any] = {}
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, dict):
                raise Refused("`<<` in YAML merges a map or a list of maps")
            self._budget.spend(2 * len(each) + len(merged) + 1)
            merged = {**each, **merged}
        return merged

    def _key(self, event: Any) -> str:
        if isinstance(event, AliasEvent):
            value = self._named(event.anchor)
            if isinstance(value, str):
                return value
        if not isinstance(event, ScalarEvent):
            raise Refused("a map or list can't be a key in this YAML")
        if event.anchor:
            self._anchors[event.anchor] = event.value
        return str(event.value)


def _scalar(event: Any) -> Any:
    text = str(event.value)
    if event.implicit[0]:
        return resolve(text)
    if event.tag and event.tag.startswith(_TAGS):
        return _TAGGED.get(event.tag.removeprefix(_TAGS), str)(text)
    return text
