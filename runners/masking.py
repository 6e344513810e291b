"""Secrets never leave the runner in a log line, an output or a message.

Each value is looked for as it is and in the forms that tools turn it into: base64 at the three byte offsets, URL, JSON, XML, shell and
Python escapes; a value of several lines also line by line. All places of all forms are found and merged, so overlapping secrets leave no
rest between them. Values under four characters are not looked for: they would blot out half of every log.

Tools wrap base64 (`base64` at 76 columns, `openssl` at 64), anywhere in the value when something stands before it. So what is looked for is
also a part of the base64 text: its first and last characters, and some on the way, so close together that every whole line has them. Where
one is found, all around it that belongs to the text is hidden. A part has sixteen characters, twelve bytes of the value: no ordinary text
has those by chance, and what stands on a line with less of the value is shown.

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

#: What a map is called whose `value` is a text that is kept encrypted (Kestra's name).
SEALED = "io.kestra.datatype:aes_encrypted"
SHORTEST = 4

#: Length of the parts of base64 text that are looked for, and how far they are apart: in a line of 47 there is one.
_PART, _APART = 16, 32

#: The longest line that is taken for one of wrapped text.
_WRAPPED = 1000

#: How many places of one part are remembered: a value of one character only has nothing but such.
_ALIKE = 8

#: With more forms than this it is quicker to look at each place of a text than for each form.
_MANY = 1000

_COLOUR = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")
_PERCENT = re.compile(r"%[0-9A-F]{2}")


def is_sealed(value: Any) -> bool:
    """Whether a value is a text that is kept encrypted."""
    return isinstance(value, Mapping) and len(value) == len(("type", "value")) and value.get("type") == SEALED and isinstance(value.get("value"), str)


class Masker:
    """Hides a fixed set of values. Safe to share between threads."""

    def __init__(self, values: Iterable[str]) -> None:
        values = [str(value) for value in values]
        #: What is looked for; a part with the texts that it is of, and its place in each.
        self._forms: dict[str, list[tuple[str, int]]] = {
            form: [] for value in values for part in _parts(value) for form in _forms(part) if len(form) >= SHORTEST
        }
        for whole in {form for value in values for text in _unescaped(value) for form in _base64(text.encode("utf-8", "replace"))}:
            for at in _places(whole):
                known = self._forms.setdefault(whole[at : at + _PART], [])
                if len(known) < _ALIKE:
                    known.append((whole, at))
        self._by_head: dict[str, list[str]] = {}
        for form in self._forms:
            self._by_head.setdefault(form[:SHORTEST], []).append(form)

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
        """The same for JSON values of any nesting, keys too. What is kept encrypted is hidden, and so is what is nested too deep to be looked through."""
        try:
            return self._value(value)
        except RecursionError:
            return STARS

    def _value(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value)
        if is_sealed(value):
            return STARS
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(item) for item in value]
        shown = str(value)
        return value if self.text(shown) == shown else STARS

    def _in(self, text: str) -> bool:
        """Whether a secret stands anywhere in the text. Nearly always none does, and a search for each form is far quicker than a look at each place."""
        if len(self._forms) > min(_MANY, 2 * len(text)):
            return any(self._spans(text))
        return any(form in text for form in self._forms)

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where secrets stand."""
        heads, done = self._by_head, dict[tuple[str, int], int]()
        # In a value that repeats itself each way to lay it along a line must be tried. A line that is no wrapped one is spared that.
        ways = len(text) <= _WRAPPED
        for at in range(len(text) - SHORTEST + 1):
            for form in heads.get(text[at : at + SHORTEST], ()):
                if text.startswith(form, at):
                    yield at, at + len(form)
                    for whole, place in self._forms[form]:
                        way = (whole, at - place if ways else 0)
                        if at >= done.get(way, 0):
                            left, right = _around(text, at, whole, place)
                            done[way] = right
                            yield left, right

    def _cover(self, text: str) -> str:
        parts: list[str] = []
        done, start, end = 0, -1, -1
        for left, right in sorted(self._spans(text)):
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
    for line in value.splitlines() if "\\n" in value else ():
        # A key inside JSON: whoever reads that prints its lines. The short ones may be anything.
        yield from (part.strip() for part in line.split("\\n") if len(part.strip()) >= _PART)


def _unescaped(value: str) -> tuple[str, ...]:
    """The value, and what JSON would make of its newlines."""
    return (value.strip(), value.replace("\\n", "\n").strip()) if "\\n" in value else (value.strip(),)


def _places(whole: str) -> list[int]:
    """Where the parts of a base64 text begin; a short text has none."""
    last = len(whole) - _PART
    return [*range(0, last, _APART), last] if last > 0 else []


def _around(text: str, at: int, whole: str, place: int) -> tuple[int, int]:
    """From where to where a text holds what stands in `whole` around `place`, which it does at `at`."""
    left = right = 0
    while left < min(at, place) and text[at - left - 1] == whole[place - left - 1]:
        left += 1
    most = min(len(text) - at, len(whole) - place)
    while right < most and text[at + right] == whole[place + right]:
        right += 1
    return at - left, at + right


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
