"""Ion text to data."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from service.expressions.arguments import boolean_of
from service.expressions.errors import Refused
from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.values import kind
from service.later import Later

if TYPE_CHECKING:
    import runners.ion as ion_text
else:
    ion_text = Later("runners.ion")

_BINARY = b"\xe0\x01\x00\xea"


@function("fromIon", also={"text": "ion"})
def from_ion(call: Run, ion: Any, all_rows: Any = False) -> Any:
    """The first row of an Ion text, or with `allRows` a list of all of them. Null stays null, and the first row of a text without rows is null. Symbols are
    text, decimals keep their digits, bytes are Base64, and timestamps are dates.

    {{ fromIon('{id: 1, name: "x", tags: [a, b]}').tags[1] }} -> b
    {{ fromIon('{id:1} {id:2}', allRows=true) }} -> [{"id":1},{"id":2}]
    {{ fromIon('2024-03-05T14:07:09Z') | date('HH:mm') }} -> 14:07
    """
    if ion is None:
        return None
    text = _decoded(ion) if isinstance(ion, bytes) else ion
    if not isinstance(text, str):
        raise Refused(f"`fromIon` reads text, not {kind(ion)}")
    call.budget.spend(len(text) >> 1)  # data takes more room than its text, and time
    depth, every = call.budget.limits.nesting, boolean_of("fromIon", all_rows, False)
    try:
        values = ion_text.rows(text, depth, call.budget.spend)
        found = list(values) if every else next(values, None)
    except ion_text.IonError as wrong:
        raise Refused(f"this text is not Ion: {wrong}") from None
    return _without_bytes(found) if "{{" in text else found


def _decoded(data: bytes) -> str:
    if data.startswith(_BINARY):
        raise Refused("this is binary Ion, which is not read; write it as Ion text")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused("`fromIon` reads text, and these bytes are none") from None


def _without_bytes(value: Any) -> Any:
    """The language has no bytes: as in JSON, Base64 stands for them. The reader has bounded the depth."""
    if isinstance(value, dict):
        return {key: _without_bytes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_bytes(item) for item in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
