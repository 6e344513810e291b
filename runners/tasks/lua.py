"""Lua scripts, and commands in an image that has Lua."""

from __future__ import annotations

from typing import ClassVar

from runners.scripts import CommandList, InlineScript, ScriptTask


class _LuaTask(ScriptTask):
    IMAGE: ClassVar[str] = "nickblah/lua"


class Script(_LuaTask, InlineScript):
    """Runs a Lua script, written inline."""

    TYPE = "io.kestra.plugin.scripts.lua.Script"
    FILE = ".headgate-script.lua"
    CALL = "lua"


class Commands(_LuaTask, CommandList):
    """Runs commands where `lua` is at hand."""

    TYPE = "io.kestra.plugin.scripts.lua.Commands"
