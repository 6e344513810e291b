"""Python scripts, and commands in an image that has Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from runners.dependencies import Packages
from runners.fields import Dynamic, Text, is_template, wrong
from runners.scripts import CommandList, InlineScript, ScriptTask


class _PythonTask(ScriptTask):
    IMAGE: ClassVar[str] = "python:3.13-slim"
    LANGUAGE_ENV: ClassVar[Mapping[str, str]] = {"PYTHONUNBUFFERED": "true"}

    dependencies: Dynamic[list[Text]] | None = Field(None, description="Packages to install first, as pip names them: `pandas`, `requests>=2.32`.")
    python_version: Dynamic[Text] | None = Field(
        None, description="The Python to run, as 3.12: of a container the image's, of a process one that is there, or that uv brings."
    )
    package_manager: Dynamic[Literal["UV", "PIP"]] = Field("UV", description="What installs packages. Without uv, it is pip.")
    dependency_cache_enabled: Dynamic[bool] = Field(
        True, description="A process keeps what it installed for the next task with the same dependencies; a container keeps nothing."
    )

    @field_validator("python_version")
    @classmethod
    def _is_version(cls, value: str | None) -> str | None:
        if value and not is_template(value) and not re.fullmatch(r"[23](\.\d{1,3}){0,2}", value):
            raise wrong("python_version", "not a version of Python", "for example 3.12")
        return value

    def image(self) -> str:
        """One of the version that is wanted."""
        return f"python:{self.python_version}-slim" if self.python_version else self.IMAGE

    def packages(self) -> Packages:
        """The dependencies."""
        return Packages(self.dependencies or (), self.python_version, self.package_manager, self.dependency_cache_enabled)


class Script(_PythonTask, InlineScript):
    """Runs a Python script, written inline. Modules of the working directory can be imported."""

    TYPE = "io.kestra.plugin.scripts.python.Script"
    FILE = ".headgate-script.py"
    CALL = "python"


class Commands(_PythonTask, CommandList):
    """Runs commands where `python` is at hand."""

    TYPE = "io.kestra.plugin.scripts.python.Commands"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.scripts.Python",)
