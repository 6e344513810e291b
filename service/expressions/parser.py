"""Whole templates: statements, and the tags whose bodies are rendered on their own.

What stands inside `macro`, `block` and `filter` is a body of its own (`Syntax.bodies`), which the tree calls by its number. A macro may be called before the
place where it is defined, so calls are put together with their macros at the end. `cache` and `parallel` say how a body is rendered, not what it gives:
here they give their body. Tags that would load another template are refused: there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jinja2 import nodes

from service.expressions import lexer
from service.expressions.errors import did_you_mean
from service.expressions.lexer import Token
from service.expressions.limits import Limits
from service.expressions.registry import entries
from service.expressions.statements import ENDS, StatementParser
from service.expressions.syntax import Body, Syntax

#: Words of functions that only tags give a meaning: the block of this name, and what an extended template has in its place.
_BLOCK, _PARENT = "block", "parent"


def parse(template: str, limits: Limits) -> Syntax:
    """Reads a template. Raises ExpressionError with the place of the first mistake."""
    return _Parser(template, limits).run()


@dataclass(frozen=True, slots=True)
class _Macro:
    body: int
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Later:
    """A call of a macro, or of `block()`, that was read before all of them are known. The two constants are filled in at the end."""

    token: Token
    body: nodes.Const
    names: nodes.Const
    positional: int
    named: tuple[Token, ...]
    literal: str | None


class _Parser(StatementParser):
    def __init__(self, template: str, limits: Limits) -> None:
        super().__init__(template, limits)
        self.bodies: list[Body] = []
        self.macros: dict[str, _Macro] = {}
        self.named_blocks: dict[str, int] = {}
        self.later: list[_Later] = []
        self.defines = any(word.kind == lexer.NAME and word.value == "macro" for word in self.tokens)

    def run(self) -> Syntax:
        body = self.body(())
        for call in self.later:
            self.settle(call)
        return Syntax(nodes.Template(body, lineno=0), self.total, tuple(self.places), tuple(self.found), tuple(self.bodies))

    def tags(self) -> dict[str, Callable[[Token], list[nodes.Node]]]:
        more = {"macro": self.macro_tag, "block": self.block_tag, "filter": self.filter_tag, "cache": self.plain_tag, "parallel": self.plain_tag}
        return super().tags() | more | {"flush": self.flush_tag}

    # --- bodies of their own

    def ended(self, token: Token, name: str | None = None) -> list[nodes.Node]:
        """The body of a tag that has one end; the end may repeat the name."""
        body = self.body(ENDS[str(token.value)], token)
        self.next()
        if name is not None:
            self.accept(lexer.NAME, name) or self.accept(lexer.STRING, name)
        self.expect(lexer.TAG_END)
        return body

    def kept(self, body: list[nodes.Node], before: int) -> int:
        """Keeps a body; gives its number. `before` is how many nodes there were when it began."""
        self.bodies.append(Body(nodes.Template(body, lineno=0), 2 + self.total - before))
        return len(self.bodies) - 1

    def captured(self, body: nodes.Const, token: Token) -> nodes.Expr:
        return self.call("captured", [body], self.place(token.start, token.start, token.end))

    def macro_tag(self, token: Token) -> list[nodes.Node]:
        name = self.new_name()
        if ("function", name.value) in entries() or name.value in (_BLOCK, _PARENT):
            raise self.error(name.start, f"a macro can't be named `{name.value}`: there is a function of this name")
        if name.value in self.macros:
            raise self.error(name.start, f"there is another macro `{name.value}` in this template")
        before, (parameters, defaults) = self.total, self.parameters()
        self.expect(lexer.TAG_END)
        with self.binding(*parameters):
            body = self.ended(token, str(name.value))
        self.macros[str(name.value)] = _Macro(self.kept([*defaults, *body], before), parameters)
        return []

    def parameters(self) -> tuple[tuple[str, ...], list[nodes.Node]]:
        """A macro's parameters, and the statements that give them their defaults; null is the default of one that names none."""
        self.expect(lexer.PUNCTUATION, "(", after=" after the macro's name")
        names: list[str] = []
        defaults: list[nodes.Node] = []
        while not self.accept(lexer.PUNCTUATION, ")"):
            if names:
                self.expect(lexer.PUNCTUATION, ",")
            name = self.new_name()
            if name.value in names:
                raise self.error(name.start, f"the argument `{name.value}` is there twice")
            names.append(str(name.value))
            value = self.expression(0) if self.accept(lexer.PUNCTUATION, "=") else self.constant(None, name)
            given = self.call("unless_given", [self.constant(str(name.value), name), value], self.place(name.start, name.start, name.end))
            defaults.append(nodes.ExprStmt(given, lineno=0))
        return tuple(names), defaults

    def block_tag(self, token: Token) -> list[nodes.Node]:
        name = self.next() if self.at(lexer.STRING) else self.new_name()
        if name.value in self.named_blocks:
            raise self.error(name.start, f"there is another block `{name.value}` in this template")
        self.expect(lexer.TAG_END)
        number = self.constant(0, name)
        before = self.total
        body = self.kept(self.ended(token, str(name.value)), before)
        self.named_blocks[str(name.value)] = number.value = body
        return [nodes.Output([self.captured(number, name)], lineno=0)]

    def filter_tag(self, token: Token) -> list[nodes.Node]:
        first, mark = self.now, len(self.found)
        number = self.constant(0, token)
        value = self.filtered(self.captured(number, token), first.start, mark)
        while self.accept(lexer.PUNCTUATION, "|"):
            value = self.filtered(value, first.start, mark)
        self.expect(lexer.TAG_END)
        before = self.total
        number.value = self.kept(self.ended(token), before)
        return [nodes.Output([value], lineno=0)]

    def plain_tag(self, token: Token) -> list[nodes.Node]:
        """`cache` (with a name) and `parallel`."""
        if not self.at(lexer.TAG_END):
            self.whole_expression()
        self.expect(lexer.TAG_END)
        return self.ended(token)

    def flush_tag(self, _token: Token) -> list[nodes.Node]:
        self.expect(lexer.TAG_END)
        return []

    # --- calls of macros and blocks

    def function(self, token: Token) -> nodes.Expr:
        if token.value == _PARENT:
            raise self.error(token.start, "`parent()` belongs to templates that extend others, and a template can't load others here")
        if ("function", token.value) in entries() or not (self.defines or token.value == _BLOCK):
            return super().function(token)
        self.expect(lexer.PUNCTUATION, "(")
        args, named = self.given_arguments()
        body, names = self.constant(None, token), self.constant((), token)
        literal = args[0].value if len(args) == 1 and not named and isinstance(args[0], nodes.Const) else None
        later = _Later(token, body, names, len(args), tuple(name for name, _ in named), literal)
        self.later.append(later)
        place = self.place(token.start, token.start, token.end)
        if token.value == _BLOCK:
            return self.call("captured", [body], place)
        return self.call("macro", [body, names, *args, *(value for _, value in named)], place)

    def settle(self, call: _Later) -> None:
        """Puts a call together with what it calls."""
        name = str(call.token.value)
        if name == _BLOCK:
            if not isinstance(call.literal, str):
                raise self.error(call.token.start, "`block(name)` takes the name of a block of this template, as text")
            if call.literal not in self.named_blocks:
                raise self.error(call.token.start, f"there is no block `{call.literal}` in this template{did_you_mean(call.literal, self.named_blocks)}")
            call.body.value = self.named_blocks[call.literal]
            return
        if name not in self.macros:
            self.entry("function", call.token)
        macro = self.macros[name]
        call.body.value = macro.body
        call.names.value = self.bound_names(call, macro)

    def bound_names(self, call: _Later, macro: _Macro) -> tuple[str, ...]:
        """Which parameter each given value is for."""
        shown = f"{call.token.value}({', '.join(macro.parameters)})"
        if call.positional > len(macro.parameters):
            raise self.error(call.token.start, f"`{shown}` takes at most {len(macro.parameters)} arguments, not {call.positional}")
        names = list(macro.parameters[: call.positional])
        for name in call.named:
            if name.value not in macro.parameters:
                raise self.error(name.start, f"`{shown}` has no argument `{name.value}`{did_you_mean(str(name.value), macro.parameters)}")
            if name.value in names:
                raise self.error(name.start, f"the argument `{name.value}` is given twice")
            names.append(str(name.value))
        return tuple(names)
