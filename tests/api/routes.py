"""Every route of the application with what it declares, whichever way FastAPI keeps included routers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

#: What stands for each parameter of a path: nothing of it exists.
_VALUES = {"attempt": "1", "epoch": "1", "sha": "abcdef", "tenant": "elsewhere"}


@dataclass(frozen=True)
class Declared:
    """One method of one address. `permissions` is empty where nothing was declared."""

    method: str
    path: str
    permissions: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def address(self) -> str:
        """The path with something in the place of each parameter."""
        filled = re.sub(r"{(\w+)}", lambda found: _VALUES.get(found[1], "nobody"), self.path)
        return f"{filled}?service=git-upload-pack&uri=x&name=x"


def declared(app: FastAPI) -> list[Declared]:
    """All of them, in the order in which they are matched."""
    return list(_walk(app.routes, ""))


def _walk(routes: Sequence[BaseRoute], prefix: str) -> Iterator[Declared]:
    for route in routes:
        included: Any = getattr(route, "original_router", None)
        if included is not None:
            yield from _walk(included.routes, prefix + _prefix(route))
            continue
        permissions = tuple(sorted(set(_permissions(route.dependant)))) if isinstance(route, APIRoute) else ()
        for method in sorted(getattr(route, "methods", None) or ["ANY"]):
            yield Declared(method, prefix + getattr(route, "path", "?"), permissions)


def _prefix(route: Any) -> str:
    return str(route.include_context.prefix)


def _permissions(dependant: Any) -> Iterator[str]:
    permission = getattr(dependant.call, "permission", None)
    if permission is not None:
        yield str(permission)
    for below in dependant.dependencies:
        yield from _permissions(below)
