"""Starts a flow when a branch or a tag moves.

Patterns are those of GitHub Actions: `*` within one part of the name, `**` over any number, `?` and `+` say how often the character before
them may come (not at all or once; once or more), `[a-z]` one of several, a backslash takes the next character as it is. In a list the last pattern
that matches decides, and one that begins with `!` takes out again. With neither `branches` nor `tags` every branch and tag counts; with only one of
them, the other kind does not. `paths` say nothing about tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, ClassVar

import re2
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from runners.fields import Text
from service.triggers import GitTrigger, Head

_LONGEST, _MOST = 256, 100
_BRANCH, _TAG = "refs/heads/", "refs/tags/"
_TOKEN = re.compile(r"\\(?P<escaped>.)|(?P<deep>\*\*/)|(?P<any>\*\*+)|(?P<part>\*)|(?P<often>[?+])|\[(?P<set>[^\]/]+)\]|(?P<plain>.)", re.DOTALL)


@lru_cache(maxsize=1024)
def _compiled(glob: str) -> Any:
    """A glob as an RE2 pattern, which takes time in proportion to the name and no more; raises ValueError."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile("".join(_pieces(glob)), options)
    except re2.error:
        raise ValueError("it can't be read as a pattern") from None


def _pieces(glob: str) -> Iterator[str]:
    atom: str | None = None
    for match in _TOKEN.finditer(glob):
        if match["often"]:
            if atom is None:
                raise ValueError(f"`{match['often']}` needs a character before it")
            yield atom + match["often"]
            atom = None
            continue
        if atom is not None:
            yield atom
        atom = _atom(match)
        if atom is None:
            yield "(?s:(?:.*/)?)" if match["deep"] else "(?s:.*)" if match["any"] else "[^/]*"
    if atom is not None:
        yield atom


def _atom(match: re.Match[str]) -> str | None:
    """What stands for one character; None for what stands for many."""
    if match["set"]:
        return _set(match["set"])
    literal = match["escaped"] or match["plain"]
    if match["plain"] == "[":
        raise ValueError("`[` is never closed; as a character it is written `\\[`")
    return None if literal is None else re.escape(literal)


def _set(inner: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", inner):
        raise ValueError(f"`[{inner[:40]}]` may hold letters, digits and ranges only")
    for first, last in re.findall(r"(.)-(.)", inner):
        if first > last:
            raise ValueError(f"the range `{first}-{last}` ends before it begins")
    return f"[{inner}]"


def _check(globs: tuple[str, ...]) -> tuple[str, ...]:
    if len(globs) > _MOST:
        raise _wrong(f"more than {_MOST} patterns")
    for glob in globs:
        if not glob.removeprefix("!"):
            raise _wrong("a pattern is empty")
        if len(glob) > _LONGEST:
            raise _wrong(f"a pattern is longer than {_LONGEST} characters")
        try:
            _compiled(glob.removeprefix("!"))
        except ValueError as bad:
            raise _wrong(f"the pattern `{glob[:60]}`: {bad}") from None
    if globs and all(glob.startswith("!") for glob in globs):
        raise _wrong("with `!` patterns alone nothing matches", "begin with one that takes in, such as `**`")
    return globs


def _wrong(message: str, hint: str | None = None) -> PydanticCustomError:
    return PydanticCustomError("glob", "{what}", {"what": message, **({"hint": hint} if hint else {})})


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | int | float) and not isinstance(value, bool) else value


Globs = Annotated[tuple[Text, ...], BeforeValidator(_as_list, json_schema_input_type=str | int | float | list[Text]), AfterValidator(_check)]


def matches(globs: Sequence[str], name: str) -> bool:
    """Whether a name is taken in: the last pattern that matches it decides."""
    name = name.encode("utf-8", "replace").decode()  # names of files may be bytes that are no text
    for glob in reversed(globs):
        if _compiled(glob.removeprefix("!")).fullmatch(name) is not None:
            return not glob.startswith("!")
    return False


class Push(GitTrigger):
    """Fires when a branch or a tag moves."""

    TYPE = "headgate.git.Push"
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "repository": "The repository's name.",
        "ref": "The full name of what moved, such as `refs/heads/main`.",
        "branch": "The branch, where it is one.",
        "tag": "The tag, where it is one.",
        "commit": "The commit that it points to now.",
        "before": "The commit that it pointed to before; nothing for a new one.",
        "message": "The commit's message.",
        "author": "The author's name.",
        "email": "The author's e-mail address.",
    }
    ALIASES: ClassVar[tuple[str, ...]] = ()
    OUTSIDE = frozenset({"ref", "branch", "tag", "message", "author", "email"})

    branches: Globs | None = Field(None, description="Patterns of branch names.")
    tags: Globs | None = Field(None, description="Patterns of tag names.")
    paths: Globs | None = Field(None, description="Patterns of files, one of which must differ; not for tags.")

    def matches(self, head: Head) -> bool:
        if head.ref.startswith(_TAG):
            return self._named(self.tags, self.branches, head.ref.removeprefix(_TAG))
        if not head.ref.startswith(_BRANCH) or not self._named(self.branches, self.tags, head.ref.removeprefix(_BRANCH)):
            return False
        if self.paths is None or head.paths is None:
            return True
        return any(matches(self.paths, path) for path in head.paths)

    @staticmethod
    def _named(own: Sequence[str] | None, other: Sequence[str] | None, name: str) -> bool:
        return other is None if own is None else matches(own, name)
