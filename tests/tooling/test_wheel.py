"""The built wheel: what a user gets who installs Headgate without a checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.require import need

ROOT = Path(__file__).parents[2]
PACKAGES = ("service", "runners", "webhooks")
PAGE = "service/api/static/index.html"
EXAMPLES = ".flows/examples"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the wheel is built from, with a built UI, which Git ignores."""
    copy = tmp_path_factory.mktemp("wheel") / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", ".gitignore"):
        shutil.copy(ROOT / name, copy / name)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    shutil.copytree(ROOT / EXAMPLES, copy / EXAMPLES)
    page = copy / PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("<!doctype html>")
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path) -> set[str]:
    """The names of all files in the wheel."""
    if find_spec("hatchling") is None:
        need("wheel", "the build backend hatchling is not installed")
    target = source.parent / "dist"
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)], cwd=source, capture_output=True, check=True, timeout=60)
    (built,) = target.glob("headgate-*.whl")
    return set(ZipFile(built).namelist())


def test_every_file_of_the_packages_is_in_the_wheel(source: Path, wheel: set[str]) -> None:
    files = {path.relative_to(source).as_posix() for package in PACKAGES for path in (source / package).rglob("*") if path.is_file()}
    assert files - wheel == set()


def test_the_built_ui_is_in_the_wheel_though_git_ignores_it(wheel: set[str]) -> None:
    assert PAGE in wheel


def test_the_flows_of_the_demo_are_in_the_wheel(source: Path, wheel: set[str]) -> None:
    assert {f"service/examples/{path.name}" for path in (source / EXAMPLES).iterdir()} <= wheel


def test_nothing_else_is_in_the_wheel(wheel: set[str]) -> None:
    others = {name.partition("/")[0] for name in wheel} - set(PACKAGES)
    assert [name for name in others if not name.endswith(".dist-info")] == []
    assert [name for name in wheel if "__pycache__" in name] == []
