"""Text to text."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from service.expressions.arguments import JAVA_SPACE, count_of, text_of
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.units import cut, units
from service.expressions.values import java_text

_ELLIPSIS = "..."


@filter_("upper")
def upper(call: Run, value: Any) -> str | None:
    """In capitals.

    {{ 'straße' | upper }} -> STRASSE
    {{ true | upper }} -> TRUE
    """
    return None if value is None else java_text(value, call.budget).upper()


@filter_("lower")
def lower(call: Run, value: Any) -> str | None:
    """In small letters.

    {{ 'ABC' | lower }} -> abc
    """
    return None if value is None else java_text(value, call.budget).lower()


@filter_("capitalize")
def capitalize(value: Any) -> str | None:
    """The first letter as a capital; the others stay.

    {{ 'article Title' | capitalize }} -> Article Title
    {{ '  x' | capitalize }} ->   X
    """
    if value is None:
        return None
    return _VISIBLE.sub(_capital, text_of("capitalize", value), count=1)


#: What is no white space in Java, to which the spaces that don't break are none.
_VISIBLE = re.compile(r"[\S\xa0\u2007\u202f\x85]")
_WORD_START = re.compile(rf"(?<!{_VISIBLE.pattern}){_VISIBLE.pattern}")


def _capital(letter: re.Match[str]) -> str:
    """`Character.toTitleCase`: one character stays one."""
    capital = letter[0].title()
    return capital if len(capital) == 1 and letter[0] <= "\uffff" else letter[0]


@filter_("title")
def title(value: Any) -> str | None:
    """The first letter of every word as a capital.

    {{ 'article title' | title }} -> Article Title
    """
    return None if value is None else _WORD_START.sub(_capital, text_of("title", value))


@filter_("trim")
def trim(value: Any) -> str | None:
    """Without the white space at both ends.

    {{ '  a b ' | trim }} -> a b
    """
    return None if value is None else text_of("trim", value).strip(JAVA_SPACE)


@filter_("abbreviate")
def abbreviate(value: Any, length: Any) -> str | None:
    """Cut to a length, with `...` at the end.

    {{ 'this is a long sentence.' | abbreviate(7) }} -> this...
    """
    if value is None:
        return None
    text, width = text_of("abbreviate", value), count_of("abbreviate", length)
    if units(text) < width or units(text) <= len(_ELLIPSIS):
        return text
    return cut(text, 0, width) if width <= len(_ELLIPSIS) else cut(text, 0, width - len(_ELLIPSIS)) + _ELLIPSIS


@filter_("nl2br")
def nl2br(value: Any) -> str | None:
    """Line ends as HTML.

    {{ fromJson('"a\\nb"') | nl2br }} -> a<br />b
    """
    return None if value is None else re.sub(r"\r\n|\n|\r", "<br />", text_of("nl2br", value))


@filter_("slugify")
def slugify(call: Run, value: Any) -> str | None:
    """Letters, digits and single hyphens.

    {{ 'Joyeux anniversaire, été' | slugify }} -> joyeux-anniversaire-ete
    """
    if value is None:
        return None
    text = java_text(value, call.budget)
    call.budget.spend(len(text) >> 1)
    spaced = re.sub(r"\s", "-", text, flags=re.ASCII)
    latin = re.sub(r"[^\w-]", "", unicodedata.normalize("NFD", spaced), flags=re.ASCII)
    return re.sub(r"-{2,}", "-", latin.replace("_", "-")).removeprefix("-").removesuffix("-").lower()


def _line_end(text: str) -> str:
    return next((end for end in ("\r\n", "\n\r", "\n", "\r") if end in text), "\n")


def _indented(call: Run, name: str, text: str, amount: Any, prefix: Any, *, lines: int) -> str:
    margin = text_of(name, prefix)
    width = count_of(name, amount) * len(margin)
    call.budget.text(len(text) + width * max(1, lines))
    return margin * count_of(name, amount)


@filter_("indent")
def indent(call: Run, value: Any, amount: Any, prefix: Any = " ") -> str | None:
    """Every line but the first one moved to the right.

    {{ fromJson('"a\\nb"') | indent(2) | split('\\n') }} -> ["a","  b"]
    """
    if value is None or value == "":
        return None if value is None else ""
    text = java_text(value, call.budget)
    end = _line_end(text)
    return text.replace(end, end + _indented(call, "indent", text, amount, prefix, lines=text.count(end)))


@filter_("nindent")
def nindent(call: Run, value: Any, amount: Any, prefix: Any = " ") -> str | None:
    """A line end, then every line moved to the right.

    {{ fromJson('"a\\nb"') | nindent(2) | split('\\n') }} -> ["","  a","  b"]
    """
    if value is None or value == "":
        return None if value is None else ""
    text = java_text(value, call.budget)
    end = _line_end(text)
    return (end + text).replace(end, end + _indented(call, "nindent", text, amount, prefix, lines=text.count(end) + 1))
