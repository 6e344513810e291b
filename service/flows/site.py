"""One expression and where it stands: what the checks of expressions are given, and how they note what they find."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from runners.fields import is_template
from service.expressions import Call, ExpressionError, Reference, references
from service.flows.findings import Findings
from service.flows.outline import Outline, Owner, Step
from service.flows.places import of_template
from service.flows.problems import Severity
from service.flows.source import Path, Place, Source
from service.flows.waiting import Waiting

#: Templates longer than this are read anew each time, so that a few large scripts don't fill the memory.
_CACHED = 2_000
_CHOOSING = re.compile(r"\?|\{%-?\s*(?:if|elseif|for)\b|\b(?:and|or)\b")

Found = tuple[Reference | Call, ...] | ExpressionError


@lru_cache(maxsize=4096)
def _cached(template: str) -> Found:
    try:
        return references(template)
    except ExpressionError as error:
        return error


def found_in(template: str) -> Found:
    """What a template names, or what is wrong with it."""
    return _cached(template) if len(template) <= _CACHED else _cached.__wrapped__(template)


def is_read(text: object) -> bool:
    """Whether rendering finds something in it. `{#` opens a comment, also where a shell script means `${#NAME}`."""
    return is_template(text) or (isinstance(text, str) and "{#" in text)


def templates(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """The templates in a value of any nesting, keys too, and where each stands."""
    if isinstance(value, str):
        if is_read(value):
            yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            if is_read(key):
                yield (*path, key), key
            yield from templates(part, (*path, key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from templates(part, (*path, number))


@dataclass(slots=True)
class Declared:
    """What a flow declares, as far as expressions can name it.

    `inputs` are nested as their dotted ids are; `given` are the variables that its triggers give, None where one of them may give anything; of those that are
    known, somebody else writes the ones that are `outside`, and nobody the `tame` ones. `settable`: variables may come up that the flow does not declare.
    `identity` is its namespace and id.
    """

    outline: Outline
    inputs: Mapping[str, Any] = field(default_factory=dict)
    variables: frozenset[str] = frozenset()
    settable: bool = False
    given: frozenset[str] | None = None
    outside: frozenset[str] = frozenset()
    tame: frozenset[str] = frozenset()
    identity: tuple[Any, Any] = (None, None)
    _waiting: dict[Step, Waiting] = field(default_factory=dict)

    def waiting(self, dag: Step) -> Waiting:
        """What its tasks wait for."""
        if dag not in self._waiting:
            self._waiting[dag] = Waiting(dag)
        return self._waiting[dag]


@dataclass
class Site:
    """A template: the path of the value that it is, its text, and whose property it is in."""

    path: Path
    template: str
    owner: Owner
    declared: Declared
    source: Source
    findings: Findings
    certain: set[tuple[str | int, ...]]  #: root and name of what the template itself provides for not being there
    origin: Callable[[Path], Path]  #: where a value stands that is not at its path

    @property
    def key(self) -> str | int:
        """The property of its owner; of the flow when it has none."""
        depth = len(self.owner.path) if self.owner else 0
        return self.path[depth] if len(self.path) > depth else ""

    @cached_property
    def chooses(self) -> bool:
        """Whether parts of the template may be left out when it is rendered."""
        return _CHOOSING.search(self.template) is not None

    @cached_property
    def lines(self) -> Sequence[str]:
        """The template's lines. A template may be long and hold many names, so what looks around one of them looks at its line, and not by copying it."""
        return self.template.split("\n")

    def forgives(self, reference: Reference) -> bool:
        """Whether nothing is wrong when what it names is missing: asked about at this place, or elsewhere in the same template."""
        return reference.guarded or reference.path[:2] in self.certain

    def note(self, code: str, found: Reference | Call, message: str, hint: str | None = None, severity: Severity = Severity.ERROR, parts: int = 2) -> None:
        """A problem of something that the template names; of a reference the first parts are meant."""
        if self.findings.full(severity):
            return
        width = len(found.name) if isinstance(found, Call) else len(self.written(found, parts))
        self.findings.add(code, self.place(found.line, found.column, width), message, hint, severity)

    def written(self, reference: Reference, parts: int = 2) -> str:
        """The first parts of a reference, as they stand in the template."""
        match = _written(parts).match(self.lines[reference.line - 1], reference.column - 1)
        return match[0] if match else str(reference.path[0])

    def place(self, line: int, column: int, width: int = 1) -> Place:
        """From a place in the template to the place in the file."""
        return of_template(self.source, self.origin(self.path), self.template, line, column, width)


@lru_cache(maxsize=64)
def _written(parts: int) -> re.Pattern[str]:
    return re.compile(rf"\w+(?:\s*\.\s*\w+|\s*\[[^\]]{{0,300}}\]){{0,{min(parts, 60) - 1}}}")
