"""Expressions as trees of the tests' own, and the printer that writes one as a template.

`printed` writes as few parentheses as the precedence table of `KESTRA.md` 7.5 allows, or all of them, so that a parser that groups in another way gives
another value. Nothing here comes from `service`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Literal:
    value: Any


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class Key:
    base: Tree
    name: str


@dataclass(frozen=True)
class Item:
    base: Tree
    index: Tree


@dataclass(frozen=True)
class Unary:
    operator: str
    operand: Tree


@dataclass(frozen=True)
class Binary:
    operator: str
    left: Tree
    right: Tree


@dataclass(frozen=True)
class Ternary:
    condition: Tree
    then: Tree
    otherwise: Tree


@dataclass(frozen=True)
class Filter:
    operand: Tree
    name: str
    arguments: tuple[Tree, ...] = ()


@dataclass(frozen=True)
class Is:
    operand: Tree
    test: str
    negated: bool = False


@dataclass(frozen=True)
class Listing:
    items: tuple[Tree, ...]


@dataclass(frozen=True)
class Mapped:
    pairs: tuple[tuple[Tree, Tree], ...]


@dataclass(frozen=True)
class Woven:
    """Double-quoted text with `#{…}` in it."""

    parts: tuple[str | Tree, ...]


Tree = Literal | Name | Key | Item | Unary | Binary | Ternary | Filter | Is | Listing | Mapped | Woven
Parts = Sequence[str | Tree]

PRECEDENCE = {
    **{"or": 10, "and": 15, "is": 20, "contains": 20},
    **dict.fromkeys(["==", "equals", "!=", "<", ">", "<=", ">=", "??", "???", "isIn"], 30),
    **{"+": 40, "-": 40, "*": 60, "/": 60, "%": 60, "|": 100, "~": 110, "..": 120},
}
UNARY, PRIMARY = 500, 600
_STRENGTHS = {Ternary: 0, Is: PRECEDENCE["is"], Filter: PRECEDENCE["|"], Unary: UNARY, Listing: UNARY, Mapped: UNARY}


def strength(tree: Tree) -> int:
    """How tightly this tree's own operator binds."""
    if isinstance(tree, Binary):
        return PRECEDENCE[tree.operator]
    if isinstance(tree, Literal) and isinstance(tree.value, int | float):
        return UNARY  # a dot behind a number would make another number
    return _STRENGTHS.get(type(tree), PRIMARY)


def quoted(text: str, quote: str = "'") -> str:
    """A literal of this text, in which only the quote is escaped."""
    return quote + text.replace(quote, "\\" + quote) + quote


class _Printer:
    def __init__(self, full: bool) -> None:
        self.full = full

    def at(self, tree: Tree, least: int) -> str:
        """The tree where an operator of strength `least` takes it: in parentheses when it is weaker."""
        bare = strength(tree) >= max(least, UNARY if self.full else 0)
        return self.tree(tree) if bare else f"({self.tree(tree)})"

    def tree(self, tree: Tree) -> str:
        write: Callable[[Any], str] = getattr(self, type(tree).__name__.lower())
        return write(tree)

    def literal(self, tree: Literal) -> str:
        return quoted(tree.value) if isinstance(tree.value, str) else json.dumps(tree.value)

    def name(self, tree: Name) -> str:
        return tree.name

    def key(self, tree: Key) -> str:
        return f"{self.at(tree.base, PRIMARY)}.{tree.name}"

    def item(self, tree: Item) -> str:
        return f"{self.at(tree.base, PRIMARY)}[{self.at(tree.index, 0)}]"

    def unary(self, tree: Unary) -> str:
        return f"{tree.operator} {self.at(tree.operand, UNARY)}"

    def binary(self, tree: Binary) -> str:
        level = PRECEDENCE[tree.operator]
        return f"{self.at(tree.left, level)} {tree.operator} {self.at(tree.right, level + 1)}"

    def ternary(self, tree: Ternary) -> str:
        return f"{self.at(tree.condition, 1)} ? {self.at(tree.then, 0)} : {self.at(tree.otherwise, 0)}"

    def filter(self, tree: Filter) -> str:
        called = f"({', '.join(self.at(each, 0) for each in tree.arguments)})" if tree.arguments else ""
        return f"{self.at(tree.operand, PRECEDENCE['|'])} | {tree.name}{called}"

    def is_(self, tree: Is) -> str:
        return f"{self.at(tree.operand, PRECEDENCE['is'])} is {'not ' if tree.negated else ''}{tree.test}"

    def listing(self, tree: Listing) -> str:
        return f"[{', '.join(self.at(each, 0) for each in tree.items)}]"

    def mapped(self, tree: Mapped) -> str:
        return "{" + ", ".join(f"{self.at(key, 1)}: {self.at(value, 0)}" for key, value in tree.pairs) + "}"

    def woven(self, tree: Woven) -> str:
        return '"' + "".join(quoted(part, '"')[1:-1] if isinstance(part, str) else f"#{{{self.at(part, 0)}}}" for part in tree.parts) + '"'


setattr(_Printer, "is", _Printer.is_)  # the one name that Python keeps for itself


def printed(tree: Tree, *, full: bool = False) -> str:
    """The tree as an expression, with as few or as many parentheses as possible."""
    return _Printer(full).at(tree, 0)


def template(parts: Parts, *, full: bool = False) -> str:
    """Text and expressions as one template."""
    return "".join(part if isinstance(part, str) else "{{ " + printed(part, full=full) + " }}" for part in parts)
