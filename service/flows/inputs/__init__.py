"""The types of inputs: one class for each, which says what may be declared and reads what is given.

Values come as text (forms, command lines) or typed (JSON); both are read. What comes out is JSON: dates, times, instants and durations
are ISO-8601 text, instants in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping

from service.flows.inputs.definition import Input
from service.flows.inputs.forms import FormInput
from service.flows.inputs.lists import SINGLE, ArrayInput, MultiselectInput

__all__ = ["INPUT_TYPES", "Input"]

INPUT_TYPES: Mapping[str, type[Input]] = {
    **SINGLE,
    **{name: cls for cls in (MultiselectInput, ArrayInput, FormInput) for name in cls.TYPES},
}
