"""A second reading of Pebble, written from `KESTRA.md` 7.1, 7.5 and 7.6 alone: the slow and plain interpreter that the evaluator is held against.

Nothing here comes from `service`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from tests.expressions.trees import Binary, Filter, Is, Item, Key, Listing, Literal, Mapped, Name, Parts, Ternary, Tree, Unary, Woven

Scope = Mapping[str, Any]


class Missing(Exception):
    """A name, key or index that is not there: what `??`, `???`, `default` and `is defined` swallow."""


class Wrong(Exception):
    """Any other mistake: nothing swallows it."""


BLANK = "".join(map(chr, range(33)))  #: what Java trims
MOST_ITEMS = 100_000  #: of a range; the one limit of the product that this reading has to know


# Values


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def long(value: int) -> int:
    """64 bits; more is a mistake here, where Java would go on with the wrong number."""
    if not -(2**63) <= value < 2**63:
        raise Wrong("too large")
    return value


def plain(value: Any) -> str:
    """Java's text form of a scalar."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return java_double(value) if isinstance(value, float) else str(value)


def java_double(value: float) -> str:
    """`1.0`, `1.0E10`, `1.0E-5`: plain digits from a thousandth to below ten million."""
    if math.isnan(value) or math.isinf(value):
        return str(value).replace("nan", "NaN").replace("inf", "Infinity")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    digits, _, exponent = next(text for text in (f"{value:.{places}e}" for places in range(1, 18)) if float(text) == value).partition("e")
    return f"{digits}E{int(exponent)}"


