"""What of a secret is hidden."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.secrets import hidden

PASSWORD = "only-in-json-42"  # noqa: S105 - made up


@pytest.mark.parametrize(
    "value",
    [
        {"password": PASSWORD, "user": "admin", "port": 5432},
        {"type": "service_account", "private_key": PASSWORD, "token_uri": "https://example.com/token", "universe_domain": "example.com"},
        {"database": {"dbPassword": PASSWORD}, "passwordless": False},
        {"credentials": [{"value": PASSWORD}]},
        {"TOKENS": [[PASSWORD]]},
    ],
)
def test_passwords_in_a_json_secret_are_hidden_and_nothing_else_of_it(value: dict[str, Any]) -> None:
    text = json.dumps(value)
    assert list(hidden(text)) == [text, PASSWORD]


def test_a_pin_is_hidden() -> None:
    assert list(hidden('{"secretPin": 123456}'))[1:] == ["123456"]


@pytest.mark.parametrize("text", ["", "a text", "{", "{{ password }}", '["password"]', '{"password": ' + "[" * 20_000, '{"password": "' + "x" * 200_000 + '"}'])
def test_a_secret_that_is_no_json_object_is_hidden_as_it_is(text: str) -> None:
    assert list(hidden(text)) == [text]
