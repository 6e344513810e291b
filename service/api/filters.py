"""What a list of executions is narrowed to, by the query of an address."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from service.api.parts import LONGEST_WORD, Tenant
from service.engine.execution import NORMAL
from service.engine.state import State
from service.errors import Invalid
from service.store.codec import from_iso
from service.store.executions import Filter

PLAYGROUND = "PLAYGROUND"
KINDS = (NORMAL, PLAYGROUND)
_LONGEST_LABEL = 1000


def _among(  # noqa: PLR0917 - one parameter for each filter of an address
    tenant: Tenant,
    namespace: str | None = Query(None, max_length=LONGEST_WORD),
    flow_id: str | None = Query(None, alias="flowId"),
    state: list[str] | None = Query(None),
    q: str | None = Query(None, max_length=LONGEST_WORD),
    labels: list[str] | None = Query(None),
    start_date: str | None = Query(None, alias="startDate"),
    end_date: str | None = Query(None, alias="endDate"),
    kind: str = NORMAL,
) -> Filter:
    since, until = moment("startDate", start_date), moment("endDate", end_date)
    return Filter(tenant, namespace, flow_id, states(state), q, since, until, pairs(labels), check_kind(kind))


Among = Annotated[Filter, Depends(_among)]


def states(names: list[str] | None) -> tuple[str, ...]:
    """States by name, also several in one text. Raises Invalid."""
    wanted = tuple(name.strip().upper() for text in names or () for name in text.split(",") if name.strip())
    unknown = [name for name in wanted if name not in State.__members__]
    if unknown:
        raise Invalid(f"there is no state `{unknown[0][:40]}`; there are {', '.join(State)}")
    return wanted


def moment(name: str, text: str | None) -> float | None:
    """A date. Raises Invalid."""
    if text is None:
        return None
    try:
        return from_iso(text).timestamp()
    except ValueError as failure:
        raise Invalid(f"{name} is not an ISO-8601 date: `{text[:60]}`") from failure


def pairs(texts: list[str] | None) -> dict[str, str]:
    """Labels, each as `key:value`. Raises Invalid."""
    found = {}
    for text in texts or ():
        key, _colon, value = text.partition(":")
        if not key or not value or len(text) > _LONGEST_LABEL:
            raise Invalid(f"label `{text[:60]}` must be key:value, of at most {_LONGEST_LABEL} characters")
        found[key] = value
    return found


def check_kind(name: str) -> str:
    """A kind of executions. Raises Invalid."""
    if name.upper() not in KINDS:
        raise Invalid(f"there is no kind `{name[:40]}` of executions; there are {', '.join(KINDS)}")
    return name.upper()


def breakpoints(texts: list[str] | None) -> tuple[str, ...]:
    """Tasks before which an execution stops: `task` or `task.value`, also several in one text."""
    return tuple(dict.fromkeys(part.strip() for text in texts or () for part in text.split(",") if part.strip()))
