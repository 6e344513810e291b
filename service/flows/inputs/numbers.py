"""Inputs whose values are numbers, or true and false."""

from __future__ import annotations

import math
import re
from typing import Any

from pydantic import Field

from runners.fields import Integer, Number
from service.flows.inputs.definition import Input
from service.flows.values import BadValue, as_text, in_range

_INT = re.compile(r"[+-]?[0-9]{1,19}")


class IntInput(Input):
    """A whole number."""

    TYPES = ("INT",)

    min: Integer | None = Field(None, description="The smallest value.")
    max: Integer | None = Field(None, description="The largest value.")

    def parse(self, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            if not isinstance(value, str) or not _INT.fullmatch(value.strip()):
                raise BadValue("must be a whole number")
            value = int(value)
        if not -(2**63) <= value < 2**63:
            raise BadValue("must be a whole number of 64 bits")
        return int(in_range(value, self.min, self.max))


class FloatInput(Input):
    """A number."""

    TYPES = ("FLOAT",)

    min: Number | None = Field(None, description="The smallest value.")
    max: Number | None = Field(None, description="The largest value.")

    def parse(self, value: Any) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(as_text(value))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise BadValue("must be a number")
        return float(in_range(number, self.min, self.max))


class BoolInput(Input):
    """True or false."""

    TYPES = ("BOOL", "BOOLEAN")

    def parse(self, value: Any) -> bool:
        known = {"true": True, "false": False}.get(as_text(value).strip().lower())
        if known is None:
            raise BadValue("must be true or false")
        return known
