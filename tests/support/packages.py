"""Installed packages that offer task types: real metadata and modules in a folder that is on the path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TASK = '''
from typing import ClassVar

from pydantic import Field

from runners.fields import Dynamic, Text
from runners.protocol import Outcome, Result
from runners.task import RunnerTask, Work


class Hello(RunnerTask):
    """Says hello."""

    TYPE = "{type}"
    ALIASES: ClassVar[tuple[str, ...]] = ("{type}Old",)

    whom: Dynamic[Text] = Field("world", description="Who is greeted.")

    def run(self, work: Work) -> Outcome:
        """Says it."""
        return Outcome(Result.SUCCESS, outputs={{"text": f"hello {{self.whom}}"}})
'''


def install(site: Path, name: str, points: Mapping[str, str], modules: Mapping[str, str], version: str = "1.0") -> None:
    """A package in a folder, as an installer leaves it: `points` are its types and their modules, `modules` their texts."""
    about = site / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (about / "entry_points.txt").write_text("[headgate.tasks]\n" + "".join(f"{type} = {module}\n" for type, module in points.items()))
    for module, text in modules.items():
        (site / f"{module}.py").write_text(text)


def greeting(site: Path, type: str, name: str = "headgate-hello", module: str = "headgate_hello") -> None:
    """One with a task that works, and its old name."""
    install(site, name, {type: module, f"{type}Old": module}, {module: TASK.format(type=type)})
