"""Parts that are loaded when something first needs them: a flow is read and checked without most of them, and the service is up sooner."""

from __future__ import annotations

import importlib
from typing import Any


class Later:
    """Stands for a module, by its whole name, until something of it is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)
