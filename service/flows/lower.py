"""From what people write to what the engine runs: tasks of all dialects become `Node`s, triggers become `TriggerDef`s.

The one place that knows old spellings of properties. What is not of this version is refused here by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from service.engine.program import Node
from service.flows.catalogue import Catalogue, Kind, TypeInfo, property_names
from service.flows.declare import NOT_YET
from service.flows.defaults import Defaults
from service.flows.document import IGNORED_TASK, MOST_TASKS, NOT_YET_TASK, NOT_YET_TRIGGER, TaskProperties, TriggerProperties
from service.flows.flow import TriggerDef
from service.flows.images import image_mistake
from service.flows.inputs import has_template
from service.flows.mistakes import Subject, described, note_errors, path_text
from service.flows.problems import Severity, did_you_mean, escaped
from service.flows.source import Broken, Findings, Path, Place, Source

DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"
PROCESS = "io.kestra.plugin.core.runner.Process"

_TASK = property_names(TaskProperties)
_TRIGGER = property_names(TriggerProperties)
_NO_TYPE = "no installed type has a name like it"
_KINDS = {"task": "a task", "trigger": "a trigger", "task_runner": "a task runner"}
_RESERVED_VARIABLES = frozenset({"PATH", "LD_PRELOAD", "BASH_ENV", "DOCKER_HOST"})
#: Options of task runners that reach past the container, and when they do.
_DANGEROUS: Mapping[str, Any] = {
    "privileged": lambda value: value not in (False, "false"),
    "volumes": bool,
    "networkMode": lambda value: str(value) == "host" or str(value).startswith("container:"),
    "capAdd": bool,
    "securityOpt": bool,
    "deviceRequests": bool,
    "devices": bool,
    "pidMode": bool,
    "user": lambda value: str(value).split(":")[0] in ("root", "0"),
}


class TooManyTasks(Exception):
    """The flow is over its cap, which has been noted; the rest is not looked at."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A task or trigger as it was written, taken apart: what all of its kind have, and what is its type's own."""

    common: dict[str, Any]
    own: dict[str, Any]
    renamed: dict[str, Path]


