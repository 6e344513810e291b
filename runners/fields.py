"""What every task, flowable, trigger and task-runner class is made of: field types that read YAML the way flows write it.

pydantic only. A class built on `Typed` names its canonical type (`TYPE`), its old spellings (`ALIASES`), and declares its
properties as fields; JSON Schema, forms, completion and reference pages come from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WrapValidator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

T = TypeVar("T")

#: ISO-8601 durations of fixed length; a JSON Schema says the same with `duration_pattern`.
_DURATION = re.compile(
    r"(?P<sign>[+-])?P(?=[0-9]|T[0-9])(?:(?P<weeks>[0-9]+)W)?(?:(?P<days>[0-9]+)D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]+)H)?(?:(?P<minutes>[0-9]+)M)?(?:(?P<seconds>[0-9]+(?:[.][0-9]{1,9})?)S)?)?",
)
#: How the URIs of stored files begin.
STORED_FILES = ("kestra://", "nsfile://", "file://")


def is_template(value: object) -> bool:
    """Whether a value is text with something to render in it."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def not_yet(name: str) -> PydanticCustomError:
    """The answer to a property of the language that is not run."""
    return PydanticCustomError("not_yet", "{name} is part of the language, but this version does not run it yet", {"name": name})


def template_or(value: Any, validate: Any) -> Any:
    """Text with an expression passes as it is; rendered text that holds JSON is read where a map or list is wanted."""
    if is_template(value):
        return value
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return validate(value)
        except ValueError:
            return validate(_json(value))
    return validate(value)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


#: A property that takes a literal of T or an expression that renders to one (Kestra's dynamic property).
#: Before rendering the value may be the expression's text; after it, it is a T.
Dynamic = Annotated[T, WrapValidator(template_or)]


def wrong(kind: str, what: str, hint: str | None = None, **context: Any) -> PydanticCustomError:
    """What is wrong with a value. Braces in somebody's text are not read as a template; `at` in the context names the property that it is about."""
    return PydanticCustomError(kind, "{what}", {"what": what, **({"hint": hint} if hint else {}), **context})


def parse_duration(value: object) -> timedelta:
    """ISO-8601 (`PT5M`, `P1D`, `PT0.5S`). Months and years have no fixed length and are refused."""
    if isinstance(value, timedelta):
        return value
    text = str(value)
    match = _DURATION.fullmatch(text)
    if not match:
        hint = "months and years have no fixed length, use days" if re.match(r"P.*\d[YM]", text.split("T")[0]) else "for example PT5M, PT30S, P1D"
        raise PydanticCustomError("duration", "not an ISO-8601 duration: {hint}", {"hint": hint})
    parts = {name: float(number) for name, number in match.groupdict().items() if number and name != "sign"}
    try:
        length = timedelta(**parts)
    except OverflowError:
        raise PydanticCustomError("duration", "a duration this long can't be counted: {hint}", {"hint": "use fewer days"}) from None
    return -length if match["sign"] == "-" else length


def duration_pattern() -> str:
    """What the text of a duration matches, for JSON Schema, which knows no names of groups."""
    return f"^{re.sub(r'[?]P<[a-z]+>', '', _DURATION.pattern)}$"


def format_duration(value: timedelta) -> str:
    """The ISO-8601 text that Kestra's JSON shows (`PT1.5S`)."""
    seconds = f"{value.total_seconds():.6f}".rstrip("0").rstrip(".")
    return f"PT{seconds}S"


#: A length of time; reads ISO-8601 text.
Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]


def _not_negative(length: timedelta) -> timedelta:
    if length < timedelta():
        raise wrong("duration", "can't be negative", "for example PT30S")
    return length


def _not_nothing(length: timedelta) -> timedelta:
    if length <= timedelta():
        raise wrong("duration", "must be longer than nothing", "for example PT30S")
    return length


#: A length of time that may be nothing, and one that may not.
Length = Annotated[Duration, AfterValidator(_not_negative)]
Interval = Annotated[Duration, AfterValidator(_not_nothing)]


def as_text(value: Any) -> Any:
    """Scalars where text is wanted: `true` and `1.5` in YAML, printed as they were meant."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


#: Text that also takes a YAML number or boolean.
Text = Annotated[str, BeforeValidator(as_text)]


def _no_boolean(value: Any) -> Any:
    """Python takes `true` for 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "not a whole number")
    return value


def _no_boolean_number(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "not a number")
    return value


