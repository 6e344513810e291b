"""The KV store."""

from __future__ import annotations

from typing import Any

from service.expressions.arguments import boolean_of, optional_text, text_of
from service.expressions.errors import Refused
from service.expressions.registry import function
from service.expressions.run import Run

_PRICE = 1_000  #: steps that a query costs


@function("kv")
def kv(call: Run, key: Any, namespace: Any = None, error_on_missing: Any = True) -> Any:
    """A value of the KV store, as the type that it was stored with. Without a namespace it is looked for in the flow's own and in those above it. A key that
    is missing or expired is an error, null with `errorOnMissing=false`.

    {{ kv('answer') + 1 }} -> 43
    {{ kv('city', 'company.other').name }} -> Bern
    {{ kv('nothing', errorOnMissing=false) ?? 'none' }} -> none
    """
    call.budget.spend(_PRICE)
    name, space, required = text_of("kv", key), optional_text("kv", namespace), boolean_of("kv", error_on_missing, True)
    try:
        return call.ports.kv(name, space)
    except KeyError:
        if not required:
            return None
        where = f"in the namespace `{space}`" if space is not None else "in this namespace or one above it"
        raise Refused(f"there is no key `{name[:200]}` {where}; `kv('{name[:200]}', errorOnMissing=false)` gives null then") from None
