"""Keys of the KV store, as a flow may read and write them: what is stored, under what a batch has written and not stored yet.

Tasks of one batch follow each other as if each were stored at once; nothing of it is there when the batch is thrown away. People write keys, too: where a task
has read a key before it wrote it, and somebody else has written it meanwhile, the batch is not stored, and is heard again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.actions.files import Reading, Whose, may_read, may_write
from service.errors import Forbidden, ServiceError
from service.store import kv
from service.store.database import Session

_Name = tuple[str, str, str]  #: environment, namespace, key


@dataclass(frozen=True, slots=True)
class _Put:
    """A value that is going to be stored, as it will be read then."""

    value: Any
    expires_at: float | None
    description: str | None
    size: int


class Overtaken(ServiceError):
    """Somebody has written a key between a task's look at it and its own writing."""

    status = 409


#: Which version of a key has been read: its number and time; None where there was none.
_Seen = tuple[int, float] | None


@dataclass(slots=True)
class Written:
    """What a batch has written, the last of each key; None is a key that is taken away. `seen` is what was stored when it was first read. Used by one
    thread."""

    changes: dict[_Name, _Put | None] = field(default_factory=dict)
    seen: dict[_Name, _Seen] = field(default_factory=dict)

    def see(self, name: _Name, found: kv.Entry | None) -> None:
        """Notes what is stored of a key."""
        self.seen.setdefault(name, _version(found))

    def store(self, session: Session, at: float) -> None:
        """All of it. Raises Overtaken."""
        for name in self.changes.keys() & self.seen.keys():
            if _version(kv.get(session, *name, at)) != self.seen[name]:
                raise Overtaken(f"the key `{name[2]}` of the namespace `{name[1]}` has been written by somebody else meanwhile")
        for (environment, namespace, key), put in self.changes.items():
            if put is None:
                kv.delete(session, environment, namespace, key, at)
            else:
                kv.put(session, environment, namespace, key, put.value, at=at, expires_at=put.expires_at, description=put.description)


class Keys:
    """In somebody's name. What may not be done is Forbidden, what can't be stored Invalid; both are for the flow's author. `pay` hears of the size of what is
    read, in characters of JSON."""

    def __init__(self, whose: Whose, reading: Reading, now: datetime, written: Written, pay: Callable[[int], None] = lambda _: None) -> None:
        self._whose, self._reading, self._at, self._written, self._pay = whose, reading, now.timestamp(), written, pay

    def get(self, key: str, namespace: str | None) -> Any:
        """A value of exactly this namespace; None: of the flow's own, or the nearest above it. Raises KeyError where there is none."""
        with self._reading() as session:
            if namespace is not None:
                self._allow_reading(session, namespace)
                found = self._held(session, namespace, key)
            else:
                found = self._nearest(session, key)
        self._pay(found.size)
        return found.value

    def names(self, namespace: str) -> list[str]:
        """The keys of exactly this namespace, by name."""
        with self._reading() as session:
            self._allow_reading(session, namespace)
            found = {entry.key: True for entry in kv.every(session, self._whose.environment, namespace, self._at)}
        place = self._whose.environment, namespace
        mine = {key: put for (environment, owner, key), put in self._written.changes.items() if (environment, owner) == place}
        found |= {key: put is not None and self._lives(put) for key, put in mine.items()}
        return sorted(key for key, there in found.items() if there)

    def put(self, namespace: str, key: str, value: Any, expires_at: datetime | None, description: str | None, *, keeps: bool = False) -> None:
        """Notes a value. `keeps`: the end and the description of a key that is there already stay."""
        stored, size = kv.as_stored(key, value)
        put = _Put(stored, None if expires_at is None else expires_at.timestamp(), description, size)
        with self._reading() as session:
            self._allow_writing(session, namespace)
            if keeps:
                put = self._kept(session, namespace, key, put)
        self._written.changes[self._whose.environment, namespace, key] = put

    def delete(self, namespace: str, key: str) -> None:
        """Notes that a key goes."""
        with self._reading() as session:
            self._allow_writing(session, namespace)
        self._written.changes[self._whose.environment, namespace, key] = None

    def _kept(self, session: Session, namespace: str, key: str, put: _Put) -> _Put:
        try:
            held = self._held(session, namespace, key)
        except KeyError:
            return put
        return _Put(put.value, held.expires_at, held.description, put.size)

    def _held(self, session: Session, namespace: str, key: str) -> _Put | kv.Entry:
        name = self._whose.environment, namespace, key
        found: _Put | kv.Entry | None
        if name in self._written.changes:
            found = self._written.changes[name]
        else:
            found = kv.get(session, *name, self._at)
            self._written.see(name, found)
        if found is None or not self._lives(found):
            raise KeyError(key)
        return found

    def _nearest(self, session: Session, key: str) -> _Put | kv.Entry:
        """Of the flow's namespace or one above it."""
        parts = self._whose.namespace.split(".")
        above = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
        if not any((self._whose.environment, namespace, key) in self._written.changes for namespace in above):
            found = kv.find(session, self._whose.environment, self._whose.namespace, key, self._at)
            if found is None:
                raise KeyError(key)
            self._written.see((self._whose.environment, found.namespace, key), found)
            return found
        for namespace in above:
            try:
                return self._held(session, namespace, key)
            except KeyError:
                continue
        raise KeyError(key)

    def _lives(self, held: _Put | kv.Entry) -> bool:
        return held.expires_at is None or held.expires_at > self._at

    def _allow_reading(self, session: Session, namespace: str) -> None:
        if not may_read(session, self._whose, namespace):
            raise Forbidden(f"the namespace `{namespace[:150]}` belongs to another repository; its keys are not read from here")

    def _allow_writing(self, session: Session, namespace: str) -> None:
        if not may_write(session, self._whose, namespace):
            raise Forbidden(f"the namespace `{namespace[:150]}` belongs to another repository; its keys are not written from here")


def _version(found: kv.Entry | None) -> _Seen:
    return None if found is None else (found.version, found.updated_at)
