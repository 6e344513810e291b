"""Inputs whose values are lists, each entry of one type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from runners.fields import Older
from service.flows.inputs.choices import Choice, Choosing, SelectInput
from service.flows.inputs.definition import Input
from service.flows.inputs.documents import JsonInput, YamlInput
from service.flows.inputs.numbers import BoolInput, FloatInput, IntInput
from service.flows.inputs.texts import EmailInput, FileInput, SecretInput, StringInput, UriInput
from service.flows.inputs.times import DateInput, DatetimeInput, DurationInput, TimeInput
from service.flows.values import BadValue, as_list, structured

#: What the entries of a list may be: anything but a list.
ItemType = Literal[
    "STRING", "SELECT", "ENUM", "MULTISELECT", "INT", "FLOAT", "BOOL", "BOOLEAN", "DATETIME",
    "DATE", "TIME", "DURATION", "JSON", "YAML", "URI", "EMAIL", "FILE", "SECRET",
]  # fmt: skip
#: The types whose value is one value, by all their names.
SINGLE: Mapping[str, type[Input]] = {
    name: cls
    for cls in (
        *(StringInput, SelectInput, IntInput, FloatInput, BoolInput, DatetimeInput, DateInput, TimeInput, DurationInput),
        *(JsonInput, YamlInput, UriInput, EmailInput, FileInput, SecretInput),
    )
    for name in cls.TYPES
}


class MultiselectInput(Choosing):
    """Any of several values."""

    TYPES = ("MULTISELECT",)

    values: list[Choice] | None = Field(None, validation_alias=Older("values", "options"), description="What can be chosen.")
    item_type: ItemType = Field("STRING", description="The type of each value.")

    def not_taken(self) -> str | None:
        # What can be chosen stands in the flow, for everybody to see.
        return None if _item_class(self.item_type).RUN and self.item_type != "SECRET" else self.item_type

    def default(self, choices: Sequence[str] | None = None) -> Any:
        first = super().default(choices)
        return [first] if self.defaults is None and first is not None else first

    def parse(self, value: Any, choices: Sequence[str] | None = None) -> list[Any]:
        return [_item(self.item_type, self.chosen(entry, choices), number) for number, entry in enumerate(as_list(value))]


class ArrayInput(Input):
    """A list whose entries are all of one type."""

    TYPES = ("ARRAY",)

    item_type: ItemType = Field(description="The type of each entry: any but ARRAY.")

    def not_taken(self) -> str | None:
        return None if _item_class(self.item_type).RUN else self.item_type

    @property
    def secret(self) -> bool:
        return self.item_type == "SECRET"

    def parse(self, value: Any) -> list[Any]:
        entries = structured(value)
        if not isinstance(entries, list | tuple):
            raise BadValue("must be a list, or JSON text that holds one")
        return [_item(self.item_type, entry, number) for number, entry in enumerate(entries)]


def _item_class(type_name: str) -> type[Input]:
    """The class that reads one entry of a list. There is nothing to choose from."""
    cls = SINGLE.get(type_name, StringInput)
    return StringInput if issubclass(cls, Choosing) else cls


def _item(type_name: str, value: Any, number: int) -> Any:
    """One entry of a list."""
    try:
        return _item_class(type_name)(id=str(number), type=type_name).parse(value)
    except BadValue as bad:
        raise BadValue(f"has a wrong entry {number + 1}: it {bad}") from None
