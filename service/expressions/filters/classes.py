"""Java's classes. Templates written for Kestra ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from service.expressions.errors import Refused
from service.expressions.registry import filter_
from service.expressions.singles import Single
from service.expressions.values import is_list, kind


@filter_("className")
def class_name(value: Any) -> str | None:
    """The name of the value's Java class. Whole numbers go by their size.

    {{ 'a' | className }} -> java.lang.String
    {{ 12 | className }} -> java.lang.Integer
    {{ 1.5 | className }} -> java.lang.Double
    {{ '12.3' | number | className }} -> java.lang.Float
    {{ [1] | className }} -> java.util.ArrayList
    {{ {'a': 1} | className }} -> java.util.LinkedHashMap
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        return "java.time.Instant" if value.tzinfo is not None else "java.time.LocalDateTime"
    if isinstance(value, Mapping):
        return "java.util.LinkedHashMap"
    if is_list(value):
        return "java.util.ArrayList"
    if isinstance(value, int) and not isinstance(value, bool):
        return _whole(value)
    for known, name in _CLASSES:
        if isinstance(value, known):
            return name
    raise Refused(f"`className`: {kind(value)} has no class")


def _whole(value: int) -> str:
    bits = (value if value >= 0 else ~value).bit_length()
    return "java.lang.Integer" if bits < 32 else "java.lang.Long" if bits < 64 else "java.math.BigInteger"


_CLASSES: tuple[tuple[type, str], ...] = (
    (str, "java.lang.String"),
    (bool, "java.lang.Boolean"),
    (Single, "java.lang.Float"),
    (float, "java.lang.Double"),
    (Decimal, "java.math.BigDecimal"),
    (date, "java.time.LocalDate"),
    (time, "java.time.LocalTime"),
    (timedelta, "java.time.Duration"),
)
