"""Escaping for HTML and other languages. Nothing is escaped by itself here, so `raw` has nothing to take back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from service.expressions.arguments import optional_text
from service.expressions.errors import Refused, did_you_mean
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import java_text

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_LETTERS = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_IN_CSS = re.compile(r"\A[0-9]|\A_|\A-(?=[-0-9])|[\x00-,./:-@\[-^`{-\U0010ffff]")
_SIGN = re.compile(r"[ -/;-~]")
_EACH_IN_CSS = 8  #: steps of a character


class _Signs(dict[int, str]):
    """What each character becomes in JSON; made anew for every text, whose characters it holds."""

    def __missing__(self, code: int) -> str:
        plain = ord(" ") <= code < 0x7F
        self[code] = found = _LETTERS.get(chr(code)) or (chr(code) if plain else self.numbered(code))
        return found

    def numbered(self, code: int) -> str:
        """A character by its UTF-16 units."""
        units = chr(code).encode("utf-16-be", "surrogatepass").hex().upper()
        return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


class _ScriptSigns(_Signs):
    """The same for JavaScript, which has short numbers, and quotes of another kind."""

    def __init__(self) -> None:
        super().__init__({0: "\\0", ord("'"): "\\'"})

    def numbered(self, code: int) -> str:
        """A character by its number of two digits, else by its UTF-16 units."""
        return f"\\x{code:02X}" if code <= 0xFF else super().numbered(code)


def _signed(text: str, signs: _Signs) -> str:
    """A `/` behind `<` could end the script that the text stands in."""
    return text.translate(signs).replace("</", "<\\/")


def _css(match: re.Match[str]) -> str:
    """A sign behind a backslash; anything else by its number, with a space behind it where a digit follows."""
    if _SIGN.fullmatch(match[0]):
        return f"\\{match[0]}"
    following = match.string[match.end() : match.end() + 1]
    return f"\\{ord(match[0]):X}{' ' if following and following in '0123456789abcdefABCDEF' else ''}"


_STRATEGIES: Mapping[str, Callable[[str], str]] = {
    "html": lambda text: text.translate(_ENTITIES),
    "js": lambda text: _signed(text, _ScriptSigns()),
    "json": lambda text: _signed(text, _Signs()),
    "css": lambda text: _IN_CSS.sub(_css, text),
    "url_param": lambda text: quote(text, safe="!$'()*,;:@/?", errors="replace"),
}


@filter_("escape")
def escape(call: Run, value: Any, strategy: Any = None) -> str | None:
    """The text of a value with all characters escaped that mean something in HTML, or in another language: `html`, `js`, `json`, `css` (an identifier) or
    `url_param`.

    {{ '<a href="x">' | escape }} -> &lt;a href=&quot;x&quot;&gt;
    {{ 'é "1"' | escape('js') }} -> \\xE9 \\"1\\"
    {{ 'a b&c=d' | escape(strategy='url_param') }} -> a%20b%26c%3Dd
    """
    if value is None:
        return None
    name = optional_text("escape", strategy) or "html"
    escaped = _STRATEGIES.get(name)
    if escaped is None:
        raise Refused(f"`escape` knows {', '.join(f'`{each}`' for each in _STRATEGIES)}, not `{name[:40]}`{did_you_mean(name, _STRATEGIES)}")
    text = java_text(value, call.budget)
    call.budget.spend(len(text) * (_EACH_IN_CSS if name == "css" else 1))
    return escaped(text)


@filter_("raw")
def raw(call: Run, value: Any) -> str | None:
    """The text of a value as it is. Where other template languages escape by themselves this keeps them from it; here nothing does.

    {{ '<b>' | raw }} -> <b>
    """
    return None if value is None else java_text(value, call.budget)
