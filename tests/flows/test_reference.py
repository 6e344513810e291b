"""Pages of types."""

from __future__ import annotations

import pytest

from service.flows.reference import groups, input_page, page
from service.flows.schema.words import choices_of, kind_of
from tests.flows.world import CATALOGUE, LOG, SHELL


def test_a_page_has_an_example_the_properties_and_the_outputs():
    assert page(CATALOGUE, LOG)["markdown"] == (
        "# Log\n\nLogs a message, or one entry for each of a list of messages. Old name: `io.kestra.core.tasks.log.Log`.\n\n"
        f"```yaml\nid: log\ntype: {LOG}\nmessage: …\n```\n\n## Properties\n\n"
        "- **message** (text or list of text, required): The text, or a list of texts, one entry each.\n"
        "- **level** (one of TRACE, DEBUG, INFO, WARN, ERROR or expression, default `INFO`): How much it matters."
    )
    assert page(CATALOGUE, SHELL)["markdown"].endswith("- **taskRunner**: Where it ran: `taskRunner.type`.")


def test_an_example_of_a_group_holds_a_task():
    lines = page(CATALOGUE, "io.kestra.plugin.core.flow.Dag")["markdown"].splitlines()
    assert lines[lines.index("tasks:") : lines.index("tasks:") + 5] == [
        "tasks:",
        "  - task:",
        "      id: first",
        "      type: io.kestra.plugin.core.log.Log",
        "      message: Hello",
    ]


def test_what_there_is_not_has_no_page():
    assert page(CATALOGUE, "io.kestra.plugin.core.log.Lgo") is None
    assert input_page(CATALOGUE, LOG) is None
    assert page(CATALOGUE, "STRING") is None


def test_every_type_stands_in_one_group():
    found = [one["cls"] for group in groups(CATALOGUE) for kind in ("tasks", "triggers", "taskRunners") for one in group[kind]]
    assert sorted(found) == sorted(CATALOGUE.names())


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": ["string", "number", "boolean", "null"]}, "text"),
        ({"anyOf": [{"$ref": "#/definitions/duration"}, {"$ref": "#/definitions/expression"}, {"type": "null"}]}, "duration or expression"),
        ({"type": ["array", "null"], "items": {"$ref": "#/definitions/task"}}, "list of tasks"),
        ({"type": "array", "items": {"anyOf": [{"$ref": "#/definitions/Retry"}, {"type": ["integer", "string"]}]}}, "list of maps or whole number"),
        ({"enum": ["A", "B"]}, "one of A, B"),
        ({"enum": [True]}, "true"),
        ({"type": "object", "additionalProperties": True}, "map"),
        ({}, "anything"),
    ],
)
def test_a_kind_of_value_is_said_in_a_few_words(part, words):
    assert kind_of(part) == words


def test_choices_are_written_as_yaml_has_them():
    assert choices_of({"anyOf": [{"enum": ["A"]}, {"type": "null"}]}) == ["A"]
    assert choices_of({"type": ["boolean", "string", "integer"]}) == ["true", "false"]
    assert choices_of({"type": "string"}) == []