class Lowering:
    """Reads the tasks and triggers of one flow. Afterwards `ids` has every task's id, and `texts` every value in which expressions may stand."""

    def __init__(self, source: Source, findings: Findings, catalogue: Catalogue, defaults: Defaults, allow_unknown_types: bool) -> None:
        self.source = source
        self.findings = findings
        self.catalogue = catalogue
        self.defaults = defaults
        self.allow_unknown_types = allow_unknown_types
        self.ids: dict[str, Path] = {}
        self.types: set[str] = set()
        self.texts: list[tuple[Path, Any]] = []
        self.unknown_types = False
        self._tasks = 0

    # Tasks

    def tasks(self, entries: list[Any], path: Path) -> tuple[Node, ...]:
        """The enabled tasks of a list, in order. What is wrong is noted, disabled tasks included."""
        found = [self._task(entry, (*path, number)) for number, entry in enumerate(entries)]
        return tuple(node for node in found if node is not None)

    def _task(self, raw: Any, path: Path) -> Node | None:
        if self.findings.enough or not self._is_map(raw, path):
            return None
        self._tasks += 1
        if self._tasks > MOST_TASKS:
            self.findings.add("HG-0215", self.source.place(path), f"more than {MOST_TASKS:,} tasks", "split the flow")
            raise TooManyTasks
        info = self._type(raw, path, "task")
        written = self._taken_apart(self.defaults.apply(raw, info), info, path)
        common = self._validated(TaskProperties, written.common, path, written.renamed)
        self._note_id(written.common.get("id"), path)
        branches = self._branches(written.own, info, path)
        self._check_own(written, info, path)
        self.texts += [((*path, *written.renamed.get(key, (key,))), value) for key, value in written.common.items() if key in ("runIf", "timeout")]
        self.texts += [((*path, *written.renamed.get(key, (key,))), value) for key, value in written.own.items()]
        siblings = _TASK.union(info.branches) if info else _TASK
        model = self._validated(info.cls, written.own, path, written.renamed, siblings) if info else None
        if model is None or common is None or info is None or common.disabled:
            return None
        return self._node(info, common, model, written, branches, path)

    def _node(self, info: TypeInfo, common: TaskProperties, model: Any, written: _Written, branches: dict[str, tuple[Node, ...]], path: Path) -> Node:
        place = self.source.place(path)
        timeout = written.common.get("timeout")
        return Node(
            id=common.id,
            type=info.name,
            runs=info.runs,  # type: ignore[arg-type]  # the index has it from the class's own RUNS
            model=model,
            spec=written.own,
            branches=branches,
            run_if=common.run_if,
            timeout=None if timeout is None else str(timeout),
            allow_failure=common.allow_failure,
            allow_warning=common.allow_warning,
            log_level=common.log_level,
            place=(place.line, place.column),
        )

    def _branches(self, own: dict[str, Any], info: TypeInfo | None, path: Path) -> dict[str, tuple[Node, ...]]:
        """Takes the child lists out of a flowable's properties. Of a type that is not installed, whatever looks like a task is looked at."""
        if info is None:
            self._look_for_tasks(own, path)
            return {}
        branches: dict[str, tuple[Node, ...]] = {}
        for name in info.branches:
            required = name in info.cls.REQUIRED
            if name not in own or own[name] is None:
                own.pop(name, None)
                if required:
                    self.findings.add("HG-0202", self.source.key_place(path), f"`{path_text((*path, name))}` is missing", f"add `{name}:` with a list of tasks")
                continue
            children = self._child_list(own.pop(name), (*path, name), required)
            branches[name] = self.tasks(children, (*path, name))
        return branches

    def _child_list(self, value: Any, path: Path, required: bool) -> list[Any]:
        if isinstance(value, list):
            if required and not value:
                self.findings.add("HG-0204", self.source.key_place(path), f"`{path_text(path)}` has no tasks", "add one, or take the group out")
            return value
        if not isinstance(value, Broken):
            hint = "put `- ` before each task" if isinstance(value, dict) else None
            self.findings.add("HG-0203", self.source.place(path), f"`{path_text(path)}`: expected a list of tasks, got {described(value)}", hint)
        return []

    def _look_for_tasks(self, value: Any, path: Path) -> None:
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            if not isinstance(part, dict | list):
                continue
            if isinstance(part, dict) and isinstance(value, list) and {"id", "type"} <= part.keys():
                self._task(part, (*path, key))
            else:
                self._look_for_tasks(part, (*path, key))

    # Triggers

    def triggers(self, entries: list[Any]) -> tuple[TriggerDef, ...]:
        """The flow's triggers. Those that are wrong are noted and left out."""
        found = [self._trigger(entry, ("triggers", number)) for number, entry in enumerate(entries)]
        seen: dict[str, Path] = {}
        for number, entry in enumerate(entries):
            self._note_duplicate(entry.get("id") if isinstance(entry, dict) else None, ("triggers", number), seen, "trigger")
        return tuple(trigger for trigger in found if trigger is not None)

    def _trigger(self, raw: Any, path: Path) -> TriggerDef | None:
        if self.findings.enough or not self._is_map(raw, path):
            return None
        info = self._type(raw, path, "trigger")
        properties = self.defaults.apply(raw, info)
        known = info.properties if info else frozenset()
        self._refuse_not_yet(properties.keys() & NOT_YET_TRIGGER - known, path)
        self._ignore({"assets": IGNORED_TASK["assets"]} if "assets" in properties and "assets" not in known else {}, path)
        common_keys = _TRIGGER - known
        own = {key: value for key, value in properties.items() if key not in common_keys and (key in known or key not in (*NOT_YET_TRIGGER, "assets"))}
        common = self._validated(TriggerProperties, {key: value for key, value in properties.items() if key in common_keys}, path, {})
        self.texts += [((*path, key), value) for key, value in own.items()]
        model = self._validated(info.cls, own, path, {}, _TRIGGER) if info else None
        if model is None or common is None or info is None:
            return None
        place = self.source.place(path)
        return TriggerDef(common.id, info.name, model, common.disabled, (place.line, place.column))

    # What both have

    def _is_map(self, raw: Any, path: Path) -> bool:
        if not isinstance(raw, dict | Broken):
            hint = "write `- id: …` and, below it, `type: …`"
            self.findings.add("HG-0203", self.source.place(path), f"`{path_text(path)}`: expected a map, got {described(raw)}", hint)
        return isinstance(raw, dict)

    def _type(self, raw: dict[str, Any], path: Path, kind: Kind) -> TypeInfo | None:
        name = raw.get("type")
        if not isinstance(name, str):
            return None
        info = self.catalogue.find(name)
        place = self.source.place((*path, "type"))
        if info is None:
            self._note_unknown_type(name, kind, place)
            return None
        if info.kind != kind:
            message = f"`{escaped(name, 120)}` is {_KINDS[info.kind]}, not {_KINDS[kind]}"
            self.findings.add("HG-0223", place, message, "triggers stand under `triggers:`" if info.kind == "trigger" else None)
            return None
        if info.alias:
            message = f"`{escaped(name, 120)}` is an old name of `{info.name}`"
            self.findings.add("HG-0222", place, message, f"write `{info.name}`", Severity.NOTICE)
        self.types.add(info.name)
        return info

    def _note_unknown_type(self, name: str, kind: Kind, place: Place) -> None:
        self.unknown_types = True
        near = self.catalogue.nearest(name, kind)
        severity = Severity.WARNING if self.allow_unknown_types else Severity.ERROR
        word = _KINDS[kind].split(" ", 1)[1]
        self.findings.add("HG-0220", place, f"unknown {word} type `{escaped(name, 120)}`", f"did you mean `{near}`?" if near else _NO_TYPE, severity)

    def _taken_apart(self, properties: Mapping[str, Any], info: TypeInfo | None, path: Path) -> _Written:
        known: Set[str] = {*info.properties, *info.branches} if info else frozenset()
        self._refuse_not_yet(properties.keys() & NOT_YET_TASK - known, path)
        self._ignore({key: why for key, why in IGNORED_TASK.items() if key in properties and key not in known}, path)
        common: dict[str, Any] = {}
        own: dict[str, Any] = {}
        renamed: dict[str, Path] = {}
        for key, value in properties.items():
            if key in known:
                own[key] = value
            elif key in _TASK:
                common[key] = value
            elif key == "when":
                self._rename_when(common, value, properties, renamed, path)
            elif key not in NOT_YET_TASK and key not in IGNORED_TASK:
                own[key] = value
        if not known or "taskRunner" in known:
            self._lower_old_runner(own, renamed, path)
        return _Written(common, own, renamed)

    def _rename_when(self, common: dict[str, Any], value: Any, properties: Mapping[str, Any], renamed: dict[str, Path], path: Path) -> None:
        """`when` is the second dialect's name of `runIf`."""
        if "runIf" in properties:
            self.findings.add("HG-0104", self.source.key_place((*path, "when")), "`when` and `runIf` are the same property", "keep one of them")
            return
        common["runIf"] = value
        renamed["runIf"] = ("when",)

    def _lower_old_runner(self, own: dict[str, Any], renamed: dict[str, Path], path: Path) -> None:
        """`runner: DOCKER` and `docker: {image: …}`, the way scripts were written at first."""
        if has_template(own.get("runner")) or not own.keys() & {"runner", "docker"}:
            return
        runner, docker = own.pop("runner", None), own.pop("docker", None)
        self._note_old_runner(runner, docker, path)
        kind = self._old_runner_type(runner, path)
        if not isinstance(docker, dict | Broken | None):
            message = f"`{path_text((*path, 'docker'))}`: expected a map, got {described(docker)}"
            self.findings.add("HG-0203", self.source.place((*path, "docker")), message)
        options = dict(docker) if isinstance(docker, dict) else {}
        image = options.pop("image", None)
        if image is not None and "containerImage" not in own:
            own["containerImage"] = image
            renamed["containerImage"] = ("docker", "image")
        if kind is None or (runner is None and not options):
            return
        if "taskRunner" in own:
            why = "`taskRunner` says where the task runs"
            self._ignore({key: why for key, value in (("runner", runner), ("docker", options)) if value}, path)
            return
        own["taskRunner"] = {"type": kind, **(options if kind == DOCKER else {})}
        renamed["taskRunner"] = ("docker",) if options else ("runner",)

    def _old_runner_type(self, runner: Any, path: Path) -> str | None:
        known = {"DOCKER": DOCKER, "PROCESS": PROCESS}
        if runner is None:
            return DOCKER
        if isinstance(runner, str) and runner.upper() in known:
            return known[runner.upper()]
        if not isinstance(runner, Broken):
            hint = (did_you_mean(runner, known) if isinstance(runner, str) else None) or "one of `DOCKER`, `PROCESS`"
            message = f"`{path_text((*path, 'runner'))}`: {described(runner)} is not allowed"
            self.findings.add("HG-0204", self.source.place((*path, "runner")), message, hint)
        return None

    def _note_old_runner(self, runner: Any, docker: Any, path: Path) -> None:
        for key, value, new in (("runner", runner, "taskRunner"), ("docker", docker, "containerImage` and `taskRunner")):
            if value is not None:
                self.findings.add("HG-0208", self.source.key_place((*path, key)), f"`{key}` is the old spelling", f"write `{new}`", Severity.NOTICE)

    def _refuse_not_yet(self, keys: Set[str], path: Path) -> None:
        for key in keys:
            self.findings.add("HG-0206", self.source.key_place((*path, key)), f"`{key}` {NOT_YET}")

    def _ignore(self, keys: Mapping[str, str], path: Path) -> None:
        for key, why in keys.items():
            self.findings.add("HG-0207", self.source.key_place((*path, key)), f"`{key}` is ignored: {why}", None, Severity.NOTICE)

    def _validated(self, model: type[Any], value: dict[str, Any], path: Path, renamed: Mapping[str, Path], siblings: frozenset[str] = frozenset()) -> Any:
        try:
            return model.model_validate(value, by_alias=True, by_name=False)
        except ValidationError as error:
            note_errors(error, Subject(value, path, model, renamed, siblings), self.source, self.findings)
            return None

    def _note_id(self, name: Any, path: Path) -> None:
        self._note_duplicate(name, path, self.ids, "task")

    def _note_duplicate(self, name: Any, path: Path, seen: dict[str, Path], kind: str) -> None:
        if not isinstance(name, str | int) or isinstance(name, bool):
            return
        text = str(name)
        if text in seen:
            first = self.source.place((*seen[text], "id"))
            message = f"the {kind} id `{escaped(text)}` is used twice; the first is at {first.line}:{first.column}"
            self.findings.add("HG-0213", self.source.place((*path, "id")), message, "choose another id")
        seen.setdefault(text, path)

    # What no class can check for itself

    def _check_own(self, written: _Written, info: TypeInfo | None, path: Path) -> None:
        self._check_image(written.own.get("containerImage"), (*path, *written.renamed.get("containerImage", ("containerImage",))))
        if info is None or info.runs == "runner":
            self._check_env(written.own.get("env"), (*path, "env"))
        runner = written.own.get("taskRunner")
        if isinstance(runner, dict) and (info is None or "taskRunner" in info.properties):
            written.own["taskRunner"] = self._task_runner(runner, (*path, *written.renamed.get("taskRunner", ("taskRunner",))))

    def _task_runner(self, runner: dict[str, Any], path: Path) -> dict[str, Any]:
        """A task's own choice of where it runs, its type made canonical."""
        name = runner.get("type")
        if not isinstance(name, str):
            return runner  # the task's class says so
        info = self._type(runner, path, "task_runner")
        self._check_image(runner.get("image"), (*path, "image"))
        self._warn_of_danger(runner, path)
        if info is None:
            return runner
        if issubclass(info.cls, BaseModel):
            own = {key: value for key, value in runner.items() if key != "type" or "type" in info.properties}
            self._validated(info.cls, own, path, {})
        return {**runner, "type": info.name}

    def _check_image(self, image: Any, path: Path) -> None:
        if not isinstance(image, str) or has_template(image):
            return
        mistake = image_mistake(image)
        if mistake:
            self.findings.add("HG-0230", self.source.place(path), f"`{escaped(image)}` is not an image name: {mistake}", "for example `python:3.13-slim`")

    def _check_env(self, env: Any, path: Path) -> None:
        for name in env if isinstance(env, dict) else ():
            if name in _RESERVED_VARIABLES or name.startswith("HEADGATE_"):
                place = self.source.key_place((*path, name))
                self.findings.add(
                    "HG-0231", place, f"the environment variable `{escaped(name)}` is reserved", "set it inside the script, or choose another name"
                )

    def _warn_of_danger(self, runner: Mapping[str, Any], path: Path) -> None:
        for key, dangerous in _DANGEROUS.items():
            if runner.get(key) is not None and dangerous(runner[key]):
                message = f"`{key}` with this value reaches past the container: it runs only where the administrator allows it"
                self.findings.add("HG-0240", self.source.key_place((*path, key)), message, None, Severity.WARNING)
