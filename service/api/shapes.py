"""Kestra's JSON shapes for what the service knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from runners.fields import format_duration
from service.actions.kit import Kit
from service.engine.execution import NORMAL
from service.engine.state import History
from service.flows.flow import Flow
from service.flows.loading import written
from service.store import flows
from service.store.codec import from_epoch, iso
from service.store.executions import Row
from service.store.logs import Entry
from service.store.metrics import Published


def labels(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Labels as Kestra lists them."""
    return [{"key": key, "value": value} for key, value in values.items()]


def execution(kit: Kit, row: Row, now: datetime, repository: str | None) -> dict[str, Any]:
    """One execution, without its task runs. What came from secrets is masked."""
    of = row.execution
    shown: dict[str, Any] = {
        "id": of.id,
        "tenantId": of.environment,
        "namespace": of.namespace,
        "flowId": of.flow,
        "flowRevision": of.revision,
        "url": kit.page("executions", of.id),
        "inputs": kit.masker.value(dict(of.inputs)),
        "variables": kit.masker.value(dict(of.variables)),
        "labels": labels(kit.masker.value(dict(of.labels))),
        "state": state(of.history, now),
        "taskRunList": [],
        "originalId": of.original or of.id,
        "deleted": False,
        "metadata": {"attemptNumber": of.attempt, "originalCreatedDate": iso(of.first_created or of.created)},
    }
    if of.outputs is not None:
        shown["outputs"] = kit.masker.value(dict(of.outputs))
    if of.scheduled is not None:
        shown["scheduleDate"] = iso(of.scheduled)
    if of.kind != NORMAL:
        shown["kind"] = of.kind
    if of.parent is not None:
        shown["parentId"] = of.parent
    if of.breakpoints:
        shown["breakpoints"] = [_breakpoint(text) for text in of.breakpoints]
    if of.trigger is not None:
        shown["trigger"] = kit.masker.value(dict(of.trigger))
    if of.pin is not None:
        shown["commit"] = {"repository": repository, "sha": of.pin.commit, "ref": of.pin.ref or None, "path": of.pin.path}
    return shown


def _breakpoint(text: str) -> dict[str, str]:
    id, dot, value = text.partition(".")
    return {"id": id, "value": value} if dot else {"id": id}


def state(history: History, now: datetime) -> dict[str, Any]:
    """`state` of an execution; `service.api.serial` writes that of task runs."""
    started, last = history[0].date, history[-1]
    shown: dict[str, Any] = {
        "current": last.state.value,
        "histories": [{"state": stamp.state.value, "date": iso(stamp.date)} for stamp in history],
        "startDate": iso(started),
        "duration": format_duration((last.date if last.state.terminal else now) - started),
    }
    if last.state.terminal:
        shown["endDate"] = iso(last.date)
    return shown


def flow(row: flows.Flow, revision: flows.Revision, read: Flow | None, repository: str | None, *, source: bool) -> dict[str, Any]:
    """One flow at one revision."""
    shown: dict[str, Any] = {
        "id": row.flow_id,
        "namespace": row.namespace,
        "tenantId": row.environment,
        "revision": revision.revision,
        "deleted": revision.deleted,
        "disabled": row.disabled or bool(read and read.disabled),
        "repository": repository,
        "path": row.path if revision.revision == row.live else revision.path,  # a file may have moved since
        "commit": revision.commit,
        "updated": iso(from_epoch(revision.created_at)),
    }
    if read is not None:
        shown |= {
            "description": read.description,
            "labels": labels(read.labels),
            "inputs": [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in read.inputs],
            "variables": dict(read.variables),
            **_written(read),
        }
    if source:
        shown["source"] = revision.source
    return shown


#: Properties of a flow that are shown as they were written.
_AS_WRITTEN = (
    *("tasks", "errors", "finally", "afterExecution", "listeners", "triggers", "outputs", "pluginDefaults"),
    *("concurrency", "retry", "sla", "checks", "workerGroup", "workerSelector", "policyRefs"),
)


def _written(read: Flow) -> dict[str, Any]:
    value = {"triggers": [], **written(read.source)}
    if "taskDefaults" in value:
        value["pluginDefaults"] = value["taskDefaults"]
    value["triggers"] = [{"disabled": False, **trigger} for trigger in value["triggers"] or ()]
    return {key: value[key] for key in _AS_WRITTEN if key in value}


def revision(one: flows.Revision) -> dict[str, Any]:
    """A revision and the commit that it came from."""
    return {
        "revision": one.revision,
        "commit": one.commit,
        "path": one.path,
        "blob": one.blob,
        "author": one.author,
        "date": iso(from_epoch(one.date)),
        "created": iso(from_epoch(one.created_at)),
        "deleted": one.deleted,
    }


def log_entry(entry: Entry, namespace: str, flow: str) -> dict[str, Any]:
    """One line of a log of this flow."""
    shown: dict[str, Any] = {
        "namespace": namespace,
        "flowId": flow,
        "executionId": entry.execution,
        "timestamp": iso(entry.line.time),
        "level": entry.line.level,
        "message": entry.line.message,
    }
    if entry.task:
        shown |= {"taskId": entry.task, "taskRunId": entry.task_run, "attemptNumber": max(0, entry.attempt - 1)}
    return shown


def metric(one: Published, row: Row) -> dict[str, Any]:
    """A number that a task run published."""
    return {
        "tenantId": row.execution.environment,
        "namespace": one.namespace,
        "flowId": one.flow,
        "taskId": one.task,
        "executionId": one.execution,
        "taskRunId": one.task_run,
        "type": one.type,
        "name": one.name,
        "value": one.value,
        "tags": dict(one.tags),
        "timestamp": iso(from_epoch(one.at)),
    }
