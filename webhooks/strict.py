"""Reads JSON that was signed but may still be hostile: one meaning, bounded work, and a place in every refusal.

The standard library's reader takes `NaN` and doubled keys, lets RecursionError and ValueError out, and makes text that can be
written neither as UTF-8 (lone surrogates) nor to PostgreSQL (NUL). Here all of these are `Unreadable`. The fast path stays in C:
places are looked for only after something was found wrong.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from webhooks.change import Unreadable

MAX_BYTES = 25 * 1024 * 1024
MAX_DEPTH = 64
MAX_DIGITS = 40
# Each value costs some 60 bytes of memory for one byte of body at worst; genuine deliveries have some 20 bytes for a value.
MAX_VALUES = 2_000_000

_BRACKETS = b"[]{}"
# A text without an end reaches to the end: looking for the end again from every later quote would take quadratic time. Atomic groups, never possessive
# ones: in those early Pythons 3.11 lose their place.
_STRING = re.compile(rb'"(?>(?:[^"\\]++|\\.)*)(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
_ESCAPE = re.compile(r"\\(?:u(?:d[89ab]..\\ud[c-f]..|(?P<bad>d[89a-f]..|0000))|.)", re.DOTALL | re.IGNORECASE)
_TOKEN = re.compile(r'(?P<text>"(?>(?:[^"\\]++|\\.)*)(?:"|\\?\Z))|(?P<number>-?\d[-+.eE\d]*)|(?P<constant>NaN|-?Infinity)|(?P<mark>[{}\[\],:])', re.DOTALL)


class _Wrong(Exception):
    """Something that the reader takes and we don't; `name` says which token of `kind` it is about."""

    def __init__(self, kind: str, name: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.name = name
        self.message = message


def read_json(body: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """The value that a body holds. Raises Unreadable with the line and column."""
    if len(body) > max_bytes:
        raise Unreadable(f"the body has {len(body)} bytes, at most {max_bytes} are read")
    text = _decoded(body)
    _check_size(body)
    value = _loaded(text)
    _check_escapes(text)
    return value


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as wrong:
        _refuse(body[: wrong.start].decode(), wrong.start, "not UTF-8")


def _check_size(body: bytes) -> None:
    """Before anything recursive sees the body: nesting and number of values."""
    brackets = _STRING.sub(b"", body).translate(None, _NO_BRACKETS)
    if brackets.count(b"[") + brackets.count(b"{") + body.count(b",") > MAX_VALUES:
        raise Unreadable(f"more than {MAX_VALUES} values")
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    if brackets:
        _refuse_depth(body.decode())


def _refuse_depth(text: str) -> None:
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.group(), 0)
        if depth > MAX_DEPTH:
            _refuse(text, token.start(), f"nested deeper than {MAX_DEPTH}")


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float)
    except json.JSONDecodeError as wrong:
        _refuse(text, wrong.pos, wrong.msg.lower())
    except _Wrong as wrong:
        place = _doubled(text) if wrong.kind == "key" else next((t.start() for t in _tokens(text, wrong.kind) if t.group() == wrong.name), 0)
        _refuse(text, place, wrong.message)
    except RecursionError:
        raise Unreadable(f"nested deeper than {MAX_DEPTH}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Wrong("key", "", "this key stands twice in one object")
    return found


def _constant(name: str) -> NoReturn:
    raise _Wrong("constant", name, f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _Wrong("number", digits, f"a number of {len(digits)} digits, at most {MAX_DIGITS} are read")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _Wrong("number", digits, "a number too large to be held")
    return number


def _check_escapes(text: str) -> None:
    """The text is known to be JSON, so every backslash stands in a string."""
    if "\\u" not in text:
        return
    for escape in _ESCAPE.finditer(text):
        if escape["bad"]:
            _refuse(text, escape.start(), "NUL in a text" if escape["bad"] == "0000" else "half of a surrogate pair")


def _tokens(text: str, kind: str) -> Iterator[re.Match[str]]:
    return (token for token in _TOKEN.finditer(text) if token[kind] is not None)


def _doubled(text: str) -> int:
    """Where the first key stands that its object has already. The text is known to be well-formed up to there."""
    seen: list[set[str] | None] = []
    last: re.Match[str] | None = None
    opens: dict[str, Callable[[], set[str] | None]] = {"{": set, "[": lambda: None}
    for token in _TOKEN.finditer(text):
        mark = token["mark"]
        if mark == ":" and last is not None and seen and (keys := seen[-1]) is not None:
            key = json.loads(last.group())
            if key in keys:
                return last.start()
            keys.add(key)
        elif mark in opens:
            seen.append(opens[mark]())
        elif mark in ("}", "]"):
            seen.pop()
        last = token
    return 0


def _refuse(text: str, at: int, what: str) -> NoReturn:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    raise Unreadable(f"line {line}, column {column}: {what}") from None
