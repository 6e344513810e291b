"""The definitions of the whole language: what its families are made of, and where their maps stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from runners.fields import Typed
from service.flows.catalogue import Catalogue, Kind, TypeInfo
from service.flows.conditions import condition_names, condition_types
from service.flows.declare import OUTPUT_TYPES
from service.flows.document import IGNORED_TASK, NOT_RUN_TASK, NOT_RUN_TRIGGER, FlowProperties, Listener, PluginDefault, TaskProperties, TriggerProperties
from service.flows.inputs import INPUT_TYPES, Input
from service.flows.policies import Output
from service.flows.schema.families import NOT_RUN, Member, family, needed, parted, words_of
from service.flows.schema.models import REF, STRUCTURED, described_models

TASK, TRIGGER, RUNNER, CONDITION, INPUT, OUTPUT, DEFAULT = "task", "trigger", "taskRunner", "condition", "input", "output", "pluginDefault"
#: What only plugin defaults may leave out, of each family.
NEEDED_TASK, NEEDED_TRIGGER, NEEDED_RUNNER = "task!", "trigger!", "taskRunner!"
_KINDS: tuple[Kind, ...] = ("task", "trigger", "task_runner")
_NAME = {"type": ["string", "integer", "number"]}


def ref(name: str) -> dict[str, Any]:
    """A reference to a definition."""
    return {"$ref": f"{REF}{name}"}


def listed(item: Mapping[str, Any], at_least: int = 0) -> dict[str, Any]:
    """A list; nothing at all where it may be empty."""
    return {"type": "array", "items": dict(item), "minItems": at_least} if at_least else {"type": ["array", "null"], "items": dict(item)}


class Language:
    """All definitions, made once for a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        conditions = condition_types()
        shared: list[type[BaseModel]] = [FlowProperties, TaskProperties, TriggerProperties, PluginDefault, Listener, Output, Input]
        types = [info.cls for kind in _KINDS for info in self.types(kind)]
        self.models, self.definitions = described_models([*shared, *INPUT_TYPES.values(), *conditions.values(), *types])
        self.members = {
            RUNNER: [self._typed(info, self._described(info)) for info in self.types("task_runner")],
            TASK: [self._typed(info, self._task(info)) for info in self.types("task")],
            TRIGGER: [self._typed(info, self._described(info)) for info in self.types("trigger")],
            CONDITION: [_condition(name, old, conditions[name], self.models[conditions[name]]) for name, old in condition_names().items()],
            INPUT: [Member(cls.TYPES, (), words_of(cls), self._input(cls)) for cls in dict.fromkeys(INPUT_TYPES.values())],
        }
        self._add_families()
        self._add_needed()
        listener = self.models[Listener]["properties"]
        listener["conditions"] = {"description": listener["conditions"]["description"], **listed(ref(CONDITION))}
        listener["tasks"] = {"description": listener["tasks"]["description"], **listed(ref(TASK), 1)}

    def types(self, kind: Kind) -> list[TypeInfo]:
        """The catalogue's types of a kind."""
        return [info for name in self._catalogue.names(kind) if (info := self._catalogue.find(name)) is not None]

    # families

    def _add_families(self) -> None:
        typed = {"description": "Where commands run.", "properties": {"type": {"description": "Where."}}, "required": ["type"]}
        conditional = {"description": "What must hold for a trigger to fire.", "properties": {"type": {"description": "The condition."}}, "required": ["type"]}
        triggers = self._common(TriggerProperties, NOT_RUN_TRIGGER, {"conditions": listed(ref(CONDITION)), "scheduleConditions": listed(ref(CONDITION))})
        for kind, title, common in (
            (RUNNER, "Task runner", typed),
            (CONDITION, "Condition", conditional),
            (INPUT, "Input", self.models[Input]),
            (TASK, "Task", self._common(TaskProperties, NOT_RUN_TASK, {})),
            (TRIGGER, "Trigger", triggers),
        ):
            loose = kind in (TASK, TRIGGER, RUNNER)
            members = [Member(m.names, m.old, m.words, parted(m.described)[0], m.respelled) for m in self.members[kind]] if loose else self.members[kind]
            self.definitions |= family(kind, title, common, members)
        self.definitions[DEFAULT] = self._plugin_default()
        types = {"description": "The type of its value, one of those of inputs.", "enum": sorted(OUTPUT_TYPES)}
        self.definitions[OUTPUT] = {**self.models[Output], "properties": {**self.models[Output]["properties"], "type": types}}

    def _add_needed(self) -> None:
        """What maps must have when there are no plugin defaults: a tree of its own, along the branches."""
        runner = needed(self.members[RUNNER], {})
        below = {info.name: _properties({name: _needs_below(shape) for name, shape in info.branches.items()}) for info in self.types("task")}
        for info in self.types("task"):
            if runner and "taskRunner" in info.properties:
                below[info.name] = _properties({**below[info.name].get("properties", {}), "taskRunner": ref(NEEDED_RUNNER)})
        for name, rules in ((NEEDED_RUNNER, runner), (NEEDED_TASK, needed(self.members[TASK], below)), (NEEDED_TRIGGER, needed(self.members[TRIGGER], {}))):
            self.definitions[name] = {"description": "What must be there where no plugin defaults give it.", **rules}

    def _common(self, model: type[Any], not_run: frozenset[str], instead: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """The properties of all tasks, or of all triggers."""
        described = self.models[model]
        properties = {key: _with_words(part, instead.get(key)) for key, part in described["properties"].items()}
        for key in not_run & properties.keys():
            properties[key] = {**properties[key], "description": f"{properties[key]['description']} {NOT_RUN}"}
        for key in IGNORED_TASK.keys() & properties.keys():
            properties[key] = _ignored(properties[key], IGNORED_TASK[key])
        return {**described, "properties": properties}

    # members

    def _typed(self, info: TypeInfo, described: Mapping[str, Any]) -> Member:
        cls: type[Typed] = info.cls
        old = self._catalogue.spellings(info.name)[1:]
        return Member((info.name,), old, words_of(cls), described, {name: spelling for name, spelling in cls.SPELLINGS.items() if name in old})

    def _described(self, info: TypeInfo) -> dict[str, Any]:
        described = self.models[info.cls]
        without: Mapping[str, str] = info.cls.WITHOUT_EFFECT
        return {**described, "properties": {key: _ignored(part, without.get(key)) for key, part in described["properties"].items()}}

    def _task(self, info: TypeInfo) -> dict[str, Any]:
        """The own properties of a task, with its branches and its task runner."""
        described = self._described(info)
        required = [*described.get("required", ()), *(name for name in info.branches if name in info.cls.REQUIRED)]
        branches = {name: _branch(name, shape, name in info.cls.REQUIRED) for name, shape in info.branches.items()}
        properties = {**described["properties"], **branches}
        for name, runner in (("taskRunner", ref(RUNNER)), ("docker", {"type": "object", "properties": self._docker()})):
            if name in properties and "taskRunner" in properties:
                words = properties[name]["description"]
                properties[name] = {"description": words, "anyOf": [runner, STRUCTURED, {"type": "null"}]}
        for name, kind in getattr(info.cls, "DECLARES", {}).items():
            properties[name] = {"description": properties[name]["description"], **listed(ref(INPUT if kind == "inputs" else OUTPUT))}
        if not getattr(info.cls, "NESTS", True):
            groups = [other.name for other in self.types("task") if other.runs == "flowable"]
            alone = {"allOf": [ref(TASK), {"not": {"properties": {"type": {"enum": groups}}, "required": ["type"]}}]}
            properties["tasks"] = {**properties["tasks"], "items": alone}
        return {**described, "properties": properties, "required": required}

    def _docker(self) -> dict[str, Any]:
        """What may stand under `docker:`, the old name of one task runner."""
        found = next((info for info in self.types("task_runner") if "image" in info.properties), None)
        return {} if found is None else {key: {"$ref": f"{REF}{RUNNER}:{found.name}/properties/{key}"} for key in self.models[found.cls]["properties"]}

    def _input(self, cls: type[Input]) -> dict[str, Any]:
        described = self.models[cls]
        if cls is not INPUT_TYPES["FORM"]:
            return described
        item = {"allOf": [ref(INPUT), {"not": {"properties": {"type": {"const": "FORM"}}, "required": ["type"]}}]}
        inputs = {"description": described["properties"]["inputs"]["description"], **listed(item, 1)}
        return {**described, "properties": {**described["properties"], "inputs": inputs, **dict.fromkeys(("defaults", "prefill"), _no_value())}}

    def _plugin_default(self) -> dict[str, Any]:
        """Values are not held to their types here: a default may be a part of a map, and of a type that no task has."""
        described = self.models[PluginDefault]
        members = [member for kind in (TASK, TRIGGER, RUNNER) for member in self.members[kind]]
        rules = [
            {
                "if": {"properties": {"type": {"enum": [member.name, *member.old]}}, "required": ["type"]},
                "then": {"properties": {"values": {"properties": {key: _hint(part) for key, part in member.described["properties"].items()}}}},
            }
            for member in members
        ]
        types = {**described["properties"]["type"], "examples": [member.name for member in members]}
        return {"title": "Plugin defaults", **described, "properties": {**described["properties"], "type": types}, "allOf": rules}


def _condition(name: str, old: Sequence[str], cls: type[Any], described: Mapping[str, Any]) -> Member:
    """A condition; some hold others."""
    properties = dict(described["properties"])
    if "conditions" in properties:
        words = {"description": properties["conditions"]["description"]}
        named = properties["conditions"].get("type") == "object"
        each = {"type": "object", "additionalProperties": ref(CONDITION), "minProperties": 1} if named else listed(ref(CONDITION), 1)
        properties["conditions"] = {**words, **each}
    return Member((name,), tuple(other for other in old if other != name), words_of(cls), {**described, "properties": properties})


_BRANCHES = {
    "tasks": "What is done.",
    "then": "Done where the condition holds.",
    "else": "Done where the condition does not hold.",
    "cases": "What is done for each value: the value, and below it the tasks.",
    "defaults": "Done where there is no case for the value.",
    "errors": "Done when one of its tasks has failed.",
    "finally": "Done at its end, whatever the result.",
    "onPause": "A task that is done when it begins to wait.",
    "onWait": "Done when it begins to wait.",
    "onApprove": "Done after approval.",
    "onDeny": "Done after refusal.",
}


def _branch(name: str, shape: str, required: bool) -> dict[str, Any]:
    words = {"description": _BRANCHES.get(name, "Tasks.")}
    if shape == "graph":
        depends = {"description": "The ids of the tasks that must have ended before.", **listed(_NAME)}
        entry = {"type": "object", "properties": {"task": ref(TASK), "dependsOn": depends}, "required": ["task"], "additionalProperties": False}
        return {**words, **listed(entry, int(required))}
    return {**words, **_optional(_SHAPES[shape](ref(TASK)), required)}


def _optional(described: Mapping[str, Any], required: bool) -> dict[str, Any]:
    if described.get("type") == "array":
        return listed(described["items"], int(required))
    return dict(described) if required else {"anyOf": [dict(described), {"type": "null"}]}


#: Child tasks in each of the shapes that they are written in.
_SHAPES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "list": lambda task: {"type": "array", "items": dict(task)},
    "one": dict,
    "cases": lambda task: {"type": "object", "additionalProperties": {"type": ["array", "null"], "items": dict(task)}},
    "graph": lambda task: {"type": "array", "items": {"type": "object", "properties": {"task": dict(task)}}},
}


