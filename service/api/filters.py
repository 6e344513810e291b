"""Filters of a search: `filters[field][OP]=value`, and `filters[labels][OP][key]=value`. The older flat parameters stand beside them in each address."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Query, Request

from service.errors import Invalid
from service.store.filters import IN, NOT_IN, OPERATORS, Condition

_NAME = re.compile(r"filters\[([A-Za-z.]{1,40})\]\[([A-Z_]{1,40})\](?:\[([^\[\]]{1,200})\])?")
_MOST, _MOST_VALUES = 50, 500
#: How access knows that an address takes them.
NAME = "filters[field][OP]"


def _conditions(request: Request, _: str | None = Query(None, alias=NAME)) -> tuple[Condition, ...]:
    """Those of an address. Raises Invalid for what is none."""
    found = []
    for name, value in request.query_params.multi_items():
        if name.startswith("filters["):
            read = _NAME.fullmatch(name)
            if read is None or read[2] not in OPERATORS:
                raise Invalid(f"`{name[:100]}` is no filter: it is filters[field][OP]=value, where OP is one of {', '.join(OPERATORS)}")
            values = tuple(part.strip() for part in value.split(",") if part.strip()) if read[2] in (IN, NOT_IN) else (value,)
            found.append(Condition(read[1], read[2], values[:_MOST_VALUES] or ("",), read[3]))
    if len(found) > _MOST:
        raise Invalid(f"a search has at most {_MOST} filters")
    return tuple(found)


Conditions = Annotated[tuple[Condition, ...], Depends(_conditions)]
