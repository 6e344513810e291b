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

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
_LETTERS = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_IN_HTML = re.compile(r"[&<>\"']")
#: A `/` behind `<` could end the script that the text stands in.
_IN_JSON = re.compile(r"[\x00-\x1f\"\\\x7f-\U0010ffff]|(?<=<)/")
_IN_SCRIPT = re.compile(r"[\x00-\x1f\"'\\\x7f-\U0010ffff]|(?<=<)/")
_IN_CSS = re.compile(r"\A[0-9]|\A_|\A-(?=[-0-9])|[\x00-,./:-@\[-^`{-\U0010ffff]")
_SIGN = re.compile(r"[ -9;-~]")


def _units(character: str) -> str:
    encoded = character.encode("utf-16-be", "surrogatepass").hex().upper()
    return "".join(f"\\u{encoded[at : at + 4]}" for at in range(0, len(encoded), 4))


def _json(match: re.Match[str]) -> str:
    return "\\/" if match[0] == "/" else _LETTERS.get(match[0]) or _units(match[0])


def _script(match: re.Match[str]) -> str:
    if match[0] in ("'", "\0"):
        return "\\'" if match[0] == "'" else "\\0"
    return f"\\x{ord(match[0]):02X}" if match[0] not in _LETTERS and match[0] != "/" and match[0] <= "\xff" else _json(match)


def _css(match: re.Match[str]) -> str:
    """A sign behind a backslash; anything else by its number, with a space behind it where a digit follows."""
    if _SIGN.fullmatch(match[0]) and not match[0].isdigit():
        return f"\\{match[0]}"
    following = match.string[match.end() : match.end() + 1]
    return f"\\{ord(match[0]):X}{' ' if following and following in '0123456789abcdefABCDEF' else ''}"


_STRATEGIES: Mapping[str, Callable[[str], str]] = {
    "html": lambda text: _IN_HTML.sub(lambda match: _ENTITIES[match[0]], text),
    "js": lambda text: _IN_SCRIPT.sub(_script, text),
    "json": lambda text: _IN_JSON.sub(_json, text),
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
    call.budget.spend(2 * len(text))
    return escaped(text)


@filter_("raw")
def raw(call: Run, value: Any) -> str | None:
    """The text of a value as it is. Where other template languages escape by themselves this keeps them from it; here nothing does.

    {{ '<b>' | raw }} -> <b>
    """
    return None if value is None else java_text(value, call.budget)
