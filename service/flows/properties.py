"""The properties of the language's classes, by the names that YAML has for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_MODELS_DEEP = 8


def property_names(model: type[BaseModel]) -> frozenset[str]:
    """What a model's properties are called in YAML, old names included."""
    return frozenset(name for field, info in model.model_fields.items() for name in property_spellings(field, info))


def property_spellings(field: str, info: FieldInfo) -> tuple[str, ...]:
    """All names of one property in YAML, the one that the documentation shows first."""
    alias = info.validation_alias or info.alias
    if isinstance(alias, str) or alias is None:
        return (alias or field,)
    return tuple(choice for choice in getattr(alias, "choices", ()) if isinstance(choice, str)) or (field,)


def field_named(model: type[BaseModel], name: str) -> str:
    """The field that YAML calls so. Raises LookupError."""
    for field, info in model.model_fields.items():
        if name in property_spellings(field, info):
            return field
    raise LookupError(name)


def models_in(annotation: Any, depth: int = _MODELS_DEEP) -> Iterator[type[BaseModel]]:
    """The models that a property's type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif depth:
        for argument in get_args(annotation):
            yield from models_in(argument, depth - 1)


def names_at(model: type[BaseModel], path: Sequence[str | int]) -> frozenset[str]:
    """The properties that a map may have at a path of a value of this model."""
    return frozenset(name for found in models_at(model, path) for name in property_names(found))


def models_at(model: type[BaseModel], path: Sequence[str | int]) -> list[type[BaseModel]]:
    """The models that may stand at a path of a value of this one; where a step leads nowhere, those above it."""
    models = [model]
    for step in path:
        if isinstance(step, str):
            below = [found for parent in models for found in _models_below(parent, step)]
            models = below or models
    return models


def newer_name(models: Iterable[type[BaseModel]], name: str) -> str | None:
    """What a property is called first that one of these models has under this other name; None where none has."""
    for model in models:
        for field, info in model.model_fields.items():
            names = property_spellings(field, info)
            if name in names[1:]:
                return names[0]
    return None


def _models_below(model: type[BaseModel], name: str) -> list[type[BaseModel]]:
    for field, info in model.model_fields.items():
        if name in (field, *property_spellings(field, info)):
            return list(models_in(info.annotation))
    return []
