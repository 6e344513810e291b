"""Values that a loop can't run for."""

from __future__ import annotations

from service.flows.draft import Draft
from service.flows.outline import Step
from service.flows.problems import Severity


def check_values(step: Step, draft: Draft) -> None:
    """A literal null among the values of a loop: it fails before its first round, so somebody may mean it to."""
    key = next((name for name in ("values", "value") if isinstance(step.raw.get(name), list)), None)
    for number, value in enumerate(step.raw[key] if key else ()):
        if value is None:
            place, said = draft.source.place((*step.path, key or "", number)), f"`{step.id}` can't run for nothing, and fails: this value is null"
            draft.findings.add("HG-0204", place, said, 'take it out, or write ""', Severity.WARNING)
            return
