"""What the instance holds: secrets and variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from service.expressions.errors import Refused
from service.expressions.ports import HIDDEN
from service.expressions.registry import function
from service.expressions.run import Run


@function("secret")
def secret(call: Run, key: str, namespace: str | None = None, subkey: str | None = None, full: Any = False) -> Any:
    """A secret's value; it is masked in logs. `subkey` reads one key of a secret that holds a JSON object.

    {{ secret('TOKEN') }} -> s3cr3t
    {{ secret('DATABASE', subkey='user') }} -> admin
    """
    if namespace is not None or full:
        argument = "namespace" if namespace is not None else "full"
        raise Refused(f"the argument `{argument}` of `secret()` is part of the language, but this version of Headgate does not have it yet")
    try:
        value = call.ports.secret(key)
    except KeyError:
        # Missing, or not for this flow: which of them is nobody's business.
        raise Refused(f"the secret `{key}` is not available") from None
    return value if subkey is None else _part(key, value, subkey)


def _part(key: str, value: str, subkey: str) -> Any:
    if value == HIDDEN:
        return value
    try:
        held = json.loads(value)
    except ValueError:
        held = None
    if not isinstance(held, dict) or subkey not in held:
        raise Refused(f"the secret `{key}` has no key `{subkey}`")
    return held[subkey]


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
