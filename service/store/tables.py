"""The tables. Imported by `service.store` alone: outside it, rows are values of the modules that own them.

Times are seconds since the epoch, UTC. JSON columns hold text that `store.codec` reads and writes. What Git knows is here only as a cache;
executions, revisions and deliveries are the record.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, LargeBinary, Table, Text, UniqueConstraint, false, text, true
from sqlmodel import Field, SQLModel


def core(model: type[SQLModel]) -> Table:
    """The Core table of a model: hot paths use it, not the ORM."""
    mapped: Any = model
    table: Table = mapped.__table__
    return table


def _text(*, nullable: bool = False) -> Column[str]:
    return Column(Text, nullable=nullable)


class Setting(SQLModel, table=True):
    """One fact about this installation (its id, its check value)."""

    key: str = Field(primary_key=True)
    value: str = Field(sa_column=_text())


class Repository(SQLModel, table=True):
    """A Git repository, on a forge or in the embedded host (`forge` = "embedded").

    `live_ref` and `live_oid` are the branch and commit that the flow files and the live flows are of; `looked` says that the refs which were
    there before us have been taken over.
    """

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    forge: str
    url: str | None = None
    api_url: str | None = None
    token_from: str | None = None
    branch: str | None = None
    allow_private: bool = False
    hook_id: str = Field(unique=True)
    hook_secret: str = Field(sa_column=_text())
    forge_id: str | None = None
    live_ref: str | None = None
    live_oid: str | None = None
    looked: bool = False
    created_at: float


class Environment(SQLModel, table=True):
    """A tracked branch; `main` stands for the default branches of all repositories."""

    name: str = Field(primary_key=True)
    repository_id: str | None = None
    ref: str | None = None
    opened_at: float
    closed_at: float | None = None


class Namespace(SQLModel, table=True):
    """Which repository a namespace belongs to."""

    environment: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    repository_id: str


class Ref(SQLModel, table=True):
    """A branch or tag as the last sync left it."""

    repository_id: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    applied_oid: str


class Delivery(SQLModel, table=True):
    """The inbox: what told us to look at a repository. Durable before it is answered."""

    # What is looked for stands in the index: a body is not passed over to see whether its row waits.
    __table_args__ = (UniqueConstraint("repository_id", "delivery_id"), Index("ix_delivery_open", "state", "repository_id", "id", "not_before"))

    id: int | None = Field(default=None, primary_key=True)
    repository_id: str
    source: str
    delivery_id: str
    event: str
    headers: str = Field(sa_column=_text())
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    received_at: float
    state: str = "received"
    reason: str | None = Field(default=None, sa_column=_text(nullable=True))
    attempts: int = 0
    not_before: float = 0.0


class Refusal(SQLModel, table=True):
    """The audit of deliveries that were turned away: a hash and a size, never the body."""

    id: int | None = Field(default=None, primary_key=True)
    hook_id: str
    status: int
    reason: str
    sha256: str
    size: int
    source: str
    received_at: float


class FlowFile(SQLModel, table=True):
    """A file of the flow folder at the applied commit, and what reading it gave."""

    __table_args__ = (
        Index("ix_flow_file_identity", "repository_id", "namespace", "flow_id"),
        Index("ix_flow_file_level", "repository_id", "level"),
    )

    repository_id: str = Field(primary_key=True)
    path: str = Field(primary_key=True)
    blob: str
    namespace: str | None = None
    flow_id: str | None = None
    guessed: bool = False
    valid: bool
    level: int = 0
    problems: str = Field(sa_column=_text())


class Flow(SQLModel, table=True):
    """A flow's identity in an environment. `live` is the revision that runs, None when deleted."""

    __table_args__ = (UniqueConstraint("environment", "namespace", "flow_id"),)

    id: str = Field(primary_key=True)
    environment: str
    namespace: str
    flow_id: str
    repository_id: str
    revision: int
    live: int | None = None
    path: str
    blob: str
    disabled: bool = False


