"""What a template can name: the variables of KESTRA.md 7.2, each made when it is first asked for."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from service.actions.kit import Kit
from service.actions.places import Where
from service.addresses import free_port
from service.engine.execution import Execution, TaskRun
from service.engine.program import Node, RenderFailed
from service.errors import ServiceError
from service.expressions import ExpressionError, Ports
from service.expressions.errors import Refused
from service.secrets.cipher import seal, unseal
from service.store.codec import iso
from service.store.repositories import MAIN


class Scope(Mapping[str, Any]):
    """Lazily made variables: a template that does not name `outputs` does not load them."""

    def __init__(self, parts: Mapping[str, Callable[[], Any]]) -> None:
        self._parts = parts
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._parts[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __contains__(self, name: object) -> bool:
        return name in self._parts


def nested_labels(labels: Mapping[str, str]) -> dict[str, Any]:
    """`{"system.from": "x"}` as `labels.system.from`; a label that is also a prefix of another stays reachable by its full name."""
    nested: dict[str, Any] = dict(labels)
    for key, value in labels.items():
        at = nested
        *parents, last = key.split(".")
        for parent in parents:
            step = at.setdefault(parent, {})
            if not isinstance(step, dict):
                break
            at = step
        else:
            at[last] = value
    return nested


def of_flow(kit: Kit, namespace: str, flow: str, revision: int, variables: Mapping[str, Any], environment: str = MAIN) -> dict[str, Callable[[], Any]]:
    """The variables that exist before there is an execution."""
    return {
        "flow": lambda: {"id": flow, "namespace": namespace, "revision": revision, "tenantId": environment},
        "vars": lambda: variables,
        "globals": lambda: kit.settings.globals,
        "envs": lambda: kit.envs,
        "kestra": lambda: {"environment": environment, "url": kit.url},
    }


def of_execution(
    kit: Kit,
    execution: Execution,
    node: Node | None,
    run: TaskRun | None,
    outputs: Callable[[], Mapping[str, Any]],
    more: Mapping[str, Callable[[], Any]] | None = None,
) -> Scope:
    """Everything that a task of this execution can name."""
    parts = of_flow(kit, execution.namespace, execution.flow, execution.revision, execution.variables, execution.environment)
    parts |= {
        **(more or {}),
        "execution": lambda: _execution(execution),
        "inputs": lambda: execution.inputs,
        "labels": lambda: nested_labels(execution.labels),
        "outputs": outputs,
    }
    if execution.trigger is not None:
        parts["trigger"] = lambda: (execution.trigger or {}).get("variables", {})
    if run is not None and node is not None:
        parts["task"] = lambda: {"id": node.id, "type": node.type}
        parts["taskrun"] = lambda: _taskrun(run)
    return Scope(parts)


def _execution(execution: Execution) -> dict[str, Any]:
    shown = {"id": execution.id, "state": execution.state.value, "startDate": iso(execution.created), "originalId": execution.id}
    if execution.pin is not None:
        shown |= {"commit": execution.pin.commit, "ref": execution.pin.ref}
    return shown


def _taskrun(run: TaskRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "startDate": iso(run.history[0].date),
        "attemptsCount": len(run.attempts) - 1,
        "parentId": run.parent,
        "value": run.value,
        "iteration": run.iteration,
    }


class Rendering:
    """Templates in one scope. Secrets that were named are remembered, so that whoever shows the result can mask them."""

    def __init__(self, kit: Kit, scope: Mapping[str, Any], now: Callable[[], datetime], place: Where | str = "") -> None:
        self.used: set[str] = set()
        self._kit, self._scope, self._place = kit, scope, place
        self._ports = Ports(
            now=now,
            secret=self._secret,
            zone=kit.settings.timezone,
            envs=kit.envs,
            token=secrets.token_bytes,
            free_port=free_port,
            seal=seal,
            unseal=unseal,
            jq=kit.jq,
        )

    def text(self, template: Any) -> str:
        """To text; raises RenderFailed with the place."""
        return str(self._try(self._kit.expressions.text, template))

    def typed(self, value: Any) -> Any:
        """A value of any nesting, types kept; raises RenderFailed with the place."""
        return self._try(self._kit.expressions.typed, value)

    def nested(self, value: Any) -> Any:
        """A value of any nesting, every text rendered to text; raises RenderFailed with the place."""
        return self._try(self._kit.expressions.nested_text, value)

    def _try(self, render: Callable[..., Any], value: Any) -> Any:
        try:
            return render(value, self._scope, self._ports)
        except ExpressionError as failure:
            raise RenderFailed(self._place.said(failure) if isinstance(self._place, Where) else str(failure)) from failure

    def _secret(self, name: str) -> str:
        try:
            value = self._kit.secrets.get(name)
        except ServiceError as failure:
            raise Refused(f"secret('{name}'): {failure}") from failure
        if value is None:
            raise KeyError(name)
        self.used.add(value)
        return value
