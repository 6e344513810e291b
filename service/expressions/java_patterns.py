r"""Java's regular expressions, read once and written for two engines.

`linear` is for RE2, which takes time by the length of the text and nothing else; it is None where the pattern has what RE2 can't do (look-around, back
references, possessive quantifiers, `\G`, `\X`). `full` is for the regex package, which can do all of it and is stopped by time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from service.expressions import characters
from service.expressions.java_classes import Reader
from service.expressions.java_forms import Forms

_DEEPEST = 100
#: Java's largest count, and RE2's.
_MOST, _MOST_LINEAR = 2**31 - 1, 1_000
_FLAGS = frozenset("imsxudU")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_INLINE = re.compile(r"([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])")
_COUNT = re.compile(r"\{([0-9]{1,10})(,)?([0-9]{1,10})?\}")


@dataclass(frozen=True, slots=True)
class Translation:
    """A pattern for both engines."""

    full: str
    linear: str | None
    lines: bool  #: `linear` holds only for texts whose only line terminators are `\n`, none of them at the end, and not for an empty one
    edges: str  #: with a `b`, `linear` holds only for texts without combining marks; with a `B` for ASCII alone, because RE2 finds one inside of others
    far: bool  #: a match may be given up for a shorter one after reading on to the end: finding all matches may take the square of the length
    fixed: bool  #: nothing in it is repeated
    groups: int
    names: dict[str, int]
    sets: int  #: ranges of large sets of characters
    rounds: int  #: the weight of all pieces, each as often as it must be there


@dataclass(slots=True)
class _Open:
    """A group that is being read."""

    flags: frozenset[str]
    endless: bool = False  #: it repeats something without limit
    branches: bool = False
    rounds: int = 0


@dataclass(slots=True)
class _Translator(Reader):
    """One pass over a pattern."""

    out: Forms = field(default_factory=Forms)
    far: bool = False
    fixed: bool = True
    groups: int = 0
    names: dict[str, int] = field(default_factory=dict)
    open: list[_Open] = field(default_factory=list)

    def translated(self) -> Translation:
        self.open.append(_Open(self.flags))
        while character := self.peek():
            self._piece(character)
        if len(self.open) > 1:
            raise self.wrong("`(` is not closed")
        self._left(self.open[0], repeated=False)
        full, linear = self.out.texts(self.groups)
        return Translation(full, linear, self.out.lines, self.out.edges, self.far, self.fixed, self.groups, self.names, self.out.sets, self.open[0].rounds)

    # --- pieces

    def _piece(self, character: str) -> None:
        match character:
            case "|":
                self.next()
                self.open[-1].branches = True
                self.out.write("|")
                return
            case "(":
                self._group()
                return
            case ")":
                self._close()
                return
            case "*" | "+" | "?":
                raise self.wrong(f"`{character}` has nothing to repeat")
            case "{":
                # Java repeats the empty text that stands before it.
                self.out.write("(?:)")
            case _:
                self.out.weight = 1
                self._atom(character)
        self._quantifier(self.out.weight)

    def _atom(self, character: str) -> None:
        self.next()
        match character:
            case "[":
                self.out.chars(self.class_())
            case ".":
                terminators = characters.of("\n") if "d" in self.flags else characters.TERMINATORS
                self.out.chars(characters.ANY if "s" in self.flags else characters.complement(terminators))
            case "^" | "$":
                self.out.anchor(("m" if "m" in self.flags else "") + character, "d" in self.flags)
            case "\\":
                self._escaped()
            case _:
                self._literal(ord(character))

    def _literal(self, code: int) -> None:
        self.out.chars(self.in_case(((code, code),)))

    def _escaped(self) -> None:
        letter = self.source[self.at : self.at + 1]
        match letter:
            case "A" | "z" | "Z":
                self.out.anchor({"A": "^", "z": "z", "Z": "$"}[letter], "d" in self.flags)
            case "b" | "B":
                if self.source.startswith("b{g", self.at):
                    raise self.wrong("`\\b{g}` is not supported")
                self.out.boundary(letter, "U" in self.flags)
            case "G" | "X":
                self.out.only_full(f"\\{letter}")
            case "R":
                self.out.line_break()
            case _:
                self._reference_or_character(letter)
                return
        self.at += 1

    def _reference_or_character(self, letter: str) -> None:
        if letter == "k":
            self._named_reference()
        elif letter and letter in "123456789":
            self._numbered_reference()
        else:
            found = self.escape()
            if isinstance(found, int):
                self._literal(found)
            else:
                self.out.chars(found)

    # --- back references

    def _numbered_reference(self) -> None:
        """As many digits as make the number of a group that there is so far, at least one."""
        number = int(self.next())
        while (digit := self.source[self.at : self.at + 1]) and digit in "0123456789" and number * 10 + int(digit) <= self.groups:
            number = number * 10 + int(digit)
            self.at += 1
        self.out.reference(number, "i" in self.flags)

    def _named_reference(self) -> None:
        name = _NAME.match(self.source, self.at + 2)
        if self.source[self.at + 1 : self.at + 2] != "<" or not name or self.source[name.end() : name.end() + 1] != ">":
            raise self.wrong("`\\k` needs the name of a group: `\\k<name>`")
        if name[0] not in self.names:
            raise self.wrong(f"there is no group `{name[0][:40]}`")
        self.at = name.end() + 1
        self.out.reference(self.names[name[0]], "i" in self.flags)

    # --- groups

    def _group(self) -> None:
        """Opens a group, or sets flags up to the end of the one that it stands in."""
        if len(self.open) > _DEEPEST:
            raise self.wrong("groups are nested too deeply")
        self.at += 1
        flags = self.flags
        if self.source[self.at : self.at + 1] != "?":
            self.groups += 1
            self.out.write("(")
        else:
            self.at += 1
            if self._special():
                return
        self.open.append(_Open(flags))

    def _special(self) -> bool:
        """After `(?`. True when it was flags alone."""
        for start in ("<=", "<!", "=", "!", ">"):
            if self.source.startswith(start, self.at):
                self.at += len(start)
                self.out.only_full(f"(?{start}")
                return False
        if self.source.startswith("<", self.at):
            self._name()
            return False
        return self._set_flags()

    def _name(self) -> None:
        name = _NAME.match(self.source, self.at + 1)
        if not name or self.source[name.end() : name.end() + 1] != ">":
            raise self.wrong("the name of a group has letters and digits, and then `>`")
        if name[0] in self.names:
            raise self.wrong(f"there are two groups `{name[0][:40]}`")
        self.at = name.end() + 1
        self.groups += 1
        self.names[name[0]] = self.groups
        self.out.write("(")

    def _set_flags(self) -> bool:
        found = _INLINE.match(self.source, self.at)
        if not found or not _FLAGS.issuperset(found[1] + (found[2] or "")):
            raise self.wrong("this kind of group does not exist")
        self.at = found.end()
        on, off = set(found[1]), set(found[2] or "")
        if "U" in on:
            on.add("u")
        if "U" in off:
            off.add("u")
        self.flags = (self.flags | on) - off
        if found[3] == ")":
            return True
        self.out.write("(?:")
        return False

    def _close(self) -> None:
        if len(self.open) == 1:
            raise self.wrong("`)` closes nothing")
        self.at += 1
        group = self.open.pop()
        self.flags = group.flags
        self.out.write(")")
        self._left(group, repeated=self._quantifier(group.rounds))

    def _left(self, group: _Open, repeated: bool) -> None:
        """A match of the group can be given up after an endless repetition in it, when there is another way: a branch, or one round less."""
        if group.endless and (group.branches or repeated):
            self.far = True
        self.open[-1].endless = self.open[-1].endless or group.endless

    # --- quantifiers

    def _quantifier(self, rounds: int) -> bool:
        """Reads one, after what is made of so many pieces; whether there was one."""
        character = self.peek()
        if not character or character not in "*+?{":
            self.open[-1].rounds += rounds
            return False
        text, least, endless = self._count() if character == "{" else (self.next(), 1, character != "?")
        self.open[-1].rounds += rounds * max(1, least)
        self.open[-1].endless = self.open[-1].endless or endless
        self.fixed = False
        kind = self.peek()
        if kind == "+":
            self.out.runs_linear = False
        if kind and kind in "?+":
            self.at += 1
            text += kind
        self.out.write(text)
        return True

    def _count(self) -> tuple[str, int, bool]:
        """A count as both engines write it, its least, and whether it has no most."""
        found = _COUNT.match(self.source, self.at)
        if not found or (found[3] and not found[2]):
            raise self.wrong("`{` begins no count; as a character it is written `\\{`")
        least = int(found[1])
        most = int(found[3] or least)
        if most < least:
            raise self.wrong("the count ends before it begins")
        if most > _MOST:
            raise self.wrong("the count is too large")
        self.out.runs_linear = self.out.runs_linear and most <= _MOST_LINEAR
        self.at = found.end()
        return found[0], least, bool(found[2] and not found[3])


def _unquoted(source: str) -> str:
    r"""Without `\Q…\E`: each quoted character as its number."""
    if "\\Q" not in source:
        return source
    parts: list[str] = []
    index = 0
    while index < len(source):
        if source[index] != "\\":
            parts.append(source[index])
            index += 1
        elif source.startswith("\\Q", index):
            end = source.find("\\E", index + 2)
            quoted = source[index + 2 : end if end >= 0 else len(source)]
            parts.extend(f"\\x{{{ord(character):x}}}" for character in quoted)
            index = end + 2 if end >= 0 else len(source)
        else:
            parts.append(source[index : index + 2])
            index += 2
    return "".join(parts)


@lru_cache(maxsize=512)
def translate(source: str) -> Translation:
    """Raises Refused for a pattern that is wrong in Java, or that neither engine can run."""
    return _Translator(_unquoted(source)).translated()
