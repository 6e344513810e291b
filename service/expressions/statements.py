"""The tags that every template uses, `if`, `for` and `set`, and the text and printed expressions around them, as `jinja2.nodes`: If, For, Output, ExprStmt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from jinja2 import nodes

from service.expressions import lexer
from service.expressions.errors import did_you_mean
from service.expressions.lexer import Token
from service.expressions.pratt import CONSTANTS, ExpressionParser

_REFUSED_TAGS = frozenset("import include embed extends from".split())
_TAGS = ("if", "for", "set", "macro", "block", "filter", "cache", "parallel", "flush", "raw", "verbatim")
ENDS: Mapping[str, tuple[str, ...]] = {
    "if": ("elseif", "else", "endif"),
    "for": ("else", "endfor"),
    "else of if": ("endif",),
    "else of for": ("endfor",),
    **{name: (f"end{name}",) for name in ("macro", "block", "filter", "cache", "parallel")},
}
_INNER_TAGS = frozenset(end for ends in ENDS.values() for end in ends) | {"endset", "endraw", "endverbatim"}


class StatementParser(ExpressionParser):
    """Reads statements; `parser.py` adds the tags whose bodies are rendered on their own."""

    def body(self, ends: tuple[str, ...], opened: Token | None = None) -> list[nodes.Node]:
        """Statements up to one of the tags that end this block; the tag's name is left as the current token."""
        result: list[nodes.Node] = []
        while True:
            token = self.next()
            if token.kind == lexer.TEXT:
                result.append(nodes.Output([nodes.TemplateData(str(token.value), lineno=0)], lineno=0))
            elif token.kind == lexer.PRINT:
                result.append(nodes.Output([self.printed()], lineno=0))
            elif token.kind == lexer.TAG:
                if self.now.kind == lexer.NAME and self.now.value in ends:
                    return result
                result.extend(self.tag())
            elif opened is not None:
                raise self.error(opened.start, f"this `{opened.value}` is never closed by {{% {ends[-1]} %}}")
            else:
                return result

    def printed(self) -> nodes.Expr:
        if self.at(lexer.PRINT_END):
            raise self.error(self.now.start, "an expression is missing between `{{` and `}}`")
        value = self.whole_expression()
        self.expect(lexer.PRINT_END, after=" after the expression")
        return value

    def tag(self) -> list[nodes.Node]:
        token = self.expect(lexer.NAME)
        name = str(token.value)
        known = self.tags()
        if name not in known:
            raise self.error(token.start, self.bad_tag(name))
        self.blocks += 1
        if self.blocks > self.limits.blocks:
            raise self.error(token.start, f"tags nested deeper than {self.limits.blocks} levels")
        statements = known[name](token)
        self.blocks -= 1
        return statements

    def tags(self) -> dict[str, Callable[[Token], list[nodes.Node]]]:
        """What reads each tag."""
        return {"if": self.if_tag, "for": self.for_tag, "set": self.set_tag}

    def bad_tag(self, name: str) -> str:
        if name == "elif":
            return "there is no tag `elif`; it is written `elseif`"
        if name == "autoescape":
            return "there is no tag `autoescape`: nothing is escaped here; where a text goes into a page, escape it with a filter such as `replace`"
        if name in _REFUSED_TAGS:
            return f"the tag `{name}` is not allowed here: a template can't load others; allowed are {', '.join(f'`{tag}`' for tag in _TAGS)}"
        if name in _INNER_TAGS:
            return f"`{name}` without the tag that it belongs to"
        return f"there is no tag `{name}`{did_you_mean(name, _TAGS)}"

    def if_tag(self, token: Token) -> list[nodes.Node]:
        test = self.condition("if")
        self.expect(lexer.TAG_END)
        body = self.body(ENDS["if"], token)
        others: list[nodes.If] = []
        while self.accept(lexer.NAME, "elseif"):
            other = self.condition("elseif")
            self.expect(lexer.TAG_END)
            others.append(nodes.If(other, self.body(ENDS["if"], token), [], [], lineno=0))
        otherwise = self.else_body("if", token)
        self.expect(lexer.TAG_END)
        return [nodes.If(test, body, others, otherwise, lineno=0)]

    def else_body(self, tag: str, token: Token) -> list[nodes.Node]:
        """What stands between `else` and the end, if there is an `else`; the end tag's name is taken."""
        result: list[nodes.Node] = []
        if self.accept(lexer.NAME, "else"):
            self.expect(lexer.TAG_END)
            result = self.body(ENDS[f"else of {tag}"], token)
        self.next()
        return result

    def condition(self, tag: str) -> nodes.Expr:
        start = self.now.start
        if self.at(lexer.TAG_END):
            raise self.error(start, f"`{tag}` needs a condition")
        value = self.whole_expression()
        return self.call("truth", [value], self.place(start, start, start))

    def for_tag(self, token: Token) -> list[nodes.Node]:
        name = self.new_name()
        self.expect(lexer.NAME, "in", after=f" after `for {name.value}`")
        start = self.now.start
        values = self.whole_expression()
        self.expect(lexer.TAG_END)
        before = self.total
        with self.binding(str(name.value), "loop"):
            body = self.body(ENDS["for"], token)
        weight = nodes.Const(2 + self.total - before, lineno=0)
        self.heights[id(weight)] = 1
        place = self.place(start, start, self.now.start)
        each = self.call("each", [values, self.constant(str(name.value), name), weight], place)
        otherwise = self.else_body("for", token)
        self.expect(lexer.TAG_END)
        guarded: list[nodes.Node] = [nodes.If(self.call("was_empty", [], place), otherwise, [], [], lineno=0)] if otherwise else []
        return [nodes.For(nodes.Name("item", "store", lineno=0), each, body, guarded, None, False, lineno=0)]

    def set_tag(self, _token: Token) -> list[nodes.Node]:
        name = self.new_name()
        self.expect(lexer.PUNCTUATION, "=", after=f" after `set {name.value}`")
        value = self.whole_expression()
        self.expect(lexer.TAG_END)
        self.bound.append(str(name.value))
        place = self.place(name.start, name.start, name.end)
        return [nodes.ExprStmt(self.call("assign", [self.constant(str(name.value), name), value], place), lineno=0)]

    def new_name(self) -> Token:
        token = self.expect(lexer.NAME)
        if token.value in CONSTANTS:
            raise self.error(token.start, f"`{token.value}` is a constant, it can't be given a value")
        return token

    @contextmanager
    def binding(self, *added: str) -> Iterator[None]:
        """Names that are known inside a loop's body, as are those that `set` gives there."""
        depth = len(self.bound)
        self.bound.extend(added)
        yield
        del self.bound[depth:]
