"""What pydantic says is wrong with a value, said with its place in the file and in the words of the flow language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service.flows.findings import Findings
from service.flows.hints import kind_hint
from service.flows.nearest import did_you_mean, nearest
from service.flows.problems import ECHO, escaped
from service.flows.properties import models_at, models_in, names_at, newer_name, property_names, property_spellings
from service.flows.source import Broken, Path, Source

#: pydantic's error types that mean "another kind of value", and what was wanted.
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "dict_type": "a map",
    "mapping_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "dataclass_type": "a map",
    "none_required": "nothing",
    "stored_file": "the URI of a stored file",
}
#: Error types of our own field types.
_OWN = {
    "duration": "HG-0205",
    "task_runner": "HG-0202",
    "id": "HG-0210",
    "reserved": "HG-0211",
    "namespace": "HG-0212",
    "too_long": "HG-0214",
    "label": "HG-0217",
    "image": "HG-0230",
    "cron": "HG-0401",
    "timezone": "HG-0402",
    "input": "HG-0410",
    "regex": "HG-0414",
    "glob": "HG-0420",
    "missing_here": "HG-0202",
    "unknown_here": "HG-0201",
    "date": "HG-0216",
}
_LIMITS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have more entries: at least {min_length}",
    "too_long": "must have fewer entries: at most {max_length}",
    "string_pattern_mismatch": "must match {pattern}",
}
_MOST, _FEW = 200, 8
#: Properties of a flow behind which a property of a task may have slipped to the left.
_LISTS = frozenset({"tasks", "errors", "finally", "afterExecution", "triggers"})


@dataclass(frozen=True, slots=True)
class _Mistake:
    """One error with the path it is about, its union steps taken out."""

    path: Path
    error: ErrorDetails
    through_union: bool


class Subject(NamedTuple):
    """What was validated: the value, where it stands, its class, and which of its properties were written under another name.

    `origin` says where a part of it stands that is not at its path: in a plugin default.
    """

    value: Any
    path: Path
    model: type[BaseModel]
    origin: Callable[[Path], Path]
    renamed: Mapping[str, Path]
    siblings: Set[str] = frozenset()  #: properties beside its own, which somebody else has validated
    beside: Set[str] = frozenset()  #: what stands beside it in the file and is none of its properties

    def written(self, path: Path) -> Path:
        """The path in the file of a path in the value."""
        if path and path[0] in self.renamed:
            return (*self.path, *self.renamed[str(path[0])], *path[1:])
        return (*self.path, *path)


def not_run(error: ValidationError) -> tuple[str, ...]:
    """The properties that the class itself knows and this version does not run."""
    return tuple(str(details["loc"][0]) for details in error.errors(include_url=False, include_input=False) if details["type"] == "not_yet" and details["loc"])


def note_errors(error: ValidationError, subject: Subject, source: Source, findings: Findings) -> None:
    """One problem for each place that pydantic complains about. What this version does not run (`not_run`) is no mistake."""
    grouped: dict[Path, list[_Mistake]] = {}
    mistakes = [_mistake(details, subject.value) for details in error.errors(include_url=False) if details["type"] != "not_yet"]
    for mistake in _without_shadows(mistakes):
        grouped.setdefault(mistake.path, []).append(mistake)
    misspelt = _misspelt(grouped, subject)
    for path, mistakes in grouped.items():
        if path not in misspelt:
            _Teller(subject, source, findings).tell(path, mistakes)


def _misspelt(grouped: Mapping[Path, Sequence[_Mistake]], subject: Subject) -> frozenset[Path]:
    """What is missing only because it is there under a name that is nearly its own."""
    missing = {path for path, mistakes in grouped.items() if mistakes[0].error["type"] == "missing"}
    unknown = (path for path, mistakes in grouped.items() if mistakes[0].error["type"] == "extra_forbidden") if missing else ()
    return frozenset((*path[:-1], nearest(str(path[-1]), names_at(subject.model, path[:-1])) or "") for path in islice(unknown, _MOST)) & missing


def _mistake(error: ErrorDetails, value: Any) -> _Mistake:
    path: list[str | int] = []
    skipped = False
    for number, step in enumerate(error["loc"]):
        last = number == len(error["loc"]) - 1
        if _reaches(value, step):
            path.append(step)
            value = value[step]
        elif last and error["type"] == "missing":
            path.append(step)
        elif step != "[key]":
            skipped = True
    return _Mistake(tuple(path), error, skipped)


def _reaches(value: Any, step: str | int) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)


def _without_shadows(mistakes: list[_Mistake]) -> Iterator[_Mistake]:
    """Of a union's complaints the ones that got furthest into the value: they come from the alternative that was meant."""
    for mistake in mistakes[:_MOST]:
        depth = len(mistake.path)
        deeper = any(len(other.path) > depth and other.path[:depth] == mistake.path for other in mistakes[:_MOST])
        if not (mistake.through_union and deeper) and not isinstance(mistake.error["input"], Broken):
            yield mistake


