"""Which flow that is gone is which flow that has come: by the likeness of what they hold.

Likeness is the share of features that both have: each task by name and type, each task with its properties, each trigger and input likewise. Flows that
share no rare feature are not compared, so that a thousand flows with another namespace cost no million comparisons. The order of the sides never counts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping

from service.flows.flow import Flow
from service.flows.plan_properties import plain
from service.flows.plan_tasks import task_properties
from service.flows.plan_values import Identity

_LIKE_ENOUGH = 0.6
#: How much it says that both stand in the same file.
_SAME_FILE = 0.3
#: How much it says that both have the same id: only among pairs that are equally like each other.
_SAME_ID = 0.01
#: A feature that more flows share tells little about any of them.
_COMMON = 30

Features = frozenset[tuple[str, ...]]


def renames(
    gone: Mapping[Identity, Flow], come: Mapping[Identity, Flow], paths: tuple[Mapping[Identity, str], Mapping[Identity, str]]
) -> dict[Identity, Identity]:
    """Old identity → new identity, each at most once; the likest first, and among equals those whose names come first."""
    old, new = ({identity: _features(flow) for identity, flow in flows.items()} for flows in (gone, come))
    scored: list[tuple[float, Identity, Identity, Identity, Identity]] = []
    for one, other in _candidates(old, new, paths):
        same_file = paths[0].get(one) is not None and paths[0].get(one) == paths[1].get(other)
        likeness = _likeness(old[one], new[other]) + (_SAME_FILE if same_file else 0) + (_SAME_ID if one[1] == other[1] else 0)
        if likeness >= _LIKE_ENOUGH:
            scored.append((-likeness, min(one, other), max(one, other), one, other))
    found: dict[Identity, Identity] = {}
    taken: set[Identity] = set()
    for _, _, _, one, other in sorted(scored):
        if one not in found and other not in taken:
            found[one] = other
            taken.add(other)
    return found


def _features(flow: Flow) -> Features:
    found: set[tuple[str, ...]] = set()
    for node in flow.tree.walk():
        if node is not flow.tree:
            found |= {("task", node.id, node.type), ("task", node.id, node.type, _text(task_properties(node)))}
    for trigger in flow.triggers:
        found |= {("trigger", trigger.id, trigger.type), ("trigger", trigger.id, trigger.type, _text(plain(trigger.model)))}
    for part in flow.inputs:
        found |= {("input", part.id, part.type), ("input", part.id, part.type, _text(plain(part)))}
    return frozenset(found)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _likeness(one: Collection[object], other: Collection[object]) -> float:
    shared = len(set(one) & set(other))
    return shared / (len(one) + len(other) - shared)


def _candidates(
    old: Mapping[Identity, Features], new: Mapping[Identity, Features], paths: tuple[Mapping[Identity, str], Mapping[Identity, str]]
) -> Iterator[tuple[Identity, Identity]]:
    """Pairs that share a feature which few have, are the same in all, or stand in the same file. Each once."""
    seen: set[tuple[Identity, Identity]] = set()
    for pair in (*_sharing(old, new), *_alike(old, new), *_in_one_file(old, new, paths)):
        if pair not in seen:
            seen.add(pair)
            yield pair


def _sharing(old: Mapping[Identity, Features], new: Mapping[Identity, Features]) -> Iterator[tuple[Identity, Identity]]:
    holders: dict[tuple[str, ...], tuple[list[Identity], list[Identity]]] = {}
    for side, flows in enumerate((old, new)):
        for identity, features in flows.items():
            for feature in features:
                holders.setdefault(feature, ([], []))[side].append(identity)
    for ones, others in holders.values():
        if len(ones) <= _COMMON and len(others) <= _COMMON:
            yield from ((one, other) for one in ones for other in others)


def _alike(old: Mapping[Identity, Features], new: Mapping[Identity, Features]) -> Iterator[tuple[Identity, Identity]]:
    """Of flows with the very same features: those of the same id, then in the order of their names."""
    groups: dict[Features, tuple[list[Identity], list[Identity]]] = {}
    for side, flows in enumerate((old, new)):
        for identity in sorted(flows):
            groups.setdefault(flows[identity], ([], []))[side].append(identity)
    for ones, others in groups.values():
        yield from zip(ones, others, strict=False)
        by_id = {identity[1]: identity for identity in others}
        yield from ((one, by_id[one[1]]) for one in ones if one[1] in by_id)


def _in_one_file(
    old: Mapping[Identity, Features], new: Mapping[Identity, Features], paths: tuple[Mapping[Identity, str], Mapping[Identity, str]]
) -> Iterator[tuple[Identity, Identity]]:
    at = {paths[1][identity]: identity for identity in new if identity in paths[1]}
    yield from ((identity, at[path]) for identity in old if (path := paths[0].get(identity)) in at)
