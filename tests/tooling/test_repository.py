"""What every file of the repository keeps to, and what the files at its top promise."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.require import need

ROOT = Path(__file__).parents[2]
TOP = {"pyproject.toml", "README.md", "Makefile", "docker-compose.yml", "Dockerfile", "constraints.txt"}
TOP |= {"service", "runners", "webhooks", "ui", "tests", "bench", "docs", ".flows", ".ci", ".gitignore"}

# Libraries that are part of a declared one's face, which also sets their version: those of pydantic, fastapi and docker.
FACES = {"pydantic-core", "starlette", "requests", "urllib3"}

# In pieces, so that this file holds none of the names it looks for.
HOSTS = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "yarn" + "pkg.com", "deb.deb" + "ian.org", "security.deb" + "ian.org"]
PATHS = ["/wo" + "rk/(main|shared|[.]library)", "/ro" + "ot/", "/fa" + "rm/", "/Us" + "ers/[a-z]"]
FORBIDDEN = re.compile("|".join([*map(re.escape, HOSTS), *PATHS]).encode())


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """Every file that a commit of the present tree would hold."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        need("checkout", "this is no Git checkout, so there is no list of its files")
    return [path for name in done.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_a_package_registry_or_a_path_of_one_machine(files: list[Path]) -> None:
    found = [f"{path.relative_to(ROOT)}: {match.group().decode()}" for path in files if (match := FORBIDDEN.search(path.read_bytes()))]
    assert found == []


def test_the_top_level_holds_only_what_the_architecture_lists(files: list[Path]) -> None:
    assert {path.relative_to(ROOT).parts[0] for path in files} - TOP == set()


def test_the_readme_is_short_and_shows_both_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 150
    assert "make demo" in readme
    assert "make test" in readme


def test_every_constraint_is_one_exact_version() -> None:
    for line in constraint_lines():
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][^ ;]*( ; .+)?", line), line


def test_every_dependency_has_a_constraint_within_its_bounds() -> None:
    pinned = {name: version for name, _, version in (line.partition(" ;")[0].partition("==") for line in constraint_lines())}
    for requirement in requirements():
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in constraints.txt; run make constraints"
        assert requirement.specifier.contains(version), f"{requirement} does not allow {version}"


def test_every_dependency_has_an_upper_bound() -> None:
    endless = {r.name for r in requirements() if not any(s.operator in {"<", "<=", "==", "~="} for s in r.specifier)}
    assert endless == {"tzdata"}


def test_every_library_that_the_packages_import_is_a_declared_dependency() -> None:
    extras = [text for name, texts in project()["optional-dependencies"].items() if name != "dev" for text in texts]
    declared = FACES | {canonicalize_name(Requirement(text).name) for text in [*project()["dependencies"], *extras]}
    providers = packages_distributions()
    for path in [path for package in ("service", "runners", "webhooks") for path in (ROOT / package).rglob("*.py")]:
        for module in sorted(imported(path) - sys.stdlib_module_names - {"service", "runners", "webhooks"}):
            names = {canonicalize_name(name) for name in providers.get(module, [])}
            assert names & declared, f"{path.relative_to(ROOT)} imports {module}, which no dependency in pyproject.toml provides"


def imported(path: Path) -> set[str]:
    """The top-level names of all modules that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_bytes())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.partition(".")[0] for name in plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}}


def constraint_lines() -> list[str]:
    return (ROOT / "constraints.txt").read_text().splitlines()


def requirements() -> list[Requirement]:
    """All requirements of the project: its own, those of its extras, and those of its build."""
    extras = project()["optional-dependencies"].values()
    texts = [*project()["dependencies"], *(text for extra in extras for text in extra), *pyproject()["build-system"]["requires"]]
    return [Requirement(text) for text in texts]


def project() -> dict[str, Any]:
    return pyproject()["project"]


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())
