"""A template that fails when a flow runs is pointed at where it stands in the flow's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import Invalid
from service.expressions import ExpressionError, Expressions, Ports
from service.flows.tracing import traced
from service.git.helper import Helper
from service.store.codec import now
from tests.support.station import RUNNER, Station, station_at

SHELL = "io.kestra.plugin.scripts.shell.Commands"
LOG = "io.kestra.plugin.core.log.Log"
HEAD = "id: f\nnamespace: t\n"
#: Fails whatever there is, and nothing finds that before it runs.
BAD = "fromJson(flow.id)"


def failed(station: Station, text: str) -> str:
    """The error in the log of a flow that is pushed and started."""
    station.push({".flows/f.yml": text})
    id = station.start("t", "f")
    station.tick()
    if station.dispatch.try_claim(RUNNER) is None:
        station.tick()
    assert station.state(id) == "FAILED"
    (line,) = station.log(id, "ERROR")
    return line


def place(text: str, mark: str = BAD) -> str:
    """Line and column of the last of these marks in a text."""
    before = text.rpartition(mark)[0]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


@pytest.mark.parametrize(
    "body",
    [
        f"  - id: a\n    type: {SHELL}\n    commands:\n      - echo one\n      - |\n        echo two\n        echo {{{{ {BAD} }}}}\n",
        f"  - id: a\n    type: {SHELL}\n    commands: [x]\n    env:\n      X: '{{{{ 1 }}}}'\n      Y: >-\n        one\n        two {{{{ {BAD} }}}}\n",
        f'  - id: a\n    type: {SHELL}\n    commands: [x]\n    env:\n      "k\\te{{{{ {BAD} }}}}": 1\n',
        f"  - id: a\n    type: {SHELL}\n    commands: [x]\n    timeout: '{{{{ {BAD} }}}}'\n",
        f"  - id: a\n    type: {LOG}\n    message:\n      - fine\n      - 'it''s\n        {{{{ {BAD} }}}}'\n",
        f"  - id: a\n    type: {LOG}\n    message: x\n    runIf: >\n      {{{{ true and\n      {BAD} }}}}\n",
        f"  - id: a\n    type: io.kestra.plugin.core.execution.Fail\n    errorMessage: x\n    condition: '{{{{ {BAD} }}}}'\n",
        f'  - id: g\n    type: io.kestra.plugin.core.flow.Sequential\n    tasks:\n      - id: a\n        type: {LOG}\n        message: "{{{{ {BAD} }}}}"\n',
        f"  - &x\n    id: a\n    type: {LOG}\n    message: '{{{{ {BAD} }}}}'\n",
    ],
    ids=["command", "value of env", "key of env", "timeout", "inline", "runIf", "condition", "below another task", "anchor"],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_task_that_fails_names_the_place_of_the_expression(station: Station, body: str, ending: str):
    text = f"{HEAD}tasks:\n{body}"
    found = failed(station, text.replace("\n", ending))
    assert found.startswith(f".flows/f.yml:{place(text)}: task `a`: this text is not JSON: "), found


def test_of_two_templates_of_one_text_the_one_is_meant_that_failed(station: Station):
    same = "'{{ fromJson(taskrun.value ?? flow.id) }}'"
    text = f"{HEAD}tasks:\n  - id: a\n    type: {SHELL}\n    commands: [x]\n    description: {same}\n    env: {{A: {same}}}\n"
    assert failed(station, text).startswith(f".flows/f.yml:{place(text, 'fromJson')}: task `a`: ")


def test_a_plugin_default_is_pointed_at_where_it_is_written(station: Station):
    text = f"{HEAD}tasks:\n  - {{id: a, type: {SHELL}, commands: [x]}}\npluginDefaults:\n  - type: {SHELL}\n    values:\n      env: {{A: '{{{{ {BAD} }}}}'}}\n"
    assert failed(station, text).startswith(f".flows/f.yml:{place(text)}: task `a`: ")


def test_what_stands_in_no_file_has_the_place_of_its_task():
    with pytest.raises(ExpressionError) as caught:
        Expressions().typed("{{ a }}", {}, Ports(now=now, secret=lambda _: ""))
    assert traced(f"{HEAD}tasks:\n  - {{id: a, type: {LOG}, message: x}}\n", caught.value, (4, 5)) is None


def test_a_default_of_an_input_names_its_place(station: Station):
    text = f"{HEAD}inputs:\n  - {{id: n, type: STRING, defaults: '{{{{ {BAD} }}}}'}}\ntasks:\n  - {{id: a, type: {LOG}, message: x}}\n"
    station.push({".flows/f.yml": text})
    with pytest.raises(Invalid, match=rf"^\.flows/f\.yml:{place(text)}: input: this text is not JSON: "):
        station.start("t", "f")


def test_a_secret_that_can_not_be_read_is_told_at_its_place(tmp_path: Path, helper: Helper):
    text = f"{HEAD}tasks:\n  - {{id: a, type: {LOG}, message: \"{{{{ secret('BAD') }}}}\"}}\n"
    with station_at(tmp_path / "data", helper, environ={"SECRET_BAD": "%"}) as station:
        assert failed(station, text).startswith(f".flows/f.yml:{place(text, 'secret(')}: task `a`: secret('BAD'): SECRET_BAD is not base64")
