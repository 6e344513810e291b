"""Older names of properties: they are taken, and a notice says how they are written now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from runners.fields import Older
from service.flows.findings import Findings
from service.flows.mistakes import Subject
from service.flows.problems import Severity
from service.flows.properties import models_in, property_spellings
from service.flows.source import Path, Source


def note_older(subject: Subject, source: Source, findings: Findings) -> None:
    """One notice for each older name in a value that its class reads."""
    if not any(_names(subject.model)):
        return
    for path, new in _older(subject.model, subject.value, ()):
        old, place = path[-1], source.key_place(subject.origin(subject.written(path)))
        findings.add("HG-0208", place, f"`{old}` is the old spelling of `{new}`", f"write `{new}`", Severity.NOTICE)


@lru_cache(maxsize=1024)
def _names(model: type[BaseModel]) -> tuple[Mapping[str, str], Mapping[str, tuple[type[BaseModel], ...]]]:
    """Older names with the newer ones, and by property the models below it that have any."""
    older: dict[str, str] = {}
    below: dict[str, tuple[type[BaseModel], ...]] = {}
    for name, info in model.model_fields.items():
        shown = property_spellings(name, info)[0]
        alias = info.validation_alias
        if isinstance(alias, Older):
            older |= {str(choice): shown for choice in alias.choices[1:]}
        models = tuple(found for found in models_in(info.annotation) if any(_names(found)))
        if models:
            below[shown] = models
    return older, below


def _older(model: type[BaseModel], value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    older, below = _names(model)
    if isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _older(model, entry, (*path, number))
    if not (older or below) or not isinstance(value, dict):
        return
    for key, part in value.items():
        if key in older:
            yield (*path, key), older[key]
        for found in below.get(key, ()):
            yield from _older(found, part, (*path, key))
