"""Expressions, looked at without rendering them: their syntax, and names that can't exist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from runners.fields import is_template
from service.expressions import Call, ExpressionError, Reference, references
from service.flows.places import inside
from service.flows.problems import MOST, Severity, did_you_mean, escaped, lines_of
from service.flows.source import Findings, Path, Place, Source

#: Templates longer than this are read anew each time, so that a few large scripts don't fill the memory.
_CACHED = 2_000
#: Tasks that leave more outputs than their own id says, or set variables while the flow runs.
_SPLITTING = frozenset({"io.kestra.plugin.core.flow.ForEachItem"})
_SETTING = frozenset({"io.kestra.plugin.core.execution.SetVariables"})
_PARTS = ("_split", "_items", "_merge")
_HYPHENED = re.compile(r"\b(inputs|outputs|vars)\.([A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)+)")


@dataclass(frozen=True)
class Names:
    """What a flow declares: input ids (dotted), task ids, variables, and the types of its tasks."""

    inputs: frozenset[str]
    tasks: frozenset[str]
    variables: frozenset[str]
    types: frozenset[str]

    @cached_property
    def known(self) -> dict[str, frozenset[str]]:
        """By root, the names that may follow it."""
        tasks = self.tasks
        if self.types & _SPLITTING:
            tasks |= {f"{task}{part}" for task in tasks for part in _PARTS}
        return {"inputs": frozenset(name.split(".")[0] for name in self.inputs), "outputs": tasks, "vars": self.variables}

    @property
    def settable(self) -> bool:
        """Whether variables may come up that the flow does not declare."""
        return bool(self.types & _SETTING)


_WORDS = {
    "inputs": ("HG-0302", "the flow has no input `{name}`"),
    "outputs": ("HG-0303", "the flow has no task `{name}`"),
    "vars": ("HG-0304", "the flow has no variable `{name}`"),
}


@lru_cache(maxsize=4096)
def _cached(template: str) -> tuple[Reference | Call, ...] | ExpressionError:
    try:
        return references(template)
    except ExpressionError as error:
        return error


def _read(template: str) -> tuple[Reference | Call, ...] | ExpressionError:
    return _cached(template) if len(template) <= _CACHED else _cached.__wrapped__(template)


def check_expressions(texts: Iterable[tuple[Path, Any]], names: Names, source: Source, findings: Findings) -> None:
    """Notes what is wrong with the expressions in these values, wherever they are nested in them."""
    checker = _Checker(names, source, findings)
    for path, value in texts:
        for where, template in _templates(value, path):
            checker.check(where, template)
            if checker.found > MOST:
                return


def _is_read(text: object) -> bool:
    """Whether rendering finds something in it. `{#` opens a comment, also where a shell script means `${#NAME}`."""
    return is_template(text) or (isinstance(text, str) and "{#" in text)


def _templates(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        if _is_read(value):
            yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            if _is_read(key):
                yield (*path, key), key
            yield from _templates(part, (*path, key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _templates(part, (*path, number))


class _Checker:
    def __init__(self, names: Names, source: Source, findings: Findings) -> None:
        self.names = names
        self.source = source
        self.findings = findings
        self.found = 0

    def check(self, path: Path, template: str) -> None:
        """Everything about one template."""
        read = _read(template)
        if isinstance(read, ExpressionError):
            self._add("HG-0301", self._place(path, template, read.line, read.column), f"in this expression: {escaped(read.message, 300)}")
            return
        for reference in read:
            if isinstance(reference, Reference) and len(reference.path) > 1:
                self._check_reference(path, template, reference)

    def _check_reference(self, path: Path, template: str, reference: Reference) -> None:
        root, name = str(reference.path[0]), str(reference.path[1])
        known = self.names.known.get(root)
        if known is None or name in known or reference.guarded or (root == "vars" and self.names.settable):
            return
        hyphened = self._hyphened(template, reference, known)
        place = self._place(path, template, reference.line, reference.column, len(f"{root}.{hyphened or name}"))
        if hyphened is not None:
            message = f"`{root}.{hyphened}` is read as a subtraction"
            self._add("HG-0305", place, message, f"write `{root}['{hyphened}']`")
            return
        code, words = _WORDS[root]
        self._add(code, place, words.format(name=escaped(name)), did_you_mean(name, known))

    def _hyphened(self, template: str, reference: Reference, known: frozenset[str]) -> str | None:
        """The declared name with hyphens that was meant at this place of the template."""
        line = lines_of(template)[reference.line - 1]
        match = _HYPHENED.match(line, reference.column - 1)
        if match is None or match[1] != reference.path[0]:
            return None
        parts = match[2].split("-")
        candidates = ("-".join(parts[:count]) for count in range(len(parts), 1, -1))
        return next((candidate for candidate in candidates if candidate in known), None)

    def _add(self, code: str, place: Place, message: str, hint: str | None = None) -> None:
        self.found += 1
        self.findings.add(code, place, message, hint, Severity.ERROR)

    def _place(self, path: Path, template: str, line: int, column: int, width: int = 1) -> Place:
        event = self.source.scalar(path)
        if event is None or event.value != template:
            return self.source.place(path)
        return inside(self.source, event, line, column, width)
