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
from service.expressions.zones import zone_of

_SPACES = str.maketrans("\u00a0\u202f", "  ")
#: How an offset is written, by letter and width; what stands there instead of it for zero is in the second group.
_HHMM, _COLON = r"([+-]\d{2}\d{2})", r"([+-]\d{2}:\d{2})"
_SHAPES: Mapping[tuple[str, int], str] = {
    **{("x", 1): r"([+-]\d{2}(?:\d{2})?)", ("x", 2): _HHMM, ("x", 3): _COLON, ("x", 4): r"([+-]\d{4}(?:\d{2})?)", ("x", 5): r"([+-]\d{2}:\d{2}(?::\d{2})?)"},
    **{("Z", 1): _HHMM, ("Z", 2): _HHMM, ("Z", 3): _HHMM, ("O", 1): r"([+-]\d{1,2}(?::\d{2}(?::\d{2})?)?)?"},
    **dict.fromkeys((("O", 4), ("Z", 4)), r"([+-]\d{2}:\d{2}(?::\d{2})?)?"),
}
_OFFSETS = {key: re.compile(shape, re.ASCII) for key, shape in _SHAPES.items()}
_ZONE = re.compile(r"(?:GMT|UTC|UT)?[+-]\d{1,2}(?::?\d{2}(?::?\d{2})?)?|[A-Za-z][A-Za-z0-9~/._+\-]*", re.ASCII)
#: Letters for zones that are read as the place that is meant by them most.
_PLACES = {
    **dict.fromkeys(("EST", "EDT", "ET"), "America/New_York"),
    **dict.fromkeys(("CST", "CDT", "CT"), "America/Chicago"),
    **dict.fromkeys(("MST", "MDT", "MT"), "America/Denver"),
    **dict.fromkeys(("PST", "PDT", "PT"), "America/Los_Angeles"),
    **dict.fromkeys(("CET", "CEST"), "Europe/Paris"),
    **dict.fromkeys(("EET", "EEST"), "Europe/Bucharest"),
    **dict.fromkeys(("WET", "WEST"), "Europe/Lisbon"),
    **dict.fromkeys(("AEST", "AEDT"), "Australia/Sydney"),
    **dict.fromkeys(("NZST", "NZDT"), "Pacific/Auckland"),
    **{"BST": "Europe/London", "IST": "Asia/Kolkata", "JST": "Asia/Tokyo", "KST": "Asia/Seoul", "MSK": "Europe/Moscow"},
}
#: The zones whose full names are known when a date is read.
_FULL_NAMES = ("UTC", "Europe/London", *dict.fromkeys(_PLACES.values()))
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
    """Reads fields out of a text: `got` holds their numbers by letter, `zone` what it says about a zone, `part` the part of the day.

    `position` is how far it came: where the text stops to be as the pattern says.
    """

    def __init__(self, text: str, language: Language, any_case: bool = False) -> None:
        self.text = text.translate(_SPACES)
        self.language = language
        self._any_case = any_case
        self.position = 0
        self.got: dict[str, int] = {}
        self.zone: dict[str, tzinfo] = {}
        self.part = ""

    def whole(self, nodes: tuple[Node, ...]) -> bool:
        """Whether the pattern reads all of the text."""
        return self._nodes(nodes) and self.position == len(self.text)

    def _nodes(self, nodes: tuple[Node, ...]) -> bool:
        return all(self._node(node, _reserved(nodes, index)) for index, node in enumerate(nodes))

    def _node(self, node: Node, reserved: int) -> bool:
        if isinstance(node, Text):
            return self._literal(node.text.translate(_SPACES))
        if isinstance(node, Choice):
            before = self.position, dict(self.got), dict(self.zone), self.part
            if not self._nodes(node.nodes):
                self.position, self.got, self.zone, self.part = before
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
        names = sorted(self.language.periods[max(field.width, 3)].items(), key=lambda each: -len(each[1]))
        for part, name in names:
            if self._literal(name.translate(_SPACES)):
                self.part = part
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
        return bool(match) and self._zone_of(match[0], match[0] or "Z", "offset")

    def _region(self, field: Field) -> bool:
        if field.letter != "V" and field.width == 4:
            key = self._name(_full_names(self.language))
            if key is not None:
                self.zone["region"] = zone_of(_FULL_NAMES[key])
                return True
        match = _ZONE.match(self.text, self.position)
        if not match:
            return False
        name = match[0] if field.letter == "V" else _PLACES.get(match[0], match[0])
        return self._zone_of(match[0], name, "region")

    def _zone_of(self, text: str, name: str, what: str) -> bool:
        try:
            self.zone[what] = zone_of(name)
        except Refused:
            return False
        self.position += len(text)
        return True


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
    """The names of a field with their numbers, the longest first."""
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
    pairs = ((name.translate(_SPACES), number) for number, name in enumerate(names, first))
    return tuple(sorted(pairs, key=lambda each: -len(each[0])))


@lru_cache(maxsize=16)
def _full_names(language: Language) -> tuple[tuple[str, int], ...]:
    names = [(text, index) for index, key in enumerate(_FULL_NAMES) for (full, _), text in language.zone_names(key).items() if full]
    return tuple(sorted(names, key=lambda each: -len(each[0])))
