"""From a file's bytes to a `Flow`, and to everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from service.engine.program import Node, Program
from service.flows.catalogue import Catalogue
from service.flows.checks import Names, check_expressions
from service.flows.declare import NOT_YET, read_inputs
from service.flows.defaults import Default, Defaults
from service.flows.document import IGNORED_FLOW, NOT_YET_FLOW, SILENT_FLOW, FlowProperties, PluginDefault
from service.flows.flow import Flow, Reading, TriggerDef
from service.flows.inputs import Input
from service.flows.lower import Lowering, TooManyTasks
from service.flows.mistakes import Subject, described, note_errors, path_text
from service.flows.problems import Severity, capped
from service.flows.source import Broken, Findings, Path, Source, at, read_source

__all__ = ["FLOW", "Reading", "read_flow"]

#: The root node's type: not one that a flow can name.
FLOW = "headgate.flow"


def read_flow(text: bytes, path: str, catalogue: Catalogue, *, defaults: Sequence[Mapping[str, Any]] = (), allow_unknown_types: bool = False) -> Reading:
    """Reads one flow file. Never raises for what is in it: mistakes are problems.

    `path` is what problems say; `defaults` are the instance's plugin defaults. With `allow_unknown_types` a type that is not installed is a warning;
    such a flow is valid, but there is no `Flow` to run.
    """
    findings = Findings(path)
    decoded, source = read_source(text, findings)
    if source is None:
        return Reading(None, capped(findings.problems), _guessed_identity(decoded or ""))
    flow = _Reader(source, findings, catalogue, defaults, allow_unknown_types).flow()
    return Reading(flow, capped(findings.problems), _identity(source.value))


def _identity(value: Mapping[str, Any]) -> tuple[str, str] | None:
    namespace, name = value.get("namespace"), value.get("id")
    if not isinstance(name, str | int) or isinstance(name, bool) or not isinstance(namespace, str):
        return None
    try:
        FlowProperties.model_validate({"id": name, "namespace": namespace, "tasks": [None]})
    except ValidationError:
        return None
    return namespace, str(name)


_TOP = {key: re.compile(rf"""^{key}:[ \t]+(['"]?)([\w.-]+)\1[ \t]*(?:#.*)?\r?$""", re.MULTILINE | re.ASCII) for key in ("id", "namespace")}


def _guessed_identity(text: str) -> tuple[str, str] | None:
    """Of a file that is not even YAML: what its lines say, when they say it once."""
    found = {key: pattern.findall(text) for key, pattern in _TOP.items()}
    if any(len(matches) != 1 for matches in found.values()):
        return None
    return _identity({key: matches[0][1] for key, matches in found.items()})


class _Reader:
    """Reads one flow out of a file's values."""

    def __init__(self, source: Source, findings: Findings, catalogue: Catalogue, defaults: Sequence[Mapping[str, Any]], allow_unknown_types: bool) -> None:
        self.source = source
        self.findings = findings
        self.catalogue = catalogue
        self.raw = self._own_names(source.value)
        self.lowering = Lowering(source, findings, catalogue, self._defaults(defaults), allow_unknown_types)

    def flow(self) -> Flow | None:
        top = self._validated(FlowProperties, self._top(), ())
        inputs = read_inputs(self._list("inputs"), self.source, self.findings)
        branches = self._branches()
        if branches is None:
            return None
        triggers = self.lowering.triggers(self._list("triggers"))
        self._check_trigger_inputs(triggers, inputs)
        check_expressions([*self.lowering.texts, *self._texts()], self._names(), self.source, self.findings)
        if self.findings.failed or self.lowering.unknown_types or top is None:
            return None
        root = Node(id=top.id, type=FLOW, runs="flowable", model=None, branches=branches, place=self._start())
        return Flow(
            id=top.id,
            namespace=top.namespace,
            program=Program.of(root),
            source=self.source.text,
            description=top.description,
            labels=top.labels or {},
            inputs=inputs,
            variables=top.variables or {},
            triggers=triggers,
            disabled=top.disabled,
        )

    def _start(self) -> tuple[int, int]:
        place = self.source.place(())
        return place.line, place.column

    def _own_names(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """`taskDefaults` is what `pluginDefaults` was called."""
        if "taskDefaults" not in raw:
            return raw
        place = self.source.key_place(("taskDefaults",))
        if "pluginDefaults" in raw:
            self.findings.add("HG-0104", place, "`taskDefaults` and `pluginDefaults` are the same property", "keep `pluginDefaults`")
            return {key: value for key, value in raw.items() if key != "taskDefaults"}
        self.findings.add("HG-0208", place, "`taskDefaults` is the old spelling of `pluginDefaults`", "write `pluginDefaults`", Severity.NOTICE)
        return {"pluginDefaults" if key == "taskDefaults" else key: value for key, value in raw.items()}

    def _top(self) -> dict[str, Any]:
        """The properties of this version; others of the language are refused or ignored by name."""
        for key in self.raw:
            if key in NOT_YET_FLOW:
                self.findings.add("HG-0206", self.source.key_place((key,)), f"`{key}` {NOT_YET}")
            elif key in IGNORED_FLOW:
                self.findings.add("HG-0207", self.source.key_place((key,)), f"`{key}` is ignored: {IGNORED_FLOW[key]}", None, Severity.NOTICE)
        return {key: value for key, value in self.raw.items() if key not in NOT_YET_FLOW and key not in IGNORED_FLOW and key not in SILENT_FLOW}

    def _validated(self, model: type[Any], value: dict[str, Any], path: Path) -> Any:
        renamed = {"pluginDefaults": ("taskDefaults",)} if "taskDefaults" in self.source.value else {}
        try:
            return model.model_validate(value, by_alias=True, by_name=False)
        except ValidationError as error:
            note_errors(error, Subject(value, path, model, {} if path else renamed), self.source, self.findings)
            return None

    def _list(self, key: str) -> list[Any]:
        value = self.raw.get(key)
        return value if isinstance(value, list) else []

    def _branches(self) -> dict[str, tuple[Node, ...]] | None:
        """The three lists of tasks; None when there are too many to go on."""
        try:
            lists = {key: self.lowering.tasks(self._list(key), (key,)) for key in ("tasks", "errors", "finally")}
        except TooManyTasks:
            return None
        return {key: nodes for key, nodes in lists.items() if nodes or key == "tasks"}

    def _defaults(self, instance: Iterable[Mapping[str, Any]]) -> Defaults:
        key = "taskDefaults" if "taskDefaults" in self.source.value else "pluginDefaults"
        written = [found for number, entry in enumerate(self._list("pluginDefaults")) if (found := self._default(entry, (key, number)))]
        configured = [Default(str(entry["type"]), entry.get("values") or {}, bool(entry.get("forced"))) for entry in instance if entry.get("type")]
        return Defaults(map(self._canonical, configured), map(self._canonical, written), self.catalogue)

    def _default(self, entry: Any, path: Path) -> Default | None:
        if not isinstance(entry, dict):
            if not isinstance(entry, Broken):
                message = f"`{path_text(path)}`: expected a map, got {described(entry)}"
                self.findings.add("HG-0203", self.source.place(path), message, "write `- type: …` and `values:`")
            return None
        if "ref" in entry:
            self.findings.add("HG-0206", self.source.key_place((*path, "ref")), f"`ref` {NOT_YET}")
        found = self._validated(PluginDefault, {key: value for key, value in entry.items() if key != "ref"}, path)
        return Default(found.type, found.values, found.forced) if found else None

    def _canonical(self, default: Default) -> Default:
        info = self.catalogue.find(default.type)
        return Default(info.name, default.values, default.forced) if info and info.alias else default

    def _check_trigger_inputs(self, triggers: Iterable[TriggerDef], inputs: Iterable[Input]) -> None:
        """An execution that nobody is asked about can't be given what is missing."""
        needed = [found.id for found in inputs if found.required and found.default() is None]
        for trigger in triggers:
            given = trigger.model.inputs or {}
            place = at(*trigger.place)
            for name in needed:
                if name not in given and name.split(".")[0] not in given:
                    message = f"the trigger `{trigger.id}` does not give the required input `{name}`"
                    self.findings.add("HG-0403", place, message, f"add `inputs: {{{name}: …}}` to the trigger, or a default to the input")

    def _texts(self) -> Iterator[tuple[Path, Any]]:
        yield ("variables",), self.raw.get("variables")
        for number, entry in enumerate(self._list("inputs")):
            if isinstance(entry, dict):
                yield from ((("inputs", number, key), entry[key]) for key in ("defaults", "prefill", "expression") if key in entry)

    def _names(self) -> Names:
        variables = self.raw.get("variables")
        return Names(
            inputs=frozenset(str(entry.get("id", entry.get("name"))) for entry in self._list("inputs") if isinstance(entry, dict)),
            tasks=frozenset(self.lowering.ids),
            variables=frozenset(variables) if isinstance(variables, dict) else frozenset(),
            types=frozenset(self.lowering.types),
        )
