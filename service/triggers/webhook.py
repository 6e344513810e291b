"""Starts a flow when somebody calls its address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from runners.fields import Dynamic, Integer, Text
from service.triggers import TriggerType


class Webhook(TriggerType):
    """Fires for a GET, POST or PUT of `/api/v1/{tenant}/executions/webhook/{namespace}/{flow}/{key}`. The key is all that protects it."""

    TYPE = "io.kestra.plugin.core.trigger.Webhook"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.Webhook",)
    KIND = "webhook"
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "body": "What was sent, read where it is JSON.",
        "headers": "The headers, a list of values each.",
        "parameters": "The parameters of the address, a list of values each.",
    }
    OUTSIDE = frozenset(OUTPUTS)
    RUN = False

    key: Annotated[Text, Field(min_length=1, max_length=256)] = Field(description="The last part of the address: long and unguessable, or a secret.")
    wait: bool = Field(False, description="The answer comes when the execution has ended.")
    return_outputs: bool = Field(False, description="The answer holds the flow's outputs.")
    response_content_type: Literal["application/json", "text/plain"] | None = Field(None, description="The answer's type.")
    response_code: Dynamic[Annotated[Integer, Field(ge=100, le=599)]] | None = Field(None, description="The answer's status code.")