def _needs_below(shape: str) -> dict[str, Any]:
    """What child tasks must have, whatever else may stand in their place."""
    untyped = {key: part for key, part in _SHAPES[shape](ref(NEEDED_TASK)).items() if key != "type"}
    return {key: {name: below for name, below in part.items() if name != "type"} for key, part in untyped.items()} if "$ref" not in untyped else untyped


def _properties(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {"properties": dict(parts)} if parts else {}


def _with_words(part: Mapping[str, Any], instead: Mapping[str, Any] | None) -> dict[str, Any]:
    """Another description of a property, with its own words."""
    kept = ("description", "deprecated", "deprecationMessage")
    return dict(part) if instead is None else {**{key: part[key] for key in kept if key in part}, **instead}


def _ignored(part: Mapping[str, Any], why: str | None) -> dict[str, Any]:
    if why is None:
        return dict(part)
    noted = f"Without effect: {why}."
    return {**part, "description": f"{part['description']} {noted}", "deprecationMessage": noted}


def _no_value() -> dict[str, Any]:
    return {"description": "A form has no value of its own.", "type": "null"}


def _hint(part: Mapping[str, Any]) -> dict[str, Any]:
    """What an editor tells of a property, and nothing that could be wrong."""
    choices = [value for one in (part, *part.get("anyOf", ())) for value in one.get("enum", ())]
    return {**{key: part[key] for key in ("description", "default") if key in part}, **({"examples": choices} if choices else {})}
