"""The flows of `.flows/_examples/`: one for each type, for some properties of flows, and for rules of their life; documentation and test at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

#: How the names of examples begin that show a rule: how things end, in which order, what is called how.
RULE = "rule."
FOLDER = Path(__file__).parents[2] / ".flows" / "_examples"


@dataclass(frozen=True)
class Example:
    """One file. `extend.expect` says what comes of it: state, outputs by task (the part that is named), states of tasks, what it gives back, and log lines in
    order; also the order in which tasks begin, how many attempts they take, and how many task runs there are. In loops a task is named with the values, as
    `load[north]`.

    `needs` names a program that a machine may lack, and the command line that calls it: without it, the call is what is looked at.

    Of what is read and not run yet it says instead who is to blame: `refused` is the last part of a type's name.
    """

    path: Path

    @cached_property
    def flow(self) -> Mapping[str, Any]:
        content: Mapping[str, Any] = yaml.safe_load(self.path.read_text("utf-8"))
        return content

    @property
    def expected(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.flow["extend"]["expect"]
        return found

    @property
    def refused(self) -> str | None:
        """The type because of which no execution is started, by the last part of its name; None where one is."""
        found: str | None = self.expected.get("refused")
        return found

    @property
    def needs(self) -> Mapping[str, str]:
        """Programs that it runs, and how they are called."""
        found: Mapping[str, str] = self.expected.get("needs", {})
        return found

    @property
    def part_of_flow(self) -> str | None:
        """The property of flows that it is about; None for one that is about a type."""
        kind, _, name = self.path.stem.partition(".")
        return name if kind == "flow" else None

    @property
    def of_rule(self) -> bool:
        """Whether it shows a rule, and no type."""
        return self.path.name.startswith(RULE)

    @property
    def types(self) -> set[str]:
        """Every type that the flow names."""
        return set(_types(self.flow))


def _types(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("type"), str) and "." in value["type"]:
            yield value["type"]
        for inner in value.values():
            yield from _types(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _types(inner)


def file_name(type: str) -> str:
    """The file of a type's example: its name without what all of them share."""
    return f"{type.removeprefix('io.kestra.plugin.')}.yml"


#: Properties of flows that have an example of their own, `flow.<property>.yml`.
PROPERTIES = ("afterExecution", "checks", "concurrency", "inputs", "outputs", "sla")

EXAMPLES = sorted((Example(path) for path in FOLDER.glob("*.yml")), key=lambda example: example.path.name)
RUN = [example for example in EXAMPLES if example.refused is None]
REFUSED = [example for example in EXAMPLES if example.refused is not None]


def part(value: Any, pattern: Any) -> Any:
    """The part of a value that the pattern speaks about."""
    if isinstance(pattern, Mapping) and isinstance(value, Mapping):
        return {key: part(value.get(key), inner) for key, inner in pattern.items()}
    return value
