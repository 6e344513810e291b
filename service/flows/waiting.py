"""Which tasks of a Dag wait for which, also by way of others."""

from __future__ import annotations

from collections.abc import Mapping

from service.flows.outline import Step


class Waiting:
    """The tasks of one Dag. Walked once, in time that follows the number of dependencies: a file may have many."""

    def __init__(self, dag: Step) -> None:
        tasks = {child.id: child for child in dag.children if child.spot.branch == "tasks"}
        self._bits = {name: 1 << number for number, name in enumerate(tasks)}
        self._waits = self._walked({name: [other for other in child.depends_on if other in tasks] for name, child in tasks.items()})

    def waits(self, name: str, other: str) -> bool | None:
        """Whether one begins after the other has ended; None where there is a circle, so that nothing can be said."""
        if name not in self._waits or other not in self._bits:
            return None
        return bool(self._waits[name] & self._bits[other])

    def _walked(self, needs: Mapping[str, list[str]]) -> dict[str, int]:
        """By task the bits of all that it waits for; without those in a circle, or behind one."""
        missing = {name: len(others) for name, others in needs.items()}
        followers: dict[str, list[str]] = {name: [] for name in needs}
        for name, others in needs.items():
            for other in others:
                followers[other].append(name)
        found: dict[str, int] = {}
        ready = [name for name, count in missing.items() if not count]
        while ready:
            name = ready.pop()
            found[name] = 0
            for other in needs[name]:
                found[name] |= found[other] | self._bits[other]
            for follower in followers[name]:
                missing[follower] -= 1
                if not missing[follower]:
                    ready.append(follower)
        return found
