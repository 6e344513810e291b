"""Secrets never leave the runner in a log line, an output or a message.

Each value is looked for as it is and in the forms that tools turn it into: base64 at the three byte offsets, URL, JSON, XML, shell and
Python escapes; a value of several lines also line by line. All places of all forms are found and merged, so overlapping secrets leave no
rest between them. Values under four characters are not looked for: they would blot out half of every log.

This is a seat belt, not a wall: a program that spells a secret backwards gets it through.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

STARS = "******"
SHORTEST = 4

_COLOUR = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")
_PERCENT = re.compile(r"%[0-9A-F]{2}")


class Masker:
    """Hides a fixed set of values. Safe to share between threads."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values for part in _parts(str(value)) for form in _forms(part) if len(form) >= SHORTEST}
        self._by_head: dict[str, tuple[str, ...]] = {}
        self._longest_first = sorted(forms, key=len, reverse=True)
        for form in self._longest_first:
            head = form[:SHORTEST]
            self._by_head[head] = (*self._by_head.get(head, ()), form)

    def text(self, text: str) -> str:
        """The text with every secret replaced by stars. Colour codes inside a secret don't save it: the line loses its colours."""
        if not self._by_head:
            return text
        if "\x1b" in text:
            plain = _COLOUR.sub("", text)
            if self._in(plain):
                text = plain
        return self._cover(text) if self._in(text) else text

    def texts(self, texts: Sequence[str]) -> Sequence[str]:
        """The same for several texts, each by itself, and quicker where most hold no secret."""
        if not self._by_head:
            return texts
        together = "\n".join(texts)
        if "\x1b" not in together and not self._in(together):
            return texts
        return [self.text(text) for text in texts]

    def value(self, value: Any) -> Any:
        """The same for JSON values of any nesting, keys too. What is nested too deep to be looked through is hidden whole."""
        try:
            return self._value(value)
        except RecursionError:
            return STARS

    def _value(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(item) for item in value]
        shown = str(value)
        return value if self.text(shown) == shown else STARS

    def _in(self, text: str) -> bool:
        """Whether a secret stands anywhere in the text. Nearly always none does, and a search for each form is far quicker than a look at each place."""
        if len(self._longest_first) > 2 * len(text):
            return any(self._spans(text))
        return any(form in text for form in self._longest_first)

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where secrets stand, by start."""
        heads = self._by_head
        for at in range(len(text) - SHORTEST + 1):
            for form in heads.get(text[at : at + SHORTEST], ()):
                if text.startswith(form, at):
                    yield at, at + len(form)
                    break  # the longest one comes first

    def _cover(self, text: str) -> str:
        parts: list[str] = []
        done, start, end = 0, -1, -1
        for left, right in self._spans(text):
            if left <= end:
                end = max(end, right)
                continue
            if start >= 0:
                parts += text[done:start], STARS
                done = end
            start, end = left, right
        if start < 0:
            return text
        return "".join((*parts, text[done:start], STARS, text[end:]))


def _parts(value: str) -> Iterator[str]:
    yield value
    yield value.strip()
    if "\n" in value or "\r" in value:
        yield from (line.strip() for line in value.splitlines())


def _forms(value: str) -> Iterator[str]:
    if len(value) < SHORTEST:
        return
    yield value
    for encoded in (quote(value, safe="", errors="replace"), quote(value, errors="replace"), quote_plus(value, errors="replace")):
        yield encoded
        yield _PERCENT.sub(lambda found: found[0].lower(), encoded)
    for quoted in (json.dumps(value), json.dumps(value, ensure_ascii=False), repr(value)):
        yield quoted[1:-1]
    yield json.dumps(value)[1:-1].replace("/", "\\/")
    yield html.escape(value)
    yield html.escape(value, quote=False)
    yield value.replace("'", "'\"'\"'")
    yield value.replace("'", "'\\''")
    yield from _base64(value.encode("utf-8", "replace"))


def _base64(value: bytes) -> Iterator[str]:
    """What of the value is readable inside base64 text, wherever in the encoded bytes it begins."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + value)
        clean = encoded[-(-8 * offset // 6) : (offset + len(value)) * 8 // 6].decode()
        yield clean
        yield clean.translate(str.maketrans("+/", "-_"))
