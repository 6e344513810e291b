"""The types that outputs are declared with, of a flow or of the iterations of a loop: those of inputs."""

from __future__ import annotations

from typing import Any

from service.flows.draft import Draft
from service.flows.inputs import INPUT_TYPES
from service.flows.outline import Step
from service.flows.problems import did_you_mean, escaped
from service.flows.source import Path

_TYPES = INPUT_TYPES.keys() - {"FORM"}


def check_output_types(entries: Any, path: Path, draft: Draft) -> None:
    """A list of outputs, as it was written; what else is wrong with it has been noted."""
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        name = entry.get("type") if isinstance(entry, dict) else None
        if isinstance(name, str) and name not in _TYPES:
            hint = did_you_mean(name, _TYPES) or f"one of {', '.join(sorted(_TYPES))}"
            draft.findings.add("HG-0220", draft.source.place((*path, number, "type")), f"unknown output type `{escaped(name)}`", hint)


def check_loop_outputs(step: Step, draft: Draft) -> None:
    """What each iteration of a Loop leaves."""
    check_output_types(step.own.get("outputs"), (*step.path, "outputs"), draft)
