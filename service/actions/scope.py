"""What a template can name: the variables of KESTRA.md 7.2, each made when it is first asked for."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

from runners.masking import Masker
from service.actions import sealing
from service.actions.around import Around, Over
from service.actions.kit import Kit
from service.actions.places import Where
from service.actions.reach import Reach
from service.actions.results import Results
from service.engine.execution import Execution, TaskRun
from service.engine.program import Node, RenderFailed
from service.expressions import ExpressionError
from service.store.codec import iso
from service.store.repositories import MAIN

SYSTEM = "system."  #: how the keys of labels begin that are the service's own
#: Variables that hold what the instance was told: not for the head of a fork.
_OF_THE_INSTANCE = ("envs", "globals")

_Parts = dict[str, Callable[[], Any]]


class Scope(Mapping[str, Any]):
    """Lazily made variables: a template that does not name `outputs` does not load them. What raises KeyError when it is made isn't there."""

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


def of_flow(kit: Kit, namespace: str, flow: str, revision: int, variables: Mapping[str, Any], environment: str = MAIN) -> _Parts:
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
    lineage: Sequence[TaskRun],
    results: Results,
    around: Around,
    more: Mapping[str, Callable[[], Any]] | None = None,
) -> Scope:
    """Everything that a task of this execution can name. `lineage` is its task run, last, with those around it, the outermost first."""
    home, layers = around.home, (results, *around.results)
    parts = of_flow(kit, execution.namespace, execution.flow, execution.revision, execution.variables, execution.environment)
    parts |= {
        "execution": lambda: _execution(home),
        "inputs": lambda: home.inputs,
        "labels": lambda: nested_labels(home.labels),
        "outputs": results.outputs if len(layers) == 1 else lambda: Over([layer.outputs() for layer in layers]),
        "tasks": results.tasks if len(layers) == 1 else lambda: Over([layer.tasks() for layer in layers]),
    }
    if home.trigger is not None:
        parts["trigger"] = lambda: (home.trigger or {}).get("variables", {})
    if lineage and node is not None:
        parts |= _of_run(node, lineage, results)
    rounds = [_there(value=run.value, index=run.iteration) for run in lineage[::-1] if run.value is not None] + [dict(item) for item in around.items]
    if rounds:
        parts["item"] = lambda: _item(rounds)
    return Scope({**parts, **(more or {})})


def _of_run(node: Node, lineage: Sequence[TaskRun], results: Results) -> _Parts:
    run, around = lineage[-1], lineage[-2::-1]
    found: _Parts = {"task": lambda: {"id": node.id, "type": node.type}, "taskrun": lambda: _taskrun(run)}
    if around:
        found |= {"parents": lambda: _parents(around, results), "parent": lambda: _first(_parents(around, results))}
    return found


def _execution(execution: Execution) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": execution.id, "state": execution.state.value, "startDate": iso(execution.created)}
    shown["originalId"] = execution.original or execution.id
    if execution.ended is not None:
        shown["endDate"] = iso(execution.ended)
    if execution.outputs is not None:
        shown["outputs"] = execution.outputs
    if execution.pin is not None:
        shown |= {"commit": execution.pin.commit, "ref": execution.pin.ref}
    return shown


def _taskrun(run: TaskRun) -> dict[str, Any]:
    shown = {"id": run.id, "startDate": iso(run.history[0].date), "attemptsCount": len(run.attempts) - 1}
    return shown | _there(parentId=run.parent, value=run.value, iteration=run.iteration)


def _there(**values: Any) -> dict[str, Any]:
    """Only what is: a name without a value is not defined, as in Kestra."""
    return {name: value for name, value in values.items() if value is not None}


def _parents(around: Sequence[TaskRun], results: Results) -> list[dict[str, Any]]:
    """The task runs around that carry a value or outputs, the nearest first. Raises KeyError where there are none."""
    outputs = results.of_runs(run.id for run in around)
    shown = []
    for run in around:
        valued = {"taskrun": _there(value=run.value, iteration=run.iteration)} if run.value is not None else {}
        entry = valued | _there(outputs=outputs.get(run.id))
        shown += [entry] if entry else []
    if not shown:
        raise KeyError("parents")
    return shown


def _first(parents: Sequence[Any]) -> Any:
    return parents[0]


def _item(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The round of the nearest loop, with those of the loops around it: `parents`, the nearest first, and `parent`, the first of these."""
    above = [_item(rounds[at:]) for at in range(1, len(rounds))]
    return {**rounds[0]} | ({"parent": above[0], "parents": above} if above else {})


class Rendering:
    """Templates in one scope. Secrets that were named are remembered, so that whoever shows the result can mask them."""

    def __init__(self, kit: Kit, scope: Mapping[str, Any], reach: Reach, place: Where | str = "") -> None:
        self._kit, self._place, self._environment = kit, place, reach.whose.environment
        self._scope = scope if reach.trusted else Scope({name: partial(scope.__getitem__, name) for name in scope if name not in _OF_THE_INSTANCE})
        self.used, self._budget = reach.used, reach.budget
        self._own: tuple[int, Masker] = (0, Masker(()))
        self._ports = reach.ports(self.masked)

    def text(self, template: Any, more: Mapping[str, Any] | None = None) -> str:
        """To text, with `more` variables over those of the scope; raises RenderFailed with the place."""
        return str(self._try(self._kit.expressions.text, template, more))

    def typed(self, value: Any, more: Mapping[str, Any] | None = None) -> Any:
        """A value of any nesting, types kept, with `more` variables over those of the scope; raises RenderFailed with the place."""
        return self._try(self._kit.expressions.typed, value, more)

    def nested(self, value: Any) -> Any:
        """A value of any nesting, every text rendered to text; raises RenderFailed with the place."""
        return self._try(self._kit.expressions.nested_text, value)

    def sealed(self, text: str) -> dict[str, str]:
        """A text as it is stored that nobody is to see."""
        return sealing.sealed(self._kit.cipher, self._environment, text)

    def masked(self, value: Any) -> Any:
        """A value without the secrets of the instance, and without the parts of them that were rendered here."""
        if self._own[0] != len(self.used):
            self._own = len(self.used), Masker(self.used)
        return self._own[1].value(self._kit.masker.value(value))

    def _try(self, render: Callable[..., Any], value: Any, more: Mapping[str, Any] | None = None) -> Any:
        scope = ChainMap(dict(more), cast("dict[str, Any]", self._scope)) if more else self._scope
        try:
            return render(value, scope, self._ports, self._budget)
        except ExpressionError as failure:
            raise RenderFailed(self.masked(self._place.said(failure) if isinstance(self._place, Where) else str(failure))) from failure
