"""The types of inputs: one class for each, which says what may be declared and reads what is given.

Values come as text (forms, command lines) or typed (JSON); both are read. What comes out is JSON: dates, times, instants and durations
are ISO-8601 text, instants in UTC.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PrivateAttr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from runners.fields import Duration, Integer, Model, Number, Older, Text, parse_duration, wrong
from service.flows.names import InputId
from service.flows.patterns import BadPattern, check_pattern, matches_whole
from service.flows.problems import escaped
from service.flows.source import read_value
from service.flows.values import BadValue, as_list, as_text, in_range, read_date, read_instant, read_time, structured

_INT = re.compile(r"[+-]?[0-9]{1,19}")
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s.]{1,63}(?:\.[^@\s.]{1,63})+")

#: What the entries of a list may be: anything but a list.
ItemType = Literal[
    "STRING", "SELECT", "ENUM", "MULTISELECT", "INT", "FLOAT", "BOOL", "BOOLEAN", "DATETIME",
    "DATE", "TIME", "DURATION", "JSON", "YAML", "URI", "EMAIL", "FILE", "SECRET",
]  # fmt: skip


def _checked_pattern(pattern: str) -> str:
    try:
        check_pattern(pattern)
    except BadPattern as bad:
        raise PydanticCustomError(
            "regex", "not a pattern that RE2 takes: {reason}", {"reason": str(bad), "hint": "no look-around, no back references"}
        ) from None
    return pattern


Pattern = Annotated[Text, AfterValidator(_checked_pattern)]
#: How the URIs of files begin.
_FILES = ("kestra://", "nsfile://", "file://")


class Dependency(Model):
    """When an input is asked for at all."""

    inputs: list[Text] = Field(min_length=1, description="The inputs that decide it.")
    condition: Text | None = Field(None, description="It is asked for when this renders to something true.")


class Input(Model):
    """What every input has. `parse` reads a value; `choices` are those of an expression, already rendered."""

    TYPES: ClassVar[tuple[str, ...]] = ()
    RANGE: ClassVar[tuple[str, str]] = ("min", "max")
    #: False: declared and checked, and not taken by this version.
    RUN: ClassVar[bool] = True
    #: Properties that are checked and not heeded by this version.
    NOT_RUN: ClassVar[frozenset[str]] = frozenset()

    id: InputId = Field(validation_alias=Older("id", "name"), description="How expressions name it: `inputs.id`; dots nest.")
    type: str = Field(description="What values it takes.")
    display_name: Text | None = Field(None, description="What the form shows.")
    description: Text | None = Field(None, description="Markdown for people.")
    required: bool = Field(True, description="Whether an execution needs a value.")
    defaults: Any = Field(None, description="The value when none is given: a literal or an expression.")
    prefill: Any = Field(None, description="What the form begins with; may be emptied.")
    depends_on: Dependency | None = Field(None, description="When it is asked for; otherwise it has no value.")

    _of_form: Dependency | None = PrivateAttr(None)

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What decides whether it is asked for: that of the form that it is in, and its own."""
        return tuple(found for found in (self._of_form, self.depends_on) if found is not None)

    def within(self, form: Input) -> Input:
        """The same as a part of a form."""
        inner = self.model_copy(update={"id": f"{form.id}.{self.id}"})
        inner._of_form = form.depends_on  # noqa: SLF001  # its own class
        return inner

    @model_validator(mode="after")
    def _consistent(self) -> Input:  # noqa: N804  # "after" validates an instance
        if self.defaults is not None and self.prefill is not None:
            hint = "keep one: a default always gives a value, a prefill can be emptied"
            raise wrong("input", "has both `defaults` and `prefill`", hint, at="prefill")
        low, high = (getattr(self, name, None) for name in self.RANGE)
        if low is not None and high is not None and low > high:
            raise wrong("input", "the lower bound is above the upper one", at=self.RANGE[0])
        return self

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> Any:
        """The typed value; raises BadValue."""
        raise NotImplementedError

    def not_taken(self) -> str | None:
        """The type because of which this version takes no value for it."""
        return None if self.RUN else self.type

    def default(self) -> Any:
        """The default as written; None when there is none."""
        return self.defaults


