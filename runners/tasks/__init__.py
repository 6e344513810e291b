"""Task types that touch the world: one file each, found by listing this folder; and those that other installed packages have."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path
from typing import cast

from runners.packages import Packages
from runners.task import RunnerTask

_TYPE = re.compile(r'^    TYPE(?:: [^=\n]+)? = "([\w.]+)"', re.MULTILINE)
_OTHERS = Packages()


@cache
def types() -> dict[str, type[RunnerTask]]:
    """Every type of this folder by its canonical name."""
    return {name: found for module in sorted(set(_modules().values())) for name, found in _classes(module).items()}


def find(name: str) -> type[RunnerTask]:
    """The class of a canonical type name, ours before those of others; raises KeyError, and Unfit for one of a package that can't be used. Imports its module
    alone: with all others an agent's first job would wait for half a second."""
    if name in _modules():
        return _classes(_modules()[name])[name]
    found = _OTHERS.find(name)
    if found is None:
        raise KeyError(name)
    return cast("type[RunnerTask]", found)


def _classes(module: str) -> dict[str, type[RunnerTask]]:
    values = [value for value in vars(importlib.import_module(module)).values() if isinstance(value, type) and value.__module__ == module]
    return {cls.TYPE: cls for cls in values if issubclass(cls, RunnerTask) and "TYPE" in vars(cls)}


@cache
def _modules() -> dict[str, str]:
    """In which module each type is, as its text says."""
    texts = {path.stem: path.read_text("utf-8") for path in Path(__file__).parent.glob("*.py")}
    return {name: f"{__name__}.{stem}" for stem, text in texts.items() for name in _TYPE.findall(text)}
