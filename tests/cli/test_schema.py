"""`flow schema`: what an editor is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command

LOG = "io.kestra.plugin.core.log.Log"


def test_the_schema_of_the_language_is_printed(headgate: Command) -> None:
    done = headgate("flow", "schema")
    assert (done.code, done.err) == (0, "")
    assert done.json["title"] == "Headgate flow"
    assert LOG in done.json["definitions"]["task"]["properties"]["type"]["anyOf"][0]["enum"]


def test_it_is_written_to_a_file(headgate: Command, tmp_path: Path) -> None:
    done = headgate("flow", "schema", "--output", tmp_path / "flow.json")
    assert (done.code, done.out, done.err) == (0, "", f"{tmp_path}/flow.json written\n")
    assert json.loads((tmp_path / "flow.json").read_text()) == headgate("flow", "schema").json


def test_one_type_has_a_schema_too(headgate: Command) -> None:
    found = headgate("flow", "schema", LOG).json
    assert found["required"] == ["id", "type", "message"]
    assert found["properties"]["type"]["enum"] == [LOG, "io.kestra.core.tasks.log.Log"]
    assert headgate("flow", "schema", "STRING").json["properties"]["validator"]["description"] == "An RE2 pattern for the whole text."


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("io.kestra.plugin.core.log.Lgo", f"did you mean `{LOG}`?"),
        ("STRNG", "did you mean `STRING`?"),
        ("io.kestra.plugin.core.condition.Weekendd", "did you mean `io.kestra.plugin.core.condition.Weekend`?"),
        ("???", "the schema of the whole language names them all"),
    ],
)
def test_an_unknown_type_is_answered_with_the_nearest(headgate: Command, name: str, hint: str) -> None:
    done = headgate("flow", "schema", name)
    assert (done.code, done.out, done.err) == (2, "", f"there is no type `{name}`; {hint}\n")


def test_a_file_that_cannot_be_written_is_said_in_one_line(headgate: Command, tmp_path: Path) -> None:
    done = headgate("flow", "schema", "--output", tmp_path / "no" / "flow.json")
    assert (done.code, done.err) == (2, f"{tmp_path}/no/flow.json can't be written: No such file or directory\n")
