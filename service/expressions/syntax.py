"""What parsing a template gives: its tree, the places of its nodes, and the names in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jinja2 import nodes


class Place(NamedTuple):
    """Offsets in the template: where an expression starts, where the part of it that a node is about starts and ends."""

    start: int
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A variable that a template names: `outputs['a'].b` is `("outputs", "a", "b")`. The path stops before the first key that isn't a literal.

    `guarded`: an operator around it forgives that it is missing. Line and column count from 1.
    """

    path: tuple[str | int, ...]
    line: int
    column: int
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function that a template calls. `args` holds the arguments in their order when all of them are literals, else None; `literals` those that are, by the
    name of the parameter."""

    name: str
    args: tuple[Any, ...] | None
    line: int
    column: int
    literals: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Body:
    """What stands inside a tag that is rendered on its own: a macro, a block, the text of a filter. `weight` is how many nodes a render of it goes through."""

    tree: nodes.Template
    weight: int


@dataclass(frozen=True, slots=True)
class Syntax:
    """A template that was read: its tree of so many nodes, their places, what it names, and the bodies that its tree calls by their number."""

    tree: nodes.Template
    nodes: int
    places: tuple[Place, ...]
    found: tuple[Reference | Call, ...]
    bodies: tuple[Body, ...] = ()
