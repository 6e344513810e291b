"""Reads one character class of a Java pattern, `[` to `]`, and the escapes that stand for characters in it and outside of it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

from service.expressions import characters
from service.expressions.characters import Ranges
from service.expressions.errors import Refused

_CONTROLS = {"t": 9, "n": 10, "r": 13, "f": 12, "a": 7, "e": 27}
_SPACES = " \t\n\x0b\f\r"
_DEEPEST = 50
_HEX = frozenset("0123456789abcdefABCDEF")


#: Letters below 256 with other cases above it.
_FOLDED_FAR = frozenset((0xFF, 0xB5, 0x49, 0x69, 0x53, 0x73, 0x4B, 0x6B, 0xC5, 0xE5))


@dataclass(slots=True)
class _Content:
    """What a class holds so far. Java keeps its single characters below 256 apart, all in one set: where they were put in before an `&&`, those that
    follow are put in there too, and those from before are there once more when one follows: `[ab&&[a]&c]` is `[abc&]`."""

    steps: list[tuple[bool, Ranges | None]] = field(default_factory=list)  #: whether it narrows, and by what; None for the single characters
    singles: Ranges = ()
    waiting: bool = False

    @property
    def something(self) -> bool:
        return self.waiting or bool(self.steps)

    def add(self, chars: Ranges) -> None:
        self.steps.append((False, chars))

    def add_single(self, chars: Ranges) -> None:
        self.singles = characters.union(self.singles, chars)
        self.waiting = True

    def narrow(self, right: Ranges | None) -> None:
        self._put()
        if right is not None:
            self.steps.append((bool(self.steps), right))

    def _put(self) -> None:
        if self.waiting:
            self.steps.append((False, None))
        self.waiting = False

    def chars(self) -> Ranges:
        self._put()
        found: Ranges = ()
        for narrows, step in self.steps:
            chars = self.singles if step is None else step
            found = characters.common(found, chars) if narrows else characters.union(found, chars)
        return found


@dataclass(slots=True)
class Reader:
    """A place in a pattern, and the flags that hold there."""

    source: str
    at: int = 0
    flags: frozenset[str] = field(default_factory=frozenset)

    def wrong(self, why: str) -> Refused:
        return Refused(f"the regular expression `{self.source[:60]}` is wrong at character {min(self.at, len(self.source)) + 1}: {why}")

    def peek(self, ahead: int = 0) -> str:
        """The next character, nothing at the end. (?x) skips white space and comments."""
        if "x" in self.flags and not ahead:
            self._skip()
        return self.source[self.at + ahead : self.at + ahead + 1]

    def next(self) -> str:
        character = self.peek()
        self.at += 1
        return character

    def _skip(self) -> None:
        while (character := self.source[self.at : self.at + 1]) and character in _SPACES + "#":
            self.at += 1
            if character == "#":
                while self.source[self.at : self.at + 1] not in ("", "\n", "\r", "\x85", "\u2028", "\u2029"):
                    self.at += 1

    # --- classes

    def in_case(self, chars: Ranges) -> Ranges:
        """The characters, in every case where (?i) says so."""
        return characters.any_case(chars, "u" in self.flags) if "i" in self.flags else chars

    def class_(self, depth: int = 0) -> Ranges:
        """A class whose `[` has been read; reads its `]`."""
        if depth > _DEEPEST:
            raise self.wrong("classes are nested too deeply")
        negated = self.source[self.at : self.at + 1] == "^"
        self.at += negated
        chars = self._content(depth)
        self.at += 1
        return characters.complement(chars) if negated else chars

    def _content(self, depth: int) -> Ranges:
        """Up to the `]`, which stays. A `]` with nothing before it is a character, and `&&` takes all that was read so far."""
        read = _Content()
        while True:
            character = self.peek()
            if not character:
                raise self.wrong("`[` is not closed")
            if character == "]" and read.something:
                return read.chars()
            if character == "&" and self.peek(1) == "&":
                self.at += 2
                right = self._right(depth)
                if right is None and not read.something:
                    raise self.wrong("`&&` has nothing on either side")
                read.narrow(right)
            elif character == "[":
                self.at += 1
                read.add(self.class_(depth + 1))
            else:
                self._item(read)

    def _right(self, depth: int) -> Ranges | None:
        """What `&&` goes with: classes in brackets, then anything up to the end."""
        right: Ranges | None = None
        while (character := self.peek()) not in ("]", "&"):
            if not character:
                raise self.wrong("`[` is not closed")
            if depth > _DEEPEST:
                raise self.wrong("classes are nested too deeply")
            self.at += character == "["
            more = self.class_(depth + 1) if character == "[" else self._content(depth + 1)
            right = more if right is None else characters.union(right, more)
        return right

    def _item(self, read: _Content) -> None:
        """A character, a range, or an escape that stands for many."""
        first = self._one(ranged=False)
        if not isinstance(first, int):
            read.add(first)
        elif self.peek() == "-" and self.peek(1) not in ("[", "]", ""):
            self.next()
            last = self._one(ranged=True)
            if not isinstance(last, int) or last < first:
                raise self.wrong("a range ends before it begins")
            read.add(self.in_case(((first, last),)))
        elif first < 256 and not ({"i", "u"} <= self.flags and first in _FOLDED_FAR):
            read.add_single(self.in_case(((first, first),)))
        else:
            read.add(self.in_case(((first, first),)))

    def _one(self, ranged: bool) -> int | Ranges:
        character = self.next()
        if character != "\\":
            return ord(character)
        if self.source.startswith("v" if ranged else "v-", self.at):
            self.at += 1
            return 11
        return self.escape()

    # --- escapes

    def escape(self) -> int | Ranges:
        """What follows a backslash, where it is a character or a set of characters."""
        letter = self.source[self.at : self.at + 1]
        self.at += 1
        if letter in "pP" and letter:
            return self._property(negated=letter == "P")
        chars = self._predefined(letter.lower()) if letter else None
        if chars is not None:
            return chars if letter.islower() else characters.complement(chars)
        if letter in _CONTROLS and letter:
            return _CONTROLS[letter]
        match letter:
            case "0":
                return self._octal()
            case "x" | "u":
                return self._hexadecimal(letter)
            case "c":
                return self._control()
            case "N":
                return self._named()
        if not letter or (letter.isascii() and letter.isalnum()):
            self.at -= 1
            raise self.wrong(f"there is no escape `\\{letter}` here")
        return ord(letter)

    def _predefined(self, letter: str) -> Ranges | None:
        unicode = "U" in self.flags
        match letter:
            case "d":
                return characters.named("IsDigit", False, False) if unicode else characters.DIGIT
            case "w":
                return characters.named("IsWord", False, False) if unicode else characters.WORD
            case "s":
                return characters.named("IsWhite_Space", False, False) if unicode else characters.SPACE
            case "h":
                return characters.HORIZONTAL
            case "v":
                return characters.VERTICAL
        return None

    def _property(self, negated: bool) -> Ranges:
        name = self.source[self.at : self.at + 1]
        self.at += 1
        if name == "{":
            end = self.source.find("}", self.at)
            if end < 0:
                raise self.wrong("`{` is not closed")
            name, self.at = self.source[self.at : end], end + 1
        try:
            chars = characters.named(name, "i" in self.flags, "U" in self.flags)
        except characters.Unknown:
            raise self.wrong(f"there is no property `{name[:40]}`") from None
        return characters.complement(chars) if negated else chars

    def _octal(self) -> int:
        digits = ""
        while len(digits) < (3 if digits[:1] <= "3" else 2) and (digit := self.source[self.at : self.at + 1]) and digit in "01234567":
            digits += digit
            self.at += 1
        if not digits:
            raise self.wrong("`\\0` needs octal digits")
        return int(digits, 8)

    def _digits(self, count: int) -> int:
        digits = self.source[self.at : self.at + count]
        if len(digits) < count or not _HEX.issuperset(digits):
            raise self.wrong(f"{count} hexadecimal digits are missing")
        self.at += count
        return int(digits, 16)

    def _hexadecimal(self, letter: str) -> int:
        if letter == "u":
            high = self._digits(4)
            if 0xD800 <= high < 0xDC00 and self.source.startswith("\\u", self.at):
                start, self.at = self.at, self.at + 2
                low = self._digits(4)
                if 0xDC00 <= low < 0xE000:
                    return 0x10000 + ((high - 0xD800) << 10) + low - 0xDC00
                self.at = start
            return high
        if self.source[self.at : self.at + 1] != "{":
            return self._digits(2)
        end = self.source.find("}", self.at)
        digits = self.source[self.at + 1 : end] if end > 0 else ""
        if not 1 <= len(digits) <= 8 or not _HEX.issuperset(digits) or int(digits, 16) > 0x10FFFF:
            raise self.wrong("`\\x{…}` needs the hexadecimal number of a character")
        self.at = end + 1
        return int(digits, 16)

    def _control(self) -> int:
        character = self.source[self.at : self.at + 1]
        if not character:
            raise self.wrong("`\\c` needs a character")
        self.at += 1
        return ord(character) ^ 64

    def _named(self) -> int:
        end = self.source.find("}", self.at)
        if self.source[self.at : self.at + 1] != "{" or end < 0:
            raise self.wrong("`\\N` needs a name: `\\N{…}`")
        try:
            code = ord(unicodedata.lookup(self.source[self.at + 1 : end]))
        except (KeyError, TypeError):
            raise self.wrong("there is no character of this name") from None
        self.at = end + 1
        return code
