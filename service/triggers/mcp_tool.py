"""Offers a flow as a tool of the Model Context Protocol."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from runners.fields import Model, Text
from service.triggers import TriggerType

_NAME = r"^[a-zA-Z0-9_-]+$"


class Annotations(Model):
    """What a client is told of the tool."""

    read_only: bool | None = Field(None, description="It changes nothing.")
    open_world: bool | None = Field(None, description="It talks with the outside.")
    destructive: bool | None = Field(None, description="What it changes may be lost.")
    idempotent: bool | None = Field(None, description="Twice is as once.")
    return_direct: bool | None = Field(None, description="Its result is shown as it is.")


class McpToolTrigger(TriggerType):
    """A call of the tool starts the flow; the flow's inputs are the tool's parameters, its outputs the result."""

    TYPE = "io.kestra.plugin.core.trigger.McpToolTrigger"
    KIND = "mcp"
    CALLED = True
    RUN = False

    tool_name: Annotated[Text, Field(pattern=_NAME, max_length=64)] = Field(
        description="The tool's name.", examples=["say_hello"], json_schema_extra={"pattern": _NAME}
    )
    title: Text | None = Field(None, description="What people see.")
    tool_description: Text | None = Field(None, description="What a model is told it does.")
    annotations: Annotations | None = Field(None, description="What a client is told of it.")
    mcp_server: Text = Field("default", description="The server that offers it.")
