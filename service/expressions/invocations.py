"""Functions, filters and tests where a template names them: looked up, and what is given to them checked against their signature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from jinja2 import nodes

from service.expressions import lexer
from service.expressions.builder import Builder
from service.expressions.errors import did_you_mean
from service.expressions.lexer import Token
from service.expressions.registry import Entry, entries, unknown
from service.expressions.syntax import Call, Reference


class Invocations(Builder):
    """Reads them; `pratt.py` adds the expressions that they stand in."""

    expression: Callable[[int], nodes.Expr]  #: `ExpressionParser.expression`

    def function(self, token: Token) -> nodes.Expr:
        entry = self.entry("function", token)
        index = len(self.found)
        args, named = self.arguments(entry, token)
        where = self.error(token.start, "")
        literals = tuple(each.value if isinstance(each, nodes.Const) else None for each in args)
        literal = not named and all(isinstance(each, nodes.Const) for each in args)
        by_name = [*zip(entry.order, args, strict=False), *((each.key, each.value) for each in named)]
        known = {name: each.value for name, each in by_name if isinstance(each, nodes.Const)}
        self.found.insert(index, Call(entry.name, literals if literal else None, where.line, where.column, known))
        return self.call("function", [self.constant(entry.name, token), *args], self.place(token.start, token.start, token.end), named)

    def filtered(self, value: nodes.Expr, start: int, mark: int) -> nodes.Expr:
        if self.at(lexer.PUNCTUATION, "|"):
            raise self.error(self.now.start - 1, "unexpected `||`; `or` is a word here")
        token = self.expect(lexer.NAME, after=" of a filter after `|`")
        entry = self.entry("filter", token)
        place = self.place(start, token.start, token.end)
        if entry.name == "default":
            self.guard(mark)
            value = self.call("optional", [value], place)
        args, named = self.arguments(entry, token) if self.at(lexer.PUNCTUATION, "(") else self.bound_arguments(entry, token, [], [])
        return self.call("filter", [self.constant(entry.name, token), value, *args], place, named)

    def tested(self, value: nodes.Expr, operator: str, start: int, mark: int) -> nodes.Expr:
        token = self.expect(lexer.NAME, after=f" of a test after `{operator}`")
        place = self.place(start, token.start, token.end)
        if token.value == "defined":
            self.guard(mark)
            result = self.call("defined", [value], place)
        else:
            entry = self.entry("test", token)
            args, named = self.arguments(entry, token) if self.at(lexer.PUNCTUATION, "(") else self.bound_arguments(entry, token, [], [])
            result = self.call("test", [self.constant(entry.name, token), value, *args], place, named)
        return result if operator == "is" else self.call("negate", [result], place)

    def entry(self, kind: str, token: Token) -> Entry:
        found = entries().get((kind, str(token.value)))
        if found is None:
            raise self.error(token.start, unknown(kind, str(token.value)))
        return found

    def arguments(self, entry: Entry, token: Token) -> tuple[list[nodes.Expr], list[nodes.Keyword]]:
        self.expect(lexer.PUNCTUATION, "(")
        return self.bound_arguments(entry, token, *self.given_arguments())

    def given_arguments(self) -> tuple[list[nodes.Expr], list[tuple[Token, nodes.Expr]]]:
        """What stands between parentheses, the closing one included: values, then values with names."""
        args: list[nodes.Expr] = []
        named: list[tuple[Token, nodes.Expr]] = []
        while not self.accept(lexer.PUNCTUATION, ")"):
            if args or named:
                self.expect(lexer.PUNCTUATION, ",")
            following = self.tokens[self.index + 1]
            if following.kind == lexer.PUNCTUATION and following.value == "=":
                name = self.expect(lexer.NAME)
                self.next()
                named.append((name, self.expression(0)))
            elif named:
                raise self.error(self.now.start, "an argument without a name can't follow named ones")
            else:
                args.append(self.expression(0))
        return args, named

    def bound_arguments(
        self, entry: Entry, token: Token, args: list[nodes.Expr], named: list[tuple[Token, nodes.Expr]]
    ) -> tuple[list[nodes.Expr], list[nodes.Keyword]]:
        """Checks arguments against the signature; names become the Python ones."""
        if len(args) > len(entry.order) and not entry.variadic:
            raise self.error(token.start, f"`{entry.signature}` takes at most {len(entry.order)} arguments, not {len(args)}")
        given = set(entry.order[: len(args)])
        keywords = []
        for name, value in named:
            parameter = entry.parameters.get(str(name.value))
            if parameter is None:
                raise self.error(name.start, f"`{entry.signature}` has no argument `{name.value}`{did_you_mean(str(name.value), entry.parameters)}")
            if parameter in given:
                raise self.error(name.start, f"the argument `{name.value}` is given twice")
            given.add(parameter)
            keywords.append(nodes.Keyword(parameter, value, lineno=0))
        missing = [parameter for parameter in entry.order[: entry.required] if parameter not in given]
        if missing:
            raise self.error(token.start, f"`{entry.signature}` needs the argument `{missing[0].rstrip('_')}`")
        return args, keywords

    def guard(self, mark: int) -> None:
        """What was named since `mark` may be missing."""
        self.found[mark:] = [replace(each, guarded=True) if isinstance(each, Reference) else each for each in self.found[mark:]]
