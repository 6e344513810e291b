"""Perl scripts, and commands in an image that has Perl."""

from __future__ import annotations

from typing import ClassVar

from runners.scripts import CommandList, InlineScript, ScriptTask


class _PerlTask(ScriptTask):
    IMAGE: ClassVar[str] = "perl"


class Script(_PerlTask, InlineScript):
    """Runs a Perl script, written inline."""

    TYPE = "io.kestra.plugin.scripts.perl.Script"
    FILE = ".headgate-script.pl"
    CALL = "perl"


class Commands(_PerlTask, CommandList):
    """Runs commands where `perl` is at hand."""

    TYPE = "io.kestra.plugin.scripts.perl.Commands"
