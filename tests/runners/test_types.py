"""Types of tasks are found by their names, each without the others."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

from runners import tasks
from runners.task import RunnerTask


def test_every_class_of_the_folder_is_found() -> None:
    modules = [importlib.import_module(found.name) for found in pkgutil.iter_modules(tasks.__path__, prefix="runners.tasks.")]
    values = [value for module in modules for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
    classes = {value for value in values if issubclass(value, RunnerTask) and "TYPE" in vars(value)}
    assert set(tasks.types().values()) == classes
    assert {tasks.find(name) for name in tasks.types()} == classes


def test_one_is_found_without_the_others() -> None:
    program = "import sys; from runners import tasks; tasks.find('io.kestra.plugin.scripts.shell.Commands'); print([m for m in sys.modules if 'tasks.' in m])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "['runners.tasks.shell']\n"


def test_what_there_is_not_is_not_found() -> None:
    with pytest.raises(KeyError):
        tasks.find("io.kestra.plugin.scripts.shell.None")
