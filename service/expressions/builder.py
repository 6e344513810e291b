"""What parsing stands on: the tokens of a template, one after the other, and the nodes that are made of them, counted and each with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import nodes

from service.expressions import lexer
from service.expressions.errors import ExpressionError, error_at
from service.expressions.lexer import Token
from service.expressions.limits import Limits
from service.expressions.syntax import Call, Place, Reference
from service.expressions.visible import CONTEXT

_SHOWN = 20
#: What other languages write, and how it is written here.
_FOREIGN: Mapping[str, str] = {
    "in": "; write `isIn`",
    "if": "; a choice is written `test ? one : other`",
    "else": "; a choice is written `test ? one : other`",
    "=": "; values are compared with `==`",
}


class Builder:
    """The state of one parsing."""

    def __init__(self, template: str, limits: Limits) -> None:
        self.template = template
        self.limits = limits
        self.tokens = lexer.tokenize(template, limits)
        self.index = 0
        self.places: list[Place] = []
        self.found: list[Reference | Call] = []
        self.heights: dict[int, int] = {}
        self.count = 0
        self.total = 0
        self.levels = 0
        self.blocks = 0
        self.bound = [CONTEXT]  #: names that are no variable's: loop variables, what `set` gives

    # --- tokens

    @property
    def now(self) -> Token:
        return self.tokens[self.index]

    def next(self) -> Token:
        token = self.tokens[self.index]
        self.index += 1
        return token

    def at(self, kind: str, value: str | None = None) -> bool:
        token = self.tokens[self.index]
        return token.kind == kind and (value is None or token.value == value)

    def accept(self, kind: str, value: str | None = None) -> bool:
        if self.at(kind, value):
            self.index += 1
            return True
        return False

    def expect(self, kind: str, value: str | None = None, after: str = "") -> Token:
        if not self.at(kind, value):
            wanted = f"`{value}`" if value else {lexer.NAME: "a name", lexer.PRINT_END: "`}}`", lexer.TAG_END: "`%}`"}.get(kind, kind)
            raise self.error(self.now.start, f"expected {wanted}{after}, found {self.shown(self.now)}{_FOREIGN.get(str(self.now.value), '')}")
        return self.next()

    def shown(self, token: Token) -> str:
        if token.kind == lexer.END:
            return "the end of the template"
        return f"`{self.template[token.start : token.end][:_SHOWN]}`"

    def error(self, offset: int, message: str) -> ExpressionError:
        return error_at(self.template, offset, message)

    # --- nodes

    def place(self, start: int, at: int, end: int) -> int:
        self.places.append(Place(start, at, end))
        return len(self.places) - 1

    def measured(self, node: nodes.Expr, children: list[nodes.Expr], offset: int) -> nodes.Expr:
        """Counts a node and its height; both are bounded."""
        self.count += 1
        self.total += 1
        if self.count > self.limits.nodes:
            raise self.error(offset, f"an expression of more than {self.limits.nodes:,} parts")
        if self.total > self.limits.total_nodes:
            raise self.error(offset, f"a template of more than {self.limits.total_nodes:,} parts")
        height = 1 + max((self.heights[id(child)] for child in children), default=0)
        if height > self.limits.depth:
            raise self.error(offset, f"an expression nested deeper than {self.limits.depth} levels")
        self.heights[id(node)] = height
        return node

    def constant(self, value: Any, token: Token) -> nodes.Const:
        node = nodes.Const(value, lineno=0)
        self.measured(node, [], token.start)
        return node

    def call(self, helper: str, args: Sequence[nodes.Expr], place: int, named: list[nodes.Keyword] | None = None) -> nodes.Expr:
        node = nodes.Call(nodes.EnvironmentAttribute(helper), list(args), named or [], None, None, lineno=place)
        values = [*args, *(each.value for each in named or [])]
        return self.measured(node, [value for value in values if id(value) in self.heights], self.places[place].at)
