"""R scripts, and commands in an image that has R."""

from __future__ import annotations

from typing import ClassVar

from runners.scripts import CommandList, InlineScript, ScriptTask


class _RTask(ScriptTask):
    IMAGE: ClassVar[str] = "r-base"


class Script(_RTask, InlineScript):
    """Runs an R script, written inline."""

    TYPE = "io.kestra.plugin.scripts.r.Script"
    FILE = ".headgate-script.R"
    CALL = "Rscript"


class Commands(_RTask, CommandList):
    """Runs commands where `Rscript` is at hand."""

    TYPE = "io.kestra.plugin.scripts.r.Commands"
