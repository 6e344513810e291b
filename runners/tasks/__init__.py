"""Task types that touch the world: one file each, found by listing this folder; and those that other installed packages have."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import cast

from runners.packages import Packages
from runners.task import RunnerTask

_OTHERS = Packages()


@cache
def types() -> dict[str, type[RunnerTask]]:
    """Every type of this folder by its canonical name."""
    modules = [importlib.import_module(found.name) for found in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")]
    classes = [value for module in modules for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
    return {cls.TYPE: cls for cls in classes if issubclass(cls, RunnerTask) and "TYPE" in vars(cls)}


def find(name: str) -> type[RunnerTask]:
    """The class of a canonical type name, ours before those of others; raises KeyError, and Unfit for one of a package that can't be used."""
    ours = types().get(name)
    if ours is not None:
        return ours
    found = _OTHERS.find(name)
    if found is None:
        raise KeyError(name)
    return cast("type[RunnerTask]", found)
