"""Patterns of paths, as tasks write them: `*` and `?` within a name, `**` over folders, `[a-z]`, `{a,b}`; `regex:` begins a pattern of RE2, `glob:` may stand
before any other. All take time in proportion to the path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import re2

_LONGEST, _MOST = 1_000, 1_000  #: characters of a pattern, and patterns
_GLOB = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^\]/]+\]|\{[^{}/]*\}|.", re.DOTALL)
_MANY = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path, from the root and without a slash before it, is one that any of the patterns means. Raises ValueError for what is none."""
    found = [_compiled(pattern) for pattern in patterns]
    if len(found) > _MOST:
        raise ValueError(f"there are more than {_MOST:,} patterns")
    return lambda path: any(one.fullmatch(path) is not None for one in found)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    if len(pattern) > _LONGEST:
        raise ValueError(f"the pattern `{pattern[:60]}…` is longer than {_LONGEST:,} characters")
    glob = pattern.removeprefix("glob:").removeprefix("./").lstrip("/")
    text = pattern.removeprefix("regex:") if pattern.startswith("regex:") else "".join(_pieces(glob))
    options = re2.Options()
    options.log_errors, options.max_mem, options.dot_nl = False, 1 << 20, True
    try:
        return re2.compile(text, options)
    except re2.error:
        raise ValueError(f"`{pattern[:100]}` can't be read as a pattern") from None


def _pieces(glob: str) -> Iterator[str]:
    for piece in _GLOB.findall(glob):
        if piece in _MANY:
            yield _MANY[piece]
        elif piece[0] == "[" and len(piece) > 2:
            inner = piece[1:-1].replace("\\", "\\\\").replace("[", "\\[")
            yield f"[{'^' + inner[1:] if inner.startswith('!') else inner}]"
        elif piece[0] == "{" and len(piece) > 1:
            yield f"(?:{'|'.join(re2.escape(one) for one in piece[1:-1].split(','))})"
        else:
            yield re2.escape(piece)
