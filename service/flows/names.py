"""Names that people choose: ids, namespaces, labels; and texts with a cap. What is wrong with one is told with a name that would do."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from runners.fields import LabelMap, Text

LONGEST_DESCRIPTION = 16_384
#: Words of the API's paths below a namespace.
RESERVED = frozenset({"pause", "resume", "force-run", "change-status", "kill", "executions", "search", "source", "disable", "enable"})

_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]*", re.ASCII)
_DOTTED_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*", re.ASCII)
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)


def is_flow_id(text: str) -> bool:
    """Whether a flow may have this id."""
    return _DOTTED_ID.fullmatch(text) is not None


def is_namespace(text: str) -> bool:
    """Whether a flow may stand in this namespace."""
    return _NAMESPACE.fullmatch(text) is not None


def _checked(pattern: re.Pattern[str], most: int, kind: str, wording: str) -> Any:
    def check(value: str) -> str:
        if len(value) > most:
            raise PydanticCustomError(kind, "longer than {most} characters", {"most": most})
        if not pattern.fullmatch(value):
            suggestion = _suggested(value, pattern)
            raise PydanticCustomError(kind, wording, {"hint": f"for example `{suggestion}`"} if suggestion else {})
        return value

    return AfterValidator(check)


def _suggested(value: str, pattern: re.Pattern[str]) -> str | None:
    """The value with what is not allowed taken out, where something readable is left."""
    ascii_text = unicodedata.normalize("NFKD", value[:60]).encode("ascii", "ignore").decode()
    text = re.sub(r"[^a-zA-Z0-9._-]+", "-", ascii_text).strip("-._")
    text = text.lower() if pattern is _NAMESPACE else text
    for candidate in (text, text.replace(".", "-")):
        if candidate and pattern.fullmatch(candidate):
            return candidate
    return None


def _not_reserved(value: str) -> str:
    if value in RESERVED:
        raise PydanticCustomError("reserved", "`{value}` is a word of the API's paths", {"value": value, "hint": f"for example `{value}-flow`"})
    return value


def _described(value: str) -> str:
    if len(value.encode("utf-8", "replace")) > LONGEST_DESCRIPTION:
        raise PydanticCustomError("too_long", "a description has at most 16 KB", {"hint": "put the long version into a file beside the flow"})
    return value


def _shown(pattern: re.Pattern[str], most: int) -> WithJsonSchema:
    """As a JSON Schema says it; a number is taken as text."""
    return WithJsonSchema({"type": ["string", "number", "boolean"], "pattern": f"^{pattern.pattern}$", "maxLength": most})


TaskId = Annotated[Text, _checked(_ID, 256, "id", "not an id: letters, digits, `-` and `_`, beginning with a letter or digit"), _shown(_ID, 256)]
FlowId = Annotated[
    Text,
    _checked(_DOTTED_ID, 100, "id", "not an id: letters, digits, `.`, `-` and `_`, beginning with a letter or digit"),
    AfterValidator(_not_reserved),
    _shown(_DOTTED_ID, 100),
]
InputId = Annotated[
    Text,
    _checked(_DOTTED_ID, 256, "id", "not an id: letters, digits, `.`, `-` and `_`, beginning with a letter or digit"),
    _shown(_DOTTED_ID, 256),
]
Namespace = Annotated[
    Text,
    _checked(_NAMESPACE, 150, "namespace", "not a namespace: lower-case letters, digits, `.`, `-` and `_`, beginning with a letter or digit"),
    _shown(_NAMESPACE, 150),
]
Description = Annotated[Text, AfterValidator(_described)]
LogLevel = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    for key, value in labels.items():
        mistake = label_mistake(key, value)
        if mistake:
            raise PydanticCustomError("label", "the label `{key}` {mistake}", {"key": key[:60], "mistake": mistake, "at": key})
    return labels


def label_mistake(key: str, value: str) -> str | None:
    """What is wrong with a label that a person gives."""
    if key.startswith("system.") and key != "system.readOnly":
        return "belongs to Headgate: keys that begin with `system.` are its own"
    if not key or unicodedata.category(key[0]) != "Ll":
        return "must begin with a lower-case letter"
    if not all(character in "0123456789._-" or character.isalpha() for character in key):
        return "may have only letters, digits, `.`, `_` and `-` in its key"
    return None if value.strip() else "has no value"


Labels = Annotated[LabelMap, AfterValidator(_check_labels)]
