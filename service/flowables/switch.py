"""One of many ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from runners.fields import Text
from service.flowables import HANDLERS, FlowableTask, Joined, Shape, Way


class Switch(FlowableTask):
    """Runs the tasks of the case that its value names, or those of `defaults`; it fails where there is neither."""

    TYPE = "io.kestra.plugin.core.flow.Switch"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Switch",)
    BRANCHES: ClassVar[Mapping[str, Shape]] = {"cases": "cases", "defaults": "list", **HANDLERS}
    REQUIRED: ClassVar[tuple[str, ...]] = ()
    JOINED = Joined("ways", "choice", ways={"cases": Way('case "{}"'), "defaults": Way("default")})
    RUN = False

    value: Text = Field(description="Rendered; compared with the cases as text.")
