"""A file or a folder as one side of a plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from service import discovery
from service.cli.lint import files_of
from service.cli.stop import WRONG, Stop
from service.flows.catalogue import Catalogue
from service.flows.plan import Side
from service.flows.problems import Severity
from service.flows.reading import Reading, read_flow

#: A flow file has at most 1 MB; what is over it is not read, only refused.
_MOST = 1_000_001


def read_side(path: Path) -> tuple[Side, list[str]]:
    """The flows, and what is wrong with their files, a line each. Raises Stop when there is nothing to read."""
    readings = list(_readings(path))
    holders: dict[tuple[str, str], list[str]] = {}
    for name, reading in readings:
        if reading.identity is not None:
            holders.setdefault(reading.identity, []).append(name)
    flows = {reading.identity: reading.flow for _, reading in readings if reading.identity and reading.flow and len(holders[reading.identity]) == 1}
    wrong = [problem.line_text() for _, reading in readings for problem in reading.problems if problem.severity is Severity.ERROR]
    wrong += [f"`{'.'.join(identity)}` is defined in {' and in '.join(found)}; neither is used" for identity, found in holders.items() if len(found) > 1]
    names = {identity: found[0] for identity, found in holders.items()}
    unread = {identity: name for identity, name in names.items() if identity not in flows}
    # Two files that are named are what is compared, whatever they are called.
    return Side(flows, names if path.is_dir() else {}, unread), wrong


def _readings(path: Path) -> Iterator[tuple[str, Reading]]:
    """Each file, by its name below the folder."""
    catalogue = Catalogue(discovery.index(), discovery.load)
    if path.is_dir() and not any(path.iterdir()):
        return  # nothing yet, or nothing any more
    for file, linked in files_of([path]).items():
        if not linked:
            name = file.relative_to(path).as_posix() if path.is_dir() else file.as_posix()
            yield name, read_flow(_bytes(file), file.as_posix(), catalogue)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST)
    except OSError as failure:
        raise Stop(WRONG, f"{path} can't be read: {failure.strerror}") from failure
