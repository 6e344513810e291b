"""What reports for other programs say of a problem's place: its path as those programs know it, and what stays the same when lines move."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence

from service.cli.checked import Checked
from service.flows.problems import Problem, lines_of


def relative(path: str) -> str:
    """A path as seen from the current directory, where it lies below that; else as it is."""
    if not os.path.isabs(path):
        return path
    below = os.path.relpath(path)
    return path if below.startswith("..") else below


def fingerprinted(checked: Sequence[Checked]) -> Iterator[tuple[Problem, str]]:
    """Every problem with a fingerprint of its own: of its path, its code, the text of its line, and which one of that kind it is. So it stays when lines are
    put in above, and when we find better words."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for found in checked:
        lines = lines_of(found.source.removeprefix("\ufeff"))
        for problem in found.problems:
            line = lines[problem.line - 1].strip() if problem.line <= len(lines) else ""
            kind = (relative(problem.path), problem.code, line)
            seen[kind] += 1
            yield problem, hashlib.sha256("\0".join((*kind, str(seen[kind]))).encode()).hexdigest()