class Revision(SQLModel, table=True):
    """Revision n of a flow: for ever one commit, path and blob. Insert only."""

    flow: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    commit: str
    path: str
    blob: str
    source: str = Field(sa_column=_text())
    deleted: bool = False
    author: str
    date: float
    created_at: float


class Commit(SQLModel, table=True):
    """What a head that we were told of came to."""

    __tablename__ = "commit_row"

    repository_id: str = Field(primary_key=True)
    sha: str = Field(primary_key=True)
    ref: str
    state: str
    generation: int = 1
    message: str = Field(sa_column=_text())
    author: str
    date: float
    flows: str = Field(sa_column=_text())
    problems: str = Field(sa_column=_text())
    seen_at: float


class Status(SQLModel, table=True):
    """The outbox: the state that a context of a commit should show. `sent` is the version the forge has."""

    __table_args__ = (Index("ix_status_unsent", "open", "repository_id", "attempts", "not_before", "updated_at"),)

    repository_id: str = Field(primary_key=True)
    sha: str = Field(primary_key=True)
    context: str = Field(primary_key=True)
    generation: int = 1
    state: str
    description: str = Field(sa_column=_text())
    target_url: str = Field(sa_column=_text())
    updated_at: float
    version: int = 1
    open: bool = True
    announced: bool = False
    attempts: int = 0
    not_before: float = 0.0
    error: str | None = Field(default=None, sa_column=_text(nullable=True))


#: Executions that may wait for a place under the limit of their flow. Written so that SQLite sees that its index is for them.
IN_LINE = text("state IN ('CREATED', 'QUEUED', 'RESTARTED') AND joined_at IS NOT NULL")


class Execution(SQLModel, table=True):
    """An execution. `joined_at` is its place in the line of those of its flow that want to run, NULL before its date; `breached` are the SLAs that it has
    broken; `trailing`: it has ended, and what is done after the end is under way. `caller` says which task of another execution has started it; `caller_run`,
    `root_id` and `serial` stand in it, too, and are looked up. `held` is what waits while somebody has paused it, NULL while nobody has. `version` counts its
    changes; `rewound` is the last one in which task runs were taken out of it."""

    __table_args__ = (
        Index("ix_execution_flow", "environment", "namespace", "flow_id", "created_at"),
        Index("ix_execution_commit", "repository_id", "commit_sha"),
        Index("ix_execution_of_flow", "flow", "state"),
        Index("ix_execution_shown", "environment", "kind", "created_at"),
        Index("ix_execution_named", "environment", "kind", "flow_id", "created_at"),
        Index("ix_execution_caller", "caller_run", sqlite_where=text("caller_run IS NOT NULL")),
        Index("ix_execution_root", "root_id", "serial", sqlite_where=text("root_id IS NOT NULL")),
        Index("ix_execution_line", "flow", "joined_at", "id", sqlite_where=IN_LINE),
        UniqueConstraint("once"),
    )

    id: str = Field(primary_key=True)
    environment: str
    namespace: str
    flow_id: str
    flow: str
    revision: int
    state: str
    history: str = Field(sa_column=_text())
    inputs: str = Field(sa_column=_text())
    labels: str = Field(sa_column=_text())
    variables: str = Field(sa_column=_text())
    trigger: str | None = Field(default=None, sa_column=_text(nullable=True))
    memory: str = Field(sa_column=_text())
    repository_id: str | None = None
    commit_sha: str | None = None
    ref: str | None = None
    path: str
    blob: str
    caused: bool = False
    generation: int = 1
    once: str | None = None
    waited: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    attempt: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    original_id: str | None = None
    first_created_at: float | None = None
    outputs: str | None = Field(default=None, sa_column=_text(nullable=True))
    scheduled_at: float | None = None
    joined_at: float | None = None
    breached: str = Field(default="[]", sa_column=Column(Text, nullable=False, server_default="[]"))
    trailing: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    kind: str = Field(default="NORMAL", sa_column_kwargs={"server_default": "NORMAL"})
    caller: str | None = Field(default=None, sa_column=_text(nullable=True))
    caller_run: str | None = None
    root_id: str | None = None
    serial: int | None = None
    parent_id: str | None = None
    breakpoints: str = Field(default="[]", sa_column=Column(Text, nullable=False, server_default="[]"))
    held: str | None = Field(default=None, sa_column=_text(nullable=True))
    version: int = 1
    rewound: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    created_at: float
    ended_at: float | None = None


