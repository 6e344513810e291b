"""From the tasks that people write to the nodes that the engine runs: one form for all dialects and old spellings.

Old names of a type's properties stand with its class (`Spelling`, `Older`); what no class can say is in `old_runner` and `children`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from service.engine.program import Node
from service.flows.catalogue import TypeInfo
from service.flows.children import Child, Children
from service.flows.containers import check_container
from service.flows.declare import read_inputs, read_outputs
from service.flows.defaults import Defaults
from service.flows.document import IGNORED_GROUP, IGNORED_TASK, MOST_TASKS, NOT_RUN_TASK, UNROUTED_GROUP, UNROUTED_TASK, TaskProperties
from service.flows.draft import Draft
from service.flows.flow import NotInstalled
from service.flows.mistakes import path_text
from service.flows.old_runner import lower_old_runner
from service.flows.outline import UNKNOWN, Rendered, Spot, Step
from service.flows.properties import field_named, property_names
from service.flows.source import Path

_TASK = property_names(TaskProperties)
#: Common properties in which expressions may stand.
_RENDERED = frozenset({"runIf", "when", "timeout", "assets"})


class TooManyTasks(Exception):
    """The flow is over its cap, which has been noted; the rest is not looked at."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A task as it was written, taken apart: what all tasks have, and what is its type's own. `renamed` says where properties stand under another name."""

    common: dict[str, Any]
    own: dict[str, Any]
    renamed: dict[str, Path]

    def path(self, path: Path, key: str) -> Path:
        """Where a property stands in the file."""
        return (*path, *self.renamed.get(key, (key,)))


