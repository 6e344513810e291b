"""Plain pages for people: what a status links to. No script, no login form; the same permissions as the data they show.

Every text is escaped: flows, logs, branches and authors are somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse

from service.actions import executions, repositories
from service.api.access import Reader
from service.api.parts import Use
from service.api.repositories import find as find_commit
from service.engine.execution import TaskRun
from service.engine.state import State
from service.store import executions as rows
from service.store import logs, statuses, task_runs
from service.store import repositories as repository_rows
from service.store.codec import from_epoch, now
from service.store.executions import Filter, Row
from service.store.repositories import MAIN

router = APIRouter(tags=["pages"], include_in_schema=False)

_PAGE = 50
_LINES = 2000
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_COLOURS = {"SUCCESS": "ok", "success": "ok", "WARNING": "warn", "FAILED": "bad", "failure": "bad", "error": "bad", "KILLED": "bad", "CANCELLED": "bad"}
_MARKS = {"ok": "✓", "warn": "!", "bad": "✗", "run": "…"}
_STYLE = """
:root{color-scheme:light dark;--line:#8884;--dim:#888}body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}
a{color:inherit}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--dim);font-weight:500}.ok{color:#1a7f37}.warn{color:#9a6700}.bad{color:#cf222e}.run{color:#0969da}code,pre{font:13px/1.5 ui-monospace,monospace}
pre{overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}.dim{color:var(--dim)}h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:2rem}
"""


@router.get("/")
def index(parts: Use, _: Reader, page: int = Query(1, ge=1, le=100_000)) -> HTMLResponse:
    """The executions, newest first."""
    with parts.kit.database.read() as session:
        found, total = rows.search(session, Filter(MAIN), limit=_PAGE, offset=(page - 1) * _PAGE)
        names = {one.id: one.name for one in repository_rows.every(session)}
    body = _table(("", "flow", "execution", "commit", "started", "took"), (_execution_row(row, names) for row in found))
    if not found:
        body = "<p>No execution yet. Push a flow to <code>.flows/</code> of a repository, or start one with <code>headgate flow execute</code>.</p>"
    last = max(1, -(-total // _PAGE))
    links = [f"<a href='/?page={number}'>{text}</a>" for number, text in ((page - 1, "newer"), (page + 1, "older")) if 1 <= number <= last]
    return _html("Executions", f"{body}<p class=dim>{total} in all · page {page} of {last} {' · '.join(links)}</p>")


@router.get("/executions/{id}")
def execution(id: str, parts: Use, _: Reader) -> HTMLResponse:
    """One execution: its tasks and its log."""
    with parts.kit.database.read() as session:
        row = executions.get(session, id)
        runs = task_runs.runs(session, row.execution.id)
        lines = [entry for entry, _ in zip(logs.read(session, row.execution.id), range(_LINES), strict=False)]
        names = {one.id: one.name for one in repository_rows.every(session)}
    of = row.execution
    log = "\n".join(
        f"<span class=dim>{entry.line.time:%H:%M:%S}</span> <span class={_level(entry.line.level)}>{entry.line.level:5}</span> "
        f"<span class=dim>{escape(entry.task or '')}</span> {escape(entry.line.message)}"
        for entry in lines
    )
    more = f"<p class=dim>the first {_LINES} lines; all of them: <code>headgate execution logs {of.id}</code></p>" if len(lines) == _LINES else ""
    body = (
        _table(("", "flow", "execution", "commit", "started", "took"), [_execution_row(row, names)])
        + _values(parts, "Inputs", of.inputs)
        + _values(parts, "Outputs", of.outputs or {})
        + "<h2>Tasks</h2>"
        + _table(("", "task", "attempts", "took"), (_run_row(run) for run in runs))
        + f"<h2>Log</h2><pre>{log or 'nothing yet'}</pre>{more}"
    )
    return _html(f"{of.namespace}.{of.flow}", body)


@router.get("/commits/{name}/{sha}")
def commit(name: str, sha: str, parts: Use, _: Reader) -> HTMLResponse:
    """One commit: its flows, problems, statuses and executions."""
    with parts.kit.database.read() as session:
        repository = repositories.get(session, name)
        found = find_commit(session, repository, sha)
        told = statuses.of(session, repository.id, found.sha)
        caused = rows.caused_by(session, repository.id, found.sha)
    headline = escape(found.message.splitlines()[0]) if found.message.strip() else ""
    body = (
        f"<p>{headline}<br><span class=dim>{escape(found.author)} · <code>{found.sha}</code> · {escape(found.ref)}</span></p>"
        + "<h2>Statuses</h2>"
        + _table(("", "context", "says"), ((_state(status.state), status.context, status.description) for status in told))
        + "<h2>Flows</h2>"
        + _table(("", "flow", "change", "revision", "file"), (_flow_row(flow) for flow in found.flows))
        + "<h2>Problems</h2>"
        + _table(("", "place", "code", "problem", "what to do"), (_problem_row(problem) for problem in found.problems))
        + "<h2>Executions</h2>"
        + _table(("", "flow", "execution", "commit", "started", "took"), (_execution_row(row, {repository.id: name}) for row in caused))
    )
    return _html(f"{repository.name} {found.sha[:12]}", body)


def _values(parts: Use, title: str, values: Mapping[str, Any]) -> str:
    shown = parts.kit.masker.value(dict(values))
    listed = "".join(f"<li><code>{escape(name)}</code> = <code>{escape(str(value))[:500]}</code></li>" for name, value in shown.items())
    return f"<h2>{title}</h2><ul>{listed}</ul>" if listed else ""


class _Markup(str):
    """Text that is HTML already."""


def _execution_row(row: Row, names: dict[str, str]) -> Sequence[str]:
    of, pin = row.execution, row.execution.pin
    sha, name = (pin.commit, names.get(pin.repository, "")) if pin else ("", "")
    link = _Markup(f"<a href='/commits/{escape(name)}/{sha}'><code>{escape(name)}@{sha[:8]}</code></a>") if sha and name else _Markup("")
    took = (of.ended or now()) - of.created
    return (
        _state(of.state.value),
        f"{of.namespace}.{of.flow} r{of.revision}",
        _Markup(f"<a href='/executions/{of.id}'><code>{of.id}</code></a>"),
        link,
        f"{from_epoch(row.created_at):%Y-%m-%d %H:%M:%S} UTC",
        f"{took.total_seconds():.1f} s",
    )


def _flow_row(flow: Mapping[str, Any]) -> Sequence[str]:
    mark = _state("success") if flow["change"] != "deleted" else _Markup("")
    return (mark, f"{flow['namespace']}.{flow['id']}", flow["change"], str(flow["revision"]), flow["path"])


def _problem_row(problem: Mapping[str, Any]) -> Sequence[str]:
    mark = _state("failure" if problem["severity"] == "error" else "WARNING")
    return (mark, f"{problem['path']}:{problem['line']}:{problem['column']}", problem["code"], problem["message"], problem["hint"] or "")


def _run_row(run: TaskRun) -> Sequence[str]:
    end = run.history[-1].date if run.state.terminal else now()
    took = (end - run.history[0].date).total_seconds()
    return (_state(run.state.value), run.node + (f" [{run.value}]" if run.value else ""), str(len(run.attempts)), f"{took:.1f} s")


def _state(state: str) -> _Markup:
    colour = _COLOURS.get(state, "run")
    known = state if state in State.__members__ or state in _COLOURS or state == "pending" else ""
    return _Markup(f"<span class={colour}>{_MARKS[colour]} {known}</span>") if state else _Markup("")


def _level(level: str) -> str:
    return {"ERROR": "bad", "WARN": "warn"}.get(level, "run" if level == "INFO" else "dim")


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{cell if isinstance(cell, _Markup) else escape(cell)}</td>' for cell in line)}</tr>" for line in lines)
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{body}</table>" if body else "<p class=dim>none</p>"


def _html(title: str, body: str) -> HTMLResponse:
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{escape(title)} · Headgate</title><style>{_STYLE}</style>"
    text = f"<!doctype html><html lang=en>{head}<p class=dim><a href='/'>Headgate</a></p><h1>{escape(title)}</h1>{body}"
    return HTMLResponse(text, headers={"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"})