#: Task runs that are under way, and groups that wait. Written so that SQLite sees that its index is for them.
STANDING = text("ended_at IS NULL AND (leaf OR state IN ('PAUSED', 'RETRYING', 'BREAKPOINT'))")


class TaskRun(SQLModel, table=True):
    """A task run. `position` keeps the order of creation within the execution; `loop_values` are those of the loops around it, its own last; `leaf`: it does
    something itself, and holds no others; `keep` is what a flowable keeps, stored once. `calls`: so many executions are waited for. `version` is that of the
    execution in which it was last changed."""

    __table_args__ = (
        Index("ix_task_run_execution", "execution_id", "position"),
        Index("ix_task_run_open", "execution_id", "ended_at"),
        Index("ix_task_run_task", "execution_id", "task_id", "loop_values", "position"),
        Index("ix_task_run_standing", "execution_id", "state", "position", sqlite_where=STANDING),
        Index("ix_task_run_version", "execution_id", "version"),
        Index("ix_task_run_parent", "parent_id", sqlite_where=text("parent_id IS NOT NULL")),
    )

    id: str = Field(primary_key=True)
    execution_id: str
    position: int
    task_id: str
    parent_id: str | None = None
    value: str | None = Field(default=None, sa_column=_text(nullable=True))
    iteration: int | None = None
    state: str
    history: str = Field(sa_column=_text())
    attempts: str = Field(sa_column=_text())
    memory: str = Field(sa_column=_text())
    outputs: str | None = Field(default=None, sa_column=_text(nullable=True))
    loop_values: str = Field(default="[]", sa_column=Column(Text, nullable=False, server_default="[]"))
    keep: str | None = Field(default=None, sa_column=_text(nullable=True))
    leaf: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    calls: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    version: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    ended_at: float | None = None


class Event(SQLModel, table=True):
    """What the executor still has to hear, in order. Who waits for an answer to it finds that under `asked`."""

    __table_args__ = (Index("ix_event_set_aside", "not_before", "execution_id"), Index("ix_event_execution", "execution_id"))

    id: int | None = Field(default=None, primary_key=True)
    execution_id: str
    task_run_id: str | None = None
    kind: str
    payload: str = Field(sa_column=_text())
    not_before: float = 0.0
    failures: int = 0
    asked: str | None = None


class Reply(SQLModel, table=True):
    """What the executor has answered; `refusal` is NULL where it has done as asked. Kept for a while."""

    __table_args__ = (Index("ix_reply_at", "at"),)

    asked: str = Field(primary_key=True)
    execution_id: str = Field(primary_key=True)
    refusal: str | None = Field(default=None, sa_column=_text(nullable=True))
    at: float


class Leftover(SQLModel, table=True):
    """An execution that was deleted, and whose files are to be deleted, too."""

    execution_id: str = Field(primary_key=True)
    namespace: str
    flow_id: str


class Timer(SQLModel, table=True):
    """A task run, or an execution as a whole, that waits for a time."""

    __table_args__ = (Index("ix_timer_due", "due_at"), Index("ix_timer_execution", "execution_id", "task_run_id"))

    id: int | None = Field(default=None, primary_key=True)
    execution_id: str
    task_run_id: str | None = None
    kind: str
    due_at: float


