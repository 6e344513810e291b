"""Repositories, and what became of their commits."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from service.actions import deliveries, repositories
from service.actions.deliveries import API
from service.actions.repositories import NewRepository
from service.api import body
from service.api.access import Admin, Reader, Writer
from service.api.parts import Parts, Tenant, Use
from service.errors import Conflict, Invalid, NotFound
from service.store import commits, executions, statuses
from service.store import deliveries as inbox
from service.store import repositories as rows
from service.store.codec import from_epoch, iso, new_id, now
from service.store.commits import Commit
from service.store.database import Session
from service.store.repositories import Repository

router = APIRouter(prefix="/repositories", tags=["repositories"])


class Wanted(BaseModel):
    """A new repository."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    url: str | None = None
    api_url: str | None = None
    forge: str | None = None
    token_from: str | None = None
    branch: str | None = None
    allow_private: bool = False


@router.get("")
def list_repositories(parts: Use, _: Reader, __: Tenant) -> dict[str, Any]:
    """All repositories."""
    with parts.kit.database.read() as session:
        results = [shape(parts, session, one) for one in rows.every(session)]
    return {"results": results, "total": len(results)}


@router.post("", status_code=201)
async def add_repository(request: Request, parts: Use, _: Admin, __: Tenant) -> Response:
    """Follows a repository. The answer is the only place where its hook's secret is shown."""
    body.require_type(request, body.JSON)
    content = await body.read_json(request)
    wanted = _wanted(content)
    shown = await run_in_threadpool(_add, parts, NewRepository(**wanted.model_dump()))
    return JSONResponse(shown, 201)


def _wanted(content: Any) -> Wanted:
    """Raises Invalid with what is wrong of each field."""
    try:
        return Wanted.model_validate(content)
    except ValidationError as failure:
        errors = [{"path": ".".join(str(part) for part in error["loc"]), "message": error["msg"]} for error in failure.errors()]
        raise Invalid("; ".join(f"{error['path'] or 'the body'}: {error['message']}" for error in errors), errors) from failure


def _add(parts: Parts, wanted: NewRepository) -> dict[str, Any]:
    kit = parts.kit
    with kit.database.read() as session:
        if rows.by_name(session, wanted.name) is not None:
            raise Conflict(f"there is a repository `{wanted.name}` already")
    added = repositories.prepare(kit, wanted)
    if not kit.git.exists(wanted.name):
        kit.git.create(wanted.name, wanted.branch or "main")
    kit.database.write(lambda session: repositories.add(session, added))
    with kit.database.read() as session:
        shown = shape(parts, session, added.repository)
    hook = {**(shown["hook"] or {}), "secret": added.secret} if shown["hook"] else {"url": None, "secret": None}
    return {**shown, "hook": hook}


@router.get("/{name}")
def get_repository(name: str, parts: Use, _: Reader, __: Tenant) -> dict[str, Any]:
    """One repository with its refs."""
    with parts.kit.database.read() as session:
        return shape(parts, session, repositories.get(session, name))


@router.post("/{name}/sync", status_code=202)
async def sync_repository(name: str, parts: Use, _: Writer, __: Tenant) -> dict[str, Any]:
    """Looks at the repository now."""

    def action(session: Session) -> None:
        repository = repositories.get(session, name)
        deliveries.tell(session, repository, API, new_id(), [], now().timestamp())

    await parts.kit.database.awrite(action)
    return {"accepted": True}


@router.get("/{name}/commits")
def list_commits(name: str, parts: Use, _: Reader, __: Tenant, size: int = Query(25, ge=1, le=200), page: int = Query(1, ge=1, le=10_000)) -> dict[str, Any]:
    """The heads that were seen, newest first."""
    with parts.kit.database.read() as session:
        repository = repositories.get(session, name)
        found, total = commits.latest(session, repository.id, size, (page - 1) * size)
    return {"results": [_head(one) for one in found], "total": total}


@router.get("/{name}/commits/{sha}")
def get_commit(name: str, sha: str, parts: Use, _: Reader, __: Tenant) -> dict[str, Any]:
    """What a commit changed, what is wrong in it, what it started, and what its forge was told."""
    with parts.kit.database.read() as session:
        repository = repositories.get(session, name)
        return commit_shape(session, repository, find(session, repository, sha))


def find(session: Session, repository: Repository, sha: str) -> Commit:
    """A commit by its id or an unambiguous beginning of it. Raises Invalid, NotFound or Conflict."""
    if not 4 <= len(sha) <= 40 or not all(digit in "0123456789abcdef" for digit in sha.lower()):
        raise Invalid(f"`{sha[:60]}` is not a commit id")
    candidates = commits.find(session, repository.id, sha.lower())
    if len(candidates) > 1:
        raise Conflict(f"several commits begin with `{sha}`: give more of it")
    found = commits.get(session, repository.id, candidates[0]) if candidates else None
    if found is None:
        raise NotFound(f"commit `{sha}` of {repository.name} was never the head of a branch or tag that was synced")
    return found


def commit_shape(session: Session, repository: Repository, commit: Commit) -> dict[str, Any]:
    """The whole of a commit."""
    told = statuses.of(session, repository.id, commit.sha)
    caused = executions.caused_by(session, repository.id, commit.sha)
    return _head(commit) | {
        "repository": repository.name,
        "flows": list(commit.flows),
        "problems": list(commit.problems),
        "statuses": [
            {
                "context": status.context,
                "state": status.state,
                "description": status.description,
                "target_url": status.target_url,
                "updated_at": iso(from_epoch(status.updated_at)),
                "error": status.error,
            }
            for status in told
        ],
        "executions": [
            {"id": row.execution.id, "namespace": row.execution.namespace, "flow_id": row.execution.flow, "state": row.execution.state.value} for row in caused
        ],
    }


def _head(commit: Commit) -> dict[str, Any]:
    return {
        "sha": commit.sha,
        "ref": commit.ref,
        "state": commit.state,
        "generation": commit.generation,
        "message": commit.message,
        "author": commit.author,
        "date": iso(from_epoch(commit.date)),
    }


def shape(parts: Parts, session: Session, repository: Repository) -> dict[str, Any]:
    """One repository."""
    kit = parts.kit
    embedded = f"{kit.url}/git/{repository.name}.git"
    branch = repository.branch or (kit.git.default_branch(repository.name) if kit.git.exists(repository.name) else None)
    return {
        "name": repository.name,
        "forge": repository.forge,
        "url": repository.url,
        "git_url": embedded if repository.embedded else repository.url,
        "api_url": repository.api_url,
        "default_branch": branch,
        "allow_private": repository.allow_private,
        "hook": None if repository.embedded else {"url": f"{kit.url}/hooks/{repository.hook_id}"},
        "refs": rows.applied(session, repository.id),
        "problem": kit.masker.text(inbox.trouble(session, repository.id)) or None,
        "created_at": iso(from_epoch(repository.created_at)),
    }
