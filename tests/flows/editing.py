"""A text with a sign where the cursor is, and what is said of that place."""

from __future__ import annotations

from service.flows import completion
from service.flows import hover as hovering
from service.flows.completion import Item
from service.flows.hover import Hover
from tests.flows.world import CATALOGUE

CURSOR = "¦"


def placed(text: str) -> tuple[str, int, int]:
    """The text without the sign, and its line and column."""
    before, _, after = text.partition(CURSOR)
    return before + after, before.count("\n") + 1, len(before) - before.rfind("\n")


def items(text: str) -> list[Item]:
    """What can be written at the cursor."""
    return completion.complete(*placed(text), CATALOGUE)


def labels(text: str) -> list[str]:
    """What it is called."""
    return [item.label for item in items(text)]


def written(text: str, label: str) -> str:
    """The text after one of them was chosen."""
    whole, _, _ = placed(text)
    item = next(item for item in items(text) if item.label == label)
    lines = whole.split("\n")
    line = lines[item.span.line - 1]
    lines[item.span.line - 1] = line[: item.span.column - 1] + item.insert + line[item.span.end - 1 :]
    return "\n".join(lines)


def hover(text: str) -> Hover | None:
    """What is said of the word at the cursor."""
    return hovering.hover(*placed(text), CATALOGUE)
