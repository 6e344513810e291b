"""Takes single facts out of a delivery, and builds the change that they tell.

A signed body is still input: names become refs in Git, rows in a database and lines on a screen, so each is checked here, once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from webhooks.change import ZERO, Delivery, Ignored, Push, TagPush, Unreadable

#: A commit's id as Git writes it (SHA-1, or SHA-256).
SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TOKEN = re.compile(r"[!-~]{1,200}")
# What git check-ref-format refuses.
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|[./]$|^[./-]")
_LONGEST_REF = 1024
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def table(value: Any, what: str) -> Mapping[str, Any]:
    """A JSON object, or Unreadable."""
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is not an object")
    return value


def text(value: Any, what: str) -> str:
    """A JSON text, or Unreadable."""
    if not isinstance(value, str):
        raise Unreadable(f"{what} is not a text")
    return value


def shown(value: str, longest: int = 60) -> str:
    """Somebody else's text as part of a message: no control characters, not long."""
    cut = value if len(value) <= longest else f"{value[: longest - 1]}…"
    return _UNSHOWN.sub(lambda found: f"\\x{ord(found.group()):02x}", cut)


def envelope(headers: Mapping[str, str], id_header: str, event: str) -> Delivery:
    """The delivery's id from a header. Without one a repetition could not be told from news: Unreadable."""
    identity = headers.get(id_header, "")
    if not _TOKEN.fullmatch(identity):
        raise Unreadable(f"the header {id_header} is missing, or is not 1 to 200 printable characters")
    if not _TOKEN.fullmatch(event):
        raise Unreadable("the event's name is missing, or is not 1 to 200 printable characters")
    return Delivery(identity, event)


def sha(value: Any, what: str) -> str | None:
    """A commit's id; None for the zeros that stand for "no commit"."""
    found = text(value, what)
    if not SHA.fullmatch(found):
        raise Unreadable(f"{what} is not a commit id: {shown(found)}")
    return None if found.strip("0") == "" else found


def moved(repository_id: str, ref: Any, before: Any, after: Any, sender: str = "") -> Push | TagPush | Ignored:
    """What the move of a ref means to us."""
    name, old, new = _ref(ref), sha(before, "before"), sha(after, "after")
    if old is None and new is None:
        raise Unreadable(f"before and after are both {ZERO}")
    kinds: dict[str, type[Push] | type[TagPush]] = {"refs/heads/": Push, "refs/tags/": TagPush}
    kind = next((kind for prefix, kind in kinds.items() if name.startswith(prefix) and name != prefix), None)
    if kind is None:
        return Ignored(f"{shown(name)} is neither a branch nor a tag")
    return kind(repository_id, name, old, new, shown(sender, 255))


def _ref(value: Any) -> str:
    name = text(value, "ref")
    if not name.startswith("refs/") or len(name.encode("utf-8", "replace")) > _LONGEST_REF or _BAD_REF.search(name):
        raise Unreadable(f"ref is not a full name of a branch or a tag: {shown(name)}")
    return name
