"""An input that is one of several values, and what inputs with choices share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from runners.fields import Model, Text
from service.flows.inputs.definition import Input
from service.flows.problems import escaped
from service.flows.values import BadValue, as_text


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
    """What SELECT and MULTISELECT share. `choices` are those of the expression, already rendered."""

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

    def default(self, choices: Sequence[str] | None = None) -> Any:
        known = self.values if choices is None else choices
        if self.defaults is None and self.auto_select_first and known:
            return known[0]
        return self.defaults

    def chooses(self, *, given: bool) -> bool:
        """Whether it takes the choices to settle it: they are a default, or say whether the value is one. Where others are taken too, they only help people."""
        return not self.allow_custom_value if given else self.auto_select_first

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> Any:
        raise NotImplementedError

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