class StringInput(Input):
    """Text, that may have to match a pattern as a whole."""

    TYPES = ("STRING",)

    validator: Pattern | None = Field(None, description="An RE2 pattern for the whole text.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        text = as_text(value)
        if self.validator is not None and not matches_whole(self.validator, text):
            raise BadValue(f"must match the pattern `{escaped(self.validator)}`")
        return text


class Labelled(Model):
    """A choice that the form shows under another name."""

    label: Any = Field(None, description="What the form shows.")
    value: Text = Field(description="The value.")


def choice(value: Any) -> Any:
    """A choice is its value; the label is for the form."""
    if isinstance(value, dict) and set(value) <= {"label", "value"} and "value" in value:
        return value["value"]
    return value


Choice = Annotated[Text, BeforeValidator(choice, json_schema_input_type=Text | Labelled)]


class Choosing(Input):
    """What SELECT and MULTISELECT share."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["values"]}, {"required": ["options"]}, {"required": ["expression"]}]})

    values: list[Choice] | None = Field(None, description="What can be chosen.")
    expression: Text | None = Field(None, description="An expression that renders to the list of choices.")
    allow_custom_value: bool = Field(False, description="Other values are taken too.")
    auto_select_first: bool = Field(False, description="The first choice is the default.")

    @model_validator(mode="after")
    def _has_choices(self) -> Choosing:  # noqa: N804
        if not self.values and not self.expression:
            raise PydanticCustomError("input", "has neither `values` nor an `expression`", {"hint": "list what can be chosen under `values:`"})
        return self

    def default(self) -> Any:
        if self.defaults is None and self.auto_select_first and self.values:
            return self.values[0]
        return self.defaults

    def chosen(self, value: Any, choices: Sequence[str] | None) -> str:
        """One choice; raises BadValue."""
        text = as_text(value)
        known = self.values if choices is None else choices
        if known is not None and text not in known and not self.allow_custom_value:
            raise BadValue(f"must be one of {', '.join(escaped(choice, 40) for choice in known[:20])}")
        return text


class SelectInput(Choosing):
    """One of several values."""

    TYPES = ("SELECT", "ENUM")

    is_radio: bool = Field(False, description="Shown as radio buttons.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        return self.chosen(value, choices)


class MultiselectInput(Choosing):
    """Any of several values."""

    TYPES = ("MULTISELECT",)

    values: list[Choice] | None = Field(None, validation_alias=Older("values", "options"), description="What can be chosen.")
    item_type: ItemType = Field("STRING", description="The type of each value.")

    def not_taken(self) -> str | None:
        return None if _item_class(self.item_type).RUN else self.item_type

    def default(self) -> Any:
        first = super().default()
        return [first] if self.defaults is None and first is not None else first

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> list[Any]:
        return [_item(self.item_type, self.chosen(entry, choices), number) for number, entry in enumerate(as_list(value))]


class IntInput(Input):
    """A whole number."""

    TYPES = ("INT",)

    min: Integer | None = Field(None, description="The smallest value.")
    max: Integer | None = Field(None, description="The largest value.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            if not isinstance(value, str) or not _INT.fullmatch(value.strip()):
                raise BadValue("must be a whole number")
            value = int(value)
        if not -(2**63) <= value < 2**63:
            raise BadValue("must be a whole number of 64 bits")
        return int(in_range(value, self.min, self.max))


class FloatInput(Input):
    """A number."""

    TYPES = ("FLOAT",)

    min: Number | None = Field(None, description="The smallest value.")
    max: Number | None = Field(None, description="The largest value.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(as_text(value))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise BadValue("must be a number")
        return float(in_range(number, self.min, self.max))


class BoolInput(Input):
    """True or false."""

    TYPES = ("BOOL", "BOOLEAN")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> bool:
        known = {"true": True, "false": False}.get(as_text(value).strip().lower())
        if known is None:
            raise BadValue("must be true or false")
        return known


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
        instant = in_range(read_instant(value), self.after, self.before, _shown_instant)
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
        return str(in_range(read_date(value), self.after, self.before).isoformat())


class TimeInput(Input):
    """A time of day."""

    TYPES = ("TIME",)
    RANGE = ("after", "before")

    after: Annotated[time, _bound(read_time)] | None = Field(None, description="The earliest value.")
    before: Annotated[time, _bound(read_time)] | None = Field(None, description="The latest value.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        return str(in_range(read_time(value), self.after, self.before).isoformat())


class DurationInput(Input):
    """A length of time, kept as the ISO-8601 text that was given."""

    TYPES = ("DURATION",)

    min: Duration | None = Field(None, description="The shortest value.")
    max: Duration | None = Field(None, description="The longest value.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        text = as_text(value).strip()
        try:
            length = parse_duration(text)
        except PydanticCustomError as bad:
            hint = str((bad.context or {}).get("hint", ""))
            raise BadValue(f"is {bad.message().removesuffix(f': {hint}')} ({hint})") from None
        in_range(length, self.min, self.max)
        return text


class JsonInput(Input):
    """Any JSON value."""

    TYPES = ("JSON",)
    NOT_RUN = frozenset({"jsonSchema"})

    json_schema: dict[str, Any] | Text | None = Field(None, description="The JSON Schema that it has to fit, as a map or as JSON text.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> Any:
        return structured(value)


class YamlInput(Input):
    """Any YAML value, read as flows are."""

    TYPES = ("YAML",)

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> Any:
        if not isinstance(value, str):
            return value
        read, problem = read_value(as_text(value))
        if problem is not None:
            raise BadValue(f"is not YAML: line {problem.line}, column {problem.column}: {problem.message}")
        return read


class UriInput(Input):
    """Text that names something: any URI, absolute or relative."""

    TYPES = ("URI",)

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        text = as_text(value).strip()
        if not text or any(character.isspace() or not character.isprintable() for character in text):
            raise BadValue("must be a URI, without spaces")
        return text


class EmailInput(Input):
    """An e-mail address."""

    TYPES = ("EMAIL",)

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        text = as_text(value).strip()
        if len(text) > 254 or not _EMAIL.fullmatch(text):
            raise BadValue("must be an e-mail address")
        return text


class ArrayInput(Input):
    """A list whose entries are all of one type."""

    TYPES = ("ARRAY",)

    item_type: ItemType = Field(description="The type of each entry: any but ARRAY.")

    def not_taken(self) -> str | None:
        return None if _item_class(self.item_type).RUN else self.item_type

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> list[Any]:
        entries = structured(value)
        if not isinstance(entries, list | tuple):
            raise BadValue("must be a list, or JSON text that holds one")
        return [_item(self.item_type, entry, number) for number, entry in enumerate(entries)]


class FileInput(Input):
    """A file that is stored with the execution; its value is the URI."""

    TYPES = ("FILE",)
    RUN = False

    allowed_file_extensions: list[Text] | None = Field(
        None, validation_alias=Older("allowedFileExtensions", "accept", "extension"), description="Endings that its name may have, such as `.csv`."
    )

    @field_validator("allowed_file_extensions", mode="before", json_schema_input_type=str | list[Text] | None)
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        text = as_text(value).strip()
        if not text.startswith(_FILES):
            raise BadValue("must be a file, or the URI of one (kestra:///…, nsfile:///…, file:///…)")
        allowed = self.allowed_file_extensions
        if allowed and not text.lower().endswith(tuple(f".{ending.lower().lstrip('.')}" for ending in allowed)):
            raise BadValue(f"must be a file whose name ends with {' or '.join(escaped(ending, 20) for ending in allowed[:10])}")
        return text


class SecretInput(Input):
    """Text that is kept encrypted and shown to nobody."""

    TYPES = ("SECRET",)
    RUN = False

    validator: Pattern | None = Field(None, description="An RE2 pattern for the whole text.")

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> str:
        text = as_text(value)
        if self.validator is not None and not matches_whole(self.validator, text):
            raise BadValue(f"must match the pattern `{escaped(self.validator)}`")
        return text


class FormInput(Input):
    """Several inputs under one name: `inputs.form.child`. Reading a flow turns them into inputs of their own."""

    TYPES = ("FORM",)

    inputs: list[Any] = Field(min_length=1, description="The inputs.")

    @model_validator(mode="after")
    def _no_value(self) -> FormInput:  # noqa: N804
        if self.defaults is not None or self.prefill is not None:
            at = "defaults" if self.defaults is not None else "prefill"
            raise wrong("input", "a form has no value of its own", "give its inputs their defaults", at=at)
        return self


INPUT_TYPES: Mapping[str, type[Input]] = {
    name: cls
    for cls in (
        *(StringInput, SelectInput, MultiselectInput, IntInput, FloatInput, BoolInput, DatetimeInput, DateInput, TimeInput, DurationInput),
        *(JsonInput, YamlInput, UriInput, EmailInput, ArrayInput, FileInput, SecretInput, FormInput),
    )
    for name in cls.TYPES
}


def _item_class(type_name: str) -> type[Input]:
    """The class that reads one entry of a list. There is nothing to choose from."""
    return StringInput if issubclass(INPUT_TYPES[type_name], Choosing) else INPUT_TYPES[type_name]


def _item(type_name: str, value: Any, number: int) -> Any:
    """One entry of a list."""
    try:
        return _item_class(type_name)(id=str(number), type=type_name).parse(value)
    except BadValue as bad:
        raise BadValue(f"entry {number + 1} {bad}") from None
