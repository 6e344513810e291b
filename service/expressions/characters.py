r"""Sets of characters as Java's regular expressions name them: `\w`, `\p{IsAlphabetic}`, `[a-z&&[^aeiou]]`.

A set is a sorted tuple of ranges of code points. Classes are worked out here, down to plain ranges, so that both engines that run a pattern see the same
characters, whatever they would make of `\s`, of `(?i)` or of an intersection themselves.
"""

from __future__ import annotations

import importlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

Ranges = tuple[tuple[int, int], ...]

_LAST = 0x10FFFF
ANY: Ranges = ((0, _LAST),)


def union(*sets: Iterable[tuple[int, int]]) -> Ranges:
    """What is in any of them."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(each for chars in sets for each in chars):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def complement(chars: Ranges) -> Ranges:
    """What is not in it."""
    result, at = [], 0
    for low, high in chars:
        if at < low:
            result.append((at, low - 1))
        at = high + 1
    return (*result, (at, _LAST)) if at <= _LAST else tuple(result)


def common(one: Ranges, other: Ranges) -> Ranges:
    """What is in both."""
    return complement(union(complement(one), complement(other)))


def holds(chars: Ranges, code: int) -> bool:
    """Whether a character is in it."""
    place = bisect_right(chars, (code, _LAST)) - 1
    return place >= 0 and code <= chars[place][1]


def of(text: str) -> Ranges:
    """`a-z_`: ranges and single characters, a hyphen between two that are the ends of a range."""
    result, index = [], 0
    while index < len(text):
        ranged = text[index + 1 : index + 2] == "-"
        result.append((ord(text[index]), ord(text[index + 2 if ranged else index])))
        index += 3 if ranged else 1
    return union(result)


TERMINATORS = of("\n\r\x85\u2028\u2029")
VERTICAL = of("\n-\r\x85\u2028\u2029")
HORIZONTAL = of(" \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000")
WORD, DIGIT, SPACE = of("0-9A-Z_a-z"), of("0-9"), of("\t-\r ")
_LETTERS = of("A-Za-z")

_ASCII: Mapping[str, Ranges] = {
    "Lower": of("a-z"),
    "Upper": of("A-Z"),
    "ASCII": of("\x00-\x7f"),
    "Alpha": _LETTERS,
    "Digit": DIGIT,
    "Alnum": of("0-9A-Za-z"),
    "Punct": of("!-/:-@[-`{-~"),
    "Graph": of("!-~"),
    "Print": of(" -~"),
    "Blank": of(" \t"),
    "Cntrl": of("\x00-\x1f\x7f"),
    "XDigit": of("0-9A-Fa-f"),
    "Space": SPACE,
    "L1": of("\x00-\xff"),
    "all": ANY,
}

_UNGRAPHIC = r"\p{White_Space}\p{Cc}\p{Cs}\p{Cn}"
_WORDS = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}"
_IDENTIFIER = r"\p{L}\p{Nl}\p{Sc}\p{Pc}"
_IGNORABLE = r"\x00-\x08\x0e-\x1b\x7f-\x9f\p{Cf}"
#: `Is…`, and the POSIX names under (?U), as classes that the regex package reads; anything else is a category or a script.
_BINARY: Mapping[str, str] = {
    "alphabetic": r"\p{Alphabetic}",
    "alpha": r"\p{Alphabetic}",
    "letter": r"\p{L}",
    "ideographic": r"\p{Ideographic}",
    "lowercase": r"\p{Lowercase}",
    "lower": r"\p{Lowercase}",
    "uppercase": r"\p{Uppercase}",
    "upper": r"\p{Uppercase}",
    "titlecase": r"\p{Lt}",
    "white_space": r"\p{White_Space}",
    "whitespace": r"\p{White_Space}",
    "space": r"\p{White_Space}",
    "control": r"\p{Cc}",
    "cntrl": r"\p{Cc}",
    "punctuation": r"\p{P}",
    "punct": r"\p{P}",
    "hex_digit": r"\p{Nd}\p{Hex_Digit}",
    "hexdigit": r"\p{Nd}\p{Hex_Digit}",
    "xdigit": r"\p{Nd}\p{Hex_Digit}",
    "assigned": r"^\p{Cn}",
    "noncharacter_code_point": r"\p{Noncharacter_Code_Point}",
    "noncharactercodepoint": r"\p{Noncharacter_Code_Point}",
    "digit": r"\p{Nd}",
    "alnum": r"\p{Alphabetic}\p{Nd}",
    "blank": r"\p{Zs}\t",
    "graph": "^" + _UNGRAPHIC,
    "word": _WORDS,
    "join_control": r"\p{Join_Control}",
    "joincontrol": r"\p{Join_Control}",
    "emoji": r"\p{Emoji}",
    "emoji_presentation": r"\p{Emoji_Presentation}",
    "emoji_modifier": r"\p{Emoji_Modifier}",
    "emoji_modifier_base": r"\p{Emoji_Modifier_Base}",
    "emoji_component": r"\p{Emoji_Component}",
    "extended_pictographic": r"\p{Extended_Pictographic}",
}
_JAVA: Mapping[str, str] = {
    "LowerCase": r"\p{Lowercase}",
    "UpperCase": r"\p{Uppercase}",
    "Alphabetic": r"\p{Alphabetic}",
    "Ideographic": r"\p{Ideographic}",
    "TitleCase": r"\p{Lt}",
    "Digit": r"\p{Nd}",
    "Defined": r"^\p{Cn}",
    "Letter": r"\p{L}",
    "LetterOrDigit": r"\p{L}\p{Nd}",
    "JavaIdentifierStart": _IDENTIFIER,
    "JavaIdentifierPart": _IDENTIFIER + r"\p{Nd}\p{Mn}\p{Mc}" + _IGNORABLE,
    "UnicodeIdentifierStart": r"\p{ID_Start}",
    "UnicodeIdentifierPart": r"\p{ID_Continue}" + _IGNORABLE,
    "IdentifierIgnorable": _IGNORABLE,
    "Mirrored": r"\p{Bidi_Mirrored}",
    "SpaceChar": r"\p{Z}",
    "Whitespace": r"\t-\r\x1c-\x20\u1680\u2000-\u2006\u2008-\u200a\u205f\u3000\p{Zl}\p{Zp}",
    "ISOControl": r"\x00-\x1f\x7f-\x9f",
}
_CATEGORIES = frozenset("L M N P S Z C Lu Ll Lt Lm Lo LC Mn Me Mc Nd Nl No Pd Ps Pe Pi Pf Pc Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cs Cn".split())
_CASED = frozenset({"Lu", "Ll", "Lt", "LC"})
_ANY_CASE: Mapping[str, str] = dict.fromkeys(("lower", "upper", "lowercase", "uppercase", "titlecase"), r"\p{Lowercase}\p{Uppercase}\p{Lt}")


class Unknown(ValueError):
    """There is no such property."""


@cache
def package() -> Any:
    """The regex package, imported on first use: most flows do without it, and reading a flow does."""
    return importlib.import_module("regex")


@cache
def _all() -> str:
    return "".join(map(chr, range(_LAST + 1)))


@lru_cache(maxsize=256)
def _scanned(content: str) -> Ranges:
    """The ranges of a class that the regex package knows: it is asked once, about all characters."""
    regex = package()
    try:
        runs = regex.compile(f"[{content}]+", regex.V0)
    except (regex.error, KeyError, ValueError):
        raise Unknown from None
    return tuple((found.start(), found.end() - 1) for found in runs.finditer(_all()))


@lru_cache(maxsize=256)
def named(name: str, any_case: bool, unicode: bool) -> Ranges:
    r"""The characters of `\p{name}`; with `any_case` in every case, with `unicode` (Java's U flag) POSIX names go beyond ASCII. Raises Unknown."""
    key, equals, value = name.partition("=")
    if equals:
        return _keyed(key.lower(), value, any_case)
    if name.startswith("In"):
        return _scanned(rf"\p{{Block={_word(name[2:])}}}")
    if name.startswith("Is"):
        return _is(name[2:], any_case)
    if unicode and name.lower() in _BINARY and name in _ASCII:
        return _binary(name.lower(), any_case)
    if unicode and name == "Print":
        return common(union(_binary("graph", False), _binary("blank", False)), complement(_binary("cntrl", False)))
    if name in _ASCII:
        return _LETTERS if any_case and name in ("Lower", "Upper") else _ASCII[name]
    if name.startswith("java") and name[4:] in _JAVA:
        folded = any_case and name[4:] in ("LowerCase", "UpperCase", "TitleCase")
        return _scanned(_ANY_CASE["lower"] if folded else _JAVA[name[4:]])
    return _category(name, any_case)


def _keyed(key: str, value: str, any_case: bool) -> Ranges:
    if key in ("sc", "script"):
        return _scanned(rf"\p{{Script={_word(value)}}}")
    if key in ("blk", "block"):
        return _scanned(rf"\p{{Block={_word(value)}}}")
    if key in ("gc", "general_category"):
        return _category(value, any_case)
    raise Unknown


def _word(name: str) -> str:
    if not name or not name.replace("_", "").replace("-", "").replace(" ", "").isalnum():
        raise Unknown
    return name


def _is(name: str, any_case: bool) -> Ranges:
    if name.lower() in _BINARY:
        return _binary(name.lower(), any_case)
    if name in _CATEGORIES:
        return _category(name, any_case)
    return _scanned(rf"\p{{Script={_word(name)}}}")


def _binary(name: str, any_case: bool) -> Ranges:
    return _scanned(_ANY_CASE[name] if any_case and name in _ANY_CASE else _BINARY[name])


def _category(name: str, any_case: bool) -> Ranges:
    if name == "LD":
        return _scanned(r"\p{L}\p{Nd}")
    if name not in _CATEGORIES:
        raise Unknown
    return _scanned(r"\p{Lu}\p{Ll}\p{Lt}" if name == "LC" or any_case and name in _CASED else rf"\p{{gc={name}}}")


@cache
def _variants() -> tuple[tuple[int, Ranges], ...]:
    """Every character that has other cases, and these."""
    alike: dict[str, list[int]] = {}
    for low, high in _scanned(r"\p{Lu}\p{Ll}\p{Lt}\p{Lowercase}\p{Uppercase}"):
        for code in range(low, high + 1):
            alike.setdefault(_simple(_simple(chr(code), str.upper), str.lower), []).append(code)
    return tuple((code, tuple((each, each) for each in codes)) for codes in alike.values() if len(codes) > 1 for code in codes)


def _simple(character: str, change: object) -> str:
    """Java maps one character to one; where Unicode makes two of it, it stays, but for one that is an `i` with its dot."""
    if character == "\u0130" and change is str.lower:
        return "i"
    changed: str = change(character)  # type: ignore[operator]
    return changed if len(changed) == 1 else character


def any_case(chars: Ranges, unicode: bool) -> Ranges:
    """With the other cases of its letters: those of ASCII, or all of Unicode's."""
    if not unicode:
        upper, lower = common(chars, _ASCII["Upper"]), common(chars, _ASCII["Lower"])
        return union(chars, ((low + 32, high + 32) for low, high in upper), ((low - 32, high - 32) for low, high in lower))
    single = len(chars) == 1 and chars[0][0] == chars[0][1]
    if single and not chr(chars[0][0]).isalpha():
        return chars
    return union(chars, *(others for code, others in _variants() if holds(chars, code)))
