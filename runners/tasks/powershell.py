"""PowerShell scripts and commands."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.scripts import CommandList, InlineScript, ScriptTask, localised
from runners.task import Work


class _PowershellTask(ScriptTask):
    IMAGE: ClassVar[str] = "ghcr.io/kestra-io/powershell:latest"

    interpreter: Dynamic[list[Text]] = Field(
        ["pwsh", "-NoProfile", "-NonInteractive", "-Command"], description="What runs the commands, its last argument; the commands are PowerShell's."
    )


class Script(_PowershellTask, InlineScript):
    """Runs a PowerShell script, written inline."""

    TYPE = "io.kestra.plugin.scripts.powershell.Script"
    FILE = ".headgate-script.ps1"

    def text(self, work: Work) -> str:
        """A call of the script that ends as the script does: `-Command` alone makes every exit code 1."""
        work.write(self.FILE, localised(work, self.script))
        return f'& "$env:WORKING_DIR/{self.FILE}"; if (-not $?) {{ if ($LASTEXITCODE) {{ exit $LASTEXITCODE }}; exit 1 }}'


class Commands(_PowershellTask, CommandList):
    """Runs PowerShell commands, one after the other."""

    TYPE = "io.kestra.plugin.scripts.powershell.Commands"
