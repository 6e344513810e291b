"""Parts that are loaded when a template first needs them: a flow is read and checked without them, and soon."""

from __future__ import annotations

import importlib
from typing import Any


class Later:
    """Stands for a module, by its whole name, until something of it is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)
