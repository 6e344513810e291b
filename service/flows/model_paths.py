"""What the classes know at a path of a value: which of them read it, and by which names."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from service.flows.catalogue import models_in, property_names, property_spellings
from service.flows.source import Path


def names_at(model: type[BaseModel], path: Path) -> frozenset[str]:
    """The properties that are known where an unknown one was found."""
    return frozenset(name for found in models_at(model, path) for name in property_names(found))


def models_at(model: type[BaseModel], path: Path) -> list[type[BaseModel]]:
    """Down the models of a path."""
    models = [model]
    for step in path:
        if isinstance(step, str):
            below = [found for parent in models for found in _models_below(parent, step)]
            models = below or models
    return models


def twin(models: Iterable[type[BaseModel]], name: str) -> str | None:
    """The newer name of a property that was given under two."""
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
