"""Lanes of the queue: who may claim an attempt. That of attempts for certain runners says in its name which those are; nothing else need be read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.engine.program import Route

#: Attempts for any runner, those for any that has room for a folder; and for each runner those that no other may have.
ANYONE, OPENING = "any", "opening"
#: And that of the work which the service does itself: its leases have no end.
POOL = "pool"
#: How the lanes begin of attempts for certain runners, and what comes after all of them.
ROUTED, PAST_ROUTED = "for:", "for;"


@dataclass(frozen=True, slots=True)
class RoutedLane:
    """One of attempts for certain runners; `opening`: of those that need room for a folder."""

    route: Route
    opening: bool

    @property
    def name(self) -> str:
        """As the queue has it."""
        route = self.route
        return ROUTED + json.dumps([route.fallback, route.one, self.opening, *route.labels], separators=(",", ":"))

    @classmethod
    def of(cls, name: str) -> RoutedLane:
        """What a name says."""
        fallback, one, opening, *labels = json.loads(name.removeprefix(ROUTED))
        return cls(Route(tuple(labels), one, fallback), opening)

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether a runner with these labels may have what waits here."""
        found = (_has(labels, label) for label in self.route.labels)
        return any(found) if self.route.one else all(found)


def _has(labels: Mapping[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)


def lane(route: Route | None, *, opening: bool) -> str:
    """Where an attempt waits that is for no runner in particular, or for those of a route."""
    if route is not None:
        return RoutedLane(route, opening).name
    return OPENING if opening else ANYONE


def own(runner: str) -> str:
    """That of one runner alone."""
    return f"@{runner}"


def fitting(waiting: Sequence[str], labels: Mapping[str, str]) -> list[RoutedLane]:
    """Those that a runner may claim from."""
    return [found for found in map(RoutedLane.of, waiting) if found.fits(labels)]
