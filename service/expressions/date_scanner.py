"""Going through a text by a date pattern, once and from the left, as Java does.

Letters are told from capitals, and numbers have the digits that their letters ask for. No form of text makes it try again, but for optional parts that are
left out; every kind of space is a space.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import tzinfo
from functools import lru_cache

from service.expressions.date_patterns import Choice, Field, Node, Text
from service.expressions.errors import Refused
from service.expressions.locales import Language, Names
from service.expressions.zone_names import SPACES, named_zones
from service.expressions.zones import zone_of

#: How an offset is written, by letter and width; what stands there instead of it for zero is in the second group.
_HHMM, _COLON = r"([+-]\d{2}\d{2})", r"([+-]\d{2}:\d{2})"
_SHAPES: Mapping[tuple[str, int], str] = {
    **{("x", 1): r"([+-]\d{2}(?:\d{2})?)", ("x", 2): _HHMM, ("x", 3): _COLON, ("x", 4): r"([+-]\d{4}(?:\d{2})?)", ("x", 5): r"([+-]\d{2}:\d{2}(?::\d{2})?)"},
    **{("Z", 1): _HHMM, ("Z", 2): _HHMM, ("Z", 3): _HHMM, ("O", 1): r"([+-]\d{1,2}(?::\d{2}(?::\d{2})?)?)?"},
    **dict.fromkeys((("O", 4), ("Z", 4)), r"([+-]\d{2}:\d{2}(?::\d{2})?)?"),
}
_OFFSETS = {key: re.compile(shape, re.ASCII) for key, shape in _SHAPES.items()}
_IN_ID = re.compile(r"[\w/]|[+-]\d")  # what goes on like this is no name but an id, such as EST5EDT
_ZONE = re.compile(r"(?:GMT|UTC|UT)?[+-]\d{1,2}(?::?\d{2}(?::?\d{2})?)?|[A-Za-z][A-Za-z0-9~/._+\-]*", re.ASCII)
_MOST_DIGITS = 19
#: Letters that are a number when there is one of them or two.
_SHORT_NUMBERS = frozenset("MLQqec")
_TEXTS = {"M": "M", "L": "M", "Q": "Q", "q": "Q", "E": "E", "e": "E", "c": "E", "G": "G", "a": "a"}


def _digits(field: Field) -> tuple[int, int] | None:
    """The least and the most digits of a number; None for what is no number."""
    letter, width = field.letter, field.width
    if letter == "S" or (letter == "D" and width == 3) or (letter in "yuY" and width == 2):
        return width, width
    if letter == "D":
        return width, 3 if width == 2 else _MOST_DIGITS
    if letter in "yuYnANg":
        return width, _MOST_DIGITS
    if letter in "ecW" and width < 3:
        return width, width
    if letter == "w":
        return width, 2
    if letter in "dhHkKmsF" or (letter in _SHORT_NUMBERS and width < 3):
        return (2, 2) if width == 2 else (1, _MOST_DIGITS)
    return None


class Scanner:
    """Reads fields out of a text: `got` holds their numbers by letter, `zone` what it says about a zone, `parts` the part of the day.

    `position` is how far it came: where the text stops to be as the pattern says.
    """

    def __init__(self, text: str, language: Language, any_case: bool = False) -> None:
        self.text = text.translate(SPACES)
        self.language = language
        self._any_case = any_case
        self.position = 0
        self.got: dict[str, int] = {}
        self.zone: dict[str, tzinfo] = {}
        self.parts: frozenset[str] = frozenset()

    def whole(self, nodes: tuple[Node, ...]) -> bool:
        """Whether the pattern reads all of the text."""
        return self._nodes(nodes) and self.position == len(self.text)

    def _nodes(self, nodes: tuple[Node, ...]) -> bool:
        return all(self._node(node, _reserved(nodes, index)) for index, node in enumerate(nodes))

    def _node(self, node: Node, reserved: int) -> bool:
        if isinstance(node, Text):
            return self._literal(node.text.translate(SPACES))
        if isinstance(node, Choice):
            before = self.position, dict(self.got), dict(self.zone), self.parts
            if not self._nodes(node.nodes):
                self.position, self.got, self.zone, self.parts = before
            return True
        return self._padded(node) if node.pad else self._field(node, reserved)

    def _literal(self, text: str) -> bool:
        found = self.text.startswith(text, self.position) or (self._any_case and self._at(len(text)).casefold() == text.casefold())
        self.position += len(text) if found else 0
        return found

    def _at(self, length: int) -> str:
        return self.text[self.position : self.position + length]

    def _padded(self, field: Field) -> bool:
        """As many places as its padding has; a field that is read elsewhere would go on."""
        whole, end = self.text, self.position + field.pad
        if end > len(whole):
            return False
        while self.position < end and whole[self.position] == " ":
            self.position += 1
        self.text = whole[:end]
        found = self._field(field, 0) and self.position == end
        self.text = whole
        return found

    def _field(self, field: Field, reserved: int) -> bool:
        if digits := _digits(field):
            return self._number(field, *digits, reserved)
        if field.letter in "XxZO":
            return self._offset(field.letter, field.width)
        if field.letter in "Vvz":
            return self._region(field)
        if field.letter == "B":
            return self._part_of_day(field)
        value = self._name(_texts(self.language, field.letter, field.width))
        return value is not None and self._put(_TEXTS[field.letter], value)

    def _number(self, field: Field, least: int, most: int, reserved: int) -> bool:
        end = self.position
        is_year = field.letter in "yuY" and field.width > 3
        signed = is_year and self.text.startswith("+", end)
        start = end = end + signed
        while end < len(self.text) and end - start < most + reserved and "0" <= self.text[end] <= "9":
            end += 1
        length = max(least, end - start - reserved) if reserved else end - start
        if is_year and signed != (length > field.width):
            return False  # more digits than asked for need a sign, and no others may have one
        if not least <= min(length, end - start) or length > end - start:
            return False
        text = self.text[start : start + length]
        self.position = start + length
        number = int(text)
        if field.letter == "S":
            return self._put("n", int(text.ljust(9, "0")))
        return self._put({"u": "y", "L": "M", "q": "Q", "c": "e"}.get(field.letter, field.letter), number + 2000 * (field.letter in "yuY" and field.width == 2))

    def _put(self, letter: str, value: int) -> bool:
        return self.got.setdefault(letter, value) == value

    def _name(self, names: tuple[tuple[str, int], ...]) -> int | None:
        """The value of the longest name that the text goes on with."""
        for name, value in names:
            if self._literal(name):
                return value
        return None

    def _part_of_day(self, field: Field) -> bool:
        """Parts of the day may share a name (in French, night and morning do); a language without names of them has AM and PM there."""
        named = self.language.periods[max(field.width, 3)]
        for name in sorted(set(named.values()), key=len, reverse=True):
            if self._literal(name.translate(SPACES)):
                self.parts = frozenset(part for part, each in named.items() if each == name)
                return True
        return False

    def _offset(self, letter: str, width: int) -> bool:
        if letter == "X" or (letter, width) == ("Z", 5):
            if self._at(1) == "Z":
                return self._zone_of("Z", "Z", "offset")
            letter = "x"
        if (letter == "O" or width == 4) and letter != "x" and not self._literal(self.language.gmt):
            return False
        match = _OFFSETS[letter, width].match(self.text, self.position)
        return match is not None and self._zone_of(match[0], match[0] or "Z", "offset")

    def _region(self, field: Field) -> bool:
        if field.letter != "V":
            before = self.position
            for name, key in named_zones(self.language, field.width == 4):
                if self._literal(name):
                    if not _IN_ID.match(self.text, self.position):
                        return self._zone_of("", key, "region")
                    self.position = before
        match = _ZONE.match(self.text, self.position)
        return match is not None and any(self._zone_of(text, text, "region") for text in _ids(match[0]))

    def _zone_of(self, text: str, name: str, what: str) -> bool:
        try:
            zone = zone_of(name)
        except Refused:
            return False
        if what == "offset" and self.zone.setdefault(what, zone) != zone:
            return False
        self.zone[what] = zone
        self.position += len(text)
        return True


def _ids(text: str) -> tuple[str, ...]:
    """What can be the id of a zone at the beginning of a text: an offset may follow without a space."""
    sign = max(text.rfind("+"), text.rfind("-"))
    return (text, *([text[:sign]] if sign > 0 else []), *([text[:-1]] if text.endswith("Z") else []))


def _reserved(nodes: tuple[Node, ...], index: int) -> int:
    """How many digits belong to the numbers of a fixed width right after a number: `yyyyMMdd`."""
    total = 0
    for node in nodes[index + 1 :]:
        digits = _digits(node) if isinstance(node, Field) and not node.pad else None
        if digits is None or digits[0] != digits[1]:
            break
        total += digits[0]
    return total


@lru_cache(maxsize=512)
def _texts(language: Language, letter: str, width: int) -> tuple[tuple[str, int], ...]:
    """The names of a field with their numbers, the longest first; a name of several (`J` for three months) is none."""
    names: Names
    first, names = {
        **dict.fromkeys("ML", (1, language.months)),
        **dict.fromkeys("Qq", (1, language.quarters)),
        **dict.fromkeys("Eec", (1, language.days)),
        "G": (0, language.eras),
        "a": (0, language.halves),
    }[letter]
    return _longest_first(names[max(width, 3), letter in "Lqc"], first)


def _longest_first(names: tuple[str, ...], first: int) -> tuple[tuple[str, int], ...]:
    pairs = [(name.translate(SPACES), number) for number, name in enumerate(names, first) if names.count(name) == 1]
    return tuple(sorted(pairs, key=lambda each: -len(each[0])))
