"""States of a flow: maps that outlive an execution, of the oldest dialect. They are kept in the KV store, where newer flows keep theirs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from service.asks import InlineAsk, TaskFailed
from service.tasks import Done, InlineTask, KvDelete, KvPut, Wait, flag, merged

_PLAIN = re.compile(r"[a-zA-Z0-9._-]{1,60}")


class _State(InlineTask):
    """What the three have in common."""

    name: Text = Field("default", description="The name of the state; a flow may have several.")
    namespace: Dynamic[bool] = Field(False, description="All flows of the namespace share it; otherwise it is this flow's own.")
    taskrun_value: Dynamic[bool] = Field(True, description="In a loop each value has its own; otherwise they share it.")

    def key(self, ask: InlineAsk) -> str:
        """The key that holds it."""
        parts = ["" if flag(ask, "namespace", self.namespace) else ask.flow, ask.text(self.name)]
        if flag(ask, "taskrunValue", self.taskrun_value) and ask.value is not None:
            parts.append(ask.value)
        return "_".join(("state", *filter(None, map(_key_part, parts))))

    def held(self, ask: InlineAsk) -> Mapping[str, Any] | None:
        """What it holds; None where there is none."""
        key = self.key(ask)
        try:
            found = ask.keys.get(key, ask.namespace)
        except KeyError:
            return None
        if not isinstance(found, Mapping):
            raise TaskFailed(f"the key `{key}` holds no state: its value is no map")
        return found


def _key_part(text: str) -> str:
    """A part of a key for any text."""
    return text if not text or _PLAIN.fullmatch(text) else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


class Set(_State):
    """Adds `data` to the state: maps are merged at every depth, and of anything else the new value stands."""

    TYPE = "io.kestra.plugin.core.state.Set"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.states.Set",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {"count": "How many names the state has now.", "key": "The key of the KV store that holds it."}

    data: dict[str, Any] | None = Field(None, description="Names and values; what is one expression keeps its type.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        state = merged(self.held(ask) or {}, ask.typed(self.data or {}))
        key = self.key(ask)
        return Done({"count": len(state), "key": key}, effect=KvPut(ask.namespace, key, state))


class Get(_State):
    """Gives what the state holds as `outputs.<task>.data`; a state that was never set is empty."""

    TYPE = "io.kestra.plugin.core.state.Get"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.states.Get",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {"count": "How many names it has.", "data": "The map."}

    error_on_missing: Dynamic[bool] = Field(False, description="Fails when it was never set.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        state = self.held(ask)
        if state is None and flag(ask, "errorOnMissing", self.error_on_missing):
            raise TaskFailed(f"there is no state `{ask.text(self.name)[:100]}`, and `errorOnMissing` is true")
        return Done({"count": len(state or {}), "data": dict(state or {})})


class Delete(_State):
    """Takes the state away; `outputs.<task>.deleted` says whether there was one."""

    TYPE = "io.kestra.plugin.core.state.Delete"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.states.Delete",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {"deleted": "Whether there was such a state."}

    error_on_missing: Dynamic[bool] = Field(False, description="Fails when it was never set.")

    def run(self, ask: InlineAsk) -> Done | Wait:
        missing = self.held(ask) is None
        if missing and flag(ask, "errorOnMissing", self.error_on_missing):
            raise TaskFailed(f"there is no state `{ask.text(self.name)[:100]}`, and `errorOnMissing` is true")
        return Done({"deleted": not missing}, effect=None if missing else KvDelete(ask.namespace, self.key(ask)))
