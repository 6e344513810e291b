"""Inputs: what an execution is given. One class for each type, and the resolution of what came in against what was declared.

Values come as text (forms, command lines) or typed (JSON); both are read. What comes out is JSON: dates, times, instants and durations
are ISO-8601 text, instants in UTC.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from runners.fields import Duration, Model, Text, is_template, parse_duration
from service.engine.program import RenderFailed
from service.expressions import ExpressionError
from service.flows.document import InputId
from service.flows.patterns import BadPattern, check_pattern, matches_whole
from service.flows.problems import escaped
from service.flows.source import read_value

#: The longest text that one input takes, in characters.
LONGEST = 1_048_576
_INT = re.compile(r"[+-]?[0-9]{1,19}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|z|[+-]\d{2}:?\d{2})", re.ASCII)
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s.]{1,63}(?:\.[^@\s.]{1,63})+")

ItemType = Literal["STRING", "INT", "FLOAT", "BOOL", "BOOLEAN", "DATETIME", "DATE", "TIME", "DURATION", "JSON", "YAML", "URI", "EMAIL"]

Render = Callable[[Any, Mapping[str, Any]], Any]


class BadValue(ValueError):
    """The value is not one for this input; the text says why."""


@dataclass(frozen=True, slots=True)
class InputProblem:
    """Why one input has no value."""

    id: str
    message: str


def _checked_pattern(pattern: str) -> str:
    try:
        check_pattern(pattern)
    except BadPattern as bad:
        raise PydanticCustomError(
            "regex", "not a pattern that RE2 takes: {reason}", {"reason": str(bad), "hint": "no look-around, no back references"}
        ) from None
    return pattern


Pattern = Annotated[Text, AfterValidator(_checked_pattern)]


class Input(Model):
    """What every input has. `parse` reads a value; `choices` are those of an expression, already rendered."""

    TYPES: ClassVar[tuple[str, ...]] = ()
    RANGE: ClassVar[tuple[str, str]] = ("min", "max")

    id: InputId = Field(description="How expressions name it: `inputs.id`; dots nest.")
    type: str = Field(description="What values it takes.")
    display_name: Text | None = Field(None, description="What the form shows.")
    description: Text | None = Field(None, description="Markdown for people.")
    required: bool = Field(True, description="Whether an execution needs a value.")
    defaults: Any = Field(None, description="The value when none is given: a literal or an expression.")
    prefill: Any = Field(None, description="What the form begins with; may be emptied.")

    @model_validator(mode="after")
    def _consistent(self) -> Input:  # noqa: N804  # "after" validates an instance
        if self.defaults is not None and self.prefill is not None:
            raise PydanticCustomError(
                "input", "has both `defaults` and `prefill`", {"hint": "keep one: a default always gives a value, a prefill can be emptied"}
            )
        low, high = (getattr(self, name, None) for name in self.RANGE)
        if low is not None and high is not None and low > high:
            raise PydanticCustomError("input", "the lower bound is above the upper one")
        return self

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> Any:
        """The typed value; raises BadValue."""
        raise NotImplementedError

    def default(self) -> Any:
        """The default as written; None when there is none."""
        return self.defaults


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise BadValue("must be text")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise BadValue("holds half of a character")
    if len(value) > LONGEST:
        raise BadValue(f"is longer than {LONGEST:,} characters")
    return value


def _structured(value: Any) -> Any:
    """Text that holds JSON, read; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(_text(value), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadValue("is not JSON") from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _in_range(value: Any, low: Any, high: Any, shown: Callable[[Any], str] = str) -> Any:
    if low is not None and value < low:
        raise BadValue(f"must be {shown(low)} or more")
    if high is not None and value > high:
        raise BadValue(f"must be {shown(high)} or less")
    return value


class StringInput(Input):
    """Text, that may have to match a pattern as a whole."""

    TYPES = ("STRING",)

    validator: Pattern | None = Field(None, description="An RE2 pattern for the whole text.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        text = _text(value)
        if self.validator is not None and not matches_whole(self.validator, text):
            raise BadValue(f"must match the pattern `{escaped(self.validator)}`")
        return text


def _choice(value: Any) -> Any:
    """A choice is its value; the label is for the form."""
    if isinstance(value, dict) and set(value) <= {"label", "value"} and "value" in value:
        return value["value"]
    return value


Choice = Annotated[Text, BeforeValidator(_choice)]


class _Choosing(Input):
    """What SELECT and MULTISELECT share."""

    values: list[Choice] | None = Field(None, description="What can be chosen.")
    expression: Text | None = Field(None, description="An expression that renders to the list of choices.")
    allow_custom_value: bool = Field(False, description="Other values are taken too.")
    auto_select_first: bool = Field(False, description="The first choice is the default.")

    @model_validator(mode="after")
    def _has_choices(self) -> _Choosing:  # noqa: N804
        if not self.values and not self.expression:
            raise PydanticCustomError("input", "has neither `values` nor an `expression`", {"hint": "list what can be chosen under `values:`"})
        return self

    def default(self) -> Any:
        if self.defaults is None and self.auto_select_first and self.values:
            return self.values[0]
        return self.defaults

    def chosen(self, value: Any, choices: Sequence[str] | None) -> str:
        """One choice; raises BadValue."""
        text = _text(value)
        known = self.values if choices is None else choices
        if known is not None and text not in known and not self.allow_custom_value:
            raise BadValue(f"must be one of {', '.join(escaped(choice, 40) for choice in known[:20])}")
        return text


class SelectInput(_Choosing):
    """One of several values."""

    TYPES = ("SELECT", "ENUM")

    is_radio: bool = Field(False, description="Shown as radio buttons.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        return self.chosen(value, choices)


def _as_list(value: Any) -> list[Any]:
    """A list, JSON text that holds one, or one value alone (a form field that was sent once)."""
    if isinstance(value, str):
        value = _structured(value) if value.lstrip().startswith("[") else [value]
    if not isinstance(value, list | tuple):
        raise BadValue("must be a list")
    return list(value)


class MultiselectInput(_Choosing):
    """Any of several values."""

    TYPES = ("MULTISELECT",)

    options: list[Choice] | None = Field(None, description="Older name of `values`.")
    item_type: ItemType = Field("STRING", description="The type of each value.")

    @model_validator(mode="before")
    @classmethod
    def _one_list(cls, properties: Any) -> Any:
        if isinstance(properties, dict) and "options" in properties and "values" not in properties:
            return {**properties, "values": properties["options"]}
        return properties

    def default(self) -> Any:
        first = super().default()
        return [first] if self.defaults is None and first is not None else first

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> list[Any]:
        return [_item(self.item_type, self.chosen(entry, choices), number) for number, entry in enumerate(_as_list(value))]


class IntInput(Input):
    """A whole number."""

    TYPES = ("INT",)

    min: int | None = Field(None, description="The smallest value.")
    max: int | None = Field(None, description="The largest value.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            if not isinstance(value, str) or not _INT.fullmatch(value.strip()):
                raise BadValue("must be a whole number")
            value = int(value)
        if not -(2**63) <= value < 2**63:
            raise BadValue("must be a whole number of 64 bits")
        return int(_in_range(value, self.min, self.max))


class FloatInput(Input):
    """A number."""

    TYPES = ("FLOAT",)

    min: float | None = Field(None, description="The smallest value.")
    max: float | None = Field(None, description="The largest value.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(_text(value))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise BadValue("must be a number")
        return float(_in_range(number, self.min, self.max))


class BoolInput(Input):
    """True or false."""

    TYPES = ("BOOL", "BOOLEAN")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> bool:
        known = {"true": True, "false": False}.get(_text(value).strip().lower())
        if known is None:
            raise BadValue("must be true or false")
        return known


def read_instant(value: Any) -> datetime:
    """An instant with its offset; raises BadValue."""
    text = _text(value).strip()
    if not _INSTANT.fullmatch(text):
        raise BadValue("must be a date and time with an offset, such as 2026-01-31T06:00:00Z")
    try:
        return datetime.fromisoformat(_microseconds(text).upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadValue("is a date that does not exist") from None


def _microseconds(text: str) -> str:
    """Java writes nanoseconds; datetime reads six digits."""
    return re.sub(r"(\.\d{6})\d+", r"\1", text)


def read_date(value: Any) -> date:
    """A calendar date; raises BadValue."""
    text = _text(value).strip()
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        raise BadValue("is a date that does not exist") from None
    raise BadValue("must be a date such as 2026-01-31")


def read_time(value: Any) -> time:
    """A time of day; raises BadValue."""
    text = _text(value).strip()
    try:
        if _TIME.fullmatch(text):
            return time.fromisoformat(_microseconds(text))
    except ValueError:
        raise BadValue("is a time that does not exist") from None
    raise BadValue("must be a time such as 06:30:00")


def _bound(read: Callable[[Any], Any]) -> Any:
    def check(value: Any) -> Any:
        try:
            return read(value)
        except BadValue as bad:
            raise PydanticCustomError("input", "the bound {reason}", {"reason": str(bad)}) from None

    return BeforeValidator(check)


class DatetimeInput(Input):
    """An instant."""

    TYPES = ("DATETIME",)
    RANGE = ("after", "before")

    after: Annotated[datetime, _bound(read_instant)] | None = Field(None, description="The earliest value.")
    before: Annotated[datetime, _bound(read_instant)] | None = Field(None, description="The latest value.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        instant = _in_range(read_instant(value), self.after, self.before, _shown_instant)
        return _shown_instant(instant)


def _shown_instant(instant: datetime) -> str:
    return instant.isoformat().removesuffix("+00:00") + "Z"


class DateInput(Input):
    """A calendar date."""

    TYPES = ("DATE",)
    RANGE = ("after", "before")

    after: Annotated[date, _bound(read_date)] | None = Field(None, description="The earliest value.")
    before: Annotated[date, _bound(read_date)] | None = Field(None, description="The latest value.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        return str(_in_range(read_date(value), self.after, self.before).isoformat())


class TimeInput(Input):
    """A time of day."""

    TYPES = ("TIME",)
    RANGE = ("after", "before")

    after: Annotated[time, _bound(read_time)] | None = Field(None, description="The earliest value.")
    before: Annotated[time, _bound(read_time)] | None = Field(None, description="The latest value.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        return str(_in_range(read_time(value), self.after, self.before).isoformat())


class DurationInput(Input):
    """A length of time, kept as the ISO-8601 text that was given."""

    TYPES = ("DURATION",)

    min: Duration | None = Field(None, description="The shortest value.")
    max: Duration | None = Field(None, description="The longest value.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        text = _text(value).strip()
        try:
            length = parse_duration(text)
        except PydanticCustomError as bad:
            raise BadValue(f"is {bad.message()}") from None
        _in_range(length, self.min, self.max)
        return text


class JsonInput(Input):
    """Any JSON value."""

    TYPES = ("JSON",)

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> Any:
        return _structured(value)


class YamlInput(Input):
    """Any YAML value, read as flows are."""

    TYPES = ("YAML",)

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> Any:
        if not isinstance(value, str):
            return value
        read, problem = read_value(_text(value))
        if problem is not None:
            raise BadValue(f"is not YAML: line {problem.line}, column {problem.column}: {problem.message}")
        return read


class UriInput(Input):
    """Text that names something: any URI, absolute or relative."""

    TYPES = ("URI",)

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        text = _text(value).strip()
        if not text or any(character.isspace() or not character.isprintable() for character in text):
            raise BadValue("must be a URI, without spaces")
        return text


class EmailInput(Input):
    """An e-mail address."""

    TYPES = ("EMAIL",)

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        text = _text(value).strip()
        if len(text) > 254 or not _EMAIL.fullmatch(text):
            raise BadValue("must be an e-mail address")
        return text


class ArrayInput(Input):
    """A list whose entries are all of one type."""

    TYPES = ("ARRAY",)

    item_type: ItemType = Field(description="The type of each entry.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> list[Any]:
        entries = _structured(value)
        if not isinstance(entries, list | tuple):
            raise BadValue("must be a list, or JSON text that holds one")
        return [_item(self.item_type, entry, number) for number, entry in enumerate(entries)]


INPUT_TYPES: Mapping[str, type[Input]] = {
    name: cls
    for cls in (
        *(StringInput, SelectInput, MultiselectInput, IntInput, FloatInput, BoolInput, DatetimeInput, DateInput, TimeInput, DurationInput),
        *(JsonInput, YamlInput, UriInput, EmailInput, ArrayInput),
    )
    for name in cls.TYPES
}
#: Types of the language that this version does not take.
NOT_YET_TYPES = frozenset({"FILE", "SECRET", "FORM"})
NOT_YET_INPUT = frozenset({"dependsOn"})


def _item(type_name: str, value: Any, number: int) -> Any:
    """One entry of a list."""
    try:
        return INPUT_TYPES[type_name](id=str(number), type=type_name).parse(value)
    except BadValue as bad:
        raise BadValue(f"entry {number + 1} {bad}") from None


def resolve_inputs(inputs: Iterable[Input], given: Mapping[str, Any], render: Render) -> tuple[dict[str, Any], list[InputProblem], list[str]]:
    """Values by name (dotted ids nested), what is wrong with each input, and given names that nobody declared.

    Inputs are resolved in order; `render(value, scope)` renders defaults and choices with `scope["inputs"]` holding those before. A given None counts as
    not given. An optional input without a value is None.
    """
    declared = tuple(inputs)
    values: dict[str, Any] = {}
    problems: list[InputProblem] = []
    for definition in declared:
        try:
            _put(values, definition.id, _resolve(definition, _given(given, definition.id), values, render))
        except (BadValue, RenderFailed, ExpressionError) as bad:
            problems.append(InputProblem(definition.id, str(bad)))
    return values, problems, _unknown(declared, given)


def _resolve(definition: Input, value: Any, values: Mapping[str, Any], render: Render) -> Any:
    scope = {"inputs": values}
    if value is None:
        value = definition.default()
        if value is not None and has_template(value):
            value = render(value, scope)
    if value is None:
        if definition.required:
            raise BadValue(f"Missing required input:{definition.id}")
        return None
    try:
        return definition.parse(value, _choices(definition, scope, render))
    except BadValue as bad:
        raise BadValue(f"Invalid input for `{definition.id}`, it {bad}, but received `{escaped(value)}`") from None


def _choices(definition: Input, scope: Mapping[str, Any], render: Render) -> list[str] | None:
    if not isinstance(definition, _Choosing) or not definition.expression:
        return None
    rendered = _structured(render(definition.expression, scope))
    if not isinstance(rendered, list):
        raise BadValue("has an `expression` that does not render to a list")
    return [_text(_choice(entry)) for entry in rendered]


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


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    *parents, last = name.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
    values[last] = value


def _unknown(declared: Iterable[Input], given: Mapping[str, Any]) -> list[str]:
    names = {definition.id for definition in declared}
    heads = {name.split(".", 1)[0] for name in names if "." in name}
    return [name for name in given if name not in names and not (name in heads and isinstance(given[name], Mapping))]


def has_template(value: Any) -> bool:
    """Whether there is something to render anywhere in a value."""
    if isinstance(value, dict):
        return any(has_template(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(has_template(entry) for entry in value)
    return is_template(value)
