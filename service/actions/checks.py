"""A flow's checks: what must hold for an execution to be made by somebody. The strictest that speaks up decides. (Rule: KESTRA.md 1, `checks`.)"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from service.engine.program import RenderFailed
from service.errors import Invalid
from service.flows.policies import Check
from service.flows.values import has_template

_BLOCK, _FAIL = "BLOCK_EXECUTION", "FAIL_EXECUTION"


@dataclass(frozen=True, slots=True)
class Spoken:
    """A check that spoke up."""

    message: str
    style: str
    behavior: str

    @property
    def level(self) -> str:
        """Of its line in the log."""
        return "ERROR" if self.behavior == _FAIL else "WARN" if self.style in ("ERROR", "WARNING") else "INFO"


def spoken_up(checks: Sequence[Check], render: Callable[[str], Any]) -> tuple[Spoken, ...]:
    """The checks that do not hold. One that can't be rendered blocks, whatever it was to do."""
    return tuple(found for check in checks if (found := _spoken(check, render)) is not None)


def _spoken(check: Check, render: Callable[[str], Any]) -> Spoken | None:
    try:
        value = render(check.when)
    except RenderFailed as failure:
        return Spoken(f"a check could not be evaluated: {failure}", "ERROR", _BLOCK)
    holds = value is True or (not has_template(check.when) and value == "true")
    return None if holds else Spoken(check.message, check.style, check.behavior)


def refuse_blocked(spoken: Sequence[Spoken]) -> None:
    """Raises Invalid, with all that was said, where a check blocks."""
    if any(one.behavior == _BLOCK for one in spoken):
        said = [{"message": one.message, "style": one.style, "behavior": one.behavior} for one in spoken]
        raise Invalid("the flow's checks do not let it start: " + "; ".join(one.message for one in spoken), said)


def fails(spoken: Sequence[Spoken]) -> bool:
    """Whether the execution is to be made as one that has failed."""
    return any(one.behavior == _FAIL for one in spoken)
