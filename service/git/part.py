"""A part of a file as a stream of its own."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any


class Part(io.RawIOBase):
    """So many bytes of a file, from an offset on. Closing it closes the file."""

    def __init__(self, path: Path, offset: int, size: int) -> None:
        self._file, self._left = path.open("rb"), size
        self._file.seek(offset)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`."""
        count = self._file.readinto(memoryview(buffer)[: self._left])
        self._left -= count
        return count

    def close(self) -> None:
        """Ends it."""
        self._file.close()
        super().close()
