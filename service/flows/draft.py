"""One file being read: what is known of it so far, and what its parts share: types by name, validation, and what this version does not run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from service.flows.catalogue import Catalogue, Kind, TypeInfo
from service.flows.defaults import Defaults
from service.flows.findings import Findings
from service.flows.flow import Unready
from service.flows.mistakes import Subject, described, not_run, note_errors, path_text
from service.flows.outline import Outline, Rendered
from service.flows.problems import Severity, escaped
from service.flows.source import Broken, Path, Place, Source, held
from service.flows.spellings import note_older

NOT_RUN = "is part of the flow language, but this version of Headgate does not run it yet"
_NO_TYPE = "no installed type has a name like it"
_KINDS = {"task": "a task", "trigger": "a trigger", "task_runner": "a task runner"}
_TYPE = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*")


@dataclass(slots=True)
class Draft:
    """What was found in a file. `texts` are the values in which expressions may stand; `ids` has the path of every task.

    `gates` are the templates that conditions became, with the place of each. `digests` is how much an image without a digest matters, None: not at all.
    """

    source: Source
    findings: Findings
    catalogue: Catalogue
    allow_unknown_types: bool = False
    digests: Severity | None = None
    defaults: Defaults | None = None
    ids: dict[str, Path] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)
    outline: Outline = field(default_factory=Outline)
    texts: list[Rendered] = field(default_factory=list)
    gates: list[Rendered] = field(default_factory=list)
    unready: list[Unready] = field(default_factory=list)

    # types

    def type_of(self, raw: Mapping[str, Any], path: Path, kind: Kind) -> TypeInfo | None:
        """The type that a task, trigger or task runner names; None, and noted, where there is none of that kind."""
        name = raw.get("type")
        if not isinstance(name, str):
            return None
        info = self.catalogue.find(name)
        where = self.origin((*path, "type"))
        if info is None:
            self._note_unknown_type(name, kind, self.source.place(where))
            return None
        if info.kind != kind:
            message = f"`{escaped(name, 120)}` is {_KINDS[info.kind]}, not {_KINDS[kind]}"
            self.findings.add("HG-0223", self.source.place(where), message, "triggers stand under `triggers:`" if info.kind == "trigger" else None)
            return None
        if info.alias:
            message = f"`{escaped(name, 120)}` is an old name of `{info.name}`"
            renamed = info.spelling.renamed if info.spelling else {}
            hint = ", and ".join((f"write `{info.name}`", *(f"`{new}` for `{old}`" for old, new in renamed.items() if old in raw)))
            self.findings.add("HG-0222", self.source.place(where), message, hint, Severity.NOTICE)
        self.types.add(info.name)
        return info

    def _note_unknown_type(self, name: str, kind: Kind, place: Place) -> None:
        word = _KINDS[kind].split(" ", 1)[1]
        if not _TYPE.fullmatch(name):
            message = f"`{escaped(name, 120)}` is not the name of a {word} type"
            self.findings.add("HG-0221", place, message, "a type is names joined by dots, such as `io.kestra.plugin.core.log.Log`")
            return
        near, unfit = self.catalogue.nearest(name, kind), self.catalogue.unfit(name)
        severity = Severity.WARNING if self.allow_unknown_types else Severity.ERROR
        if unfit is not None:
            self.findings.add("HG-0220", place, escaped(unfit, 1_000), "mend or uninstall the package", severity)
        else:
            self.findings.add("HG-0220", place, f"unknown {word} type `{escaped(name, 120)}`", f"did you mean `{near}`?" if near else _NO_TYPE, severity)
        self.unready.append(Unready(f"the {word} type `{escaped(name, 120)}`", (place.line, place.column)))

    # properties

    def is_map(self, raw: Any, path: Path, hint: str = "write `- id: …` and, below it, `type: …`") -> bool:
        """Whether an entry of a list is the map that it must be; notes it where it is not."""
        if not isinstance(raw, dict | Broken):
            self.findings.add("HG-0203", self.source.place(path), f"`{path_text(path)}`: expected a map, got {described(raw)}", hint)
        return isinstance(raw, dict)

    def validated(  # noqa: PLR0913 - what is validated has as many sides
        self,
        model: type[Any],
        value: dict[str, Any],
        path: Path,
        renamed: Mapping[str, Path] | None = None,
        siblings: Set[str] = frozenset(),
        beside: Set[str] = frozenset(),
    ) -> Any:
        """The instance of a class, None where the value is wrong, which is noted. Of what can't be run yet the instance has the default."""
        subject = Subject(value, path, model, self.origin, renamed or {}, siblings, beside)
        note_older(subject, self.source, self.findings)
        try:
            return model.model_validate(value, by_alias=True, by_name=False)
        except ValidationError as error:
            unready, errors = not_run(error), error.error_count()
            note_errors(error, subject, self.source, self.findings)
        for key in unready:
            self.is_not_run(f"`{key}`", self.source.key_place(self.origin(subject.written((key,)))))
        return self._without(model, value, unready) if len(unready) == errors else None

    def origin(self, path: Path) -> Path:
        """Where a part of a task stands in the file: in the task, or in the plugin default that it comes from."""
        if self.defaults is None or self.source.holds(path) or not path:
            return path
        own = next(depth for depth in range(len(path) - 1, -1, -1) if self.source.holds(path[:depth]))
        for depth in range(own, 0, -1):
            value = held(self.source.value, path[:depth])
            kind = value.get("type") if isinstance(value, dict) else None
            found = self.defaults.origin(kind, path[depth:]) if isinstance(kind, str) else None
            if found is not None:
                return found
        return (*self.origin(path[:-1]), path[-1]) if own < len(path) - 1 else path

    @staticmethod
    def _without(model: type[BaseModel], value: Mapping[str, Any], keys: Iterable[str]) -> Any:
        return model.model_validate({key: part for key, part in value.items() if key not in set(keys)}, by_alias=True, by_name=False)

    def are_not_run(self, properties: Mapping[str, Any], names: Set[str], path: Path) -> None:
        """Notes those properties that this version can't run."""
        for key, value in properties.items():
            if key in names and value not in (None, False, []):
                self.is_not_run(f"`{key}`", self.source.key_place(self.origin((*path, key))))

    def is_not_run(self, what: str, place: Place, instead: str | None = None, never: str = "") -> None:
        """Notes a part of the flow that this version can't run; `instead`, that none will (`never` says why), and what to write."""
        none = f"{never}, and no execution of this flow is started"
        why, hint = (none, instead) if instead else (NOT_RUN, "until then no execution of this flow is started")
        self.findings.add("HG-0206", place, f"{what} {why}", hint, Severity.WARNING)
        self.unready.append(Unready(what, (place.line, place.column), instead, never))

    def are_ignored(self, keys: Mapping[str, str], path: Path) -> None:
        """Notes properties without effect, and why they have none."""
        for key, why in keys.items():
            self.findings.add("HG-0207", self.source.key_place(self.origin((*path, key))), f"`{key}` is ignored: {why}", None, Severity.NOTICE)

    # ids

    def note_id(self, name: Any, path: Path, seen: dict[str, Path], kind: str) -> None:
        """Keeps where an id was used; notes it where it was used before."""
        if not isinstance(name, str | int) or isinstance(name, bool):
            return
        text = str(name)
        if text in seen:
            first = self.source.place((*seen[text], "id"))
            message = f"the {kind} id `{escaped(text)}` is used twice; the first is at {first.line}:{first.column}"
            self.findings.add("HG-0213", self.source.place((*path, "id")), message, "choose another id")
        seen.setdefault(text, path)
