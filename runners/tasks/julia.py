"""Julia scripts, and commands in an image that has Julia."""

from __future__ import annotations

from typing import ClassVar

from runners.scripts import CommandList, InlineScript, ScriptTask


class _JuliaTask(ScriptTask):
    IMAGE: ClassVar[str] = "julia"


class Script(_JuliaTask, InlineScript):
    """Runs a Julia script, written inline."""

    TYPE = "io.kestra.plugin.scripts.julia.Script"
    FILE = ".headgate-script.jl"
    CALL = "julia"


class Commands(_JuliaTask, CommandList):
    """Runs commands where `julia` is at hand."""

    TYPE = "io.kestra.plugin.scripts.julia.Commands"
