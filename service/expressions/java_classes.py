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
        """Up to the `]`, which stays. As in Java, a `]` with nothing before it is a character, and `&&` takes all that was read so far."""
        found: Ranges | None = None
        while True:
            character = self.peek()
            if not character:
                raise self.wrong("`[` is not closed")
            if character == "]" and found is not None:
                return found
            if character == "&" and self.peek(1) == "&":
                self.at += 2
                right = self._right(depth)
                if found is None and right is None:
                    raise self.wrong("`&&` has nothing on either side")
                found = right if found is None else found if right is None else characters.common(found, right)
                continue
            if character == "[":
                self.at += 1
                more = self.class_(depth + 1)
            else:
                more = self._item()
            found = more if found is None else characters.union(found, more)

    def _right(self, depth: int) -> Ranges | None:
        """What `&&` goes with: classes in brackets, then anything up to the end."""
        right: Ranges | None = None
        while (character := self.peek()) not in ("]", "&"):
            if not character:
                raise self.wrong("`[` is not closed")
            if depth > _DEEPEST:
                raise self.wrong("classes are nested too deeply")
            if character == "[":
                self.at += 1
                more = self.class_(depth + 1)
                right = more if right is None else characters.union(right, more)
            else:
                right = self._content(depth + 1)
        return right

    def _item(self) -> Ranges:
        """A character, a range, or an escape that stands for many."""
        first = self._one(ranged=False)
        if not isinstance(first, int):
            return first
        if self.peek() == "-" and self.peek(1) not in ("[", "]", ""):
            self.next()
            last = self._one(ranged=True)
            if not isinstance(last, int) or last < first:
                raise self.wrong("a range ends before it begins")
            return self.in_case(((first, last),))
        return self.in_case(((first, first),))

    def _one(self, ranged: bool) -> int | Ranges:
        character = self.next()
        if character != "\\":
            return ord(character)
        if self.peek() == "v" and (ranged or self.peek(1) == "-"):
            self.next()
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
