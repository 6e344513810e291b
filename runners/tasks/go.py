"""Go scripts, and commands in an image that has Go."""

from __future__ import annotations

from typing import ClassVar

from runners.scripts import CommandList, InlineScript, ScriptTask


class _GoTask(ScriptTask):
    IMAGE: ClassVar[str] = "golang"


class Script(_GoTask, InlineScript):
    """Runs a Go script, written inline. Modules of a `go.mod` in the working directory can be imported."""

    TYPE = "io.kestra.plugin.scripts.go.Script"
    # To Go, a file with a dot in front of its name is none.
    FILE = ".headgate-script/main.go"
    CALL = "go run"


class Commands(_GoTask, CommandList):
    """Runs commands where `go` is at hand."""

    TYPE = "io.kestra.plugin.scripts.go.Commands"
