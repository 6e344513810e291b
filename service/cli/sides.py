"""A file, a folder or a commit's flows as one side of a plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from service.cli.lint import read_text, refusal
from service.cli.sources import below, texts_of
from service.flows.flow import Reading
from service.flows.plan import Side
from service.flows.problems import Severity


def read_side(name: str) -> tuple[Side, list[str]]:
    """The flows, and what is wrong with their files, a line each. Raises Stop when there is nothing to read."""
    readings = list(_readings(name))
    holders: dict[tuple[str, str], list[str]] = {}
    for path, reading in readings:
        if reading.identity is not None:
            holders.setdefault(reading.identity, []).append(path)
    flows = {reading.identity: reading.flow for _, reading in readings if reading.identity and reading.flow and len(holders[reading.identity]) == 1}
    wrong = [problem.line_text() for _, reading in readings for problem in reading.problems if problem.severity is Severity.ERROR]
    wrong += [f"`{'.'.join(identity)}` is defined in {' and in '.join(found)}; neither is used" for identity, found in holders.items() if len(found) > 1]
    names = {identity: found[0] for identity, found in holders.items()}
    unread = {identity: path for identity, path in names.items() if identity not in flows}
    # Two files that are named are what is compared, whatever they are called.
    return Side(flows, names if below(name) is not None else {}, unread), wrong


def _readings(name: str) -> Iterator[tuple[str, Reading]]:
    """Each file, by its name below the folder."""
    folder = below(name)
    if Path(name).is_dir() and not any(Path(name).iterdir()):
        return  # nothing yet, or nothing any more
    for text in texts_of([name]):
        path = text.path.removeprefix(f"{folder}/") if folder else text.path
        if text.refused is not None:
            yield path, Reading(None, (refusal(text.path, *text.refused),), None)
        else:
            yield path, read_text(text, allow_unknown_types=True)
