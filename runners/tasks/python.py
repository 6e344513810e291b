"""Python scripts, and commands in an image that has Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator

from runners.fields import Dynamic, Text
from runners.scripts import ScriptTask, localised, not_yet
from runners.task import Work

_FILE = ".headgate-script.py"


class _PythonTask(ScriptTask):
    IMAGE = "python:3.13-slim"
    LANGUAGE_ENV: ClassVar[Mapping[str, str]] = {"PYTHONUNBUFFERED": "true"}

    dependencies: Dynamic[list[Text]] | None = Field(None, description="Not run yet.")
    python_version: Dynamic[Text] | None = Field(None, description="Not run yet.")
    package_manager: Dynamic[Text] | None = Field(None, description="Without effect while dependencies aren't run.")
    dependency_cache_enabled: Dynamic[bool] = Field(True, description="Without effect while dependencies aren't run.")

    @field_validator("dependencies")
    @classmethod
    def _no_dependencies(cls, value: Any) -> Any:
        if value:
            raise not_yet("dependencies")
        return value

    @field_validator("python_version")
    @classmethod
    def _no_version(cls, value: Any) -> Any:
        if value:
            raise not_yet("pythonVersion")
        return value


class Script(_PythonTask):
    """Runs a Python script, written inline. Modules of the working directory can be imported."""

    TYPE = "io.kestra.plugin.scripts.python.Script"

    script: Dynamic[Text] = Field(description="The script.")

    def text(self, work: Work) -> str:
        """A call of the script, which is stored in the working directory."""
        work.write(_FILE, localised(work, self.script))
        return f'python "$WORKING_DIR/{_FILE}"'


class Commands(_PythonTask):
    """Runs commands where `python` is at hand."""

    TYPE = "io.kestra.plugin.scripts.python.Commands"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.scripts.Python",)

    commands: Dynamic[list[Text]] = Field(description="The commands; all run in one shell.")

    def text(self, work: Work) -> str:
        """One command per line."""
        return localised(work, "\n".join(self.commands))