#: Numbers: `true` is none.
Integer = Annotated[int, BeforeValidator(_no_boolean)]
Number = Annotated[float, BeforeValidator(_no_boolean_number), Field(allow_inf_nan=False)]
#: Whole numbers of at least 0, and of at least 1.
Natural = Annotated[Integer, Field(ge=0)]
Positive = Annotated[Integer, Field(ge=1)]


def read_labels(value: Any) -> Any:
    """A map, or a list of `{key, value}`; later entries win."""
    if not isinstance(value, list):
        return value
    labels: dict[str, Any] = {}
    for entry in value:
        if not isinstance(entry, dict) or set(entry) != {"key", "value"} or not isinstance(entry["key"], str):
            raise PydanticCustomError("label", "in a list each label is a map of `key` and `value`")
        labels[entry["key"]] = entry["value"]
    return labels


#: Labels in either form, as a map; their values may be expressions.
LabelMap = Annotated[dict[str, Text], BeforeValidator(read_labels)]


def given(*needs: str, lacks: Sequence[str] = ()) -> dict[str, Any]:
    """For `json_schema_extra`: a map that has some properties, and has others not."""
    parts: dict[str, Any] = {**dict.fromkeys(needs, {"not": {"type": "null"}}), **dict.fromkeys(lacks, {"type": "null"})}
    return {"properties": parts, **({"required": list(needs)} if needs else {})}


def by_kind(key: str, kind: str, needs: Sequence[str] = (), lacks: Sequence[str] = ()) -> dict[str, Any]:
    """For `json_schema_extra`: what a map has, and has not, when its property `key` is `kind`."""
    return {"if": {"properties": {key: {"const": kind}}, "required": [key]}, "then": given(*needs, lacks=lacks)}


class Model(BaseModel):
    """Frozen, camelCase in YAML, and strict about names: an unknown property is a mistake to be pointed at."""

    # A message about a wrong value does not quote it: it may be a secret. A command line reads one flow of a few types: what checks the others is not built.
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
        defer_build=True,
    )


class NamespaceFiles(Model):
    """Which files of namespaces are copied into the working directory."""

    enabled: Dynamic[bool] = Field(True, description="Whether any are.")
    include: Dynamic[list[Text]] | None = Field(None, description="Globs of those that are; all when absent.")
    exclude: Dynamic[list[Text]] | None = Field(None, description="Globs of those that are not.")
    namespaces: Dynamic[list[Text]] | None = Field(None, description="The namespaces; the flow's own when absent.")
    if_exists: Dynamic[Literal["OVERWRITE", "FAIL", "WARN", "IGNORE"]] = Field("OVERWRITE", description="What becomes of a file that is there already.")
    folder_per_namespace: Dynamic[bool] = Field(False, description="Each namespace's files get a folder of its name.")


class Older(AliasChoices):
    """For `Field(validation_alias=…)`: a property's name, and its older ones, each of which is taken with a notice.

    Plain `AliasChoices` are names of one age.
    """


@dataclass(frozen=True, slots=True)
class Spelling:
    """Another type name of a class, whose properties were called otherwise then.

    `renamed` maps its property names to the class's own; `fixed` are properties that the name stands for.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)


class Unfit(Exception):
    """A type that a package offers can't be used. The message, for people, names the type and the package, and says why."""


class Typed(Model):
    """A model that YAML names by `type:`. The common properties (`id`, `type`, `timeout`, …) are taken out before it is built."""

    TYPE: ClassVar[str]
    #: Old names that differ in nothing else, and names whose properties differ too.
    ALIASES: ClassVar[tuple[str, ...]] = ()
    SPELLINGS: ClassVar[Mapping[str, Spelling]] = {}
    #: False: the language has it, so it is read and checked; but this version can't run it, and no execution of a flow with it is started.
    RUN: ClassVar[bool] = True
    #: Of what is not run, and never will be: what to write instead.
    INSTEAD: ClassVar[str | None] = None
    #: Why that is so, as the rest of a sentence about it.
    NEVER: ClassVar[str] = "was removed from the flow language"
    #: Properties that are taken and do nothing, and why.
    WITHOUT_EFFECT: ClassVar[Mapping[str, str]] = {}
    #: Properties whose text is written to the log.
    LOGGED: ClassVar[frozenset[str]] = frozenset()
    #: Properties that are rendered for each row of a file, whose fields are names in them.
    BY_ROW: ClassVar[frozenset[str]] = frozenset()
    #: What it leaves for expressions, `outputs.<task>.<name>` and of a trigger `trigger.<name>`, and what that is.
    OUTPUTS: ClassVar[Mapping[str, str]] = {}
