"""Text as Java counts it: in UTF-16 units, of which a character beyond U+FFFF (most emoji) has two.

Lengths and indexes of the language are those units. Half of such a character is no text in UTF-8; where a cut leaves one it is `?`, which is what Java
writes for it.
"""

from __future__ import annotations


def units(text: str) -> int:
    """How long Java says that a text is."""
    return len(text) if text.isascii() else len(_encoded(text)) // 2


def cut(text: str, start: int, end: int) -> str:
    """`text.substring(start, end)`; the indexes must lie inside the text."""
    encoded = b"" if text.isascii() else _encoded(text)
    if len(encoded) <= 2 * len(text):
        return text[start:end]
    piece = encoded[2 * start : 2 * end].decode("utf-16-le", "surrogatepass")
    head, tail = ("?" if "\udc00" <= piece[:1] <= "\udfff" else ""), ("?" if "\ud800" <= piece[-1:] <= "\udbff" else "")
    return head + piece[len(head) : len(piece) - len(tail)] + tail


def _encoded(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")
