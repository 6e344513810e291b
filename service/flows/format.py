"""A flow file in the canonical layout, with the proof that it still says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from service.errors import Bug
from service.flows.findings import Findings
from service.flows.layout import comments, laid_out
from service.flows.loading import read_source
from service.flows.problems import Problem, capped


@dataclass(frozen=True, slots=True)
class Formatted:
    """A file's bytes in the canonical layout; None where it can't be read, which the problems explain."""

    content: bytes | None
    problems: tuple[Problem, ...] = ()


def format_flow(data: bytes, path: str) -> Formatted:
    """Lays a file out anew: comments, order, quotes and values stay. A file with errors of YAML is left alone; `path` is what its problems say.

    Raises Bug where the new text would not say the same as the old one; it has to be thrown away then.
    """
    findings = Findings(path)
    text, source = read_source(data, findings)
    if text is None or source is None or findings.failed:
        return Formatted(None, capped(findings.problems))
    content = laid_out(text).encode()
    checked = Findings(path)
    new_text, new_source = read_source(content, checked)
    if new_text is None or new_source is None or not same(source.value, new_source.value) or comments(text) != comments(new_text):
        raise Bug(f"{path} is left as it is: its layout can't be changed without changing what it says")
    return Formatted(content)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in kind as well: `1`, `1.0` and `true` are three."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
