"""Lines of all logs, looked for. Kestra's filters, and the older flat parameters beside them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query

from service.api import shapes
from service.api.access import Reader
from service.api.filters import Conditions
from service.api.logs import Attempt, Level
from service.api.parts import LONGEST_WORD, Tenant, Use
from service.errors import Invalid
from service.store import log_search
from service.store.filters import AT_LEAST, AT_MOST, CONTAINS, EQUALS, GREATER, IN, LESS, NOT_EQUALS, NOT_IN, Condition, moment, since
from service.store.log_search import Wanted
from service.store.logs import LEVELS

router = APIRouter(prefix="/logs", tags=["logs"])

_NAMES = tuple(LEVELS)  #: from the lowest


@router.get("/search")
def search(  # noqa: PLR0913, PLR0917 - one parameter for each filter of the address
    parts: Use,
    _: Reader,
    tenant: Tenant,
    conditions: Conditions,
    level: Level,
    q: str | None = Query(None, max_length=LONGEST_WORD),
    namespace: str | None = Query(None, max_length=LONGEST_WORD),
    flow_id: str | None = Query(None, alias="flowId", max_length=LONGEST_WORD),
    execution_id: str | None = Query(None, alias="executionId", max_length=LONGEST_WORD),
    task_id: str | None = Query(None, alias="taskId", max_length=LONGEST_WORD),
    task_run: str | None = Query(None, alias="taskRunId", max_length=LONGEST_WORD),
    attempt: int | None = Attempt,
    start_date: str | None = Query(None, alias="startDate"),
    end_date: str | None = Query(None, alias="endDate"),
    sort: str = "timestamp:desc",
    page: int = Query(1, ge=1, le=10_000),
    size: int = Query(10, ge=1, le=1000),
) -> dict[str, Any]:
    """A page of lines, the newest first unless `sort=timestamp:asc`. `total` counts up to 10,000 where lines have to be read for it; `incomplete` says that
    there was more to look through than one search does."""
    field, _sep, direction = sort.partition(":")
    if field != "timestamp" or direction not in ("", "asc", "desc"):
        raise Invalid(f"can't sort by `{sort[:60]}`; there is timestamp with :asc or :desc")
    asked = _Asked(conditions, level, q, moment("startDate", start_date), moment("endDate", end_date))
    wanted = Wanted(tenant, namespace, flow_id, execution_id, task_id, task_run, attempt, asked.levels, asked.query, asked.since, asked.until, asked.others)
    with parts.kit.database.read() as session:
        found = log_search.search(session, wanted, limit=size, offset=(page - 1) * size, newest_first=direction == "desc")
    results = [shapes.log_entry(one.entry, one.namespace, one.flow) for one in found.lines]
    return {"results": results, "total": found.total} | ({} if found.complete else {"incomplete": True})


class _Asked:
    """What a search says of single lines, of either style; `others` are the conditions that speak of a whole chunk of them."""

    def __init__(self, conditions: tuple[Condition, ...], level: str, query: str | None, since: float | None, until: float | None) -> None:
        self.levels = frozenset(_NAMES[LEVELS[level.upper()] :])
        self.query, self.since, self.until = query or None, since, until
        others = []
        for condition in conditions:
            match condition.field:
                case "level" | "minLevel":
                    self.levels &= _levels(condition)
                case "q":
                    self._ask(condition)
                case "startDate" | "endDate" | "timeRange":
                    self._narrow(condition)
                case _:
                    others.append(condition)
        self.others = tuple(others)

    def _ask(self, condition: Condition) -> None:
        if condition.operator not in (EQUALS, CONTAINS):
            raise condition.refused(EQUALS, CONTAINS)
        self.query = condition.value or None

    def _narrow(self, condition: Condition) -> None:
        if condition.field == "timeRange":
            if condition.operator != EQUALS:
                raise condition.refused(EQUALS)
            begin: float | None = since(condition.value)
            end: float | None = None
        else:
            at = moment(condition.field, condition.value)
            ways = {GREATER: (at, None), AT_LEAST: (at, None), LESS: (None, at), AT_MOST: (None, at), EQUALS: (at, None)}
            if condition.field == "endDate":
                ways[EQUALS] = (None, at)
            if condition.operator not in ways:
                raise condition.refused(*ways)
            begin, end = ways[condition.operator]
        self.since = max((value for value in (self.since, begin) if value is not None), default=None)
        self.until = min((value for value in (self.until, end) if value is not None), default=None)


def _levels(condition: Condition) -> frozenset[str]:
    """The levels that a condition on them leaves. As Kestra has it, EQUALS names the lowest one."""
    given = [value.upper() for value in condition.values]
    unknown = [value for value in given if value not in LEVELS]
    if unknown:
        raise Invalid(f"there is no level `{unknown[0][:20]}`; there are {', '.join(LEVELS)}")
    rank = LEVELS[given[0]]
    ways = {
        EQUALS: _NAMES[rank:],
        NOT_EQUALS: _NAMES[:rank],
        IN: given,
        NOT_IN: set(LEVELS) - set(given),
        AT_LEAST: _NAMES[rank:],
        GREATER: _NAMES[rank + 1 :],
        AT_MOST: _NAMES[: rank + 1],
        LESS: _NAMES[:rank],
    }
    if condition.operator not in ways:
        raise condition.refused(*ways)
    return frozenset(ways[condition.operator])
