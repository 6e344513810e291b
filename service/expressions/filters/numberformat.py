"""Numbers by a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.expressions.arguments import text_of
from service.expressions.errors import Refused
from service.expressions.registry import filter_
from service.expressions.run import Run
from service.expressions.singles import Single, widened
from service.expressions.values import is_number, kind
from service.later import Later

if TYPE_CHECKING:
    from service.expressions import number_pattern, number_symbols, number_text
else:
    number_symbols = Later("service.expressions.number_symbols")
    number_text = Later("service.expressions.number_text")
    number_pattern = Later("service.expressions.number_pattern")

#: What a number costs beside its pattern and its text.
_STEPS = 40


@filter_("numberformat", also={"pattern": "format_"})
def numberformat(call: Run, value: Any, format_: Any = None, locale: Any = None) -> str | None:
    """A number by a pattern of Java's DecimalFormat, `#,##0.###` when absent; half is rounded to even. Null stays null, text is no number.

    `0` is a digit that is always written, `#` one that may be missing; `;` parts the pattern of negative numbers, `'` quotes.

    {{ 3.14159 | numberformat('#.##') }} -> 3.14
    {{ 1234567.891 | numberformat }} -> 1,234,567.891
    {{ 0.256 | numberformat('0.0 %') }} -> 25.6 %
    {{ -1234 | numberformat('#,##0.00;(#)') }} -> (1,234.00)
    {{ 12345 | numberformat('0.###E0') }} -> 1.234E4
    {{ 1234.5 | numberformat('#,##0.00', locale='de') }} -> 1.234,50
    """
    if value is None:
        return None
    if not is_number(value):
        more = "; make it one with `number`" if isinstance(value, str) else ""
        raise Refused(f"`numberformat` takes a number, not {kind(value)}{more}")
    symbols, pattern = number_symbols.symbols_of(None if locale is None else text_of("numberformat", locale))
    if format_ is not None:
        pattern = text_of("numberformat", format_)
    call.budget.spend(_STEPS + len(pattern))
    text = number_text.number_text(widened(value) if isinstance(value, Single) else value, number_pattern.read_pattern(pattern), symbols)
    call.budget.text(len(text))
    return text
