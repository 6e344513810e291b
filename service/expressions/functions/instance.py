"""What the instance holds: secrets, credentials and variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from service.expressions.arguments import optional_text, text_of
from service.expressions.errors import Refused
from service.expressions.ports import HIDDEN
from service.expressions.registry import function
from service.expressions.run import Run
from service.expressions.values import json_text, parse_json


@function("secret")
def secret(call: Run, key: Any, namespace: Any = None, subkey: Any = None, full: Any = False) -> Any:
    """A secret's value; it is masked in logs. `subkey` reads one key of a secret that holds a JSON object. `full` gives a map of `value` and `metadata`.

    {{ secret('TOKEN') }} -> s3cr3t
    {{ secret('DATABASE', subkey='user') }} -> admin
    {{ secret('TOKEN', full=true) }} -> {"value":"s3cr3t","metadata":{}}
    """
    name, part = text_of("secret", key), optional_text("secret", subkey)
    try:
        value: Any = call.ports.secret(name, optional_text("secret", namespace))
    except KeyError:
        # Missing, not for this flow, or not for this namespace: which of them is nobody's business.
        raise Refused(f"the secret `{name}` is not available") from None
    if part:
        value = _part(call, name, value, part)
    return {"value": value, "metadata": {}} if full is True else value


def _part(call: Run, key: str, value: str, subkey: str) -> str:
    """One value of a secret that holds a map, as text. It gets masked, and every text in it."""
    if value == HIDDEN:
        return value
    call.budget.spend(len(value) >> 2)
    try:
        held = parse_json(value)
    except (ValueError, RecursionError):
        held = None
    if not isinstance(held, dict) or subkey not in held:
        raise Refused(f"the secret `{key}` has no key `{subkey}`")
    found = held[subkey]
    part = found if isinstance(found, str) else json_text(found, call.budget)
    for text in (part, *_texts(found)):
        call.ports.hide(text)
    return part


def _texts(value: Any) -> Iterator[str]:
    """The texts in a part of a secret."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


@function("credential")
def credential(call: Run, key: Any) -> str:
    """The access token of a credential. Kestra's enterprise edition has these; here it is refused.

    {{ credential('crm') }} -> t0k3n
    """
    return call.ports.credential(text_of("credential", key))


@function("env")
def env(call: Run, name: str, default: Any = None) -> Any:
    """A variable of the instance, `default` when it is missing or empty.

    {{ env('region') }} -> eu
    {{ env('nothing', 'local') }} -> local
    """
    value = call.ports.envs.get(name)
    if not value and isinstance(held := call.scope.get("envs"), Mapping):
        value = held.get(name)
    return value or default
