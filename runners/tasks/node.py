"""Node.js scripts, and commands in an image that has Node.js."""

from __future__ import annotations

from typing import ClassVar

from runners.scripts import CommandList, InlineScript, ScriptTask


class _NodeTask(ScriptTask):
    IMAGE: ClassVar[str] = "node"


class Script(_NodeTask, InlineScript):
    """Runs a Node.js script, written inline. Packages of `node_modules` in the working directory can be required."""

    TYPE = "io.kestra.plugin.scripts.node.Script"
    FILE = ".headgate-script.js"
    CALL = "node"


class Commands(_NodeTask, CommandList):
    """Runs commands where `node` is at hand."""

    TYPE = "io.kestra.plugin.scripts.node.Commands"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.scripts.Node",)
