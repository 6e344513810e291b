"""Templates to values: compiles once, keeps what was compiled, renders in two modes.

*Text* mode prints everything. *Typed* mode keeps the value of a template that is one expression; see `Expressions.typed`.
A rendered result is a value and never a template again, unless a template asks for that with `render()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import GeneratorType
from typing import Any

from jinja2 import Template, nodes

from service.expressions.environment import Sandbox
from service.expressions.errors import Absent, ExpressionError, Message, Refused, UndefinedError
from service.expressions.kept import Kept
from service.expressions.lexer import has_expressions
from service.expressions.limits import Budget, Limits
from service.expressions.parser import parse
from service.expressions.ports import Ports
from service.expressions.raw import Raw, untagged
from service.expressions.run import Run
from service.expressions.stack import roomy
from service.expressions.syntax import Body, Call, Place, Reference, Syntax
from service.expressions.values import is_number, parse_json, plain, printed
from service.expressions.visible import Visible

_FALSE = frozenset({"", "false", "0", "-0"})
_SHORT = 2_048
#: Bytes that are held for a template and for each part of it, measured and rounded up; and of all of them.
_TEMPLATE, _BODY, _PART, _CHARACTER = 4_000, 4_000, 500, 4
_KEPT = 64 << 20


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template that is ready to run."""

    source: str
    template: Template
    places: tuple[Place, ...]
    nodes: int
    long: bool = True  #: it has a loop, or is so large that a render takes a while
    bodies: tuple[Callable[[Run], str], ...] = ()

    def parts(self, run: Run) -> GeneratorType[Any, None, None]:
        """The values that it writes, texts in between included."""
        return self.template.root_render_func(run)  # type: ignore[arg-type, return-value]  # our code asks nothing of Jinja2's own context


