"""Text to text."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from service.expressions.arguments import count_of, text_of
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import java_text

_ELLIPSIS = "..."
_JAVA_SPACE = "".join(map(chr, range(33)))


@filter_("upper")
def upper(value: Any) -> str | None:
    """In capitals.

    {{ 'straße' | upper }} -> STRASSE
    """
    return None if value is None else text_of("upper", value).upper()


@filter_("lower")
def lower(value: Any) -> str | None:
    """In small letters.

    {{ 'ABC' | lower }} -> abc
    """
    return None if value is None else text_of("lower", value).lower()


@filter_("capitalize")
def capitalize(value: Any) -> str | None:
    """The first letter as a capital; the others stay.

    {{ 'article Title' | capitalize }} -> Article Title
    {{ '  x' | capitalize }} ->   X
    """
    if value is None:
        return None
    text = text_of("capitalize", value)
    start = len(text) - len(text.lstrip())
    return text[:start] + text[start : start + 1].title() + text[start + 1 :]


@filter_("title")
def title(value: Any) -> str | None:
    """The first letter of every word as a capital.

    {{ 'article title' | title }} -> Article Title
    """
    return None if value is None else re.sub(r"(?<!\S)\S", lambda first: first[0].title(), text_of("title", value))


@filter_("trim")
def trim(value: Any) -> str | None:
    """Without the white space at both ends.

    {{ '  a b ' | trim }} -> a b
    """
    return None if value is None else text_of("trim", value).strip(_JAVA_SPACE)


@filter_("abbreviate")
def abbreviate(value: Any, length: Any) -> str | None:
    """Cut to a length, with `...` at the end.

    {{ 'this is a long sentence.' | abbreviate(7) }} -> this...
    """
    if value is None:
        return None
    text, width = text_of("abbreviate", value), count_of("abbreviate", length)
    if len(text) < width or len(text) <= len(_ELLIPSIS):
        return text
    return text[:width] if width <= len(_ELLIPSIS) else text[: width - len(_ELLIPSIS)] + _ELLIPSIS


@filter_("nl2br")
def nl2br(value: Any) -> str | None:
    """Line ends as HTML.

    {{ "a" | nl2br }} -> a
    """
    return None if value is None else re.sub(r"\r\n|\n|\r", "<br />", text_of("nl2br", value))


@filter_("slugify")
def slugify(call: Run, value: Any) -> str | None:
    """Letters, digits and single hyphens.

    {{ 'Joyeux anniversaire, été' | slugify }} -> joyeux-anniversaire-ete
    """
    if value is None:
        return None
    spaced = re.sub(r"\s", "-", java_text(value, call.budget))
    latin = re.sub(r"[^\w-]", "", unicodedata.normalize("NFD", spaced), flags=re.ASCII)
    return re.sub(r"-{2,}", "-", latin.replace("_", "-")).removeprefix("-").removesuffix("-").lower()


def _part(call: Run, value: Any, separator: Any, *, before: bool, last: bool) -> str | None:
    if value is None:
        return None
    text, mark = java_text(value, call.budget), java_text(separator, call.budget)
    head, found, tail = text.rpartition(mark) if last and mark else text.partition(mark) if mark else ("", "", text)
    if not found:
        return text if before else ""
    return head if before else tail


@filter_("substringBefore")
def substring_before(call: Run, value: Any, separator: Any) -> str | None:
    """What stands before the first separator; all of it without one.

    {{ 'a.b.c' | substringBefore('.') }} -> a
    """
    return _part(call, value, separator, before=True, last=False)


@filter_("substringBeforeLast")
def substring_before_last(call: Run, value: Any, separator: Any) -> str | None:
    """What stands before the last separator; all of it without one.

    {{ 'a.b.c' | substringBeforeLast('.') }} -> a.b
    """
    return _part(call, value, separator, before=True, last=True)


@filter_("substringAfter")
def substring_after(call: Run, value: Any, separator: Any) -> str | None:
    """What stands after the first separator; nothing without one.

    {{ 'a.b.c' | substringAfter('.') }} -> b.c
    """
    return _part(call, value, separator, before=False, last=False)


@filter_("substringAfterLast")
def substring_after_last(call: Run, value: Any, separator: Any) -> str | None:
    """What stands after the last separator; nothing without one.

    {{ 'a.b.c' | substringAfterLast('.') }} -> c
    """
    return _part(call, value, separator, before=False, last=True)


@filter_("startsWith")
def starts_with(value: Any, value_: Any) -> bool:
    """Whether text begins so.

    {{ 'kestra' | startsWith('kes') }} -> true
    """
    return value is not None and text_of("startsWith", value).startswith(text_of("startsWith", value_))


@filter_("endsWith")
def ends_with(value: Any, value_: Any) -> bool:
    """Whether text ends so.

    {{ 'data.csv' | endsWith('.csv') }} -> true
    """
    return value is not None and text_of("endsWith", value).endswith(text_of("endsWith", value_))


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

    {{ 'a' | indent(2) }} -> a
    """
    if value is None or value == "":
        return None if value is None else ""
    text = java_text(value, call.budget)
    end = _line_end(text)
    return text.replace(end, end + _indented(call, "indent", text, amount, prefix, lines=text.count(end)))


@filter_("nindent")
def nindent(call: Run, value: Any, amount: Any, prefix: Any = " ") -> str | None:
    """A line end, then every line moved to the right.

    {{ 'a' | nindent(2) | length }} -> 4
    """
    if value is None or value == "":
        return None if value is None else ""
    text = java_text(value, call.budget)
    end = _line_end(text)
    return (end + text).replace(end, end + _indented(call, "nindent", text, amount, prefix, lines=text.count(end) + 1))
