"""Which known name was probably meant by an unknown one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

from service.flows.problems import ECHO


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant, or None when nothing is near."""
    word = word[:ECHO]
    known = [candidate for candidate in candidates if candidate != word and 2 * len(word) <= 3 * len(candidate) + 3 and 2 * len(candidate) <= 3 * len(word) + 3]
    folded = _plain(word)
    same = next((candidate for candidate in known if _plain(candidate) == folded), None)
    if same is not None:
        return same
    close = get_close_matches(word.lower(), {candidate.lower(): None for candidate in known}, n=1, cutoff=0.7)
    if close:
        return next(candidate for candidate in known if candidate.lower() == close[0])
    return None


def nearest_type(name: str, candidates: Iterable[str]) -> str | None:
    """The dotted type name that was probably meant: the last part counts most, since people leave out or mix up the package."""
    name = name[:200]
    package, _, last = name.rpartition(".")
    best, score = None, 0.0
    for candidate in candidates:
        parent, _, own = candidate.rpartition(".")
        likeness = _likeness(last.lower(), own.lower())
        # Beside the package that is there, a shorter likeness tells what was meant.
        if likeness >= (0.6 if package.lower() == parent.lower() else 0.75):
            likeness += _likeness(package.lower(), parent.lower()) / 2
            if likeness > score:
                best, score = candidate, likeness
    return best


def _likeness(one: str, other: str) -> float:
    if one == other:
        return 1.0
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() > 0.5 else 0.0


def _plain(name: str) -> str:
    return re.sub(r"[-_. ]", "", name).lower()


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """A hint that names the nearest candidate."""
    found = nearest(word, candidates)
    return f"did you mean `{found}`?" if found else None
