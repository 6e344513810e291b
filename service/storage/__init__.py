"""Files that tasks make and read, behind `kestra:///…` URIs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, Protocol


class Storage(Protocol):
    """Where files are kept. A URI that names nothing raises NotFound."""

    def put(self, namespace: str, flow: str, execution: str, task: str, task_run: str, name: str, stream: BinaryIO) -> str:
        """Stores a task run's file; returns its URI. A second put of the same name replaces the first at once."""

    def uri(self, namespace: str, flow: str, execution: str, task: str, task_run: str, name: str) -> str:
        """What `put` gives for a name."""

    def keep(self, place: Sequence[str], stream: BinaryIO) -> None:
        """Stores a file that belongs to no execution; it takes the place of the one before at once."""

    def kept(self, place: Sequence[str]) -> BinaryIO:
        """What `keep` has stored there last; raises NotFound."""

    def open(self, uri: str) -> BinaryIO:
        """The content."""

    def size(self, uri: str) -> int:
        """Its bytes."""

    def delete(self, uri: str) -> bool:
        """Takes one file away; False: there was none."""

    def remove(self, namespace: str, flow: str, execution: str) -> list[str]:
        """Takes away all files of an execution; their URIs."""

    def modified(self, uri: str) -> float:
        """When it was stored, in seconds since the epoch."""

    def newest(self, namespace: str, flow: str, execution: str) -> float | None:
        """When the newest file of an execution was stored; None where it has none."""

    def allowed(self, uri: str, namespace: str, flow: str, execution: str) -> bool:
        """Whether a URI lies under that execution."""
