"""Shell scripts and commands."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.scripts import CommandList, ScriptTask, localised
from runners.task import Work


class Script(ScriptTask):
    """Runs a shell script, written inline."""

    TYPE = "io.kestra.plugin.scripts.shell.Script"

    script: Dynamic[Text] = Field(description="The script.")

    def text(self, work: Work) -> str:
        """The script itself."""
        return localised(work, self.script)


class Commands(CommandList):
    """Runs shell commands, one after the other."""

    TYPE = "io.kestra.plugin.scripts.shell.Commands"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.scripts.Bash",)
