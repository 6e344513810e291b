"""Ruby scripts, and commands in an image that has Ruby."""

from __future__ import annotations

from typing import ClassVar

from runners.scripts import CommandList, InlineScript, ScriptTask


class _RubyTask(ScriptTask):
    IMAGE: ClassVar[str] = "ruby"


class Script(_RubyTask, InlineScript):
    """Runs a Ruby script, written inline."""

    TYPE = "io.kestra.plugin.scripts.ruby.Script"
    FILE = ".headgate-script.rb"
    CALL = "ruby"


class Commands(_RubyTask, CommandList):
    """Runs commands where `ruby` is at hand."""

    TYPE = "io.kestra.plugin.scripts.ruby.Commands"
