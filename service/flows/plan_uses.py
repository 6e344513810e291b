"""What a flow uses beside its own tasks, and how that differs: secrets, keys, images, places to run, other flows, addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from service.flows.containers import dangerous_options
from service.flows.flow import Flow
from service.flows.plan_calls import calls
from service.flows.plan_expressions import named_in
from service.flows.plan_values import Use, UseChange
from service.flows.problems import escaped

#: Tasks on the KV store, and what they do with their key.
_KV = {"Get": Use.KV_READ, "Set": Use.KV_WRITTEN, "Put": Use.KV_WRITTEN, "Delete": Use.KV_WRITTEN}
_KV_PACKAGE = "io.kestra.plugin.core.kv"
_LONGEST_NAME = 200
_WEBHOOK = "io.kestra.plugin.core.trigger.Webhook"
#: Of each task there is one: another one is a change, not one that goes and one that comes.
_ONE_EACH = (Use.IMAGE, Use.RUNNER)

#: What is used, and the task that uses it, "" where it is the flow.
Used = tuple[Use, str, str]


def compare_uses(before: Flow | None, after: Flow | None, renamed: Mapping[str, str]) -> tuple[UseChange, ...]:
    """What only one side uses, and what a task uses another of. `renamed` says how tasks are called now."""
    old = {(use, name, renamed.get(task, task)) for use, name, task in _uses(before)}
    new = set(_uses(after))
    changes: dict[tuple[Use, str | None, str | None], set[str]] = {}
    for use, was, now, task in _pairs(old - new, new - old):
        changes.setdefault((use, was, now), set()).add(task)
    places = list(Use)
    ordered = sorted(changes.items(), key=lambda item: (places.index(item[0][0]), item[0][1] or "", item[0][2] or ""))
    return tuple(UseChange(use, was, now, tuple(sorted(tasks - {""}))) for (use, was, now), tasks in ordered)


def _pairs(gone: set[Used], come: set[Used]) -> Iterator[tuple[Use, str | None, str | None, str]]:
    replaced = {(use, task): name for use, name, task in sorted(come) if use in _ONE_EACH}
    for use, name, task in sorted(gone):
        yield use, name, replaced.pop((use, task), None) if use in _ONE_EACH else None, task
    for (use, task), name in replaced.items():
        yield use, None, name, task
    yield from ((use, None, name, task) for use, name, task in sorted(come) if use not in _ONE_EACH)


def _uses(flow: Flow | None) -> Iterator[Used]:
    if flow is None:
        return
    yield from ((use, name, "") for use, name in named_in(flow))
    for node in flow.tree.walk():
        yield from _of_keys(node.type, node.spec)
        yield from ((use, name, node.id) for use, name in _of_place(node.spec))
    for call in calls(flow):
        yield Use.SUBFLOW, ".".join(call.target), ""
        if call.target[0] != flow.namespace:
            yield Use.NAMESPACE, call.target[0], ""
    yield from ((Use.WEBHOOK, trigger.id, "") for trigger in flow.triggers if trigger.type == _WEBHOOK)


def _of_keys(type: str, spec: Mapping[str, Any]) -> Iterator[Used]:
    package, _, name = type.rpartition(".")
    if package == _KV_PACKAGE and name in _KV and isinstance(spec.get("key"), str):
        yield _KV[name], escaped(spec["key"], _LONGEST_NAME), ""


def _of_place(spec: Mapping[str, Any]) -> Iterator[tuple[Use, str]]:
    """Where a task runs: its image, its task runner, and options that reach past the container."""
    runner = spec.get("taskRunner")
    options = runner if isinstance(runner, Mapping) else {}
    image = spec.get("containerImage") or options.get("image")
    if isinstance(image, str):
        yield Use.IMAGE, escaped(image, _LONGEST_NAME)
    if isinstance(options.get("type"), str):
        yield Use.RUNNER, escaped(short_type(options["type"]), _LONGEST_NAME)
    yield from ((Use.DANGER, option) for option in dangerous_options(options))


def short_type(type: str) -> str:
    """The last part of a type's name."""
    return type.rpartition(".")[2]