class Expressions:
    """The expression language. One per process; safe to use from many threads. `kept`: bytes of compiled templates, twice which may be held."""

    def __init__(self, limits: Limits | None = None, kept: int = _KEPT) -> None:
        self.limits = limits or Limits()
        self._sandbox = Sandbox()
        self._compiled = Kept(self._compile, _weight, kept)

    def budget(self, share: float = 1.0) -> Budget:
        """What may be spent on one value, or on several that are rendered together; or a share of it. Used by one thread at a time."""
        budget = Budget(self.limits)
        budget.left = int(budget.left * share)
        return budget

    def text(self, template: Any, scope: Mapping[str, Any], ports: Ports, budget: Budget | None = None) -> str:
        """Renders to text; a value that isn't text is printed by the same rules. Raises ExpressionError."""
        budget = budget or self.budget()
        if isinstance(template, str):
            return untagged(self._text(template, scope, ports, budget, 0)) if "{" in template else template
        return _bounded(lambda: printed(template, budget))

    def typed(self, value: Any, scope: Mapping[str, Any], ports: Ports, budget: Budget | None = None) -> Any:
        """Renders any nesting of maps and lists, keys too, and keeps types.

        A template of one expression becomes the expression's value, null when that is null. Several parts become text; when a map or list is among them, the
        text is read as JSON where it is JSON. All of it is rendered from one budget. Raises ExpressionError, whose `path` says where in the nesting.
        """
        paid = budget or self.budget()
        return self._nested(value, lambda template: self._typed(template, scope, ports, paid), paid)

    def nested_text(self, value: Any, scope: Mapping[str, Any], ports: Ports, budget: Budget | None = None) -> Any:
        """Renders any nesting of maps and lists, keys too; every text becomes text. Other values stay. Budget and errors are those of `typed`."""
        paid = budget or self.budget()
        return self._nested(value, lambda template: untagged(self._text(template, scope, ports, paid, 0)) if "{" in template else template, paid)

    # --- compiling

    def _compile(self, source: str) -> Compiled | None:
        """None for text without anything to render."""
        if not has_expressions(source):
            return None
        syntax = roomy(parse, source, self.limits)
        long = len(source) > _SHORT or bool(syntax.bodies) or syntax.tree.find(nodes.For) is not None
        bodies = tuple(self._body(source, syntax, body) for body in syntax.bodies)
        return Compiled(source, self._ready(source, syntax.tree), syntax.places, syntax.nodes, long, bodies)

    def _ready(self, source: str, tree: nodes.Template) -> Template:
        try:
            return Template.from_code(self._sandbox, roomy(self._sandbox.compile, tree), {})
        except (RecursionError, MemoryError, SyntaxError):
            raise ExpressionError("this template is nested too deeply", template=source) from None

    def _body(self, source: str, syntax: Syntax, body: Body) -> Callable[[Run], str]:
        compiled = Compiled(source, self._ready(source, body.tree), syntax.places, syntax.nodes)

        def render(run: Run) -> str:
            run.budget.spend(body.weight)
            text = self._printed(compiled, run)
            run.budget.text(len(text))
            return text

        return render

    # --- rendering

    def _text(self, source: str, scope: Mapping[str, Any], ports: Ports, budget: Budget, depth: int) -> str:
        compiled = self._compiled(source)
        if compiled is None:
            return source
        _begin(compiled, budget)
        run = Run(source, compiled.places, scope, ports, budget, self._again, depth, compiled.bodies)
        return roomy(self._printed, compiled, run) if compiled.long else self._printed(compiled, run)

    def _printed(self, compiled: Compiled, run: Run) -> str:
        parts = compiled.parts(run)
        try:
            return _written(parts, run.budget)
        except Refused as refused:
            raise run.at(_place_of(compiled, parts), refused) from None
        except RecursionError:
            raise ExpressionError("a value is nested too deeply", template=compiled.source) from None

    def _typed(self, source: str, scope: Mapping[str, Any], ports: Ports, budget: Budget) -> Any:
        if "{" not in source:
            return source
        compiled = self._compiled(source)
        if compiled is None:
            return source
        _begin(compiled, budget)
        run = Run(source, compiled.places, scope, ports, budget, self._again, 0, compiled.bodies)
        return roomy(self._valued, compiled, run) if compiled.long else self._valued(compiled, run)

    def _valued(self, compiled: Compiled, run: Run) -> Any:
        parts = compiled.parts(run)
        try:
            value = _joined([part for part in parts if part is not None], run.budget)
            return untagged(value) if isinstance(value, str) else value
        except Refused as refused:
            raise run.at(_place_of(compiled, parts), refused) from None
        except RecursionError:
            raise ExpressionError("a value is nested too deeply", template=compiled.source) from None

    def _nested(self, value: Any, render: Callable[[str], Any], budget: Budget, levels: int | None = None) -> Any:
        levels = self.limits.nesting if levels is None else levels
        if levels < 0:
            raise ExpressionError(f"maps and lists are nested deeper than {self.limits.nesting} levels")
        if isinstance(value, str):
            return render(value)
        if isinstance(value, Mapping):
            _enter(value, budget)
            return {self._key(key, render): self._under(key, item, render, budget, levels) for key, item in value.items()}
        if isinstance(value, list | tuple):
            _enter(value, budget)
            return [self._under(index, item, render, budget, levels) for index, item in enumerate(value)]
        return value

    def _under(self, key: Any, item: Any, render: Callable[[str], Any], budget: Budget, levels: int) -> Any:
        try:
            return self._nested(item, render, budget, levels - 1)
        except ExpressionError as error:
            raise error.under(key if isinstance(key, int) else str(key)) from None

    def _key(self, key: Any, render: Callable[[str], Any]) -> Any:
        if not isinstance(key, str):
            return key
        rendered = render(key)
        if isinstance(rendered, str):
            return rendered
        return _bounded(lambda: printed(rendered, Budget(self.limits)))

    # --- render() and renderOnce()

    def _again(self, run: Run, value: Any, recursive: bool) -> Any:
        """Renders a value inside a running render, from the same budget. Raises Refused or Absent for what is wrong in it."""
        if run.depth >= self.limits.renders:
            raise Refused(f"`render()` inside `render()` more than {self.limits.renders} times; is a variable defined by itself?")
        try:
            return self._nested(value, lambda template: self._until_stable(run, template, recursive), run.budget)
        except UndefinedError as error:
            raise Absent(_inside(error)) from None
        except ExpressionError as error:
            raise Refused(_inside(error)) from None

    def _until_stable(self, run: Run, template: str, recursive: bool) -> str:
        if not recursive:
            return self._below(run, template)
        raw = Raw(run.budget)
        for _ in range(self.limits.rounds):
            template = raw.cut(template)
            rendered = self._below(run, template)
            if rendered == template:
                return raw.put_back(rendered)
            run.budget.spend(10)
            template = rendered
        raise Refused(f"still not rendered after {self.limits.rounds} rounds; is a variable defined by itself?")

    def _below(self, run: Run, template: str) -> str:
        return self._text(template, Visible(run.locals, run.scope), run.ports, run.budget, run.depth + 1) if "{" in template else template


