"""Flows, their revisions, and the files of the applied commit that they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from service.store.codec import from_json, to_json
from service.store.database import Session
from service.store.statement import by
from service.store.tables import Flow as FlowTable
from service.store.tables import FlowFile as FileTable
from service.store.tables import Revision as RevisionTable
from service.store.tables import core

_flows, _files, _revisions = core(FlowTable), core(FileTable), core(RevisionTable)
_by_identity, _by_id, _by_number = by(_flows, "environment", "namespace", "flow_id"), by(_flows, "id"), by(_revisions, "flow", "revision")

Identity = tuple[str, str]  #: (namespace, flow id)
Order = tuple[str, bool]  #: by what, and whether it falls
#: What flows can be ordered by, and its column.
ORDERED: Mapping[str, str] = {"namespace": "namespace", "id": "flow_id"}
ERROR = 3  #: the level of a file with an error
_LEVELS = {"notice": 1, "warning": 2, "error": ERROR}


@dataclass(frozen=True, slots=True)
class File:
    """A flow file at the applied commit. `identity` is None where it can't be known, and `guessed` where it was taken from the
    file's history because its own text does not tell; `problems` are JSON values."""

    path: str
    blob: str
    identity: Identity | None
    valid: bool
    guessed: bool = False
    problems: tuple[Mapping[str, Any], ...] = ()

    @property
    def level(self) -> int:
        """The weight of its worst problem: 0 none, 1 notice, 2 warning, 3 error."""
        return max((_LEVELS[problem["severity"]] for problem in self.problems), default=0)


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow as an environment has it. `live` is None when it is deleted; `revision` is the highest ever."""

    id: str
    environment: str
    namespace: str
    flow_id: str
    repository_id: str
    revision: int
    live: int | None
    path: str
    blob: str
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision: which text, from which commit and file, by whom and when."""

    flow: str
    revision: int
    commit: str
    path: str
    blob: str
    source: str
    author: str
    date: float
    created_at: float
    deleted: bool = False


# files


def files(session: Session, repository: str) -> dict[str, File]:
    """All files of the applied commit by path."""
    return {row.path: _file(row) for row in session.execute(select(_files).where(_files.c.repository_id == repository))}


def files_at(session: Session, repository: str, paths: Iterable[str]) -> dict[str, File]:
    """Some files of the applied commit by path."""
    found: dict[str, File] = {}
    wanted = list(paths)
    for start in range(0, len(wanted), 500):
        statement = select(_files).where(_files.c.repository_id == repository, _files.c.path.in_(wanted[start : start + 500]))
        found |= {row.path: _file(row) for row in session.execute(statement)}
    return found


def files_below(session: Session, repository: str, place: str) -> dict[str, File]:
    """The files of the applied commit at a path and further down, by path; "." is the root."""
    if place == ".":
        return files(session, repository)
    # "0" follows "/": a range, because the index knows nothing of patterns.
    inside = (_files.c.path > f"{place}/") & (_files.c.path < f"{place}0")
    rows = session.execute(select(_files).where(_files.c.repository_id == repository, (_files.c.path == place) | inside))
    return {row.path: _file(row) for row in rows}


def files_of(session: Session, repository: str, identity: Identity) -> tuple[File, ...]:
    """The files that claim an identity, by path."""
    statement = select(_files).where(_files.c.repository_id == repository, _files.c.namespace == identity[0], _files.c.flow_id == identity[1])
    return tuple(_file(row) for row in session.execute(statement.order_by(_files.c.path)))


def claims_namespace(session: Session, repository: str, namespace: str) -> bool:
    """Whether any file of the applied commit claims a flow of this namespace."""
    statement = select(_files.c.path).where(_files.c.repository_id == repository, _files.c.namespace == namespace).limit(1)
    return session.execute(statement).first() is not None


def noted_files(session: Session, repository: str, level: int = 1) -> tuple[File, ...]:
    """The files with problems of at least this weight, by path."""
    statement = select(_files).where(_files.c.repository_id == repository, _files.c.level >= level)
    return tuple(_file(row) for row in session.execute(statement.order_by(_files.c.path)))


def put_files(session: Session, repository: str, new: Sequence[File], gone: Iterable[str]) -> None:
    """Replaces what changed."""
    for path in gone:
        session.execute(delete(_files).where(_files.c.repository_id == repository, _files.c.path == path))
    for start in range(0, len(new), 500):
        rows = [_file_row(repository, file) for file in new[start : start + 500]]
        statement = upsert(_files)
        columns = ("blob", "namespace", "flow_id", "guessed", "valid", "level", "problems")
        changes = {column: statement.excluded[column] for column in columns}
        session.execute(statement.on_conflict_do_update(index_elements=["repository_id", "path"], set_=changes), rows)


def _file(row: Any) -> File:
    identity = (row.namespace, row.flow_id) if row.namespace is not None and row.flow_id is not None else None
    return File(row.path, row.blob, identity, row.valid, row.guessed, tuple(from_json(row.problems)))