class Job(SQLModel, table=True):
    """An attempt in the hands of the dispatcher. Ids only: rendering happens at claim time.

    `folder` is the task run in whose folder it is done, its own where it holds one for others; `opened` that such a folder stands. `lane` says who may claim
    it. `cache_key` and `cache_ttl` are where its outputs are kept, and for how many seconds, where they are.
    """

    __table_args__ = (
        UniqueConstraint("task_run_id", "attempt"),
        Index("ix_job_state", "state", "lane", "id"),
        Index("ix_job_lease", "state", "lease_until"),
        Index("ix_job_execution", "execution_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    execution_id: str
    task_run_id: str
    attempt: int
    epoch: int = 0
    state: str = "queued"
    runner: str | None = None
    lease_until: float | None = None
    stop: bool = False
    result: str | None = None
    folder: str | None = None
    lane: str = Field(default="any", sa_column_kwargs={"server_default": "any"})
    opened: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    cache_key: str | None = None
    cache_ttl: float | None = None


class Metric(SQLModel, table=True):
    """A number that an attempt published. Whose it is stands with it, so that it is added up without its execution; a timer's value is in milliseconds."""

    __table_args__ = (
        Index("ix_metric_execution", "execution_id", "id"),
        Index("ix_metric_flow", "environment", "namespace", "flow_id", "name", "at"),
        Index("ix_metric_task", "environment", "namespace", "flow_id", "task_id", "name", "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    execution_id: str
    environment: str
    namespace: str
    flow_id: str
    task_id: str
    task_run_id: str
    attempt: int
    name: str
    type: str
    value: float
    tags: str = Field(sa_column=_text())
    description: str | None = Field(default=None, sa_column=_text(nullable=True))
    at: float


class CachedOutputs(SQLModel, table=True):
    """The outputs of a task, for the next run of the same. `key` says what is the same; the execution is the one that made them."""

    __tablename__ = "cached_outputs"
    __table_args__ = (Index("ix_cached_outputs_expires", "expires_at"), Index("ix_cached_outputs_execution", "execution_id"))

    key: str = Field(primary_key=True)
    execution_id: str
    outputs: str = Field(sa_column=_text())
    made_at: float
    expires_at: float | None = None


class LogChunk(SQLModel, table=True):
    """Some lines of one attempt, compressed, and where they stand. `task_run_id` is empty for lines of the execution itself."""

    __table_args__ = (
        UniqueConstraint("execution_id", "task_run_id", "attempt", "source", "first_line"),
        Index("ix_log_chunk_execution", "execution_id", "id"),
        Index("ix_log_chunk_time", "environment", "last_time"),
        Index("ix_log_chunk_flow", "environment", "namespace", "flow_id", "last_time"),
    )

    id: int | None = Field(default=None, primary_key=True)
    execution_id: str
    task_run_id: str
    task_id: str
    attempt: int
    source: str
    first_line: int
    lines: int
    first_time: float
    last_time: float
    level: int
    environment: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    namespace: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    flow_id: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Trigger(SQLModel, table=True):
    """A trigger of a live flow. `spec` is what the file says of it; a schedule's clock stands in `next_at`."""

    __table_args__ = (Index("ix_trigger_due", "next_at"), Index("ix_trigger_git", "repository_id", "kind"))

    environment: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    flow_id: str = Field(primary_key=True)
    trigger_id: str = Field(primary_key=True)
    repository_id: str
    kind: str
    spec: str = Field(sa_column=_text())
    next_at: float | None = None
    last_at: float | None = None
    error: str | None = Field(default=None, sa_column=_text(nullable=True))


class KeyValue(SQLModel, table=True):
    """A value of the KV store. `version` counts how often it was written; past `expires_at` it is as if it were not there."""

    __tablename__ = "key_value"
    __table_args__ = (Index("ix_key_value_expires", "expires_at"),)

    environment: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    type: str
    value: str = Field(sa_column=_text())
    description: str | None = Field(default=None, sa_column=_text(nullable=True))
    version: int = 1
    created_at: float
    updated_at: float
    expires_at: float | None = None


class Runner(SQLModel, table=True):
    """A runner that has asked for work."""

    id: str = Field(primary_key=True)
    info: str = Field(sa_column=_text())
    first_seen_at: float
    seen_at: float


class Token(SQLModel, table=True):
    """Who may call: only the hash is kept. `kind` is `admin`, `runner` (a token that runners share), `runner:ID` (the own
    key of one) or `registration` (used once)."""

    id: str = Field(primary_key=True)
    kind: str
    sha256: str = Field(unique=True)
    created_at: float