def as_json(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(plain(key), ensure_ascii=False)}:{as_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(as_json, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return f'"{java_double(value)}"'
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else plain(value)


def shown(value: Any) -> str:
    """What `{{ }}` prints."""
    if value is None:
        return ""
    return as_json(value) if isinstance(value, list | dict) else plain(value)


def spelled(value: Any) -> str:
    """What `+`, `~`, `join` and `isIn` see: Java's own text of a value."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{spelled(key)}={spelled(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(spelled, value)) + "]"
    return plain(value)


def truth(value: Any) -> bool:
    if isinstance(value, bool) or is_number(value) or isinstance(value, str):
        return bool(value)
    raise Wrong("no truth in null, lists and maps")


def same(left: Any, right: Any) -> bool:
    """`==`: numbers by value, everything else only with its own kind."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


# Operators


def add(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return spelled(left) + spelled(right)
    if isinstance(left, list):
        return left + (right if isinstance(right, list) else [right])
    return arithmetic("+", left, right)


def subtract(left: Any, right: Any) -> Any:
    if isinstance(left, list):
        gone = right if isinstance(right, list) else [right]
        return [item for item in left if not any(same(item, one) for one in gone)]
    return arithmetic("-", left, right)


def arithmetic(operator: str, left: Any, right: Any) -> Any:
    if not (is_number(left) and is_number(right)):
        raise Wrong("numbers only")
    if isinstance(left, float) or isinstance(right, float):
        return doubles(operator, float(left), float(right))
    if operator in "/%" and right == 0:
        raise Wrong("by zero")
    quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1) if operator in "/%" else 0
    worked = {"+": left + right, "-": left - right, "*": left * right, "/": quotient, "%": left - quotient * right}
    return long(worked[operator])


def doubles(operator: str, left: float, right: float) -> float:
    if operator in "/%" and right == 0:
        return float("nan") if operator == "%" or left in (0, float("nan")) else float("inf") * (1 if left > 0 else -1)
    remainder = math.fmod(left, right) if operator == "%" else 0.0
    return {"+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right, "/": lambda: left / right, "%": lambda: remainder}[operator]()


def ordered(operator: str, left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    if not (is_number(left) and is_number(right)) and not (isinstance(left, str) and isinstance(right, str)):
        raise Wrong("two numbers or two texts")
    a, b = (left, right) if is_number(left) else (units(left), units(right))
    return {"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[operator]


def units(text: str) -> bytes:
    """UTF-16, by which Java orders."""
    return text.encode("utf-16-be", "surrogatepass")


def as_key(value: Any) -> Any:
    """A map has booleans by their text."""
    return spelled(value) if isinstance(value, bool) else value


def contains(left: Any, right: Any) -> bool:
    if left is None:
        return False
    if isinstance(left, list):
        wanted = right if isinstance(right, list) else [right]
        return all(any(same(item, one) for item in left) for one in wanted)
    if isinstance(left, dict):
        return any(same(key, as_key(right)) for key in left)
    if isinstance(left, str):
        return spelled(right) in left
    raise Wrong("nothing can be in this")


def is_in(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    if isinstance(right, dict):
        return spelled(left) in [spelled(one) for pair in right.items() for one in pair]
    if isinstance(right, list):
        return spelled(left) in map(spelled, right)
    return False


def span(left: Any, right: Any) -> list[Any]:
    if is_number(left) and is_number(right):
        if not (math.isfinite(left) and math.isfinite(right)) or int(right) - int(left) >= MOST_ITEMS:
            raise Wrong("a range of at most so many finite numbers")
        return list(range(int(left), int(right) + 1))
    if isinstance(left, str) and isinstance(right, str) and length(left) == length(right) == 1:
        return [chr(code) for code in range(ord(left), ord(right) + 1)]
    raise Wrong("two numbers or two characters")


def negative(value: Any) -> Any:
    if not is_number(value):
        raise Wrong("numbers only")
    return -value if isinstance(value, float) else long(-value)


def positive(value: Any) -> Any:
    if not is_number(value):
        raise Wrong("numbers only")
    return value


def get(base: Any, index: Any) -> Any:
    """What is behind a key or an index; a number is also looked for as the text that most keys are."""
    if isinstance(base, dict):
        found = [value for key, value in base.items() if same(key, as_key(index))]
        if found:
            return found[0]
        if is_number(index) and index == int(index) and str(int(index)) in base:
            return base[str(int(index))]
    digits = index if isinstance(index, str) else str(index) if isinstance(index, int) and not isinstance(index, bool) else ""
    if isinstance(base, list) and digits.isdecimal() and digits.isascii() and int(digits) < len(base):
        return base[int(digits)]
    raise Missing(index)


# Filters and tests


def cased(change: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else change(spelled(value))


def trimmed(value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise Wrong("texts only")
    return None if value is None else value.strip(BLANK)


def length(value: Any) -> int:
    if isinstance(value, str):
        return len(units(value)) // 2
    return len(value) if isinstance(value, list | dict) else 0


def first(value: Any) -> Any:
    if value is None or value == []:
        return None
    if isinstance(value, list) or (isinstance(value, str) and value):
        return "?" if isinstance(value, str) and length(value[0]) == 2 else value[0]  # half a character
    raise Wrong("lists, and texts with a first character")


def joined(value: Any, separator: str = "") -> Any:
    if value is None:
        return None
    if not isinstance(value, list):
        raise Wrong("lists only")
    return separator.join(map(spelled, value))


def is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip(BLANK)) or (isinstance(value, list | dict) and not value)


def parity(rest: int) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Wrong("whole numbers only")
        return value % 2 == rest

    return holds


FILTERS: dict[str, Callable[..., Any]] = {
    "upper": cased(str.upper), "lower": cased(str.lower), "trim": trimmed,
    "length": length, "first": first, "join": joined,
}  # fmt: skip
TESTS: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "defined": lambda value: value is not None,
    "empty": is_empty,
    "iterable": lambda value: isinstance(value, list),
    "map": lambda value: isinstance(value, dict),
    "even": parity(0),
    "odd": parity(1),
}


# Trees


def strictly(operator: str) -> Callable[[Any, Any], Any]:
    return lambda left, right: arithmetic(operator, left, right)


def by_order(operator: str) -> Callable[[Any, Any], bool]:
    return lambda left, right: ordered(operator, left, right)


BOTH: dict[str, Callable[[Any, Any], Any]] = {
    **{"+": add, "-": subtract, "*": strictly("*"), "/": strictly("/"), "%": strictly("%")},
    **{operator: by_order(operator) for operator in ("<", ">", "<=", ">=")},
    **{"==": same, "equals": same, "!=": lambda left, right: not same(left, right)},
    **{"contains": contains, "isIn": is_in, "..": span},
    "~": lambda left, right: joined([value for value in (left, right) if value is not None]),
}


def binary(tree: Binary, scope: Scope) -> Any:
    def left() -> Any:
        return evaluate(tree.left, scope)

    def right() -> Any:
        return evaluate(tree.right, scope)

    match tree.operator:
        case "and":
            return truth(left()) and truth(right())
        case "or":
            return truth(left()) or truth(right())
        case "??" | "???":
            try:
                found = left()
            except Missing:
                return right()
            return right() if found is None and tree.operator == "??" else found
    return BOTH[tree.operator](left(), right())


def filtered(tree: Filter, scope: Scope) -> Any:
    forgiven = False
    try:
        found = evaluate(tree.operand, scope)
    except Missing:
        if tree.name != "default":
            raise
        found, forgiven = None, True
    arguments = [evaluate(argument, scope) for argument in tree.arguments]
    if tree.name == "default":
        return arguments[0] if forgiven or is_empty(found) else found
    return FILTERS[tree.name](found, *arguments)


def tested(tree: Is, scope: Scope) -> bool:
    try:
        found = evaluate(tree.operand, scope)
    except Missing:
        if tree.test != "defined":
            raise
        return tree.negated
    holds = TESTS[tree.test](found)
    return holds != tree.negated


def named(name: str, scope: Scope) -> Any:
    if name not in scope:
        raise Missing(name)
    return scope[name]


def chosen(tree: Ternary, scope: Scope) -> Any:
    condition = evaluate(tree.condition, scope)
    return evaluate(tree.then if condition is not None and truth(condition) else tree.otherwise, scope)


def mapping(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    if not all(isinstance(key, str | int | float) for key, _ in pairs):
        raise Wrong("no key")
    return {as_key(key): value for key, value in pairs}


def woven(tree: Woven, scope: Scope) -> Any:
    """An expression alone between the quotes keeps its kind."""
    values = [part if isinstance(part, str) else evaluate(part, scope) for part in tree.parts]
    return values[0] if len(values) == 1 else joined([value for value in values if value is not None])


UNARIES: dict[str, Callable[[Any], Any]] = {"not": lambda value: not truth(value), "-": negative, "+": positive}
EVALUATORS: dict[type, Callable[[Any, Scope], Any]] = {
    Literal: lambda tree, scope: tree.value,
    Name: lambda tree, scope: named(tree.name, scope),
    Key: lambda tree, scope: get(evaluate(tree.base, scope), tree.name),
    Item: lambda tree, scope: get(evaluate(tree.base, scope), evaluate(tree.index, scope)),
    Unary: lambda tree, scope: UNARIES[tree.operator](evaluate(tree.operand, scope)),
    Binary: binary,
    Ternary: chosen,
    Filter: filtered,
    Is: tested,
    Listing: lambda tree, scope: [evaluate(item, scope) for item in tree.items],
    Mapped: lambda tree, scope: mapping([(evaluate(key, scope), evaluate(value, scope)) for key, value in tree.pairs]),
    Woven: lambda tree, scope: woven(tree, scope),
}


def evaluate(tree: Tree, scope: Scope) -> Any:
    return EVALUATORS[type(tree)](tree, scope)


# Templates


def text(parts: Parts, scope: Scope) -> str:
    return "".join(part if isinstance(part, str) else shown(evaluate(part, scope)) for part in parts)


def typed(parts: Parts, scope: Scope) -> Any:
    values = [part if isinstance(part, str) else evaluate(part, scope) for part in parts]
    written = [value for value in values if value is not None]
    if len(written) < 2:
        return written[0] if written else None
    whole = "".join(map(shown, written))
    if not any(isinstance(value, list | dict) for value in written):
        return whole
    try:
        return json.loads(whole)
    except ValueError:
        return whole