def _file_row(repository: str, file: File) -> dict[str, Any]:
    namespace, flow_id = file.identity or (None, None)
    return {
        "repository_id": repository,
        "path": file.path,
        "blob": file.blob,
        "namespace": namespace,
        "flow_id": flow_id,
        "guessed": file.guessed,
        "valid": file.valid,
        "level": file.level,
        "problems": to_json(file.problems),
    }


# flows


def get(session: Session, environment: str, identity: Identity) -> Flow | None:
    """A flow, deleted ones included."""
    row = _by_identity.first(session, {"environment": environment, "namespace": identity[0], "flow_id": identity[1]})
    return None if row is None else Flow(**row._mapping)


def by_id(session: Session, id: str) -> Flow | None:
    """A flow by the id of its row, deleted ones included."""
    row = _by_id.first(session, {"id": id})
    return None if row is None else Flow(**row._mapping)


def live(
    session: Session,
    environment: str,
    *,
    repository: str | None = None,
    namespace: str | None = None,
    query: str | None = None,
    limit: int | None = None,
    offset: int = 0,
    order: Order = ("namespace", False),
) -> tuple[Flow, ...]:
    """Live flows, by namespace and id unless `order` says otherwise. `namespace` takes its children too; `query` looks into both names."""
    statement = select(_flows).where(*_live_where(environment, repository, namespace, query)).order_by(*_ordered(order))
    if limit is not None:
        statement = statement.limit(limit).offset(offset)
    return tuple(Flow(**row._mapping) for row in session.execute(statement))


def _ordered(order: Order) -> Iterator[Any]:
    field, falling = order
    for name in (field, *(other for other in ORDERED if other != field)):
        column = _flows.c[ORDERED[name]]
        yield column.desc() if falling else column


def with_text(
    session: Session, environment: str, text: str, *, namespace: str | None = None, limit: int, offset: int = 0
) -> tuple[tuple[tuple[Flow, str], ...], int]:
    """Live flows whose source holds a text, whatever its case, with the source; and how many there are in all."""
    where = [*_live_where(environment, None, namespace, None), _revisions.c.flow == _flows.c.id, _revisions.c.revision == _flows.c.live]
    if text:
        where.append(_revisions.c.source.icontains(text, autoescape=True))
    total = int(session.execute(select(func.count()).select_from(_flows, _revisions).where(*where)).scalar_one())
    statement = select(_flows, _revisions.c.source).where(*where).order_by(_flows.c.namespace, _flows.c.flow_id).limit(limit).offset(offset)
    rows = session.execute(statement)
    return tuple((Flow(**{key: value for key, value in row._mapping.items() if key != "source"}), row.source) for row in rows), total


def namespaces(session: Session, environment: str) -> tuple[str, ...]:
    """Those that have live flows, by name."""
    where = (_flows.c.environment == environment, _flows.c.live.is_not(None))
    return tuple(session.execute(select(_flows.c.namespace).where(*where).distinct().order_by(_flows.c.namespace)).scalars())


def count_live(session: Session, environment: str, namespace: str | None = None, query: str | None = None) -> int:
    """How many `live` would give without a limit."""
    where = _live_where(environment, None, namespace, query)
    return int(session.execute(select(func.count()).select_from(_flows).where(*where)).scalar_one())


def _live_where(environment: str, repository: str | None, namespace: str | None, query: str | None) -> list[Any]:
    where = [_flows.c.environment == environment, _flows.c.live.is_not(None)]
    if repository is not None:
        where.append(_flows.c.repository_id == repository)
    if namespace:
        where.append((_flows.c.namespace == namespace) | _flows.c.namespace.startswith(namespace + ".", autoescape=True))
    if query:
        where.append(_flows.c.namespace.contains(query, autoescape=True) | _flows.c.flow_id.contains(query, autoescape=True))
    return where


def put_all(session: Session, new: Sequence[Flow]) -> None:
    """Stores flows whether or not they were there."""
    if not new:
        return
    statement = upsert(_flows)
    changes = {column: statement.excluded[column] for column in ("repository_id", "revision", "live", "path", "blob", "disabled")}
    session.execute(statement.on_conflict_do_update(index_elements=["environment", "namespace", "flow_id"], set_=changes), [asdict(flow) for flow in new])


# revisions


def add_revisions(session: Session, new: Sequence[Revision]) -> None:
    """Insert only: a revision never changes."""
    if new:
        session.execute(insert(_revisions), [asdict(revision) for revision in new])


def revision(session: Session, flow: str, number: int) -> Revision | None:
    """One revision with its text."""
    row = _by_number.first(session, {"flow": flow, "revision": number})
    return None if row is None else Revision(**row._mapping)


def revisions(session: Session, flow: str) -> tuple[Revision, ...]:
    """All revisions, newest last."""
    statement = select(_revisions).where(_revisions.c.flow == flow).order_by(_revisions.c.revision)
    return tuple(Revision(**row._mapping) for row in session.execute(statement))


def disable(session: Session, flow: str, *, disabled: bool) -> None:
    """The operational overlay: stops or allows executions without touching Git."""
    session.execute(update(_flows).where(_flows.c.id == flow).values(disabled=disabled))
