"""The scripts under `.ci`: as far as they can be looked at without running them on a bare machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

CI = Path(__file__).parents[2] / ".ci"
SHELLS = {"run": "bash", "images": "bash", "setup": "sh"}


@pytest.mark.parametrize("name", SHELLS)
def test_a_script_can_be_run_and_read(name: str) -> None:
    script = CI / name
    assert os.access(script, os.X_OK)
    checked = subprocess.run([SHELLS[name], "-n", str(script)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("name", SHELLS)
def test_no_image_comes_from_a_registry(name: str) -> None:
    text = (CI / name).read_text()
    assert "docker pull" not in text
    assert "docker build" not in text


def test_ci_requires_every_optional_group() -> None:
    assert "HEADGATE_TEST_REQUIRE=all make test" in (CI / "run").read_text()


def test_ci_stops_only_the_daemon_that_it_started() -> None:
    text = (CI / "run").read_text()
    assert "pkill" not in text
    assert "killall" not in text
    assert 'kill "$dockerd_pid"' in text
