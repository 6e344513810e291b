"""What is wrong with a text, without storing it: flows, and single tasks and triggers. Kestra's shapes, with the problems and their places beside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from service.actions import edits
from service.actions.kit import Kit
from service.api import body
from service.api.access import Reader
from service.api.parts import Parts, Tenant, Use
from service.flows.documents import Document, documents
from service.flows.findings import Findings
from service.flows.flow import Reading
from service.flows.loading import read_source
from service.flows.mistakes import path_text
from service.flows.part import Part, read_part
from service.flows.problems import Problem, Severity
from service.flows.source import Source
from service.store import flows

router = APIRouter(prefix="/flows/validate", tags=["flows"])

#: The codes of what is deprecated.
_OLD = frozenset({"HG-0208", "HG-0222"})


@router.post("")
async def validate(request: Request, parts: Use, _: Reader, tenant: Tenant) -> list[dict[str, Any]]:
    """One result for each flow of a text; several are parted by `---`."""
    body.require_type(request, body.YAML)
    text = await body.read(request, body.FLOW_CAP)
    return await run_in_threadpool(lambda: [_flow(parts.kit, tenant, number, found) for number, found in enumerate(documents(text))])


@router.post("/task")
async def validate_task(request: Request, parts: Use, _: Reader, __: Tenant) -> dict[str, Any]:
    """One task, as YAML or JSON."""
    return await _part(request, parts, "task")


@router.post("/trigger")
async def validate_trigger(request: Request, parts: Use, _: Reader, __: Tenant) -> dict[str, Any]:
    """One trigger, as YAML or JSON."""
    return await _part(request, parts, "trigger")


async def _part(request: Request, parts: Parts, part: Part) -> dict[str, Any]:
    body.require_type(request, (*body.YAML, *body.JSON))
    text = await body.read(request, body.FLOW_CAP)
    problems = await run_in_threadpool(read_part, text, f"{part}.yaml", parts.kit.reader.catalogue, part)
    return {"index": 0, **_told(problems), "deprecationPaths": _deprecated(text, problems), "outdated": False, "problems": _shown(problems)}


def _flow(kit: Kit, tenant: str, number: int, document: Document) -> dict[str, Any]:
    reading = edits.check(kit, document.text)
    problems = document.moved(reading).problems
    namespace, flow = reading.identity or (None, None)
    return {
        "index": number,
        "namespace": namespace,
        "flow": flow,
        **_told(problems),
        "deprecationPaths": _deprecated(document.text, reading.problems),
        "outdated": _outdated(kit, tenant, document.text, reading),
        "problems": _shown(problems),
    }


def _told(problems: Iterable[Problem]) -> dict[str, Any]:
    """Errors as one text, None where there are none; warnings and notices as lists."""
    found = [(problem.severity, f"{problem.line}:{problem.column}: {problem.message}") for problem in problems]
    errors, warnings, infos = ([text for of, text in found if of is severity] for severity in (Severity.ERROR, Severity.WARNING, Severity.NOTICE))
    return {"constraints": "\n".join(errors) or None, "warnings": warnings, "infos": infos}


def _shown(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [problem.as_json() for problem in problems]


def _deprecated(text: bytes, problems: Iterable[Problem]) -> list[str]:
    """Where old names stand, as `tasks[0].runner`."""
    old = [problem for problem in problems if problem.code in _OLD]
    _, source = read_source(text, Findings("")) if old else (None, None)
    return list(dict.fromkeys(_paths(source, old))) if source else []


def _paths(source: Source, problems: Iterable[Problem]) -> Iterator[str]:
    places = source.paths()
    return (path_text(places[problem.line, problem.column]) for problem in problems if (problem.line, problem.column) in places)


def _outdated(kit: Kit, tenant: str, text: bytes, reading: Reading) -> bool:
    """Whether somebody has saved a newer revision than the one that the text says it is."""
    if reading.identity is None or b"revision" not in text:
        return False
    _, source = read_source(text, Findings(""))
    number = source.value.get("revision") if source else None
    with kit.database.read() as session:
        row = flows.get(session, tenant, reading.identity)
    return isinstance(number, int) and row is not None and row.revision > number
