"""Finds the types that plugin folders offer: pkgutil and importlib, nothing else.

`scan` imports every module of the given packages and is slow; its result is kept in `service/types.json` (`python -m service.discovery` writes it, a test
compares it). `load` imports one class when it is first needed, so that `headgate flow validate` starts fast.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Any

#: The plugin folders and what each of them holds.
FOLDERS: Mapping[str, str] = {
    "service.flowables": "task",
    "service.tasks": "task",
    "runners.tasks": "task",
    "runners.options": "task_runner",
    "service.triggers": "trigger",
}


def modules(package: str) -> Iterator[str]:
    """The names of a folder's modules, private ones left out."""
    root = importlib.import_module(package)
    for found in pkgutil.iter_modules(root.__path__, prefix=f"{package}."):
        if not found.name.rpartition(".")[2].startswith("_"):
            yield found.name


def classes(module: str) -> Iterator[type[Any]]:
    """Classes with a TYPE that a module defines itself."""
    for _, found in inspect.getmembers(importlib.import_module(module), inspect.isclass):
        if found.__module__ == module and isinstance(vars(found).get("TYPE"), str):
            yield found


def scan(folders: Mapping[str, str] = FOLDERS) -> dict[str, dict[str, Any]]:
    """Canonical name → where its class is, what kind it is, where it runs, and its old names."""
    found: dict[str, dict[str, Any]] = {}
    for package, kind in folders.items():
        for module in modules(package):
            for cls in classes(module):
                found[cls.TYPE] = {
                    "ref": f"{module}:{cls.__name__}",
                    "kind": kind,
                    "runs": getattr(cls, "RUNS", None),
                    "aliases": sorted((*cls.ALIASES, *cls.SPELLINGS)),
                }
    return dict(sorted(found.items()))


def index() -> dict[str, dict[str, Any]]:
    """The generated index, as `scan` would give it."""
    loaded: dict[str, dict[str, Any]] = json.loads(files("service").joinpath("types.json").read_text("utf-8"))
    return loaded


def load(ref: str) -> type[Any]:
    """The class behind `module:Class`."""
    module, _, name = ref.partition(":")
    cls: type[Any] = getattr(importlib.import_module(module), name)
    return cls


def main(arguments: Iterable[str]) -> None:
    """Writes the index, to the file named first where one is named."""
    target = next(iter(arguments), str(files("service").joinpath("types.json")))
    with open(target, "w", encoding="utf-8") as out:
        out.write(json.dumps(scan(), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
