"""Inputs and outputs as flows declare them, and tasks that ask or give in the same form.

A FORM becomes the inputs that it holds, with its own id before theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from service.flows.circles import circle
from service.flows.draft import Draft
from service.flows.inputs import INPUT_TYPES, Input
from service.flows.inputs.definition import Dependency
from service.flows.inputs.forms import FormInput
from service.flows.mistakes import described
from service.flows.nearest import did_you_mean
from service.flows.policies import Output
from service.flows.problems import Severity, escaped
from service.flows.source import Broken, Path
from service.flows.values import BadValue, has_template

#: A form is a way to ask.
OUTPUT_TYPES = INPUT_TYPES.keys() - {"FORM"}


@dataclass(frozen=True, slots=True)
class _Declared:
    """An input and where it stands; `key` is how its id was written. `form` is the one that it is part of."""

    input: Input
    path: Path
    key: str
    form: FormInput | None = None

    def dependencies(self) -> Iterator[tuple[str, Path, Dependency]]:
        """What decides whether it is asked for, by the id and the path of the input or form that says so."""
        if self.form is not None and self.form.depends_on is not None:
            yield self.form.id, self.path[:-2], self.form.depends_on
        if self.input.depends_on is not None:
            yield self.input.id, self.path, self.input.depends_on


def read_inputs(entries: list[Any], draft: Draft, at: Path = ("inputs",)) -> tuple[Input, ...]:
    """The declared inputs; those that are wrong are noted and left out."""
    declared = list(_inputs(entries, draft, at))
    _check_ids(declared, draft)
    _check_dependencies(declared, draft)
    return tuple(found.input for found in declared)


def read_outputs(entries: list[Any], draft: Draft, at: Path = ("outputs",)) -> tuple[Output, ...]:
    """The declared outputs; those that are wrong are noted and left out."""
    seen: dict[str, Path] = {}
    found = [_output(entry, (*at, number), draft, seen) for number, entry in enumerate(entries)]
    return tuple(output for output in found if output is not None)


def _output(entry: Any, path: Path, draft: Draft, seen: dict[str, Path]) -> Output | None:
    if not draft.is_map(entry, path):
        return None
    output: Output | None = draft.validated(Output, entry, path)
    draft.note_id(entry.get("id"), path, seen, "output")
    name = entry.get("type")
    if isinstance(name, str) and name not in OUTPUT_TYPES:
        _note_unknown(name, OUTPUT_TYPES, "output", path, draft)
    return output


def _note_unknown(name: str, known: Collection[str], what: str, path: Path, draft: Draft) -> None:
    hint = did_you_mean(name, known) or f"one of {', '.join(sorted(known))}"
    draft.findings.add("HG-0220", draft.source.place((*path, "type")), f"unknown {what} type `{escaped(name)}`", hint)


def _inputs(entries: list[Any], draft: Draft, at: Path, form: FormInput | None = None) -> Iterator[_Declared]:
    for number, entry in enumerate(entries):
        path = (*at, number)
        if draft.findings.enough:
            return
        if not draft.is_map(entry, path, "write `- id: …` and `type: …`"):
            continue
        found = _input(entry, path, draft, form)
        if isinstance(found, FormInput):
            yield from _inputs(entry["inputs"], draft, (*path, "inputs"), found)
        elif found is not None:
            _check_default(found, path, draft)
            yield _Declared(found, path, "id" if "id" in entry else "name", form)


def _input(entry: dict[str, Any], path: Path, draft: Draft, form: FormInput | None) -> Input | None:
    cls = _class(entry.get("type"), path, draft)
    if cls is FormInput and form is not None:
        draft.findings.add("HG-0204", draft.source.place((*path, "type")), "a form can't stand in a form", "put its inputs here")
        return None
    found: Input | None = draft.validated(cls, entry, path) if cls else None
    if found is None:
        return None
    draft.are_not_run(entry, found.NOT_RUN, path)
    if (name := found.not_taken()) is not None:
        draft.is_not_run(f"the input type `{name}`", draft.source.place((*path, "type" if name == entry["type"] else "itemType")))
    if form is not None:
        found = found.within(form)
    return found


def _class(name: Any, path: Path, draft: Draft) -> type[Input] | None:
    """The class of an input's type; the base class, which finds what is missing, where there is none to find."""
    if isinstance(name, Broken):
        return None
    if not isinstance(name, str):
        return Input
    if name not in INPUT_TYPES:
        _note_unknown(name, INPUT_TYPES, "input", path, draft)
        return None
    return INPUT_TYPES[name]


def _check_default(found: Input, path: Path, draft: Draft) -> None:
    if found.defaults is None or isinstance(found.defaults, Broken):
        return
    where = draft.source.place((*path, "defaults"))
    if not found.required:
        place = draft.source.key_place((*path, "required"))
        message = f"`{found.id}` has a default, so it always has a value"
        draft.findings.add("HG-0411", place, message, "`required: false` can be left out", Severity.NOTICE)
    if has_template(found.defaults):
        return
    try:
        found.parse(found.defaults)
    except BadValue as bad:
        draft.findings.add("HG-0410", where, f"the default of `{found.id}`{_said(bad, found.defaults)}")


def _said(bad: BadValue, value: Any) -> str:
    """What is wrong with a value, as the end of a sentence about it."""
    if str(bad).startswith("entry"):
        return f": {bad}"
    return f" {bad}, but is {described(value)}" if str(bad).startswith("must") else f" {bad}: {described(value)}"


def _check_ids(declared: list[_Declared], draft: Draft) -> None:
    seen: dict[str, _Declared] = {}
    for one in declared:
        id = one.input.id
        if id in seen:
            first = draft.source.place((*seen[id].path, seen[id].key))
            message = f"the input id `{id}` is used twice; the first is at {first.line}:{first.column}"
            draft.findings.add("HG-0213", draft.source.place((*one.path, one.key)), message, "choose another id")
        seen.setdefault(id, one)
    for one in declared:
        parent = next((name for name in _parents(one.input.id) if name in seen), None)
        if parent is not None:
            message = f"the input `{one.input.id}` lies inside the input `{parent}`, which is a value of its own"
            where = (*one.path[:-2], "id") if one.form is not None and len(parent) <= len(one.form.id) else (*one.path, one.key)
            draft.findings.add("HG-0412", draft.source.place(where), message, "rename one of them")


def _parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))


def _check_dependencies(declared: list[_Declared], draft: Draft) -> None:
    known = {one.input.id: one for one in declared}
    for one in declared:
        for owner, path, dependency in one.dependencies():
            for number, name in enumerate(dependency.inputs):
                if name not in known:
                    where = draft.source.place((*path, "dependsOn", "inputs", number))
                    message = f"`{owner}` depends on the input `{escaped(name)}`, which does not exist"
                    draft.findings.add("HG-0413", where, message, did_you_mean(name, known))
    found = circle({one.input.id: tuple(name for dependency in one.input.dependencies for name in dependency.inputs) for one in declared})
    if found:
        where = draft.source.place((*known[found[0]].path, "dependsOn"))
        draft.findings.add("HG-0413", where, f"inputs depend on each other in a circle: {' → '.join((*found, found[0]))}", "one of them must come first")
