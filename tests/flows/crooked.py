"""Flow files that nobody has tidied: valid YAML with every indentation, comments at odd places, and texts over several lines."""

from __future__ import annotations

from random import Random

SCALARS = (
    *("x", "a b c", "'q u'", '"d\\"q"', "'it''s'", '"{{ a }}"', "010", "1_000", "0o7", "1e3", "+12", ".5", "no", "on", "~", "", "22:22", "2001-01-01 1:00:00"),
    *("[1, 2]", "{a: 1,b: 2}", "{a : 1 , b: [x ,y]}", "[]", "{}"),
)
WORDS = ("word", "two words", "a:b", "x#y", "é😀")
CONTENT = ("text", "# no comment", "- a", "a: b", "t\tt", "trail  ", "end\\")


class Crooked:
    """Writes one document, line by line, as the random numbers say."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.lines: list[str] = []
        self.keys = self.comments = 0
        self.anchors: list[str] = []

    def document(self) -> bytes:
        if self.chance(0.1):
            self.lines.append("---" + self.line_end())
        indent = self.random.choice((0, 0, 0, 2))
        self.between(indent)
        self.mapping(indent, 3)
        self.between(indent, 0)
        breaks = self.random.choice(("\n", "\n", "\r\n"))
        text = breaks.join("\n".join(self.lines).split("\n")) + self.random.choice(("", breaks, breaks * 3))
        return (self.random.choice(("", "", "\ufeff")) + text).encode()

    def chance(self, part: float) -> bool:
        return self.random.random() < part

    def comment(self) -> str:
        self.comments += 1
        return f"#{self.random.choice((' c', 'c', '! x: y', ' - a'))}{self.comments}{self.random.choice(('', '  '))}"

    def line_end(self) -> str:
        if self.chance(0.4):
            return " " * self.random.randint(1, 5) + self.comment()
        return self.random.choice(("", "", "  "))

    def between(self, *columns: int) -> None:
        """Blank lines and lines of comments."""
        while self.chance(0.25):
            column = self.random.choice((*columns, self.random.randint(0, 9)))
            self.lines.append(self.random.choice(("", "   ", " " * column + self.comment())))

    def key(self) -> str:
        self.keys += 1
        return self.random.choice(("k{}", "k{}", "'k{}'", '"k{}"')).format(self.keys) + self.random.choice((":", ":", " :"))

    def mapping(self, indent: int, depth: int, first: str = "") -> None:
        for number in range(self.random.randint(1, 3)):
            if number or not first:
                self.between(indent)
            self.value(indent, depth, (" " * indent if number or not first else first) + self.key(), in_map=True)

    def sequence(self, indent: int, depth: int, first: str = "") -> None:
        for number in range(self.random.randint(1, 3)):
            if number or not first:
                self.between(indent)
            self.value(indent, depth, (" " * indent if number or not first else first) + "-", in_map=False)

    def value(self, indent: int, depth: int, head: str, in_map: bool) -> None:
        collection = self.random.choice((self.mapping, self.sequence))
        if not depth or self.chance(0.5):
            self.random.choice((self.scalar, self.scalar, self.block, self.text, self.brackets))(indent, head)
        elif in_map or self.chance(0.3):
            step = self.random.randint(1, 6)
            self.lines.append(head + self.line_end())
            self.between(indent, indent + step)
            collection(indent + (0 if in_map and collection == self.sequence and self.chance(0.5) else step), depth - 1)
        else:
            head += " " * self.random.randint(1, 4)
            collection(len(head), depth - 1, head)

    def scalar(self, _indent: int, head: str) -> None:
        text = self.random.choice(SCALARS)
        if self.chance(0.2):
            self.anchors.append(f"n{len(self.anchors)}")
            text = f"&{self.anchors[-1]}  {text}"
        elif self.anchors and self.chance(0.2):
            text = f"*{self.random.choice(self.anchors)}"
        self.lines.append(head + " " * self.random.randint(1, 3) + text + self.random.choice((self.line_end(), "\t" if text else "")))

    def block(self, indent: int, head: str) -> None:
        step, said = self.random.randint(1, 5), self.chance(0.2)
        signs = [self.random.choice(("", "-", "+")), str(step) if said else ""]
        self.random.shuffle(signs)
        self.lines.append(head + " " + self.random.choice("|>") + "".join(signs) + self.line_end())
        begun = said
        for _ in range(self.random.randint(0, 4)):
            if self.chance(0.2):
                self.lines.append(" " * self.random.randint(0, indent + step))
            else:
                self.lines.append(" " * (indent + step + (self.random.choice((0, 0, 3)) if begun else 0)) + self.random.choice(CONTENT))
                begun = True
        if begun and self.chance(0.3):
            self.lines.append(" " * self.random.randint(0, indent) + self.comment())

    def text(self, indent: int, head: str) -> None:
        """Plain or in quotes, over several lines, perhaps from the next line on."""
        quote = self.random.choice(("", "'", '"'))
        words = [self.random.choice(WORDS) for _ in range(self.random.randint(2, 4))]
        words[0], words[-1] = quote + words[0], words[-1] + quote
        if quote == '"':
            words[0] += self.random.choice(("", "\\", " \\ ", "\\n\\", "  "))
        if self.chance(0.3):
            self.lines.append(head + self.line_end())
            self.between()
            head = " " * (indent + self.random.randint(0, 5))
        self.lines.append(head + " " + words[0])
        for word in words[1:]:
            if self.chance(0.2):
                self.lines.append(self.random.choice(("", "  ")))
            self.lines.append(" " * (indent + self.random.randint(1, 6)) + ("\t" if quote and self.chance(0.3) else "") + word)
        self.lines[-1] += self.line_end()

    def brackets(self, indent: int, head: str) -> None:
        opening, closing = self.random.choice(("[]", "{}"))
        self.lines.append(f"{head} {opening}{self.line_end()}")
        for _ in range(self.random.randint(0, 4)):
            self.keys += 1
            value = self.random.choice(("x", "'y z'", "[1,2]", "{a: 1}", "p\n" + " " * (indent + 2) + "q"))
            self.lines.append(" " * (indent + self.random.randint(1, 8)) + (f"f{self.keys}: " if opening == "{" else "") + value + "," + self.line_end())
            self.between()
        self.lines.append(" " * (indent + self.random.randint(0, 4)) + closing + self.line_end())
