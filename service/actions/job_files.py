"""Files of jobs: what a runner may fetch and store in the name of a lease."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO

from runners.protocol import CACHE, Gone, Lease, Rejected, Tree
from service.actions import claims
from service.actions.attempts import whose
from service.actions.files import Files
from service.actions.kit import Kit
from service.errors import Forbidden, Invalid, Malformed, NotFound, TooLarge
from service.store import repositories, task_runs

_CHUNK = 1 << 16


class JobFiles:
    """Implements `runners.protocol.Files` directly over database, Git and storage. Thread-safe."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def tree(self, lease: Lease, tree: Tree) -> Iterator[bytes]:
        """See `Files.tree`. Raises Gone for a lease that is over, or for a tree that is not this job's."""
        with self._kit.database.read() as session:
            held = claims.must_hold(session, lease)
            pin = claims.row(session, held).execution.pin
            repository = repositories.by_id(session, pin.repository) if pin else None
            if pin is None or repository is None or (repository.name, pin.commit) != (tree.repository, tree.commit):
                raise Gone("this lease has no right to that tree")
        with _rejecting():
            return _chunks(self._kit.git.export(tree.repository, tree.commit).open("rb"))

    def get(self, lease: Lease, uri: str) -> Iterator[bytes]:
        """See `Files.get`."""
        with self._kit.database.read() as session:
            held = claims.must_hold(session, lease)
            execution = claims.row(session, held).execution
            cache = claims.cache(session, execution, held) if uri == CACHE else None
        with _rejecting():
            if cache is not None:
                return _chunks(self._kit.storage.kept(cache))
            return _chunks(Files(self._kit, whose(execution), self._kit.database.read).open(uri))

    def put(self, lease: Lease, name: str, stream: BinaryIO) -> str:
        """See `Files.put`."""
        with self._kit.database.read() as session:
            held = claims.must_hold(session, lease)
            execution = claims.row(session, held).execution
            path = task_runs.path(session, claims.row(session, held), lease.task_run)
            cache = claims.cache(session, execution, held) if name == CACHE else None
        with _rejecting():
            if cache is not None:
                self._kit.storage.keep(cache, stream)
                return CACHE
            return self._kit.storage.put(execution.namespace, execution.flow, execution.id, path.runs[-1].node, lease.task_run, name, stream)


@contextmanager
def _rejecting() -> Iterator[None]:
    """What can't be had however often it is asked for, in the protocol's words."""
    try:
        yield
    except Forbidden as failure:
        raise Rejected(failure.message) from None  # with its cause it would be a 403, which tells a runner that its token is wrong
    except (NotFound, Invalid, Malformed, TooLarge) as failure:
        raise Rejected(failure.message) from failure


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """The content. Opened by the caller: once the first byte is on its way, nothing can be refused any more."""
    with stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
