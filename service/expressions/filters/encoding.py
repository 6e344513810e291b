"""Codes and digests."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from service.expressions.arguments import text_of, through
from service.expressions.errors import Refused
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import java_text


@filter_("base64encode")
def base64encode(call: Run, value: Any) -> str | None:
    """Base64 of the text's UTF-8.

    {{ 'test' | base64encode }} -> dGVzdA==
    {{ 12 | base64encode }} -> MTI=
    """
    return None if value is None else base64.b64encode(_bytes(java_text(value, call.budget))).decode()


@filter_("base64decode")
def base64decode(value: Any) -> str | None:
    """The text that Base64 holds. The `=` at the end may be missing; bytes that are no UTF-8 become `\ufffd`.

    {{ 'dGVzdA==' | base64decode }} -> test
    {{ 'dGVzdA' | base64decode }} -> test
    """
    if value is None:
        return None
    text = text_of("base64decode", value)
    padding = "" if "=" in text else "=" * (-len(text) % 4)
    try:
        return base64.b64decode(text + padding, validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        raise Refused("this is not the Base64 of a text") from None


@filter_("urlencode")
def urlencode(value: Any) -> str | None:
    """As part of a URL's query.

    {{ 'a b&c' | urlencode }} -> a+b%26c
    """
    return None if value is None else quote_plus(_bytes(text_of("urlencode", value)), safe="*").replace("~", "%7E")


@filter_("urldecode")
def urldecode(value: Any) -> str | None:
    """What `urlencode` made, back.

    {{ 'a+b%26c' | urldecode }} -> a b&c
    """
    if value is None:
        return None
    text = text_of("urldecode", value)
    if _HALF_ESCAPE.search(text):
        raise Refused("a `%` of this text is not followed by two hexadecimal digits")
    return unquote_plus(text)


_HALF_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _digest(name: str, value: Any) -> str | None:
    return None if value is None else hashlib.new(name, _bytes(text_of(name, value)), usedforsecurity=False).hexdigest()


@filter_("sha256")
def sha256(value: Any) -> str | None:
    """The SHA-256 of a text, in hexadecimal digits.

    {{ 'test' | sha256 }} -> 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    """
    return _digest("sha256", value)


@filter_("sha512")
def sha512(value: Any) -> str | None:
    """The SHA-512 of a text, in hexadecimal digits.

    {{ 'test' | sha512 | length }} -> 128
    """
    return _digest("sha512", value)


@filter_("sha1")
def sha1(value: Any) -> str | None:
    """The SHA-1 of a text, in hexadecimal digits.

    {{ 'test' | sha1 }} -> a94a8fe5ccb19ba61c4c0873d391e987982fbbd3
    """
    return _digest("sha1", value)


@filter_("md5")
def md5(value: Any) -> str | None:
    """The MD5 of a text, in hexadecimal digits.

    {{ 'test' | md5 }} -> 098f6bcd4621d373cade4e832627b4f6
    """
    return _digest("md5", value)


_ESCAPES: Mapping[str, tuple[str, str]] = {"single": ("'", "\\'"), "double": ('"', '\\"'), "shell": ("'", "'\\''")}


@filter_("escapeChar")
def escape_char(call: Run, value: Any, type_: str) -> Any:
    """Quotes escaped, in a text or in all texts of a map or list: `single`, `double` or `shell`.

    {{ "it's" | escapeChar('shell') }} -> it'\\''s
    """
    pair = _ESCAPES.get(str(type_).lower())
    if pair is None:
        raise Refused(f"`escapeChar` knows {', '.join(f'`{name}`' for name in _ESCAPES)}, not `{type_}`")
    return through(value, lambda text: text.replace(*pair), call.budget)
