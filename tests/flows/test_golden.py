"""Every code has a file that shows it: `<code>-<name>.yaml` is read, `<code>-<name>.txt` is what a person then sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from service.flows.codes import CODES
from service.flows.excerpt import excerpt
from service.flows.problems import Severity
from tests.flows.world import LOG, SCHEDULE, SHELL, read

GOLDEN = Path(__file__).parent / "golden"

#: Files that are too large to lie about.
LARGE: Mapping[str, Callable[[], bytes]] = {
    "HG-0002-too_large": lambda: b"# " + b"x" * 1_048_576,
    "HG-0007-too_many_problems": lambda: b"id: x\nnamespace: dev\n" + b"".join(b"p%d: 1\n" % number for number in range(80)),
    "HG-0101-aliases": lambda: b"base: &a [x]\nall: [" + b", ".join([b"*a"] * 101) + b"]\n",
    "HG-0102-brackets": lambda: b"tasks: " + b"[" * 3_000,
    "HG-0103-nodes": lambda: b"variables:\n  many:\n" + b"    - x\n" * 50_000,
    "HG-0214-description": lambda: (
        b"id: x\nnamespace: dev\ndescription: " + b"word " * 4_000 + f"\ntasks:\n  - id: a\n    type: {LOG}\n    message: hi\n".encode()
    ),
    "HG-0215-tasks": lambda: b"id: x\nnamespace: dev\ntasks:\n" + b"".join(f"  - {{id: t{n}, type: {LOG}, message: hi}}\n".encode() for n in range(1_001)),
    "HG-0215-triggers": lambda: (
        f"id: x\nnamespace: dev\ntasks:\n  - {{id: a, type: {LOG}, message: hi}}\ntriggers:\n".encode()
        + b"".join(f"  - {{id: t{n}, type: {SCHEDULE}, cron: '@daily'}}\n".encode() for n in range(1_001))
    ),
    "HG-0218-defaults": lambda: (
        f"id: x\nnamespace: dev\npluginDefaults:\n  - type: {SHELL}\n    values: {{env: {{{', '.join(f'A{n}: b' for n in range(2_000))}}}}}\ntasks:\n".encode()
        + b"".join(f"  - {{id: t{n}, type: {SHELL}, commands: [a]}}\n".encode() for n in range(200))
    ),
    "HG-0314-expressions": lambda: (
        f"id: x\nnamespace: dev\nvariables:\n  text: &text |\n{'    {{ inputs.x }}' * 600}\ninputs:\n  - {{id: x, type: STRING}}\ntasks:\n".encode()
        + b"".join(f"  - {{id: t{n}, type: {LOG}, message: *text}}\n".encode() for n in range(60))
    ),
}
#: What is looked at only when it is asked for.
OPTIONS: Mapping[str, Mapping[str, Any]] = {"HG-0232-digest": {"require_digests": Severity.WARNING}}
NAMES = sorted({*LARGE, *(file.stem for file in GOLDEN.glob("*.yaml"))})


def shown(name: str) -> str:
    """What a person sees of a golden file."""
    data = LARGE[name]() if name in LARGE else (GOLDEN / f"{name}.yaml").read_bytes()
    problems = read(data, path=f".flows/{name}.yaml", **OPTIONS.get(name, {})).problems
    return "\n".join(excerpt(problem, data.decode("utf-8", "replace")) for problem in problems) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_mistake_is_shown_as_promised(name):
    assert shown(name) == (GOLDEN / f"{name}.txt").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_file_shows_its_code(name):
    code = name[:7]
    assert f"[{code}]" in (GOLDEN / f"{name}.txt").read_text("utf-8")


def test_every_code_has_a_golden_file():
    # 05 is about a file among others: shown by the tests of the sync, with real repositories.
    assert {name[:7] for name in NAMES} == {code for code in CODES if not code.startswith("HG-05")}
