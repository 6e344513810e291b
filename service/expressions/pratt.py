"""Expressions to `jinja2.nodes`: a Pratt parser with Pebble's precedences.

The tree says what to do in one form only: `Call(EnvironmentAttribute(helper), arguments)`, where `helper` is a method of the run (`run.py`), besides
constants, lists and conditional expressions. No name of the template ever becomes a Python name, and the code generator (`environment.py`) refuses any other
node. A node's `lineno` is the number of its place in `Syntax.places`, not a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import nodes

from service.expressions import lexer
from service.expressions.invocations import Invocations
from service.expressions.lexer import Token
from service.expressions.syntax import Reference

#: Binary operators: how tightly they bind, and the helper that they call. All are left-associative.
BINARY: Mapping[str, tuple[int, str]] = {
    "or": (10, "either"),
    "and": (15, "both"),
    "is": (20, ""),
    "is not": (20, ""),
    "contains": (20, "contains"),
    "==": (30, "equals"),
    "equals": (30, "equals"),
    "!=": (30, "differs"),
    "<": (30, "less"),
    ">": (30, "more"),
    "<=": (30, "at_most"),
    ">=": (30, "at_least"),
    "??": (30, "if_null"),
    "???": (30, "if_undefined"),
    "isIn": (30, "is_in"),
    "+": (40, "add"),
    "-": (40, "subtract"),
    "*": (60, "multiply"),
    "/": (60, "divide"),
    "%": (60, "modulo"),
    "|": (100, ""),
    "~": (110, "concatenate"),
    "..": (120, "between"),
}
UNARY: Mapping[str, str] = {"not": "negate", "+": "positive", "-": "negative"}
_UNARY_BINDS = 500
#: Chains of these are one call with many arguments, so that a long text put together of pieces is not a deep tree.
_FLAT = frozenset({"either", "both", "add", "concatenate"})
#: Operators that forgive an unknown name on their left.
_FORGIVING = frozenset({"if_null", "if_undefined"})

CONSTANTS: Mapping[str, Any] = {"true": True, "TRUE": True, "false": False, "FALSE": False, "null": None, "NULL": None, "none": None, "NONE": None}


class ExpressionParser(Invocations):
    """Reads expressions from the tokens of a template; `parser.py` adds the statements around them."""

    def whole_expression(self) -> nodes.Expr:
        """The expression of one print or tag."""
        self.count = 0
        return self.expression(0)

    def expression(self, least: int) -> nodes.Expr:
        """An expression whose operators all bind at least this tightly."""
        self.levels += 1
        if self.levels > self.limits.depth:
            raise self.error(self.now.start, f"an expression nested deeper than {self.limits.depth} levels")
        start, mark = self.now.start, len(self.found)
        left = self.prefix()
        while (operator := self.binary()) and BINARY[operator][0] >= least:
            left = self.joined(left, operator, start, mark)
        if least == 0 and self.at(lexer.PUNCTUATION, "?"):
            left = self.ternary(left, start)
        self.levels -= 1
        return left

    def binary(self) -> str:
        """The binary operator that comes next, or nothing."""
        token = self.now
        if token.kind == lexer.OPERATOR or (token.kind == lexer.PUNCTUATION and token.value == "|"):
            return str(token.value) if token.value in BINARY else ""
        return ""

    def joined(self, left: nodes.Expr, operator: str, start: int, mark: int) -> nodes.Expr:
        """One more binary operator around what was read so far."""
        token = self.next()
        binds, helper = BINARY[operator]
        if operator == "|":
            return self.filtered(left, start, mark)
        if operator in ("is", "is not"):
            return self.tested(left, operator, start, mark)
        if helper in _FORGIVING:
            self.guard(mark)
        right = self.expression(binds + 1)
        if helper in _FLAT and isinstance(left, nodes.Call) and isinstance(left.node, nodes.EnvironmentAttribute) and left.node.name == helper:
            left.args.append(right)
            self.heights[id(left)] = max(self.heights[id(left)], 1 + self.heights[id(right)])
            return left
        return self.call(helper, [left, right], self.place(start, token.start, token.end))

    def prefix(self) -> nodes.Expr:
        """An operand: with its unary operator, in parentheses, or plain."""
        token = self.now
        if token.kind == lexer.OPERATOR and token.value in UNARY:
            self.next()
            operand = self.expression(_UNARY_BINDS)
            return self.call(UNARY[str(token.value)], [operand], self.place(token.start, token.start, token.end))
        if self.accept(lexer.PUNCTUATION, "("):
            value = self.expression(0)
            self.expect(lexer.PUNCTUATION, ")")
            return self.postfix(value, token.start)
        if self.accept(lexer.PUNCTUATION, "["):
            return self.list_literal(token)
        if self.accept(lexer.PUNCTUATION, "{"):
            return self.map_literal(token)
        return self.postfix(self.simple(), token.start)

    def simple(self) -> nodes.Expr:
        token = self.next()
        if token.kind in (lexer.NUMBER, lexer.STRING):
            return self.constant(token.value, token)
        if token.kind == lexer.OPEN:
            return self.interpolated(token)
        if token.kind == lexer.NAME:
            if token.value in CONSTANTS:
                return self.constant(CONSTANTS[str(token.value)], token)
            if self.at(lexer.PUNCTUATION, "("):
                return self.function(token)
            return self.variable(token)
        if token.kind == lexer.END:
            raise self.error(token.start, "an expression is missing at the end of the template")
        raise self.error(token.start, f"expected a value, found {self.shown(token)}")

    def interpolated(self, token: Token) -> nodes.Expr:
        parts: list[nodes.Expr] = []
        while not self.at(lexer.CLOSE):
            if self.at(lexer.PART):
                part = self.next()
                parts.append(self.constant(part.value, part))
            else:
                self.next()
                parts.append(self.expression(0))
                self.expect(lexer.INTERPOLATION_END)
        end = self.next()
        if len(parts) == 1:
            return parts[0]
        return self.call("concatenate", parts, self.place(token.start, token.start, end.end))

    def variable(self, token: Token) -> nodes.Expr:
        """A name with the literal keys after it: one look-up. Each key has its own place, right after the name's."""
        place = self.place(token.start, token.start, token.end)
        path = [self.constant(token.value, token)]
        found: list[str | int] = [str(token.value)]
        while (key := self.literal_key()) is not None:
            self.place(token.start, key.start, key.end)
            path.append(self.constant(key.value, key))
            if isinstance(key.value, str | int):
                found.append(key.value)
        if found[0] not in self.bound:
            where = self.error(token.start, "")
            self.found.append(Reference(tuple(found), where.line, where.column))
        return self.call("path", path, place)

    def literal_key(self) -> Token | None:
        """`.name` or `['name']` or `[0]`, if that comes next."""
        if self.at(lexer.PUNCTUATION, "."):
            following = self.tokens[self.index + 2]
            self.next()
            if following.kind == lexer.PUNCTUATION and following.value == "(" and self.at(lexer.NAME):
                raise self.error(self.now.start, f"`{self.now.value}` can't be called: values have no methods; filters are written `value | name`")
            if str(self.now.value).startswith("__") and str(self.now.value).endswith("__"):
                raise self.error(self.now.start, f"`{self.now.value}` is not allowed: values have keys and indexes, no attributes")
            return self.expect(lexer.NAME, after=" after `.`")
        if self.at(lexer.PUNCTUATION, "["):
            key, closing = self.tokens[self.index + 1], self.tokens[self.index + 2]
            if key.kind in (lexer.STRING, lexer.NUMBER) and closing.kind == lexer.PUNCTUATION and closing.value == "]":
                self.index += 3
                return key
        return None

    def postfix(self, value: nodes.Expr, start: int) -> nodes.Expr:
        """Keys after any value, also ones that are computed."""
        while True:
            key = self.literal_key()
            if key is not None:
                value = self.call("item", [value, self.constant(key.value, key)], self.place(start, key.start, key.end))
            elif self.at(lexer.PUNCTUATION, "["):
                opening = self.next()
                computed = self.expression(0)
                closing = self.expect(lexer.PUNCTUATION, "]")
                value = self.call("item", [value, computed], self.place(start, opening.end, closing.start))
            elif self.at(lexer.PUNCTUATION, "("):
                raise self.error(self.now.start, "this value can't be called")
            else:
                return value

    def ternary(self, test: nodes.Expr, start: int) -> nodes.Expr:
        question = self.next()
        yes = self.expression(0)
        self.expect(lexer.PUNCTUATION, ":", after=" of `… ? … : …`")
        no = self.expression(0)
        place = self.place(start, question.start, question.end)
        chosen = self.call("chosen", [test], place)
        return self.measured(nodes.CondExpr(chosen, yes, no, lineno=place), [chosen, yes, no], question.start)

    def list_literal(self, token: Token) -> nodes.Expr:
        items: list[nodes.Expr] = []
        while not self.accept(lexer.PUNCTUATION, "]"):
            if items:
                self.expect(lexer.PUNCTUATION, ",")
            items.append(self.expression(0))
        return self.measured(nodes.List(items, lineno=self.place(token.start, token.start, token.end)), items, token.start)

    def map_literal(self, token: Token) -> nodes.Expr:
        pairs: list[nodes.Expr] = []
        while not self.accept(lexer.PUNCTUATION, "}"):
            if pairs:
                self.expect(lexer.PUNCTUATION, ",")
            pairs.append(self.expression(0))
            self.expect(lexer.PUNCTUATION, ":", after=" after a key")
            pairs.append(self.expression(0))
        return self.call("mapping", pairs, self.place(token.start, token.start, token.end))
