"""Inputs whose values are of any nesting: JSON and YAML."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from runners.fields import Text
from service.flows.inputs.definition import Input
from service.flows.loading import read_value
from service.flows.values import BadValue, as_text, structured


class JsonInput(Input):
    """Any JSON value."""

    TYPES = ("JSON",)
    NOT_RUN = frozenset({"jsonSchema"})

    json_schema: dict[str, Any] | Text | None = Field(None, description="The JSON Schema that it has to fit, as a map or as JSON text.")

    def parse(self, value: Any) -> Any:
        return structured(value)


class YamlInput(Input):
    """Any YAML value, read as flows are."""

    TYPES = ("YAML",)

    def parse(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        read, problem = read_value(as_text(value))
        if problem is not None:
            raise BadValue(f"is not YAML: line {problem.line}, column {problem.column}: {problem.message}")
        return read
