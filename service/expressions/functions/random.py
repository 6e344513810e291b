"""Random numbers and free ports."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from service.expressions.errors import Refused
from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.values import kind

_LEAST, _MOST = -(2**63), 2**63 - 1
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")


@function("randomInt")
def random_int(call: Run, lower: Any, upper: Any) -> int:
    """A random whole number from `lower` to the one before `upper`; `lower` where the two are equal. Both may be numbers or their text.

    {{ randomInt(5, 6) }} -> 5
    {{ randomInt(-3, '-2') }} -> -3
    """
    least, most = _bound("lower", lower), _bound("upper", upper)
    if least > most:
        raise Refused(f"`randomInt` needs an `upper` that is not below its `lower`: {most} is below {least}")
    # 64 bits more than the widest span needs: no number is likelier than another by any measure.
    return least + int.from_bytes(call.ports.token(16), "big") % max(1, most - least)


def _bound(name: str, value: Any) -> int:
    whole = None
    if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
        # NaN and infinite numbers fail the comparison, so nothing is turned into a whole number that would be endless.
        whole = int(value) if _LEAST <= value <= _MOST else None
    elif isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        whole = int(value)
    if whole is None or not _LEAST <= whole <= _MOST:
        raise Refused(f"the `{name}` of `randomInt` is a whole number of 64 bits, not {kind(value)}{' of this form' if value is not None else ''}")
    return whole


@function("randomPort")
def random_port(call: Run) -> int:
    """A port of this machine on which nothing listens at the moment.

    {{ randomPort() }} -> 40123
    """
    return call.ports.free_port()
