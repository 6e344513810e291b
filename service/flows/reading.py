"""From a file's bytes to a `Flow`, and to everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from service.engine.program import Node, Program, Watch
from service.engine.state import State
from service.flows.catalogue import Catalogue
from service.flows.checks import check_flow
from service.flows.children import Child
from service.flows.declare import read_inputs, read_outputs
from service.flows.defaults import MOST_BROUGHT, Default, Defaults, TooManyDefaults
from service.flows.document import IGNORED_FLOW, NOT_RUN_FLOW, SILENT_FLOW, TASK_LISTS, FlowProperties, PluginDefault
from service.flows.draft import Draft
from service.flows.findings import Findings
from service.flows.flow import Flow, Reading, TriggerDef
from service.flows.inputs import Input
from service.flows.listeners import read_listeners
from service.flows.loading import read_source
from service.flows.lower import Lowering, TooManyTasks
from service.flows.policies import Output, Sla
from service.flows.problems import Severity, capped
from service.flows.source import Path, Source
from service.flows.starts import read_triggers
from service.flows.trigger_inputs import check_given, check_required

__all__ = ["FLOW", "Reading", "read_flow"]

#: The root node's type: not one that a flow can name.
FLOW = "headgate.flow"
#: The lists of tasks that the engine walks.
_WALKED = frozenset(TASK_LISTS)

#: How an execution ends that breaks an SLA.
_BREAKS = {"FAIL": State.FAILED, "CANCEL": State.CANCELLED, "NONE": None}


def read_flow(
    text: bytes,
    path: str,
    catalogue: Catalogue,
    *,
    defaults: Sequence[Mapping[str, Any]] = (),
    allow_unknown_types: bool = False,
    require_digests: Severity | None = None,
) -> Reading:
    """Reads one flow file. Never raises for what is in it: mistakes are problems.

    `path` is what problems say; `defaults` are the instance's plugin defaults. With `allow_unknown_types` a type that is not installed is a warning;
    such a flow is valid, and no execution of it is started. `require_digests` is what an image without a digest is; None: fine.
    """
    findings = Findings(path)
    decoded, source = read_source(text, findings)
    if source is None:
        return Reading(None, capped(findings.problems), _guessed_identity(decoded or ""))
    flow = _Reader(source, Draft(source, findings, catalogue, allow_unknown_types, require_digests), defaults).flow()
    return Reading(flow, capped(findings.problems), _identity(source.value))


def _watch(sla: Sla) -> Watch:
    """An SLA as the engine watches it."""
    return Watch(sla.id, _BREAKS[sla.behavior], sla.labels or {}, sla.duration, sla.assert_)


def _identity(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """Namespace and id, read as those of a flow are: a number is text."""
    try:
        top = FlowProperties.model_validate({"id": value.get("id"), "namespace": value.get("namespace"), "tasks": [None]})
    except ValidationError:
        return None
    return top.namespace, top.id


_TOP = {key: re.compile(rf"""^{key}:[ \t]+(['"]?)([\w.-]+)\1[ \t]*(?:#.*)?\r?$""", re.MULTILINE | re.ASCII) for key in ("id", "namespace")}


def _guessed_identity(text: str) -> tuple[str, str] | None:
    """Of a file that is not even YAML: what its lines say, when they say it once."""
    found = {key: pattern.findall(text) for key, pattern in _TOP.items()}
    if any(len(matches) != 1 for matches in found.values()):
        return None
    return _identity({key: matches[0][1] for key, matches in found.items()})


class _Reader:
    """Reads one flow out of a file's values."""

    def __init__(self, source: Source, draft: Draft, defaults: Sequence[Mapping[str, Any]]) -> None:
        self.source = source
        self.draft = draft
        self.findings = draft.findings
        self.raw = self._own_names(source.value)
        self.defaults = draft.defaults = self._defaults(defaults)

    def flow(self) -> Flow | None:
        """What was read; None when it is wrong, which is noted."""
        try:
            return self._whole()
        except TooManyDefaults:
            message = f"plugin defaults bring more than {MOST_BROUGHT:,} values to this flow"
            self.findings.add("HG-0218", self.source.key_place((self._defaults_key,)), message, "split the flow, or put large values into files")
            return None

    def _whole(self) -> Flow | None:
        top = self._top()
        inputs = read_inputs(self._list("inputs"), self.draft)
        tree = self._tree(top)
        if tree is None:
            return None
        triggers = read_triggers(self._list("triggers"), self.draft, self.defaults)
        check_required(triggers, inputs, self.draft)
        check_given(inputs, self.draft)
        outputs = read_outputs(self._list("outputs"), self.draft)
        self._check_sla_ids(top)
        check_flow(self.draft, self.raw)
        if self.findings.failed or top is None:
            return None
        return self._flow(top, tree, inputs, triggers, outputs)

    def _flow(self, top: FlowProperties, tree: Node, inputs: tuple[Input, ...], triggers: tuple[TriggerDef, ...], outputs: tuple[Output, ...]) -> Flow:
        walked = {key: nodes for key, nodes in tree.branches.items() if key in _WALKED}
        worker = top.worker_selector or top.worker_group
        root = tree if walked.keys() == tree.branches.keys() and worker is None else replace(tree, branches=walked, worker=worker)
        return Flow(
            id=top.id,
            namespace=top.namespace,
            program=Program.of(root, outputs, tuple(map(_watch, top.sla or ()))),
            source=self.source.text,
            tree=tree,
            unready=tuple(sorted(self.draft.unready, key=lambda part: part.place)),
            description=top.description,
            labels=top.labels or {},
            inputs=inputs,
            variables=top.variables or {},
            triggers=triggers,
            outputs=outputs,
            concurrency=top.concurrency,
            retry=top.retry,
            sla=tuple(top.sla or ()),
            checks=tuple(top.checks or ()),
            worker=worker,
            disabled=top.disabled,
        )

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

    def _top(self) -> FlowProperties | None:
        """The flow's own properties; None when they are wrong."""
        self.draft.are_not_run(self.raw, NOT_RUN_FLOW, ())
        self.draft.are_ignored({key: why for key, why in IGNORED_FLOW.items() if key in self.raw}, ())
        value = {key: value for key, value in self.raw.items() if key not in IGNORED_FLOW and key not in SILENT_FLOW}
        renamed: dict[str, Path] = {"pluginDefaults": ("taskDefaults",)} if "taskDefaults" in self.source.value else {}
        read: FlowProperties | None = self.draft.validated(FlowProperties, value, (), renamed)
        return read

    def _list(self, key: str) -> list[Any]:
        value = self.raw.get(key)
        return value if isinstance(value, list) else []

    def _tree(self, top: FlowProperties | None) -> Node | None:
        """All lists of tasks under one root; None when there are too many to go on."""
        lowering = Lowering(self.draft, self.defaults)
        try:
            lists = {key: lowering.tasks(self._children(key), key) for key in TASK_LISTS}
            lists["listeners"] = read_listeners(self._list("listeners"), lowering, self.draft)
        except TooManyTasks:
            return None
        place = self.source.place(())
        branches = {key: nodes for key, nodes in lists.items() if nodes or key == "tasks"}
        return Node(
            id=top.id if top else "",
            type=FLOW,
            runs="flowable",
            model=None,
            branches=branches,
            retry=top.retry if top else None,
            place=(place.line, place.column),
        )

    def _children(self, key: str) -> list[Child]:
        return [Child(entry, (key, number)) for number, entry in enumerate(self._list(key))]

    @property
    def _defaults_key(self) -> str:
        return "taskDefaults" if "taskDefaults" in self.source.value else "pluginDefaults"

    def _defaults(self, instance: Iterable[Mapping[str, Any]]) -> Defaults:
        key = self._defaults_key
        written = [found for number, entry in enumerate(self._list("pluginDefaults")) if (found := self._default(entry, (key, number)))]
        configured = [Default(str(entry["type"]), entry.get("values") or {}, bool(entry.get("forced"))) for entry in instance if entry.get("type")]
        catalogue = self.draft.catalogue
        return Defaults((self._canonical(entry) for entry in configured), (self._canonical(entry) for entry in written), catalogue)

    def _default(self, entry: Any, path: Path) -> Default | None:
        if not self.draft.is_map(entry, path, "write `- type: …` and `values:`"):
            return None
        self.draft.are_not_run(entry, {"ref"}, path)
        found = self.draft.validated(PluginDefault, entry, path)
        return Default(found.type, found.values, found.forced, path) if found and not found.ref else None

    def _canonical(self, default: Default) -> Default:
        info = self.draft.catalogue.find(default.type)
        return replace(default, type=info.name) if info and info.alias else default

    def _check_sla_ids(self, top: FlowProperties | None) -> None:
        seen: dict[str, Path] = {}
        for number, sla in enumerate(top.sla or () if top else ()):
            self.draft.note_id(sla.id, ("sla", number), seen, "SLA")
