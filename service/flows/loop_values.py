"""Values that a loop can't run for."""

from __future__ import annotations

from service.flows.draft import Draft
from service.flows.outline import Step


def check_values(step: Step, draft: Draft) -> None:
    """A literal null among the values of a loop: it would fail before its first round."""
    key = next((name for name in ("values", "value") if isinstance(step.raw.get(name), list)), None)
    for number, value in enumerate(step.raw[key] if key else ()):
        if value is None:
            path = (*step.path, key or "", number)
            draft.findings.add("HG-0204", draft.source.place(path), f"`{step.id}` can't run for nothing: this value is null", 'take it out, or write ""')
            return
