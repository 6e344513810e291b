"""A list of tasks kept apart from flows: what subflows have replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from service.flowables import HANDLERS, FlowableTask, Shape


class Template(FlowableTask):
    """Ran the tasks of a template. Templates were removed from the language; a Subflow does the same with a flow."""

    TYPE = "io.kestra.plugin.core.flow.Template"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Template",)
    BRANCHES: ClassVar[Mapping[str, Shape]] = HANDLERS
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    RUN = False
    INSTEAD = "make a flow of the template's tasks, with its `args` as inputs, and call that with `io.kestra.plugin.core.flow.Subflow`"

    namespace: Text = Field(description="The template's namespace.")
    template_id: Text = Field(description="The template's id.")
    args: Dynamic[dict[str, Any]] | None = Field(None, description="What its expressions find under `parent.outputs.args`.")
