"""What an execution is given against what its flow declares: values, defaults, choices, and inputs that are asked for only when others say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runners.masking import STARS
from service.engine.program import RenderFailed
from service.expressions import ExpressionError, truthy
from service.flows.inputs import Input
from service.flows.inputs.choices import Choosing, choice
from service.flows.inputs.definition import Dependency
from service.flows.problems import escaped
from service.flows.values import BadValue, as_text, has_template, structured

Render = Callable[[Any, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class InputProblem:
    """Why one input has no value."""

    id: str
    message: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What one input comes to. `value` is the one that was given, or its default as written, where there is a `problem`. `enabled` False: others say that it is
    not asked for. `default`: nobody gave a value, and it has one of its own. `choices` are those that an expression made."""

    input: Input
    value: Any = None
    enabled: bool = True
    default: bool = False
    problem: str | None = None
    choices: Sequence[str] | None = None


_WRONG = (BadValue, RenderFailed, ExpressionError)


def resolve_inputs(inputs: Iterable[Input], given: Mapping[str, Any], render: Render) -> tuple[dict[str, Any], list[InputProblem], list[str]]:
    """Values by name (dotted ids nested), what is wrong with each input, and given names that nobody declared.

    Inputs are resolved in order, those that others decide about after them; `render(value, scope)` renders defaults, choices and conditions with
    `scope["inputs"]` holding those before. A given None counts as not given. An optional input without a value is None; one whose condition does not hold
    is left out.
    """
    declared = tuple(inputs)
    values, settled = _settle_all(declared, given, render, shown=False)
    problems = [InputProblem(one.input.id, one.problem) for one in settled if one.problem is not None]
    return values, problems, _unknown(declared, given)


def settle_inputs(inputs: Iterable[Input], given: Mapping[str, Any], render: Render) -> list[Settled]:
    """What each input comes to, as `resolve_inputs` would have it, for somebody who is filling them in: in the order in which they are declared, with choices
    also where there is no value yet."""
    declared = tuple(inputs)
    _, settled = _settle_all(declared, given, render, shown=True)
    found = {one.input.id: one for one in settled}
    return [found[definition.id] for definition in declared]


def _settle_all(declared: Sequence[Input], given: Mapping[str, Any], render: Render, *, shown: bool) -> tuple[dict[str, Any], list[Settled]]:
    values: dict[str, Any] = {}
    settled: list[Settled] = []
    left_out: set[str] = set()
    for definition in in_order(declared):
        one = _settle(definition, _given(given, definition.id), values, left_out, render, shown=shown)
        settled.append(one)
        if not one.enabled:
            left_out.add(definition.id)
        elif one.problem is None:
            put(values, definition.id, one.value)
    return values, settled


def in_order(inputs: Sequence[Input]) -> list[Input]:
    """As declared, but each after those that it depends on. Circles, which reading a flow refuses, are left as they are."""
    known = {definition.id: definition for definition in inputs}
    ordered: dict[str, Input] = {}
    begun: set[str] = set()
    for definition in inputs:
        stack = [definition]
        while stack:
            begun.add(stack[-1].id)
            needed = (name for dependency in stack[-1].dependencies for name in dependency.inputs)
            waiting = [known[name] for name in needed if name in known and name not in begun]
            if waiting:
                stack += reversed(waiting)
            else:
                ordered.setdefault(stack[-1].id, stack.pop())
    return list(ordered.values())


def _asked_for(definition: Input, values: Mapping[str, Any], left_out: set[str], render: Render) -> bool:
    return all(_holds(dependency, values, left_out, render) for dependency in definition.dependencies)


def _holds(dependency: Dependency, values: Mapping[str, Any], left_out: set[str], render: Render) -> bool:
    if left_out.issuperset(dependency.inputs):
        return False
    if dependency.condition is None:
        return True
    held = render(dependency.condition, {"inputs": values})
    return held if isinstance(held, bool) else truthy(as_text(held) if held is not None else "")


def _settle(definition: Input, value: Any, values: Mapping[str, Any], left_out: set[str], render: Render, *, shown: bool) -> Settled:
    choices: list[str] | None = None
    default = False
    try:
        if not _asked_for(definition, values, left_out, render):
            return Settled(definition, enabled=False)
        if isinstance(definition, Choosing) and (shown or definition.chooses(given=value is not None)):
            choices = _choices(definition, {"inputs": values}, render)
        if value is None:
            value = definition.default(choices) if isinstance(definition, Choosing) else definition.default()
            default = value is not None
        return Settled(definition, _resolve(definition, value, choices, values, render, default=default), default=default, choices=choices)
    except _WRONG as bad:
        return Settled(definition, value, default=default, problem=str(bad), choices=choices)


def _resolve(definition: Input, value: Any, choices: list[str] | None, values: Mapping[str, Any], render: Render, *, default: bool) -> Any:
    if default and has_template(value):
        value = render(value, {"inputs": values})
    if value is None:
        if definition.required:
            raise BadValue(f"Missing required input:{definition.id}")
        return None
    try:
        if not isinstance(definition, Choosing):
            return definition.parse(value)
        if choices is None and definition.chooses(given=True):
            choices = _choices(definition, {"inputs": values}, render)
        return definition.parse(value, choices)
    except BadValue as bad:
        received = STARS if definition.secret else escaped(value)
        raise BadValue(f"Invalid input for `{definition.id}`, it {bad}, but received `{received}`") from None


def _choices(definition: Choosing, scope: Mapping[str, Any], render: Render) -> list[str] | None:
    if not definition.expression:
        return None
    rendered = structured(render(definition.expression, scope))
    if not isinstance(rendered, list):
        raise BadValue("has an `expression` that does not render to a list")
    return [as_text(choice(entry)) for entry in rendered]


def _given(given: Mapping[str, Any], name: str) -> Any:
    """By its dotted name, or nested."""
    if name in given:
        return given[name]
    value: Any = given
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def put(values: dict[str, Any], name: str, value: Any) -> None:
    """Sets a value by its name; dots nest."""
    *parents, last = name.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
    values[last] = value


def _unknown(declared: Iterable[Input], given: Mapping[str, Any]) -> list[str]:
    names = {definition.id for definition in declared}
    heads = {name.split(".", 1)[0] for name in names if "." in name}
    return [name for name in given if name not in names and not (name in heads and isinstance(given[name], Mapping))]
