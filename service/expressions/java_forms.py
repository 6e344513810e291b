r"""A Java pattern as it is written for the two engines that run it, RE2 and the regex package.

Classes, `.` and anchors are spelled out in plain characters and groups, so that neither engine has a say in what they mean:

    (?i)a.$     →     [Aa][^\n\r…]\z     when the text ends in no line terminator, where `$` would match before it; else the full form is run
"""

from __future__ import annotations

from dataclasses import dataclass, field

from service.expressions.characters import Ranges
from service.expressions.errors import Refused

_LARGEST = 400_000
_LARGE_SET = 20
_LIGHT = 30  #: ranges that weigh as much as a plain character
_ODD = "[\\r\x85\u2028\u2029]"
_FULL_ANCHORS = {
    "^": r"\A",
    "z": r"\Z",
    "$": rf"(?:(?=\r\n\Z)|(?<!\r)(?=\n\Z)|(?={_ODD}\Z)|\Z)",
    "$d": r"(?=\n?\Z)",
    "m^": "(?!\\Z)(?:\\A|(?<=[\\n\x85\u2028\u2029])|(?<=\\r)(?!\\n))",
    "m^d": r"(?!\Z)(?:\A|(?<=\n))",
    "m$": rf"(?:(?={_ODD})|(?<!\r)(?=\n)|\Z)",
    "m$d": r"(?:(?=\n)|\Z)",
}
_LINEAR_ANCHORS = {"^": r"\A", "z": r"\z", "$": r"\z", "$d": r"\z", "m^": "(?m:^)", "m^d": "(?m:^)", "m$": "(?m:$)", "m$d": "(?m:$)"}
#: A mark on a letter belongs to its word.
_WORD, _MARKED = "[0-9A-Za-z_]", r"[\p{L}\p{Nd}]\p{Mn}"
_BEFORE, _AFTER = rf"(?<={_WORD}|{_MARKED}+)", rf"(?:(?={_WORD})|(?=\p{{Mn}})(?<={_MARKED}*))"
_UNICODE_WORD = r"[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]"
_UNICODE_BEFORE, _UNICODE_AFTER = f"(?<={_UNICODE_WORD})", f"(?={_UNICODE_WORD})"


@dataclass(slots=True)
class Forms:
    """Both forms, piece by piece. The linear one is good for nothing once the pattern has what RE2 can't do."""

    full: list[str] = field(default_factory=list)
    linear: list[str] = field(default_factory=list)
    runs_linear: bool = True
    lines: bool = False
    edges: str = ""
    sets: int = 0
    size: int = 0
    weight: int = 1  #: of the last piece: how many plain characters it is worth
    references: list[tuple[int, int]] = field(default_factory=list)  #: a place in `full`, and the group that it names

    def write(self, full: str, linear: str | None = None) -> None:
        """Adds to both forms; the same text unless a linear one is given."""
        self.full.append(full)
        self.linear.append(full if linear is None else linear)
        self.size += len(full)
        if self.size > _LARGEST:
            raise Refused("this regular expression is too large")

    def only_full(self, text: str) -> None:
        """Adds what RE2 can't do."""
        self.runs_linear = False
        self.write(text)

    def chars(self, chars: Ranges) -> None:
        """One character of a set."""
        if not chars:
            self.write("(?!)", "[^\\x{0}-\\x{10FFFF}]")
            return
        self.weight = 1 + len(chars) // _LIGHT
        self.sets += len(chars) if len(chars) > _LARGE_SET else 0
        full = "".join(f"\\U{low:08x}" if low == high else f"\\U{low:08x}-\\U{high:08x}" for low, high in chars)
        linear = "".join(f"\\x{{{low:x}}}" if low == high else f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in chars)
        self.write(f"[{full}]", f"[{linear}]")

    def anchor(self, which: str, unix: bool) -> None:
        r"""`^`, `$` and `z` (as `\Z` is `$`), `m` before it for lines; `unix` lines end with `\n` alone."""
        self.lines = self.lines or which not in "^z"
        key = which + "d" if unix and which not in "^z" else which
        self.write(_FULL_ANCHORS[key], _LINEAR_ANCHORS[key])

    def boundary(self, letter: str, unicode: bool) -> None:
        r"""`\b` or `\B`."""
        before, after = (_UNICODE_BEFORE, _UNICODE_AFTER) if unicode else (_BEFORE, _AFTER)
        self.runs_linear = self.runs_linear and not unicode
        self.edges += letter
        yes, no = (after, f"(?!{after})") if letter == "B" else (f"(?!{after})", after)
        self.write(f"(?:{before}{yes}|(?!{before}){no})", f"\\{letter}")

    def line_break(self) -> None:
        r"""`\R`."""
        self.write("(?:\\r\\n|[\\n-\\r\x85\u2028\u2029])", r"(?:\r\n|[\n-\r\x{85}\x{2028}\x{2029}])")

    def reference(self, number: int, any_case: bool) -> None:
        """What a group matched, once more."""
        self.references.append((len(self.full), number))
        self.only_full(f"(?{'i' if any_case else ''}:\\{number})")

    def texts(self, groups: int) -> tuple[str, str | None]:
        """The full and the linear form. A reference to a group that there isn't matches nothing."""
        for place, group in self.references:
            if group > groups:
                self.full[place] = "(?!)"
        return "".join(self.full), "".join(self.linear) if self.runs_linear else None
