"""Task types that touch the world: one file each, found by listing this folder."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from runners.task import RunnerTask


@cache
def types() -> dict[str, type[RunnerTask]]:
    """Every type of this folder by its canonical name."""
    modules = [importlib.import_module(found.name) for found in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")]
    classes = [value for module in modules for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
    return {cls.TYPE: cls for cls in classes if issubclass(cls, RunnerTask) and "TYPE" in vars(cls)}


def find(name: str) -> type[RunnerTask]:
    """The class of a canonical type name; raises KeyError."""
    return types()[name]
