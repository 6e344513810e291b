"""The Makefile: what its targets are called, and what they run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = {"help", "setup", "demo", "up", "test", "check", "bench", "clean"}


def make(*words: str) -> str:
    """What make prints; nothing comes in from a make that runs these tests."""
    env = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "ARGS"}}
    command = ["make", "--no-print-directory", *words]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30, check=True).stdout


def test_make_alone_lists_every_target_with_a_sentence() -> None:
    listed = {line.split()[1]: line.split(maxsplit=2)[2] for line in make().splitlines()}
    assert listed.keys() >= TARGETS
    assert all(len(sentence) > 10 for sentence in listed.values())


@pytest.mark.parametrize("target", sorted(TARGETS - {"help", "setup", "clean"}))
def test_every_target_sets_up_first(target: str) -> None:
    assert make("--dry-run", target).splitlines()[0] == "sh .ci/setup"


@pytest.mark.parametrize(
    ("target", "commands"),
    [
        ("demo", [".venv/bin/headgate demo"]),
        ("up", [".venv/bin/headgate up "]),
        ("check", [".venv/bin/ruff check .", ".venv/bin/ruff format --check .", ".venv/bin/mypy", ".venv/bin/lint-imports --no-logo"]),
        ("bench", [".venv/bin/python -m bench "]),
    ],
)
def test_what_a_target_runs(target: str, commands: list[str]) -> None:
    assert make("--dry-run", target).splitlines()[1:] == commands


def test_all_checks_come_before_the_tests() -> None:
    commands = make("--dry-run", "test").splitlines()
    assert commands[1:-1] == make("--dry-run", "check").splitlines()[1:]
    assert commands[-1].startswith(".venv/bin/python -m pytest")


def test_options_reach_the_command() -> None:
    assert make("--dry-run", "up", "ARGS=--port 9090").splitlines()[-1] == ".venv/bin/headgate up --port 9090"


def test_clean_leaves_the_users_data_alone() -> None:
    assert ".headgate" not in make("--dry-run", "clean")
