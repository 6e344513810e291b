"""Deno scripts, and commands in an image that has Deno."""

from __future__ import annotations

from typing import ClassVar

from runners.scripts import CommandList, InlineScript, ScriptTask


class _DenoTask(ScriptTask):
    IMAGE: ClassVar[str] = "denoland/deno"


class Script(_DenoTask, InlineScript):
    """Runs a TypeScript or JavaScript script, written inline. It may do everything."""

    TYPE = "io.kestra.plugin.scripts.deno.Script"
    # As by other interpreters, nothing is forbidden to the script; what it may do is for the task runner to say.
    FILE = ".headgate-script.ts"
    CALL = "deno run --allow-all"


class Commands(_DenoTask, CommandList):
    """Runs commands where `deno` is at hand."""

    TYPE = "io.kestra.plugin.scripts.deno.Commands"
