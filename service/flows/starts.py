"""From the triggers that people write to those that fire: old names of properties, and conditions, become one form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.flows.catalogue import TypeInfo
from service.flows.conditions import read_conditions
from service.flows.defaults import Defaults
from service.flows.document import IGNORED_TASK, MOST_TRIGGERS, NOT_RUN_TRIGGER, TriggerProperties
from service.flows.draft import Draft
from service.flows.flow import NotInstalled, TriggerDef
from service.flows.outline import Rendered, Start
from service.flows.properties import property_names
from service.flows.source import Path

_TRIGGER = property_names(TriggerProperties)
_GATES = frozenset({"when", "conditions", "scheduleConditions"})


def read_triggers(entries: list[Any], draft: Draft, defaults: Defaults) -> tuple[TriggerDef, ...]:
    """The flow's triggers. Those that are wrong are noted and left out; where there are too many, all are."""
    if len(entries) > MOST_TRIGGERS:
        place = draft.source.place(("triggers", MOST_TRIGGERS))
        draft.findings.add("HG-0215", place, f"more than {MOST_TRIGGERS:,} triggers", "split the flow")
        return ()
    seen: dict[str, Path] = {}
    found = [read_trigger(entry, ("triggers", number), draft, defaults, seen) for number, entry in enumerate(entries)]
    return tuple(trigger for trigger in found if trigger is not None)


def read_trigger(raw: Any, path: Path, draft: Draft, defaults: Defaults, seen: dict[str, Path]) -> TriggerDef | None:
    """One trigger; None when it is wrong, which is noted. `seen` has the ids of those before."""
    if draft.findings.enough or not draft.is_map(raw, path):
        return None
    info = draft.type_of(raw, path, "trigger")
    properties = defaults.apply(raw, info)
    known = info.properties if info else frozenset[str]()
    draft.are_not_run(properties, NOT_RUN_TRIGGER - known, path)
    draft.are_ignored({key: why for key, why in IGNORED_TASK.items() if key in properties and key not in known}, path)
    shared = {key: value for key, value in properties.items() if key in _TRIGGER and key not in known}
    own = {key: value for key, value in properties.items() if key not in shared}
    common = draft.validated(TriggerProperties, shared, path, beside=own.keys())
    draft.note_id(shared.get("id"), path, seen, "trigger")
    start = Start(str(shared.get("id", "")), info, path, shared.get("disabled") is True, properties)
    draft.outline.starts.append(start)
    draft.texts += [Rendered((*path, key), value, start) for key, value in properties.items() if key in own or key in _GATES]
    gates = _gates(shared, start, draft)
    model = draft.validated(info.cls, own, path, {}, _TRIGGER) if info else None
    place = draft.source.place(path)
    if info is None and common is not None and draft.allow_unknown_types:
        return TriggerDef(common.id, common.type, NotInstalled(own), common.disabled, (place.line, place.column), gates, common)
    if model is None or common is None or info is None:
        return None
    draft.are_ignored({key: why for key, why in info.cls.WITHOUT_EFFECT.items() if key in own}, path)
    _note_not_run(info, common, path, draft)
    return TriggerDef(common.id, info.name, model, common.disabled, (place.line, place.column), gates, common)


def _gates(shared: Mapping[str, Any], start: Start, draft: Draft) -> tuple[Any, ...]:
    """What must hold for it to fire: `when`, and conditions of the older dialect."""
    key = "conditions" if "conditions" in shared else "scheduleConditions"
    found = read_conditions(shared.get(key), (*start.path, key), draft, start)
    return (shared["when"], *found) if isinstance(shared.get("when"), str) else found


def _note_not_run(info: TypeInfo, common: TriggerProperties, path: Path, draft: Draft) -> None:
    if not info.cls.RUN and not common.disabled:
        draft.is_not_run(f"the trigger type `{info.name.rpartition('.')[2]}`", draft.source.place((*path, "type")))
