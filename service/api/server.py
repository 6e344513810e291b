"""The HTTP application: every route, its guard and its errors, put together."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from service.api import (
    actions,
    bulk,
    deletion,
    detail,
    errors,
    evaluation,
    execution_search,
    executions,
    files,
    filling,
    flows,
    git,
    graphs,
    health,
    hooks,
    kv,
    limits,
    log_search,
    logs,
    metrics,
    namespace_files,
    of_execution,
    pages,
    plugins,
    repositories,
    reviewing,
    runner,
    validation,
)
from service.api.access import LoopbackGuard
from service.api.leavers import Leavers
from service.api.older import API, OlderAddresses
from service.api.parts import Parts

#: What stands below a tenant.
_NOUNS: tuple[APIRouter, ...] = (
    repositories.router,
    graphs.router,
    validation.router,
    flows.router,
    evaluation.first,
    bulk.router,
    limits.several,
    filling.first,
    actions.first,
    reviewing.first,
    limits.first,
    limits.router,
    deletion.router,
    executions.router,
    execution_search.router,
    of_execution.router,
    actions.router,
    reviewing.router,
    detail.router,
    limits.flows,
    evaluation.router,
    files.router,
    filling.router,
    of_execution.outputs,
    log_search.router,
    logs.router,
    metrics.router,
    kv.router,
    namespace_files.router,
    kv.every,
    runner.people,
)


def application(parts: Parts) -> FastAPI:
    """The application of one service."""
    app = FastAPI(title="Headgate", version=parts.kit.version, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.parts = parts
    errors.install(app)
    for noun in _NOUNS:
        app.include_router(noun, prefix=f"{API}{{tenant}}")
    for other in (health.router, hooks.router, git.router, runner.router, plugins.router, pages.router):
        app.include_router(other)
    app.add_middleware(OlderAddresses, nouns=_names())
    app.add_middleware(Leavers)
    app.add_middleware(LoopbackGuard, own=parts.kit.url, loopback=parts.kit.settings.loopback)
    return app


def _names() -> set[str]:
    """How the addresses of the nouns begin."""
    return {route.path.split("/")[1] for noun in _NOUNS for route in noun.routes if isinstance(route, APIRoute)}
