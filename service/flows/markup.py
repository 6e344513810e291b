"""Somebody's text in Markdown, from which it can't break out.

Wherever text of a flow is shown it stands in a code span, a fenced block or, in HTML, a `code` element: there no forge reads markup, mentions people or
links numbers. `escaped` has made it one printable line before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from service.flows.problems import escaped

_TICKS = re.compile("`+")
_LONGEST = 200


def code(text: str, most: int = _LONGEST) -> str:
    """A code span, for running text."""
    shown = escaped(text, most) or '""'
    fence = "`" * (_longest_run(shown) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def cell(text: str, most: int = _LONGEST) -> str:
    """The same for the cell of a table, which a bar would end even within a code span."""
    shown = escaped(text, most)
    return html_code(text, most) if "|" in shown or "\\" in shown else code(text, most)


def html_code(text: str, most: int = _LONGEST) -> str:
    """A `code` element, in which nothing is Markdown either: all but letters, digits and spaces is written as numbers."""
    shown = escaped(text, most) or '""'
    return f"<code>{''.join(character if character.isalnum() or character == ' ' else f'&#{ord(character)};' for character in shown)}</code>"


def summary(text: str) -> str:
    """The summary of a collapsed part, in HTML."""
    return escape(text).replace("@", "&#64;")


def fenced(lines: Iterable[str], language: str = "") -> str:
    """A block of lines, each of them escaped already."""
    body = list(lines)
    fence = "`" * max(3, _longest_run("\n".join(body)) + 1)
    return "\n".join([f"{fence}{language}", *body, fence])


def _longest_run(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)
