"""How a command ends before its work is done, and the exit codes that scripts rely on."""

from __future__ import annotations

OK = 0
FAILED = 1  #: the run failed
WRONG = 2  #: usage or validation
UNREACHABLE = 3  #: no server answers, or it is in trouble itself
INTERRUPTED = 130


class Stop(Exception):
    """Ends the command with this exit code, after this text for the person."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
