"""A conversion of one file, by an agent as flows have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runners.memory import MemoryService
from runners.protocol import Outcome, Result
from tests.runners.playing import job, play

SERDES = "io.kestra.plugin.serdes."
FROM = "kestra:///in"


def convert(base: Path, type: str, content: bytes | str, **spec: Any) -> tuple[Outcome, bytes, list[tuple[str, str]]]:
    """The outcome, the file that was made (empty when none was), and the log."""
    service = MemoryService()
    service.store(FROM, content.encode() if isinstance(content, str) else content)
    outcome, lines = play(base, job("one", type=SERDES + type, spec={"from": FROM, **spec}), service)
    left = [path.name for path in base.rglob("*") if "one-1-1" in path.name and path.is_file()]
    assert not left, "it leaves no file in the working directory"
    uri = outcome.outputs.get("uri")
    return outcome, service.stored(uri) if uri else b"", lines


def made(base: Path, type: str, content: bytes | str, **spec: Any) -> str:
    """The text of the file that a conversion makes."""
    outcome, file, _ = convert(base, type, content, **spec)
    assert outcome.result is Result.SUCCESS, outcome.message
    return file.decode()


def refused(base: Path, type: str, content: bytes | str, **spec: Any) -> str:
    """What a conversion says that fails."""
    outcome, _, _ = convert(base, type, content, **spec)
    assert outcome.result is Result.FAILED
    assert outcome.message is not None
    return outcome.message
