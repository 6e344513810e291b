"""Several inputs under one name."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from runners.fields import wrong
from service.flows.inputs.definition import Input


class FormInput(Input):
    """Several inputs under one name: `inputs.form.child`. Reading a flow turns them into inputs of their own."""

    TYPES = ("FORM",)

    inputs: list[Any] = Field(min_length=1, description="The inputs.")

    @model_validator(mode="after")
    def _no_value(self) -> FormInput:  # noqa: N804
        if self.defaults is not None or self.prefill is not None:
            at = "defaults" if self.defaults is not None else "prefill"
            raise wrong("input", "a form has no value of its own", "give its inputs their defaults", at=at)
        return self
