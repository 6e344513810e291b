"""What stands behind entries that are not followed, decided from Git alone.

A folder that became a link, a submodule or a plain file takes every flow file below it out of sight, and none of those flows is deleted for that: they
stay at their last good texts, like the flow of a file that can't be read. An entry that is not followed *covers* what stood at its path and below when
it came; what was deleted before it came is not behind it. As everywhere, only the tip's first-parent history is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

from service.git.values import History


@dataclass(frozen=True, slots=True)
class Covered:
    """Files out of sight by path, each with its last blob ("" for an entry that was itself not followed).

    What stood below the paths of `beyond` lies further back than the history goes.
    """

    files: dict[str, str]
    beyond: frozenset[str]


def covered(refused: Iterable[str], history: History) -> Covered:
    """Walks back as long as some of the tip's refused paths were refused at every commit on the way."""
    files: dict[str, str] = {}
    present: set[str] = set()  # two names may be printed alike: a path may be refused and a good file at once
    at_tip = there = hidden = frozenset(refused)  # what is refused at the commit looked at, and what has been so ever since
    for step in history.steps:
        if not hidden:
            break
        for change in step.changes:
            if change.new is not None:
                present.add(change.path)
            elif change.old is not None and change.path not in present and under(change.path, hidden):
                files.setdefault(change.path, change.old)
        if step.refused or step.cleared:
            for path in step.cleared:
                if path not in present and under(path, hidden):
                    files.setdefault(path, "")
            there = (there - set(step.refused)) | set(step.cleared)
            hidden = frozenset(path for path in hidden if under(path, there)) | frozenset(path for path in there if under(path, hidden))
    return Covered({path: blob for path, blob in files.items() if path not in at_tip}, frozenset() if history.whole else hidden)


def under(path: str, places: Set[str]) -> bool:
    """Whether a path is one of these or lies below one; "." is the root."""
    while path:
        if path in places:
            return True
        path = path.rpartition("/")[0]
    return "." in places
