"""PHP scripts, and commands in an image that has PHP."""

from __future__ import annotations

from typing import ClassVar

from runners.scripts import CommandList, InlineScript, ScriptTask


class _PhpTask(ScriptTask):
    IMAGE: ClassVar[str] = "php"


class Script(_PhpTask, InlineScript):
    """Runs a PHP script, written inline."""

    TYPE = "io.kestra.plugin.scripts.php.Script"
    FILE = ".headgate-script.php"
    CALL = "php"


class Commands(_PhpTask, CommandList):
    """Runs commands where `php` is at hand."""

    TYPE = "io.kestra.plugin.scripts.php.Commands"
