"""Secrets from environment variables: `SECRET_<NAME>` holds the value in base64, as in Kestra's open-source edition.

Names are looked up in upper case: `secret('my_key')` and `secret('MY_KEY')` are one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping

from service.errors import Invalid

PREFIX = "SECRET_"


class EnvironmentSecrets:
    """Reads the given environment once; it does not change while we run."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        found = {name: value for name, value in environment.items() if name.startswith(PREFIX) and name != PREFIX}
        # Of SECRET_a and SECRET_A the one that is spelled as we look it up wins.
        self._variables = {_key(name): name for name in sorted(found, key=str.isupper)}
        self._found = found

    def get(self, name: str) -> str | None:
        variable = self._variables.get(_key(PREFIX + name))
        return None if variable is None else _decoded(variable, self._found[variable])

    def names(self) -> Iterable[str]:
        """The secrets that there are, as `get` takes them."""
        return sorted(key.removeprefix(PREFIX) for key in self._variables)

    def values(self) -> list[str]:
        """What is to be masked: every value that can be read."""
        return [_decoded(variable, value) for variable, value in self._found.items() if _problem(variable, value) is None]

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the variables, for the log at start: one message for each that can't be read."""
        return tuple(problem for variable in sorted(self._found) if (problem := _problem(variable, self._found[variable])))


def _key(variable: str) -> str:
    return variable.upper()


def _decoded(variable: str, value: str) -> str:
    packed = "".join(value.split())
    try:
        # Java's decoder, which Kestra uses, does without the padding too.
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode()
    except UnicodeDecodeError:
        raise Invalid(f"{variable} holds something other than UTF-8 text in base64") from None
    except (binascii.Error, ValueError):
        raise Invalid(f"{variable} is not base64: set it to the output of `printf %s VALUE | base64 -w0`") from None


def _problem(variable: str, value: str) -> str | None:
    try:
        _decoded(variable, value)
    except Invalid as wrong:
        return wrong.message
    return None
