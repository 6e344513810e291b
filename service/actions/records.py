"""What server tasks count, list and take away: slice by slice, in somebody's name. Whatever was taken away before a crash is gone, and the rest follows when
the task is done again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from service.actions.files import Whose, may_read, may_write
from service.actions.kit import Kit
from service.actions.reach import shown
from service.asks import TaskFailed, Wanted
from service.store import executions, kv, logs, purge
from service.store.purge import Old, Range

_KEYS = 500  #: of the KV store, in one transaction
_FILES = 500  #: executions whose files are looked at, in one session


class Recorded:
    """Implements `service.asks.Records`. `check` raises when the task is to end; it is asked before each slice."""

    def __init__(self, kit: Kit, whose: Whose, now: Callable[[], datetime], check: Callable[[], None]) -> None:
        self._kit, self._whose, self._now, self._check = kit, whose, now, check
        self._writable: dict[str, bool] = {}

    def count(self, wanted: Wanted) -> Mapping[tuple[str, str], int]:
        """See `Records.count`."""
        self._check()
        with self._kit.database.read() as session:
            if wanted.namespace is not None and not may_read(session, self._whose, wanted.namespace):
                raise TaskFailed(f"the namespace `{wanted.namespace[:150]}` belongs to another repository; its executions are not counted from here")
            return purge.counts(session, self._range(wanted))

    def purge(self, wanted: Wanted, what: Sequence[str], batch: int) -> Mapping[str, int]:
        """See `Records.purge`."""
        self._allow(wanted.namespace)
        gone = dict.fromkeys(what, 0)
        after: Old | None = None
        while found := self._ended(wanted, after, batch):
            after = found[-1]
            mine = [old for old in found if self._may_write(old.namespace)]
            for name, number in self._purge(mine, what):
                gone[name] += number
        return gone

    def _ended(self, wanted: Wanted, after: Old | None, batch: int) -> Sequence[Old]:
        self._check()
        with self._kit.database.read() as session:
            return purge.ended(session, self._range(wanted), after, batch)

    def _purge(self, old: Sequence[Old], what: Sequence[str]) -> Iterator[tuple[str, int]]:
        """The rows of an execution go last: as long as they are there, it is found again."""
        ids = [one.id for one in old]
        if "storage" in what:
            for one in old:
                self._check()
                yield "storage", len(self._kit.storage.remove(one.namespace, one.flow, one.id))
        for name in (name for name in ("log", "metric", "execution") if name in what):
            while (gone := self._write(partial(purge.forget_left, what=name, ids=ids)))[0]:
                if name != "execution":
                    yield name, gone[1]
        if "execution" in what and ids:
            yield "execution", self._write(partial(purge.forget_executions, ids=ids))

    def purge_files(self, wanted: Wanted, *, dry: bool) -> tuple[int, int, int]:
        """See `Records.purge_files`."""
        self._allow(wanted.namespace)
        scanned = purged = deleted = 0
        after: Old | None = None
        while found := self._ended(replace(wanted, since=None, until=None), after, _FILES):
            after = found[-1]
            for old in (old for old in found if self._may_write(old.namespace)):
                self._check()
                place = (old.namespace, old.flow, old.id)
                newest = self._kit.storage.newest(*place)
                scanned += 1
                if newest is not None and _is_within(newest, wanted):
                    purged += 1
                    deleted += 0 if dry else len(self._kit.storage.remove(*place))
        return scanned, purged, deleted

    def purge_logs(self, wanted: Wanted, levels: Sequence[str]) -> int:
        """See `Records.purge_logs`."""
        self._allow(wanted.namespace)
        range, gone, after = self._range(wanted), 0, 0
        while True:
            self._check()
            with self._kit.database.read() as session:
                found = purge.chunks(session, range, levels, after)
            if not found:
                return gone
            after = found[-1][0]
            ids = [id for id, namespace in found if self._may_write(namespace)]
            gone += self._write(partial(purge.forget_entries, ids=ids, wanted=range, levels=levels))

    def purge_keys(self, namespaces: Sequence[str] | None, pattern: str | None, *, below: bool, expired_only: bool) -> int:
        """See `Records.purge_keys`."""
        with self._kit.database.read() as session:
            known = kv.namespaces(session, self._whose.environment)
        gone = 0
        for namespace in known:
            if _is_meant(namespace, namespaces, below) and self._may_write(namespace):
                gone += self._purge_namespace(namespace, pattern, self._now().timestamp() if expired_only else None)
        return gone

    def _purge_namespace(self, namespace: str, pattern: str | None, expired_before: float | None) -> int:
        gone, after, place = 0, "", (self._whose.environment, namespace)
        while True:
            self._check()
            with self._kit.database.read() as session:
                found = kv.named(session, *place, after, _KEYS, expired_before)
            if not found:
                return gone
            after = found[-1]
            keys = [key for key in found if pattern is None or fnmatchcase(key, pattern)]
            gone += self._write(partial(_forget_keys, place=place, keys=keys, expired_before=expired_before))

    def log_of(self, execution: str | None, tasks: Sequence[str], level: str) -> Iterable[Mapping[str, Any]]:
        """See `Records.log_of`."""
        id = execution or self._whose.execution or ""
        with self._kit.database.read() as session:
            row = executions.get(session, id)
            if row is None or row.execution.environment != self._whose.environment or not may_read(session, self._whose, row.execution.namespace):
                raise TaskFailed(f"there is no execution `{id[:40]}` whose log may be read from here")
        of = row.execution
        whose = Whose(of.environment, of.namespace, of.flow, of.id, of.pin)
        return (shown(whose, entry) for entry in self._entries(id, level) if not tasks or entry.task in tasks)

    def _entries(self, execution: str, level: str) -> Iterator[logs.Entry]:
        after = 0
        while True:
            self._check()
            with self._kit.database.read() as session:
                found = logs.page(session, execution, after=after, level=level)
            if not found:
                return
            after = found[-1].chunk
            yield from found

    def _range(self, wanted: Wanted) -> Range:
        since, until = (None if at is None else at.timestamp() for at in (wanted.since, wanted.until))
        return Range(self._whose.environment, wanted.namespace, wanted.flow, wanted.below, wanted.states, since, until)

    def _write(self, action: Callable[..., Any]) -> Any:
        self._check()
        return self._kit.database.write(action)

    def _allow(self, namespace: str | None) -> None:
        if namespace is not None and not self._may_write(namespace):
            raise TaskFailed(f"the namespace `{namespace[:150]}` belongs to another repository; nothing of it is taken away from here")

    def _may_write(self, namespace: str) -> bool:
        if namespace not in self._writable:
            with self._kit.database.read() as session:
                self._writable[namespace] = may_write(session, self._whose, namespace)
        return self._writable[namespace]


def _forget_keys(session: Any, place: tuple[str, str], keys: Sequence[str], expired_before: float | None) -> int:
    return kv.forget_named(session, *place, keys, expired_before) if keys else 0


def _is_within(at: float, wanted: Wanted) -> bool:
    since, until = wanted.since, wanted.until
    return (since is None or at >= since.timestamp()) and (until is None or at < until.timestamp())


def _is_meant(namespace: str, wanted: Sequence[str] | None, below: bool) -> bool:
    if wanted is None:
        return True
    parts = namespace.split(".")
    names = [".".join(parts[:length]) for length in range(1, len(parts) + 1)] if below else [namespace]
    return any(fnmatchcase(name, glob) for name in names for glob in wanted)
