"""JSON text to data, as Kestra reads it: the first value counts, whatever follows. Of JSON lines that is the first line."""

from __future__ import annotations

import json
from typing import Any

from service.expressions.errors import Refused
from service.expressions.limits import Budget
from service.expressions.values import parse_json

#: What the next value may follow at once.
_ENDS = ' \t\r\n]}"'


def first_json(text: str) -> Any:
    """The first value. Raises ValueError (json.JSONDecodeError where there is a place) or RecursionError."""
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data" or text[error.pos - 1] not in _ENDS:
            raise
        return parse_json(text[: error.pos])


def read_json(text: str, budget: Budget, wrong: str = "this text is not JSON") -> Any:
    """The first value, paid for. Raises Refused; `wrong` is what it says of text that is no JSON."""
    budget.spend(len(text) >> 2)  # data takes more room than its text
    try:
        return first_json(text)
    except RecursionError:
        raise Refused("this JSON is nested too deeply") from None
    except ValueError as error:
        where = f": {error.msg} at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise Refused(f"{wrong}{where}") from None
