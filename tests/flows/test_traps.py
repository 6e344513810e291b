"""The traps of YAML that people fall into when they write flows: each is named with line, column and a hint. And the founding examples, as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.flows.problems import Severity
from tests.flows.world import LOG, codes, flow, lines, read, tasks

SEEDS = Path(__file__).parent / "seeds"
HEAD = "id: x\nnamespace: dev\ntasks:\n"
TYPE = f"    type: {LOG}\n"


def body(first: str, last: str = "    message: x\n") -> str:
    """A flow of one task of three lines, the first of which is line 4."""
    return f"{HEAD}{first}{TYPE}{last}"


ID = "  - id: a\n"
TRAPS = [
    # tabs
    (body("\t- id: a\n"), "4:1: error HG-0106: a tab can't indent YAML (use spaces)"),
    (body(ID, "\tmessage: x\n"), "6:1: error HG-0106: a tab can't indent YAML (use spaces)"),
    (body(ID, "    \tmessage: x\n"), "6:5: error HG-0106: a tab can't indent YAML (use spaces)"),
    (body("  -\tid: a\n"), "4:4: error HG-0106: a tab can't stand here (use spaces)"),
    # no space after a colon, or after a dash
    (body("  - id:a\n"), "4:7: error HG-0107: a space is missing after `id:` (write `id: …`)"),
    (body(ID, "    message:x\n"), "6:12: error HG-0107: a space is missing after `message:` (write `message: …`)"),
    ("id:x\nnamespace: dev\ntasks: []\n", "1:3: error HG-0107: a space is missing after `id:` (write `id: …`)"),
    (body("  -id: a\n"), "4:3: error HG-0107: a space is missing after `-` (write `- id: …`)"),
    # : # { } without quotes
    (body(ID, "    message: at noon: eat\n"), "6:21: error HG-0108: a colon and a space in text that is not quoted (put the whole text in quotes)"),
    (
        body(ID, "    message: paint it #f00\n"),
        "6:23: warning HG-0120: everything from `#f00` on is a comment and not part of the value"
        " (quote the whole text, or put a space after `#` if a comment is meant)",
    ),
    (body(ID, "    message: {a\n"), "6:14: error HG-0100: a bracket is opened here and never closed (text that begins with a bracket needs quotes)"),
    (body(ID, "    message: {a} b\n"), "6:14: error HG-0108: text that begins with { must be in quotes (put the whole value in quotes)"),
    (body(ID, "    message: [a] b\n"), "6:14: error HG-0108: text that begins with [ must be in quotes (put the whole value in quotes)"),
    (body(ID, "    message: } a\n"), '6:14: error HG-0108: text that begins with } must be in quotes (write "} a")'),
    (
        body(ID, "    message: {{ flow.id }}\n"),
        '6:14: error HG-0108: an expression at the start of a value needs quotes (write "{{ … }}", in double quotes)',
    ),
    (
        body(ID, "    message: {{ flow.id }} is it\n"),
        '6:14: error HG-0108: an expression at the start of a value needs quotes (write "{{ … }}", in double quotes)',
    ),
]


@pytest.mark.parametrize(("text", "line"), TRAPS)
def test_a_trap_is_named_with_its_place_and_what_to_do(text, line):
    assert lines(text) == [f".flows/x.yaml:{line}"]


def test_a_comment_that_leaves_nothing_is_both_said():
    assert codes(body(ID, "    message: #f00\n")) == ["HG-0202", "HG-0120"]


@pytest.mark.parametrize("word", ["NO", "No", "no", "yes", "Yes", "YES", "on", "On", "ON", "off", "Off", "OFF"])
def test_a_boolean_of_yaml_1_1_is_text_with_a_warning(word):
    text = tasks(f"- {{id: a, type: {LOG}, message: x}}", f"variables:\n  answer: {word}\n")
    assert lines(text) == [f'.flows/x.yaml:6:11: warning HG-0130: `{word}` is text here, but something else to YAML 1.1 readers (quote this: "{word}")']
    assert flow(text).variables == {"answer": word}


def test_the_country_code_of_norway_stays_text():
    text = tasks(
        f"- {{id: a, type: {LOG}, message: NO}}", "inputs:\n  - {id: country, type: STRING, defaults: NO}\n  - {id: to, type: SELECT, values: [NO, SE]}\n"
    )
    found = flow(text)
    assert [declared.defaults for declared in found.inputs] == ["NO", None]
    assert found.inputs[1].parse("NO") == "NO"
    assert found.program.nodes["a"].model.message == "NO"
    assert codes(text) == ["HG-0130"] * 3
    assert codes(text.replace("NO", '"NO"')) == []


# the founding examples


@pytest.mark.parametrize("name", ["S0-E1_etl_pipeline", "S2-E1_hello-world", "S2-E2_inputs_demo", "S3-E2_hello_world"])
def test_a_founding_example_is_right_as_it_stands(name):
    reading = read((SEEDS / f"{name}.yaml").read_bytes())
    assert reading.flow is not None
    assert reading.flow.refusal() is None
    assert {problem.severity for problem in reading.problems} <= {Severity.NOTICE}


@pytest.mark.parametrize("name", ["S0-E4_api_health_check", "S1-E1_daily_dbt_build"])
def test_a_founding_example_with_types_that_are_not_installed_is_valid_when_asked_so(name):
    data = (SEEDS / f"{name}.yaml").read_bytes()
    assert {problem.code for problem in read(data).problems if problem.severity is Severity.ERROR} == {"HG-0220"}
    assert read(data, allow_unknown_types=True).valid


def test_the_founding_fragment_is_valid_in_a_flow():
    fragment = (SEEDS / "S0-E3_assets_fragment.yaml").read_text("utf-8").replace("    assets:", "    sql: select 1\n    assets:")
    assert read(f"id: x\nnamespace: dev\n{fragment}", allow_unknown_types=True).valid


def test_the_founding_examples_are_all_looked_at():
    assert len(list(SEEDS.glob("*.yaml"))) == 7


def test_a_space_of_a_web_page_is_named():
    text = f"id: x\nnamespace: dev\ntasks:\n  - id: a\n  \u00a0 type: {LOG}\n    message: x\n"
    assert lines(text) == [".flows/x.yaml:5:3: error HG-0100: this is no space to YAML but U+00A0 (replace it with a plain space)"]
