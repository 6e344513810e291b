"""Replacing, splitting and regular expressions (Java's)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from service.expressions.arguments import text_of, through
from service.expressions.errors import Refused
from service.expressions.regexes import regex, replacement
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.values import java_text, kind


@filter_("replace")
def replace(call: Run, value: Any, replace_pairs: Any, regexp: Any = False) -> Any:
    """Every key of the map replaced by its value, in a text or in all texts of a map or list.

    {{ 'I like this.' | replace({'this': 'that'}) }} -> I like that.
    {{ 'a1b2' | replace({'[0-9]': '#'}, regexp=true) }} -> a#b#
    """
    if not isinstance(replace_pairs, Mapping):
        raise Refused(f"`replace` takes a map of what to replace by what, not {kind(replace_pairs)}")
    pairs = [(java_text(old, call.budget), java_text(new, call.budget)) for old, new in replace_pairs.items()]

    def change(text: str) -> str:
        for old, new in pairs:
            text = _substituted(call, text, old, new) if regexp else _replaced(call, text, old, new)
        return text

    return through(value, change, call.budget)


def _replaced(call: Run, text: str, old: str, new: str) -> str:
    hits = text.count(old)
    call.budget.text(len(text) + hits * max(0, len(new) - len(old)))
    return text.replace(old, new)


def _substituted(call: Run, text: str, pattern: str, new: str) -> str:
    compiled = regex(pattern)
    template = replacement(new)
    room = call.budget.limits.output

    def one(match: re.Match[str]) -> str:
        nonlocal room
        try:
            piece = match.expand(template)
        except (re.error, IndexError):
            raise Refused(f"the replacement `{new[:40]}` names a group that the pattern does not have") from None
        room -= len(piece)
        if room < 0:
            call.budget.text(call.budget.limits.output + 1)
        return piece

    return compiled.pattern.sub(one, compiled.pay(text, call.budget))


@filter_("split")
def split(call: Run, value: Any, delimiter: Any, limit: Any = None) -> list[str] | None:
    """The pieces between matches of a regular expression. Without a limit, empty pieces at the end are dropped.

    {{ 'a,b,,' | split(',') }} -> ["a","b"]
    {{ 'a1b22c' | split('[0-9]+') }} -> ["a","b","c"]
    {{ 'a,b,c' | split(',', 2) }} -> ["a","b,c"]
    """
    if value is None:
        return None
    text, most = text_of("split", value), 0 if limit is None else limit
    if isinstance(most, bool) or not isinstance(most, int):
        raise Refused(f"`split` takes a number as its limit, not {kind(most)}")
    pieces = _pieces(call, text, text_of("split", delimiter), most)
    while most == 0 and len(pieces) > 1 and not pieces[-1]:
        pieces.pop()
    return pieces


def _pieces(call: Run, text: str, delimiter: str, most: int) -> list[str]:
    compiled = regex(delimiter)
    pieces: list[str] = []
    start = 0
    for match in compiled.pattern.finditer(compiled.pay(text, call.budget)):
        if most > 0 and len(pieces) == most - 1:
            break
        if match.end() == 0 or (match.start() == match.end() == len(text)):
            continue  # Java has no empty piece in front of an empty match
        pieces.append(text[start : match.start()])
        start = match.end()
        if len(pieces) >= call.budget.limits.items:
            call.budget.items(len(pieces) + 1)
    return [*pieces, text[start:]]


@filter_("regexMatch")
def regex_match(call: Run, value: Any, regex_: Any) -> bool:
    """Whether a regular expression is found anywhere in the text.

    {{ 'build-42' | regexMatch('[0-9]+') }} -> true
    """
    return value is not None and _search(call, "regexMatch", value, regex_) is not None


@filter_("regexReplace")
def regex_replace(call: Run, value: Any, regex_: Any, replacement: Any) -> str | None:
    """Every match replaced; `$1` is what the first group matched.

    {{ 'a-b' | regexReplace('(\\w)-(\\w)', '$2-$1') }} -> b-a
    """
    if value is None:
        return None
    return _substituted(call, text_of("regexReplace", value), text_of("regexReplace", regex_), text_of("regexReplace", replacement))


@filter_("regexExtract")
def regex_extract(call: Run, value: Any, regex_: Any, group: Any = 0) -> str | None:
    """What the first match, or one of its groups, matched; null when there is none.

    {{ 'build-42' | regexExtract('build-(\\d+)', 1) }} -> 42
    """
    if value is None:
        return None
    match = _search(call, "regexExtract", value, regex_)
    if match is None:
        return None
    if isinstance(group, bool) or not isinstance(group, int) or not 0 <= group <= (match.re.groups):
        raise Refused(f"the regular expression has {match.re.groups} groups")
    return match.group(group)


def _search(call: Run, name: str, value: Any, pattern: Any) -> re.Match[str] | None:
    compiled = regex(text_of(name, pattern))
    return compiled.pattern.search(compiled.pay(text_of(name, value), call.budget))
