"""Replacing, splitting and regular expressions (Java's)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from service.expressions.arguments import boolean_of, text_of, through
from service.expressions.errors import Refused
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import is_number, java_text, kind
from service.later import Later

if TYPE_CHECKING:
    from service.expressions import regexes
    from service.expressions.regexes import Regex
else:
    regexes = Later("service.expressions.regexes")


@filter_("replace")
def replace(call: Run, value: Any, replace_pairs: Any, regexp: Any = False) -> Any:
    """Every key of the map replaced by its value, in a text or in all texts of a map or list.

    {{ 'I like this.' | replace({'this': 'that'}) }} -> I like that.
    {{ 'a1b2' | replace({'[0-9]': '#'}, regexp=true) }} -> a#b#
    """
    if value is None:
        return None
    by_pattern = boolean_of("replace", regexp, False)
    if not isinstance(replace_pairs, Mapping):
        raise Refused(f"`replace` takes a map of what to replace by what, not {kind(replace_pairs)}")
    pairs = [(java_text(old, call.budget), java_text(new, call.budget)) for old, new in replace_pairs.items()]

    def change(text: str) -> str:
        for old, new in pairs:
            text = _substituted(call, text, regexes.regex(old, call.budget), new) if by_pattern else _replaced(call, text, old, new)
        return text

    return through(value, change, call.budget)


def _replaced(call: Run, text: str, old: str, new: str) -> str:
    hits = text.count(old)
    call.budget.text(len(text) + hits * max(0, len(new) - len(old)))
    return text.replace(old, new)


def _substituted(call: Run, text: str, compiled: Regex, new: str) -> str:
    matches = compiled.all(text, call.budget)
    if not matches:
        return text
    made = regexes.expand(new, compiled)
    pieces: list[str] = []
    start, room = 0, call.budget.limits.output - len(text)
    for match in matches:
        piece = made(match)
        room -= len(piece) - (match.end() - match.start())
        if room < 0:
            call.budget.text(call.budget.limits.output + 1)
        pieces.append(text[start : match.start()])
        pieces.append(piece)
        start = match.end()
    return "".join([*pieces, text[start:]])


@filter_("split", also={"regex": "delimiter"})
def split(call: Run, value: Any, delimiter: Any, limit: Any = None) -> list[str] | None:
    """The pieces between matches of a regular expression. Without a limit, empty pieces at the end are dropped.

    {{ 'a,b,,' | split(',') }} -> ["a","b"]
    {{ 'a1b22c' | split('[0-9]+') }} -> ["a","b","c"]
    {{ 'a,b,c' | split(',', 2) }} -> ["a","b,c"]
    """
    if value is None:
        return None
    if limit is not None and not is_number(limit):
        raise Refused(f"`split` takes a number as its limit, not {kind(limit)}")
    text, most = text_of("split", value), int(limit or 0)
    compiled = regexes.regex(text_of("split", delimiter), call.budget)
    # One more than there are cuts: an empty match at the start cuts nothing.
    cuts = [(match.start(), match.end()) for match in compiled.all(text, call.budget, most if most > 0 else -1)]
    cuts = [cut for cut in cuts if cut != (0, 0)]
    return _pieces(text, cuts[: most - 1] if most > 0 else cuts, trailing=most != 0)


def _pieces(text: str, cuts: list[tuple[int, int]], *, trailing: bool) -> list[str]:
    """The text between the cuts; a text without any is whole, even an empty one."""
    if not cuts:
        return [text]
    pieces = [text[start:end] for start, end in zip([0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(text)], strict=True)]
    while not trailing and pieces and not pieces[-1]:
        pieces.pop()
    return pieces


@filter_("regexMatch")
def regex_match(call: Run, value: Any, regex_: Any) -> bool:
    """Whether a regular expression is found anywhere in the text of a value; not in null.

    {{ 'build-42' | regexMatch('[0-9]+') }} -> true
    {{ 2024 | regexMatch('^20') }} -> true
    """
    return value is not None and _regex(call, "regexMatch", regex_).first(java_text(value, call.budget), call.budget) is not None


@filter_("regexReplace")
def regex_replace(call: Run, value: Any, regex_: Any, replacement: Any) -> str | None:
    """Every match in the text of a value replaced; `$1` is what the first group matched.

    {{ 'a-b' | regexReplace('(\\w)-(\\w)', '$2-$1') }} -> b-a
    """
    if value is None:
        return None
    if replacement is None:
        raise Refused("`regexReplace` needs a replacement, which may be the empty text")
    return _substituted(call, java_text(value, call.budget), _regex(call, "regexReplace", regex_), java_text(replacement, call.budget))


@filter_("regexExtract")
def regex_extract(call: Run, value: Any, regex_: Any, group: Any = 0) -> str | None:
    """What the first match in the text of a value, or one of its groups by number or name, matched; null when there is none.

    {{ 'build-42' | regexExtract('build-(\\d+)', 1) }} -> 42
    {{ 'build-42' | regexExtract('-(?<number>\\d+)', 'number') }} -> 42
    """
    if value is None:
        return None
    compiled = _regex(call, "regexExtract", regex_)
    match = compiled.first(java_text(value, call.budget), call.budget)
    if match is None:
        return None
    number: Any = compiled.group(group) if isinstance(group, str) else 0 if group is None else group
    if not is_number(number) or not 0 <= int(number) <= compiled.groups:
        shown = group if isinstance(group, str | int) else kind(group)
        raise Refused(f"the regular expression has no group {shown}; it has {compiled.groups}")
    found: str | None = match.group(int(number))
    return found


def _regex(call: Run, name: str, pattern: Any) -> Regex:
    if pattern is None:
        raise Refused(f"`{name}` needs a regular expression, not null")
    return regexes.regex(java_text(pattern, call.budget), call.budget)
