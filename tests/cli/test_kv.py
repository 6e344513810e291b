"""`kv …` against a real service."""

from __future__ import annotations

import io

import pytest

from tests.cli.conftest import Command


@pytest.mark.usefixtures("server")
def test_a_key_is_set_read_listed_and_deleted(headgate: Command) -> None:
    assert headgate("kv", "set", "cli.kv", "n", "1.5", "--description", "a number", "--ttl", "PT1H").out == "cli.kv n is set\n"
    assert headgate("kv", "set", "cli.kv", "word", "PT1H", "--type", "STRING").code == 0
    assert headgate("kv", "get", "cli.kv", "n").out == "1.5\n"
    assert headgate("kv", "get", "cli.kv", "word").out == "PT1H\n"
    assert headgate("kv", "get", "cli.kv", "n", "-o", "json").json["type"] == "NUMBER"
    listed = headgate("kv", "list", "cli.kv")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["KEY", "n", "word"]
    assert [key["description"] for key in headgate("kv", "list", "cli.kv", "-o", "json").json] == ["a number", None]
    assert headgate("kv", "delete", "cli.kv", "n").out == "cli.kv n is deleted\n"
    assert (headgate("kv", "delete", "cli.kv", "n").code, headgate("kv", "get", "cli.kv", "n").code) == (2, 2)
    assert headgate("kv", "delete", "cli.kv", "word", "-o", "json").json == {"namespace": "cli.kv", "key": "word", "deleted": True}
    assert "no keys in cli.kv" in headgate("kv", "list", "cli.kv").err


@pytest.mark.usefixtures("server")
def test_a_long_value_comes_from_stdin(headgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": 1}'))
    assert headgate("kv", "set", "cli.kv", "long", "-").code == 0
    assert headgate("kv", "get", "cli.kv", "long").out == '{"a": 1}\n'
    headgate("kv", "delete", "cli.kv", "long")


@pytest.mark.usefixtures("server")
def test_what_can_not_be_stored_is_explained(headgate: Command) -> None:
    wrong = headgate("kv", "set", "cli.kv", "a b", "1")
    assert (wrong.code, "can't be a key" in wrong.err) == (2, True)
    assert "plain ASCII" in headgate("kv", "set", "cli.kv", "a", "1", "--description", "ü").err
    assert "is not a value of the type NUMBER" in headgate("kv", "set", "cli.kv", "a", "x", "-t", "NUMBER").err
