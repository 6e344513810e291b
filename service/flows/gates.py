"""What must hold for a trigger to fire: gates. A gate is a template, or several gates of which one, or none, or each within some time, must hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runners.fields import is_template
from runners.times import TimeWindow
from service.engine.state import State

_SINGLE = re.compile(r"\s*\{\{(?P<expression>(?:(?!\}\}|\{\{|\{%).)*)\}\}\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of them must hold."""

    gates: tuple[Gate, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """None of them may hold."""

    gates: tuple[Gate, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """All must have held, each for some execution, within a time window. Progress is kept under the id, for each gate under its name."""

    id: str
    gates: tuple[tuple[str, Gate], ...]
    window: TimeWindow
    reset_on_success: bool


@dataclass(frozen=True, slots=True)
class HasAttempt:
    """Of the execution's attempts at least one ended in one of `states`, where any are named, and none in one of `never`."""

    states: tuple[State, ...]
    never: tuple[State, ...]


#: A template that must render to something true, or several of them.
Gate = str | AnyOf | NoneOf | Within | HasAttempt


def expression(text: str) -> str:
    """A literal or a template, as a part of another expression."""
    match = _SINGLE.fullmatch(text)
    if match:
        return f"({match['expression'].strip()})"
    return f"render({quoted(text)})" if is_template(text) else quoted(text)


def quoted(text: str) -> str:
    """Text as a literal of an expression."""
    if "'" not in text:
        return f"'{text}'"
    if '"' not in text and "#{" not in text:
        return f'"{text}"'
    # With both quotes in it a text is put together: there is no escape for them that does not depend on where they stand.
    return " ~ ".join(f'"{part}"' if part == "'" else f"'{part}'" for part in re.split("(')", text) if part)
