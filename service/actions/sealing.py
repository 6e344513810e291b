"""Texts that are kept encrypted: values of SECRET inputs and outputs.

What is stored names itself, `{type: io.kestra.datatype:aes_encrypted, value: …}`, and is read where an expression names it, in the environment that it
belongs to. Whoever looks at it sees stars.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from runners.masking import SEALED
from service.flows.inputs import Input
from service.secrets.cipher import Cipher


def scope(environment: str) -> str:
    """What such a text is bound to."""
    return f"a value of {environment}"


def sealed(cipher: Cipher, environment: str, text: str) -> dict[str, str]:
    """A text as it is stored."""
    return {"type": SEALED, "value": cipher.encrypt(text, scope(environment))}


def seal_inputs(cipher: Cipher, environment: str, declared: Iterable[Input], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of inputs with those that are secret as they are stored."""
    secret = [definition.id.split(".") for definition in declared if definition.secret]
    found: dict[str, Any] = deepcopy(dict(values)) if secret else dict(values)
    for *parents, last in secret:
        at: Any = found
        for parent in parents:
            at = at.get(parent, {})
        value = at.get(last)
        if isinstance(value, list):
            at[last] = [sealed(cipher, environment, text) for text in value]
        elif value is not None:
            at[last] = sealed(cipher, environment, value)
    return found
