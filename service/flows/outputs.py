"""The value of an output against its declared type: read as inputs are, from what an expression came to."""

from __future__ import annotations

from typing import Any

from service.flows.inputs import INPUT_TYPES
from service.flows.inputs.choices import Choosing
from service.flows.inputs.lists import ArrayInput, MultiselectInput
from service.flows.inputs.texts import FileInput, SecretInput
from service.flows.values import BadValue, as_list, as_text, structured

#: Types whose value is text: a map or a list becomes its JSON.
TEXTS = frozenset({"STRING", "SELECT", "ENUM", "URI", "EMAIL", "SECRET"})

#: Types whose values are kept encrypted.
SECRETS = frozenset(SecretInput.TYPES)

_STORED = "kestra://"


def parse_output(type: str, value: Any) -> Any:
    """The typed value, JSON; raises BadValue. There is nothing to choose from, and entries of a list are of any type: an output does not say of which."""
    cls = INPUT_TYPES[type]
    if cls is ArrayInput:
        return as_list(structured(value))
    if cls is MultiselectInput:
        return [as_text(entry) for entry in as_list(value)]
    if issubclass(cls, Choosing):
        return as_text(value)
    if cls is FileInput:
        if not as_text(value).startswith(_STORED):
            raise BadValue(f"must be the URI of a stored file ({_STORED}/…)")
        return as_text(value)
    return cls.model_validate({"id": "value", "type": type}).parse(value)