class Lowering:
    """Reads the tasks of one flow into a draft."""

    def __init__(self, draft: Draft, defaults: Defaults) -> None:
        self._draft = draft
        self._defaults = defaults
        self._count = 0

    def tasks(self, children: Iterable[Child], branch: str, parent: Step | None = None) -> tuple[Node, ...]:
        """The tasks of a list, in order, disabled ones too. Those that are wrong are noted and left out."""
        found = [self._task(child, Spot(parent, branch, number)) for number, child in enumerate(children)]
        return tuple(node for node in found if node is not None)

    def _task(self, child: Child, spot: Spot) -> Node | None:
        draft, path = self._draft, child.path
        if draft.findings.enough or not draft.is_map(child.raw, path):
            return None
        self._counted(path)
        info = draft.type_of(child.raw, path, "task")
        written = self._taken_apart(self._defaults.apply(child.raw, info), info, path)
        common = draft.validated(TaskProperties, written.common, path, beside=written.own.keys())
        draft.note_id(written.common.get("id"), path, draft.ids, "task")
        step = self._step(child, written, info, spot)
        branches = self._branches(written.own, info, step)
        check_container(draft, written.own, info, path, written.renamed)
        elsewhere: Set[str] = getattr(info.cls, "ELSEWHERE", frozenset()) if info else frozenset()
        draft.texts += [Rendered((*path, key), value, step) for key, value in written.common.items() if key in _RENDERED]
        own = written.own if info else _without_tasks(written.own)
        draft.texts += [Rendered(written.path(path, key), value, step) for key, value in own.items() if key not in elsewhere]
        siblings = _TASK.union(info.branches) if info and info.branches else _TASK
        model = draft.validated(info.cls, written.own, path, written.renamed, siblings) if info else None
        declared = self._declarations(info, written, path) if info else {}
        if info is None and common is not None and draft.allow_unknown_types:
            return self._node(step.type, "flowable" if branches else "runner", common, NotInstalled(written.own), written, branches, child)
        if model is None or common is None or info is None:
            return None
        draft.are_ignored({key: why for key, why in info.cls.WITHOUT_EFFECT.items() if key in written.own}, path)
        if not info.cls.RUN and not common.disabled:
            what, cls = f"the task type `{info.name.rpartition('.')[2]}`", info.cls
            draft.is_not_run(what, draft.source.place((*path, "type")), cls.INSTEAD, cls.NEVER)
        if getattr(info.cls, "EXPANDS", False):
            branches = {"tasks": self._parts(model, common, child), **branches}
        return self._node(info.name, info.runs, common, model.model_copy(update=declared) if declared else model, written, branches, child)

    def _parts(self, model: Any, common: TaskProperties, child: Child) -> tuple[Node, ...]:
        """The tasks that one stands for. Their ids must be free, too."""
        place = self._draft.source.place(child.path)
        parts: tuple[Node, ...] = model.parts(common.id, (place.line, place.column), self._draft.catalogue.load)
        for part in parts:
            self._draft.note_id(part.id, child.path, self._draft.ids, "task")
        return parts

    def _declarations(self, info: TypeInfo, written: _Written, path: Path) -> dict[str, Any]:
        """By field, the inputs and outputs that a task declares, read as those of flows are."""
        declares: Mapping[str, str] = getattr(info.cls, "DECLARES", {})
        found: dict[str, Any] = {}
        for key, kind in declares.items():
            entries = written.own.get(key)
            if isinstance(entries, list):
                read = read_inputs if kind == "inputs" else read_outputs
                found[field_named(info.cls, key)] = read(entries, self._draft, written.path(path, key))
        return found

    def _step(self, child: Child, written: _Written, info: TypeInfo | None, spot: Spot) -> Step:
        id, kind = written.common.get("id", ""), child.raw.get("type")
        name = info.name if info else kind if isinstance(kind, str) else ""
        step = Step(str(id), name, info, child.path, spot, child.raw, written.own, written.common, child.depends_on)
        self._draft.outline.add(step)
        return step

    def _counted(self, path: Path) -> None:
        self._count += 1
        if self._count > MOST_TASKS:
            self._draft.findings.add("HG-0215", self._draft.source.place(path), f"more than {MOST_TASKS:,} tasks", "split the flow")
            raise TooManyTasks

    def _node(  # noqa: PLR0913 - a task has as many parts
        self, type: str, runs: str | None, common: TaskProperties, model: Any, written: _Written, branches: dict[str, tuple[Node, ...]], child: Child
    ) -> Node:
        place = self._draft.source.place(child.path)
        timeout = written.common.get("timeout")
        return Node(
            id=common.id,
            type=type,
            runs=runs,  # type: ignore[arg-type]  # the index has it from the class's own RUNS
            model=model,
            spec=written.own,
            branches=branches,
            run_if=common.run_if,
            timeout=None if timeout is None else str(timeout),
            allow_failure=common.allow_failure,
            allow_warning=common.allow_warning,
            log_level=common.log_level,
            log_to_file=common.log_to_file,
            retry=common.retry,
            cache=common.task_cache,
            worker=common.worker_selector or common.worker_group,
            delivery=common.delivery,
            depends_on=child.depends_on,
            description=common.description,
            disabled=common.disabled,
            place=(place.line, place.column),
        )

    def _branches(self, own: dict[str, Any], info: TypeInfo | None, step: Step) -> dict[str, tuple[Node, ...]]:
        """Takes the child lists out of a flowable's properties. Of a type that is not installed, whatever looks like a task is looked at."""
        if info is None:
            found = tuple(self._look_for_tasks(own, step.path, step))
            return {"tasks": found} if found else {}
        if not info.branches:
            return {}
        lists = Children(self._draft, info, step.path).take(own)
        step.branches = tuple(branch.name for branch in lists)
        return {branch.name: self.tasks(branch.children, branch.name, step) for branch in lists}

    def _look_for_tasks(self, value: Any, path: Path, step: Step) -> Iterator[Node]:
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            if not isinstance(part, dict | list):
                continue
            if isinstance(value, list) and _is_task(part):
                node = self._task(Child(part, (*path, key)), Spot(step, UNKNOWN, 0))
                yield from (node,) if node is not None else ()
            else:
                yield from self._look_for_tasks(part, (*path, key), step)

    def _taken_apart(self, properties: Mapping[str, Any], info: TypeInfo | None, path: Path) -> _Written:
        known = info.keys if info else frozenset[str]()
        self._check_fixed(properties, info, path)
        properties, renamed = _respelled(properties, info, known)
        self._draft.are_not_run(properties, NOT_RUN_TASK - known, path)
        ignored = IGNORED_TASK | (IGNORED_GROUP if info and info.runs == "flowable" else {}) | dict(_unrouted(info))
        self._draft.are_ignored({key: why for key, why in ignored.items() if properties.get(key) not in (None, False) and key not in known}, path)
        common = {key: value for key, value in properties.items() if key in _TASK and key not in known}
        own = {key: value for key, value in properties.items() if key not in common}
        if not known or "taskRunner" in known:
            lower_old_runner(self._draft, own, renamed, path)
        return _Written(common, own, renamed)

    def _check_fixed(self, properties: Mapping[str, Any], info: TypeInfo | None, path: Path) -> None:
        """What an old name stands for can't be said otherwise."""
        if info is None or info.spelling is None:
            return
        for key, value in info.spelling.fixed.items():
            if key in properties and self._draft.source.holds((*path, key)):
                message = f"unknown property `{path_text((*path, key))}`: under this old name the type stands for `{key}: {value}`"
                self._draft.findings.add("HG-0201", self._draft.source.key_place((*path, key)), message, f"write `{info.name}`")


def _unrouted(info: TypeInfo | None) -> Mapping[str, str]:
    """Why it is all one which runners such a task is for."""
    if info is None or info.runs == "runner" or getattr(info.cls, "HOLDS", False) or getattr(info.cls, "BECOMES", False):
        return {}
    return UNROUTED_GROUP if info.runs == "flowable" else UNROUTED_TASK


def _is_task(entry: Any) -> bool:
    """Whether an entry of a list in a type that is not installed looks like a task."""
    return isinstance(entry, dict) and {"id", "type"} <= entry.keys()


def _without_tasks(value: Any) -> Any:
    """A value of a type that is not installed, without the tasks in it: they are looked at by themselves."""
    if isinstance(value, list):
        return [None if _is_task(entry) else _without_tasks(entry) for entry in value]
    return {key: _without_tasks(part) for key, part in value.items()} if isinstance(value, dict) else value


def _respelled(properties: Mapping[str, Any], info: TypeInfo | None, known: Set[str]) -> tuple[Mapping[str, Any], dict[str, Path]]:
    """The properties under the names that the class has for them."""
    spelling = info.spelling if info else None
    if spelling is None:
        return properties, {}
    names = {old: new for old, new in spelling.renamed.items() if old in properties and new not in properties and old not in known}
    respelled = {names.get(key, key): value for key, value in properties.items()} | dict(spelling.fixed)
    return respelled, {new: (old,) for old, new in names.items()}
