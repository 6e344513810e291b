"""Circles among things that depend on each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


def circle(needs: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The members of one circle, each of which needs the next; empty when there is none. Names that are no keys are passed over."""
    done: set[str] = set()
    for name in needs:
        found = _from(name, needs, done)
        if found:
            return found
    return ()


def _from(start: str, needs: Mapping[str, Sequence[str]], done: set[str]) -> tuple[str, ...]:
    # No recursion: a chain may be as long as a flow may have tasks.
    path: dict[str, Iterator[str]] = {}
    if start not in done:
        path[start] = iter(needs[start])
    while path:
        name = next(reversed(path))
        below = next(path[name], None)
        if below is None:
            done.add(name)
            path.pop(name)
        elif below in path:
            members = list(path)
            return tuple(members[members.index(below) :])
        elif below in needs and below not in done:
            path[below] = iter(needs[below])
    return ()