class _Teller:
    """Words for the mistakes at one path."""

    def __init__(self, subject: Subject, source: Source, findings: Findings) -> None:
        self.subject = subject
        self.source = source
        self.findings = findings

    def tell(self, path: Path, mistakes: Sequence[_Mistake]) -> None:
        error = mistakes[0].error
        written = self.subject.origin(self.subject.written(path))
        kind = error["type"]
        if kind == "missing":
            self._missing(written, "is missing", self.subject.beside if len(path) == 1 else ())
        elif kind == "extra_forbidden":
            self._unknown(path, written)
        elif error["input"] is None and any(mistake.error["type"] in _WANTED for mistake in mistakes):
            self._missing(written, "has no value")
        elif kind in _WANTED or _is_wrong_kind(error):
            self._wrong_kind(written, mistakes)
        elif kind in ("literal_error", "enum"):
            self._not_among(written, mistakes)
        else:
            code, message, hint = _told(error)
            if hint is None and not self.source.holds(written):
                hint = "it comes from plugin defaults"
            at = error.get("ctx", {}).get("at")
            named = written if at is None else (*written, at)
            place = self.source.place(written) if at is None and kind != "missing_here" else self.source.key_place(named)
            self.findings.add(code, place, f"`{path_text(written)}`: {message}", hint)

    def _missing(self, written: Path, what: str, beside: Iterable[str] = ()) -> None:
        near = next((name for name in beside if nearest(name, [str(written[-1])])), None)
        if near is not None:
            meant = (*written[:-1], near)
            self.findings.add("HG-0201", self.source.key_place(meant), f"unknown property `{path_text(meant)}`", f"did you mean `{written[-1]}`?")
            return
        present = self.source.key_place(written)
        hint = f"add `{written[-1]}: …`" if what == "is missing" else "give it one, or take it out"
        self.findings.add("HG-0202", present, f"`{path_text(written)}` {what}", hint)

    def _unknown(self, path: Path, written: Path) -> None:
        name = str(path[-1])
        newer = newer_name(models_at(self.subject.model, path[:-1]), name)
        if newer is not None:
            self.findings.add("HG-0104", self.source.key_place(written), f"`{name}` and `{newer}` are the same property", f"keep `{newer}`")
            return
        known = names_at(self.subject.model, path[:-1]) | (self.subject.siblings if len(path) == 1 else frozenset())
        if not self.source.holds(written):
            self.findings.add("HG-0201", self.source.place(written), f"unknown property `{escaped(path_text(written))}`", "it comes from plugin defaults")
            return
        hint = did_you_mean(name, known) or self._elsewhere(name, path) or (f"known here: {_listed(known)}" if 0 < len(known) <= _FEW else None)
        self.findings.add("HG-0201", self.source.key_place(written), f"unknown property `{escaped(path_text(written))}`", hint)

    def _elsewhere(self, name: str, path: Path) -> str | None:
        """Where a property stands that is no property here."""
        if not self.subject.path and len(path) == 1:
            before = [key for key in self.subject.value if key in _LISTS or key == name]
            if before[0] != name:
                return "if it belongs to a task, indent it as far as the task's `type:`"
        fields = [(field, info) for model in models_at(self.subject.model, path[:-1]) for field, info in model.model_fields.items()]
        below = {property_spellings(field, info)[0] for field, info in fields for found in models_in(info.annotation) if name in property_names(found)}
        return f"it stands under `{below.pop()}`" if len(below) == 1 else None

    def _wrong_kind(self, written: Path, mistakes: Sequence[_Mistake]) -> None:
        wanted = dict.fromkeys(_wanted(mistake.error) for mistake in mistakes)
        value = mistakes[0].error["input"]
        message = f"`{path_text(written)}`: expected {' or '.join(wanted)}, got {described(value)}"
        self.findings.add("HG-0203", self.source.place(written), message, kind_hint(value, wanted))

    def _not_among(self, written: Path, mistakes: Sequence[_Mistake]) -> None:
        allowed = [choice for mistake in mistakes for choice in re.findall(r"'([^']*)'", str(mistake.error.get("ctx", {}).get("expected", "")))]
        value = mistakes[0].error["input"]
        hint = (did_you_mean(value, allowed) if isinstance(value, str) else None) or f"one of {_listed(allowed)}"
        self.findings.add("HG-0204", self.source.place(written), f"`{path_text(written)}`: {described(value)} is not allowed", hint)


def _is_wrong_kind(error: ErrorDetails) -> bool:
    """A duration written as a list or a map is no misspelt duration."""
    return error["type"] == "duration" and not isinstance(error["input"], str)


def _wanted(error: ErrorDetails) -> str:
    return "a duration" if error["type"] == "duration" else _WANTED.get(error["type"], "something else")


def _told(error: ErrorDetails) -> tuple[str, str, str | None]:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _OWN and not (kind == "too_long" and "max_length" in context):
        hint = context.get("hint")
        message = error["msg"].removesuffix(str(hint)).rstrip(": ") if hint else error["msg"]
        return _OWN[kind], _with_value(message, error["input"]), hint
    if kind in _LIMITS:
        return "HG-0204", _LIMITS[kind].format_map({key: escaped(value) for key, value in context.items()}), None
    if kind == "value_error":
        return "HG-0204", escaped(context.get("error", "not allowed"), 300), context.get("hint")
    # pydantic's own wording may name Python types; a message of ours has an error type of ours.
    own = "should be" not in error["msg"] and "Input" not in error["msg"]
    return "HG-0204", escaped(error["msg"], 300) if own else "this value is not allowed here", context.get("hint")


def _with_value(message: str, value: Any) -> str:
    return f"{message} (`{escaped(value, 40)}`)" if isinstance(value, str) and escaped(value, 40) not in message and len(value) <= ECHO else message


def described(value: Any) -> str:
    """A value in a message."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    shown = ("true" if value else "false") if isinstance(value, bool) else escaped(value, 40)
    return f"the text `{shown}`" if isinstance(value, str) else f"`{shown}`"


def path_text(path: Path) -> str:
    """`tasks[2].timeout`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return escaped(text.removeprefix("."), 120)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{escaped(name, 40)}`" for name in sorted(names)[:20])