def _weight(source: str, compiled: Compiled | None) -> int:
    """About how many bytes are held for a template."""
    parts = 0 if compiled is None else _PART * compiled.nodes + _BODY * len(compiled.bodies)
    return _TEMPLATE + _CHARACTER * len(source) + parts


def _begin(compiled: Compiled, budget: Budget) -> None:
    """A template's own price."""
    try:
        budget.template(compiled.source, compiled.nodes)
    except Refused as refused:
        raise ExpressionError(str(refused), template=compiled.source) from None


def _inside(error: ExpressionError) -> Message:
    """What is wrong in a rendered text. Not put into words yet: `??` may forgive it."""
    return lambda: f"in the rendered text: {error}"


def _enter(value: Any, budget: Budget) -> None:
    """Pays for a level of a map or list; the same list may stand in it many times over."""
    try:
        budget.spend(16 + 2 * len(value))
    except Refused as refused:
        raise ExpressionError(str(refused)) from None


def _place_of(compiled: Compiled, parts: GeneratorType[Any, None, None]) -> int:
    """The place of the expression whose value was yielded last."""
    frame = parts.gi_frame
    return compiled.template.get_corresponding_lineno(frame.f_lineno) if frame is not None else 0


def _joined(values: list[Any], budget: Budget) -> Any:
    if not values:
        return None
    if len(values) == 1:
        return plain(values[0], budget)
    text = _written(values, budget)
    budget.text(len(text))
    if all(isinstance(value, str | bool) or is_number(value) for value in values):
        return text
    try:
        return parse_json(text)
    except (ValueError, RecursionError):
        return text


def _written(values: Iterable[Any], budget: Budget) -> str:
    """All values, printed one behind the other."""
    texts: list[str] = []
    room = budget.limits.output
    for value in values:
        text = value if type(value) is str else printed(value, budget)
        room -= len(text)
        if room < 0:
            raise Refused(f"the rendered text gets longer than {budget.limits.output:,} characters")
        texts.append(text)
    return "".join(texts)


def _bounded(render: Callable[[], str]) -> str:
    """Prints a value that stands in no template."""
    try:
        return render()
    except Refused as refused:
        raise ExpressionError(str(refused)) from None


def references(template: str) -> tuple[Reference | Call, ...]:
    """What a template names, in the order of the text. Raises ExpressionError for one that can't be read."""
    return parse(template, Limits()).found if has_expressions(template) else ()


def truthy(text: str | None) -> bool:
    """`runIf` and conditions, after rendering: empty, `false`, `0` and `-0` are false; anything else is true, `False` too."""
    return text is not None and text.strip() not in _FALSE
