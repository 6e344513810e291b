"""Every crash point of the code, found by reading it: whoever puts in a new one has it tested."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"[a-z]+\.[a-z]+(_[a-z]+)*")


@dataclass(frozen=True, slots=True)
class Point:
    """Where a name stands. `name` is empty where the call has no literal."""

    name: str
    place: str

    @property
    def family(self) -> str:
        """The part that it belongs to."""
        return self.name.partition(".")[0]


@cache
def points() -> tuple[Point, ...]:
    """All of them, by place."""
    files = sorted(path for package in ("runners", "service", "webhooks") for path in (ROOT / package).rglob("*.py"))
    return tuple(point for file in files if "crashpoint(" in (text := file.read_text("utf-8")) for point in _in(text, str(file.relative_to(ROOT))))


def names(*families: str) -> list[str]:
    """The names of some parts, sorted."""
    return sorted(point.name for point in points() if point.family in families)


def _in(text: str, file: str) -> Iterator[Point]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "crashpoint":
            match node.args:
                case [ast.Constant(value=str(name))] if not node.keywords:
                    yield Point(name, f"{file}:{node.lineno}")
                case _:
                    yield Point("", f"{file}:{node.lineno}")
