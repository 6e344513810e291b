"""One render: the methods that compiled templates call.

Each takes the number of its place first (`Syntax.places`), so that an error gets line and column without costing anything before it happens. Values are asked
from the scope when an expression needs them: a scope with ten thousand lazy outputs costs nothing until one is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from runners.masking import is_sealed
from service.expressions import operators
from service.expressions.access import item, new_key
from service.expressions.calls import Calls
from service.expressions.entry import Entry
from service.expressions.errors import Absent, ExpressionError, Refused, UndefinedError, did_you_mean, error_at
from service.expressions.limits import Budget
from service.expressions.ports import Ports
from service.expressions.stack import roomy
from service.expressions.syntax import Place
from service.expressions.values import equal, is_list, is_long, kind
from service.expressions.visible import CONTEXT, Visible

_FORGIVEN, _MAP = 20, 8  #: steps
_PLAIN: frozenset[type] = frozenset((dict, Entry))  #: maps that are read at once; others may be lazy

Binary = Callable[["Run", int, Any, Any], Any]


def _operator(apply: Callable[[Any, Any, Budget], Any]) -> Binary:
    """An operator on two values, with its place for the error."""

    def run(self: Run, place: int, left: Any, right: Any) -> Any:
        try:
            if is_long(left) or is_long(right):
                self.budget.room()
                return roomy(apply, left, right, self.budget)
            return apply(left, right, self.budget)
        except Refused as refused:
            raise self.at(place, refused) from None

    return run


def _unary(apply: Callable[[Any, Budget], Any]) -> Callable[[Run, int, Any], Any]:
    """An operator on one value, with its place for the error."""

    def run(self: Run, place: int, value: Any) -> Any:
        try:
            return apply(value, self.budget)
        except Refused as refused:
            raise self.at(place, refused) from None

    return run


def _comparison(symbol: str) -> Binary:
    return _operator(partial(operators.compare, symbol))


class Run(Calls):
    """The state of one render, and what functions get as `call`."""

    __slots__ = ("_calls", "_empty", "bodies", "budget", "depth", "locals", "places", "ports", "render", "scope", "template")

    def __init__(
        self,
        template: str,
        places: tuple[Place, ...],
        scope: Mapping[str, Any],
        ports: Ports,
        budget: Budget,
        render: Callable[[Run, Any, bool], Any],
        depth: int = 0,
        bodies: tuple[Callable[[Run], str], ...] = (),
    ) -> None:
        self.template = template
        self.places = places
        self.scope = scope
        self.ports = ports
        self.budget = budget
        self.render = render  #: renders a value again, in this run's scope: `render()`
        self.depth = depth
        self.bodies = bodies  #: render the bodies of macros, blocks and filters, by their number
        self._calls = 0
        self.locals: list[dict[str, Any]] = []
        self._empty = False

    def at(self, place: int, refused: Refused) -> ExpressionError:
        """An error with its place."""
        wrong = UndefinedError if isinstance(refused, Absent) else ExpressionError
        offset = self.places[place].at if place < len(self.places) else 0
        return error_at(self.template, offset, refused.message, wrong)

    # --- names

    def path(self, place: int, name: str, *keys: Any) -> Any:
        """A variable, and the literal keys after it; key number n has the place n after the name's."""
        value = self.variable(place, name)
        for key in keys:
            place += 1
            value = value[key] if type(value) in _PLAIN and key in value else self.item(place, value, key)
        return self._opened(place, value) if is_sealed(value) else value

    def variable(self, place: int, name: str) -> Any:
        """What a name stands for: the template's own names first, then the scope."""
        for names in reversed(self.locals):
            if name in names:
                return names[name]
        try:
            return self.scope[name]
        except KeyError:
            known = Visible(self.locals, self.scope)
            if name == CONTEXT:
                return known
            raise self.at(place, Absent(lambda: f"`{name}` is not defined{did_you_mean(name, known)}")) from None

    def item(self, place: int, value: Any, key: Any) -> Any:
        """`value.key` or `value[key]`."""
        try:
            found = item(value, key, self._owner(place))
        except Refused as refused:
            raise self.at(place, refused) from None
        return self._opened(place, found) if is_sealed(found) else found

    def _opened(self, place: int, sealed: Mapping[str, Any]) -> str:
        """A text that is kept encrypted, read where an expression names it."""
        try:
            return self.ports.open(sealed["value"])
        except Refused as refused:
            raise self.at(place, refused) from None

    def _owner(self, place: int) -> str:
        """The source text in front of a key."""
        where = self.places[place]
        return self.template[where.start : where.at].rstrip(" .[\n\t")

    def assign(self, _place: int, name: str, value: Any) -> None:
        """`set`: changes the name where it is known; a new one ends with the loop that it is given in."""
        if not self.locals:
            self.locals.append({})
        known = next((names for names in reversed(self.locals) if name in names), None)
        if known is None:
            known = self.locals[0 if len(self.locals) > 1 and name in self.scope else -1]
        known[name] = value

    # --- loops

    def each(self, place: int, values: Any, name: str, weight: int) -> Iterator[Any]:
        """Runs a loop's body for every item, with `name` and `loop` bound. Each round costs the size of the body."""
        self._empty = False
        if values is None:
            return
        if not self.locals:
            self.locals.append({})
        bound: dict[str, Any] = {}
        count = self._count(place, values)
        self._empty = count == 0
        self.locals.append(bound)
        for index, value in enumerate(_items(values)):
            bound["loop"] = {"index": index, "length": count, "first": index == 0, "last": index == count - 1, "revindex": count - index - 1}
            bound[name] = value
            try:
                self.budget.spend(weight)
            except Refused as refused:
                raise self.at(place, refused) from None
            yield value
        self.locals.pop()

    def _count(self, place: int, values: Any) -> int:
        if isinstance(values, Mapping) or is_list(values):
            return len(values)
        raise self.at(place, Refused(f"`for` goes over lists and maps, not over {kind(values)}"))

    def was_empty(self, _place: int) -> bool:
        """Whether the loop just left had nothing to go over; for null its `else` isn't meant either."""
        return self._empty

    # --- macros, blocks, filtered text

    def macro(self, place: int, body: int, names: tuple[str, ...], *values: Any) -> str:
        """A macro's text: it sees its arguments and nothing else."""
        locals_, scope = self.locals, self.scope
        self.locals, self.scope = [dict(zip(names, values, strict=True))], {}
        try:
            return self.captured(place, body)
        finally:
            self.locals, self.scope = locals_, scope

    def unless_given(self, _place: int, name: str, value: Callable[[], Any]) -> None:
        """The default of a macro's argument."""
        if name not in self.locals[0]:
            self.locals[0][name] = value()

    def captured(self, place: int, body: int) -> str:
        """The text of a body that is rendered on its own."""
        if self._calls >= self.budget.limits.calls:
            raise self.at(place, Refused(f"macros call each other more than {self.budget.limits.calls} levels deep; does one call itself for ever?"))
        depth = len(self.locals)
        self._calls += 1
        try:
            return self.bodies[body](self)
        except Refused as refused:
            raise self.at(place, refused) from None
        finally:
            self._calls -= 1
            # A loop that an error left half way has not taken its names away.
            del self.locals[max(depth, 1) :]

    # --- truth

    def truth(self, place: int, value: Any) -> bool:
        """`if`, `and`, `or`."""
        if value is True or value is False:
            return bool(value)
        try:
            return operators.truth(value)
        except Refused as refused:
            raise self.at(place, refused) from None

    def chosen(self, place: int, value: Any) -> bool:
        """The test of `a ? b : c`: null is false."""
        return value is not None and self.truth(place, value)

    def negate(self, place: int, value: Any) -> bool:
        """`not`."""
        return not self.truth(place, value)

    # --- operators

    negative = _unary(operators.negative)
    positive = _unary(operators.positive)
    equals = _operator(equal)
    differs = _operator(lambda left, right, budget: not equal(left, right, budget))
    less = _comparison("<")
    more = _comparison(">")
    at_most = _comparison("<=")
    at_least = _comparison(">=")
    contains = _operator(operators.contains)
    is_in = _operator(operators.is_in)
    subtract = _operator(operators.subtract)
    multiply = _operator(operators.multiply)
    divide = _operator(operators.divide)
    modulo = _operator(operators.modulo)
    between = _operator(lambda left, right, budget: operators.between(left, right, 1, budget))

    def add(self, place: int, first: Any, *others: Any) -> Any:
        """`+`, from the left."""
        try:
            for other in others:
                first = operators.add(first, other, self.budget)
        except Refused as refused:
            raise self.at(place, refused) from None
        return first

    def concatenate(self, place: int, *values: Any) -> str:
        """`~` and `"#{…}"`."""
        try:
            return operators.concatenate(values, self.budget)
        except Refused as refused:
            raise self.at(place, refused) from None

    def mapping(self, place: int, *pairs: Any) -> dict[Any, Any]:
        """`{key: value}`."""
        try:
            self.budget.spend(_MAP + len(pairs))
            return dict(zip(map(new_key, pairs[::2]), pairs[1::2], strict=True))
        except Refused as refused:
            raise self.at(place, refused) from None

    def if_null(self, _place: int, left: Callable[[], Any], right: Callable[[], Any]) -> Any:
        """`??`: the right side for what is null or unknown."""
        value = self.optional(_place, left)
        return right() if value is None else value

    def if_undefined(self, place: int, left: Callable[[], Any], right: Callable[[], Any]) -> Any:
        """`???`: the right side for what is unknown; null stays null."""
        try:
            return left()
        except UndefinedError:
            self._forgive(place)
        return right()

    def optional(self, place: int, value: Callable[[], Any]) -> Any:
        """The value, null when it is unknown."""
        try:
            return value()
        except UndefinedError:
            self._forgive(place)
        return None

    def _forgive(self, place: int) -> None:
        """An error that nobody sees has its price too: it was raised, and its place was looked for."""
        try:
            self.budget.spend(_FORGIVEN + (len(self.template) >> 8) + sum(map(len, self.locals)))
        except Refused as refused:
            raise self.at(place, refused) from None

    def defined(self, _place: int, value: Callable[[], Any]) -> bool:
        """`is defined`: known, and not null."""
        return self.optional(_place, value) is not None


def _items(values: Any) -> Iterator[Any]:
    if isinstance(values, Mapping):
        return (Entry(key=key, value=value) for key, value in values.items())
    return iter(values)
