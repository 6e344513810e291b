"""Bun scripts, and commands in an image that has Bun."""

from __future__ import annotations

from typing import ClassVar

from runners.scripts import CommandList, InlineScript, ScriptTask


class _BunTask(ScriptTask):
    IMAGE: ClassVar[str] = "oven/bun"


class Script(_BunTask, InlineScript):
    """Runs a TypeScript or JavaScript script, written inline."""

    TYPE = "io.kestra.plugin.scripts.bun.Script"
    FILE = ".headgate-script.ts"
    CALL = "bun run"


class Commands(_BunTask, CommandList):
    """Runs commands where `bun` is at hand."""

    TYPE = "io.kestra.plugin.scripts.bun.Commands"
