"""Names in expressions: whether they exist, where they exist, and what they should not be used for."""

from __future__ import annotations

from pathlib import Path

import pytest

from service import discovery
from service.flows.catalogue import Catalogue
from service.flows.problems import Severity
from tests.flows.world import LOG, PUSH, RETURN, SCHEDULE, SHELL, codes, lines, read, refusals, tasks

SEEDS = Path(__file__).parent / "seeds"
ALL = Catalogue(discovery.index(), discovery.load)
FLOW = "io.kestra.plugin.core.flow."
TRIGGER = "io.kestra.plugin.core.trigger."
REQUEST = "io.kestra.plugin.core.http.Request"
SCHEDULED = f"triggers:\n  - {{id: t, type: {SCHEDULE}, cron: '@daily'}}\n"
CALLED = f"triggers:\n  - {{id: t, type: {TRIGGER}Webhook, key: abc}}\n"
PUSHED = f"triggers:\n  - {{id: t, type: {PUSH}}}\n"
NOT_TOLD = ("HG-0206", "HG-0220", "HG-0222", "HG-0207")


def log(expression: str) -> str:
    """A task that logs an expression."""
    return f'- id: a\n  type: {LOG}\n  message: "{{{{ {expression} }}}}"'


def said(text: str) -> list[str]:
    """What the checks of expressions say: severity, code and words."""
    found = [line.split(": ", 1)[1] for line in lines(text, catalogue=ALL, allow_unknown_types=True)]
    return [line for line in found if not any(code in line for code in NOT_TOLD)]


# inputs, variables, tasks


def test_a_nested_input_is_known_to_its_last_part():
    rest = "inputs:\n  - {id: db.host, type: STRING}\n  - {id: db.port.main, type: INT}\n"
    assert said(tasks(log("inputs.db.host.anything ~ inputs.db ~ inputs.db.port.main"), rest)) == []
    assert said(tasks(log("inputs.db.hots"), rest)) == ["error HG-0302: the flow has no input `db.hots` (did you mean `host`?)"]
    assert said(tasks(log("inputs.db.port.mian"), rest)) == ["error HG-0302: the flow has no input `db.port.mian` (did you mean `main`?)"]


def test_the_inputs_of_a_form_are_below_its_id():
    rest = "inputs:\n  - id: form\n    type: FORM\n    inputs:\n      - {id: city, type: STRING}\n"
    assert said(tasks(log("inputs.form.city"), rest)) == []
    assert said(tasks(log("inputs.form.town"), rest)) == ["error HG-0302: the flow has no input `form.town`"]
    assert said(tasks(log("inputs.city"), rest)) == ["error HG-0302: the flow has no input `city`"]


def test_the_underline_ends_with_the_part_that_is_not_known():
    (found,) = read(tasks(log("inputs['db']['hots'].x"), "inputs:\n  - {id: db.host, type: STRING}\n")).problems
    assert found.end_column == found.column + len("inputs['db']['hots']")


def test_a_form_and_an_input_of_one_name_clash_at_the_form():
    rest = "inputs:\n  - {id: day, type: DATE}\n  - id: day\n    type: FORM\n    inputs:\n      - {id: city, type: STRING}\n"
    (found,) = read(tasks(log("flow.id"), rest)).problems[-1:]
    assert (found.code, found.line, found.column) == ("HG-0412", 9, 9)


def test_what_is_asked_of_a_person_has_names_of_its_own():
    text = tasks(
        f"- id: a\n  type: {FLOW}Pause\n  onResume:\n    - {{id: sure, type: BOOLEAN}}\n"
        "    - {id: why, type: STRING, dependsOn: {inputs: [sure], condition: '{{ inputs.sure }}'}}"
    )
    assert said(text) == []


def test_outputs_of_a_subflow_and_of_a_followed_flow_are_those_of_that_flow():
    body = f"- id: a\n  type: {FLOW}Subflow\n  namespace: other\n  flowId: other\n  outputs: {{rows: '{{{{ outputs.count.value }}}}'}}"
    rest = f"triggers:\n  - id: t\n    type: {TRIGGER}Flow\n    inputs: {{rows: '{{{{ outputs.count.value }}}}'}}\n"
    assert said(tasks(body, f"inputs:\n  - {{id: rows, type: STRING, defaults: x}}\n{rest}")) == []


def test_the_state_of_a_task_is_asked_by_its_id():
    assert said(tasks(log("tasks.a.state"))) == []
    assert said(tasks(log("tasks.b.state"))) == ["warning HG-0303: the flow has no task `b`"]


def test_only_a_split_leaves_outputs_under_other_names():
    assert said(tasks(log("outputs.a_merge.x"))) == ["error HG-0303: the flow has no task `a_merge`"]


# what triggers give


@pytest.mark.parametrize(
    ("triggers", "expression"),
    [
        (SCHEDULED, "trigger.date ~ trigger.next ~ trigger.previous"),
        (CALLED, "trigger.body.order.id ~ trigger.headers ~ trigger.parameters"),
        (PUSHED, "trigger.repository ~ trigger.ref ~ trigger.branch ~ trigger.tag ~ trigger.commit ~ trigger.before"),
        (PUSHED, "trigger.message ~ trigger.author ~ trigger.email"),
        (f"triggers:\n  - {{id: t, type: {TRIGGER}Flow}}\n", "trigger.executionId ~ trigger.outputs.rows ~ trigger.state"),
        ("", "trigger.executionId ~ trigger.taskRunValue"),
        (SCHEDULED, "trigger.body ?? 'none'"),
        ("triggers:\n  - {id: t, type: some.Poll}\n", "trigger.rows"),
        (f"{CALLED}  - {{id: u, type: {SCHEDULE}, cron: '@daily'}}\n", "trigger.date ~ trigger.body"),
    ],
)
def test_what_one_of_the_triggers_gives_is_known(triggers, expression):
    assert said(tasks(log(expression), triggers)) == []


def test_what_no_trigger_gives_is_a_warning():
    assert said(tasks(log("trigger.body"), SCHEDULED)) == ["warning HG-0309: no trigger of the flow gives `body`"]
    assert said(tasks(log("trigger.date"))) == ["warning HG-0309: the flow has no trigger that could give `date`"]


def test_a_trigger_knows_what_it_gives_itself():
    both = f"{CALLED}  - id: u\n    type: {SCHEDULE}\n    cron: '@daily'\n    when: '{{{{ trigger.body }}}}'\n"
    assert said(tasks(log("trigger.body"), both)) == ["warning HG-0309: this trigger gives no `body`"]


def test_a_trigger_knows_no_outputs_and_no_task_run():
    inputs = "inputs:\n  - {id: x, type: STRING, defaults: y}\n"
    for expression in ("outputs.a.value", "taskrun.startDate"):
        triggers = f"triggers:\n  - {{id: t, type: {SCHEDULE}, cron: '@daily', inputs: {{x: '{{{{ {expression} }}}}'}}}}\n"
        root = expression.split(".", 1)[0]
        assert said(tasks(log("flow.id"), inputs + triggers)) == [
            f"error HG-0308: a trigger has no `{root}`: no task has run when it fires (here are `trigger`, `flow`, `inputs`, `vars`)"
        ]
        assert said(tasks(log("flow.id"), inputs + triggers.replace("cron:", "disabled: true, cron:")))[0].startswith("warning HG-0308")


# conditions of triggers


def conditioned(condition: str, kind: str = f"{SCHEDULE}, cron: '@daily'") -> str:
    """A flow with a condition."""
    return tasks(log("flow.id"), f"triggers:\n  - id: t\n    type: {kind.split(',')[0]}\n    cron: '@daily'\n    conditions:\n      - {condition}\n")


def test_a_condition_that_the_trigger_can_not_answer_is_a_warning_at_its_type():
    found = lines(conditioned("{type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: a, flowId: b}"))
    assert [line for line in found if "HG-0309" in line] == [
        ".flows/x.yaml:12:16: warning HG-0309: this trigger gives no `flowId`",
        ".flows/x.yaml:12:16: warning HG-0309: this trigger gives no `namespace`",
    ]


@pytest.mark.parametrize(
    "condition",
    [
        "{type: io.kestra.plugin.core.condition.Weekend}",
        "{type: io.kestra.plugin.core.condition.DayWeek, dayOfWeek: MONDAY}",
        "{type: io.kestra.plugin.core.condition.Not, conditions: [{type: io.kestra.plugin.core.condition.PublicHoliday, country: FR}]}",
        '{type: io.kestra.plugin.core.condition.Expression, expression: "{{ trigger.date is defined }}"}',
    ],
)
def test_a_condition_of_its_kind_is_right(condition):
    assert said(conditioned(condition)) == []


def test_a_mistake_in_a_condition_stands_where_it_was_made():
    found = lines(conditioned('{type: io.kestra.plugin.core.condition.Expression, expression: "{{ trigger.date == }}"}'))
    assert [line.split(": ")[0] + line.split(": ")[1][:14] for line in found if "HG-0301" in line] == [".flows/x.yaml:12:92error HG-0301"]
    found = lines(conditioned("{type: io.kestra.plugin.core.condition.Weekend, date: '{{ vars.day }}'}"))
    assert [line for line in found if "HG-0304" in line] == [".flows/x.yaml:12:67: error HG-0304: the flow has no variable `day`"]


# loops


@pytest.mark.parametrize("name", ["taskrun.value", "taskrun.iteration", "item.value", "parent.taskrun.value", "parents[0].taskrun.value"])
def test_values_of_loops_are_there_inside_of_loops(name):
    inner = f"{{id: a, type: {LOG}, message: '{{{{ {name} }}}}'}}"
    around = f"{{id: g, type: {FLOW}Sequential, tasks: [{inner}]}}"
    for loop in ("ForEach, values: [1]", "Loop, values: [1]", "EachParallel, value: [1]"):
        assert said(tasks(f"- {{id: loop, type: {FLOW}{loop}, tasks: [{around}]}}")) == []
    assert [line.split(":")[0] for line in said(tasks(f"- {around}"))] == ["warning HG-0308"]


@pytest.mark.parametrize("expression", ["taskrun.startDate", "taskrun.value ?? 1", "parent.outputs.x", "taskrun.attemptsCount"])
def test_what_any_task_has_needs_no_loop(expression):
    assert said(tasks(log(expression))) == []


def test_a_variable_is_rendered_where_it_is_used():
    assert said(tasks(log("flow.id"), "variables: {a: '{{ taskrun.value }} {{ item.value }}'}\n")) == []


def test_a_split_counts_its_parts():
    assert said(tasks(f"- {{id: a, type: {FLOW}ForEachItem, items: x, namespace: b, flowId: c, inputs: {{file: '{{{{ taskrun.items }}}}'}}}}")) == []


# scripts


def script(expression: str, triggers: str) -> list[str]:
    """What is said of a script with this text."""
    return said(tasks(f"- id: a\n  type: {SHELL}\n  commands:\n    - echo {expression}", triggers))


@pytest.mark.parametrize(
    ("expression", "triggers"),
    [
        ("{{ trigger.body.name }}", CALLED),
        ("{{ trigger.headers['x'] }}", CALLED),
        ("{{ trigger | toJson }}", CALLED),
        ("{{ trigger.message }}", PUSHED),
        ("{{ trigger.branch }}", PUSHED),
        ("{{ trigger.rows }}", "triggers:\n  - {id: t, type: some.Poll}\n"),
    ],
)
def test_what_others_wrote_is_no_part_of_a_script(expression, triggers):
    (found,) = script(expression, triggers)
    assert found.startswith("warning HG-0310: `trigger")
    assert "and becomes a part of the script (set `env: {EVENT: " in found


@pytest.mark.parametrize(
    ("expression", "triggers"),
    [
        ("{{ trigger.date }}", SCHEDULED),
        ("{{ trigger.commit }}", PUSHED),
        ("{{ trigger.branch | escapeChar('shell') }}", PUSHED),
        ("{{ trigger.body | length }}", CALLED),
        ("{% if trigger.branch == 'main' %}yes{% endif %}", PUSHED),
        ("{{ trigger.date }}", "triggers:\n  - {id: t, type: some.Poll}\n"),
        ("{{ inputs.x }}", "inputs: [{id: x, type: STRING}]\n"),
    ],
)
def test_what_is_a_plain_value_may_stand_in_a_script(expression, triggers):
    assert script(expression, triggers) == []


def test_event_data_is_a_value_in_the_environment():
    assert said(tasks(f"- id: a\n  type: {SHELL}\n  env: {{BODY: '{{{{ trigger.body }}}}'}}\n  commands: [x]", CALLED)) == []


def test_scripts_that_are_not_installed_are_scripts():
    text = tasks("- id: a\n  type: io.kestra.plugin.scripts.node.Script\n  script: console.log('{{ trigger.body.name }}')", CALLED)
    assert [line.split(":")[0] for line in said(text)] == ["warning HG-0310"]


# secrets


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (tasks(log("secret('A')")), "the log"),
        (tasks("- {id: a, type: io.kestra.plugin.core.debug.Echo, format: \"{{ secret('A') }}\"}"), "the log"),
        (tasks(f"- {{id: a, type: {RETURN}, format: \"{{{{ 'x' ~ secret('A') }}}}\"}}"), "the log"),
        (tasks("- {id: a, type: io.kestra.plugin.core.execution.Fail, errorMessage: \"{{ secret('A') }}\"}"), "the log"),
        (tasks(log("flow.id"), "outputs: [{id: a, type: STRING, value: \"{{ secret('A') }}\"}]\n"), "an output of the flow"),
        (tasks(log("flow.id"), "checks: [{when: 'true', message: \"{{ secret('A') }}\"}]\n"), "a message"),
        (tasks(log("flow.id"), f"triggers:\n  - {{id: t, type: {PUSH}, labels: {{a: \"{{{{ secret('A') }}}}\"}}}}\n"), "a label"),
        (tasks(f"- {{id: a, type: {FLOW}Subflow, namespace: b, flowId: c, labels: {{a: \"{{{{ secret('A') }}}}\"}}}}"), "a label"),
    ],
)
def test_a_secret_where_people_read_is_a_warning(text, where):
    (found,) = said(text)
    assert found.startswith(f"warning HG-0311: a secret in {where}: it will be masked there, but should not be there at all")


@pytest.mark.parametrize(
    "text",
    [
        tasks(f"- {{id: a, type: {SHELL}, env: {{A: \"{{{{ secret('A') }}}}\"}}, commands: [x]}}"),
        tasks(log("flow.id"), "variables: {a: \"{{ secret('A') }}\"}\n"),
        tasks(log("flow.id"), f"triggers:\n  - {{id: t, type: {TRIGGER}Webhook, key: \"{{{{ secret('A') }}}}\"}}\n"),
    ],
)
def test_a_secret_where_it_is_used_is_right(text):
    assert said(text) == []


# the status of requests


def asked(condition: str, request: str = "", kind: str = REQUEST) -> list[str]:
    """What is said of a condition after a request."""
    look = f'- id: look\n  type: {FLOW}If\n  condition: "{condition}"\n  then:\n    - {{id: b, type: {LOG}, message: x}}'
    body = f"- id: ask\n  type: {kind}\n{request}{look}"
    return [line for line in said(tasks(body)) if "HG-0312" in line]


@pytest.mark.parametrize(
    "condition",
    [
        "{{ outputs.ask.code != 200 }}",
        "{{ outputs.ask.code == 500 }}",
        "{{ outputs.ask.code >= 400 }}",
        "{{ outputs.ask.code > 299 }}",
        "{{ 200 != outputs.ask.code }}",
        "{{ 400 <= outputs.ask['code'] }}",
        "{{ outputs.ask.code isIn [404, 500] }}",
        "{{ flow.id == 'x' or outputs.ask.code equals 404 }}",
    ],
)
def test_a_failing_status_is_never_seen(condition):
    assert asked(condition) == [
        "warning HG-0312: this is not reached when the request of `ask` fails "
        "(add `options: {allowFailed: true}` to `ask`: it fails at 4xx and 5xx before this is reached)"
    ]
    assert len(asked(condition, kind="io.kestra.plugin.fs.http.Request")) == 1


def test_a_founding_example_looks_for_a_failure_that_it_never_sees():
    reading = read((SEEDS / "S0-E4_api_health_check.yaml").read_bytes(), allow_unknown_types=True)
    (found,) = [problem for problem in reading.problems if problem.code == "HG-0312"]
    assert (found.line, found.column, found.severity.value) == (14, 20, "warning")
    assert found.hint == "add `options: {allowFailed: true}` to `poll_api`: it fails at 4xx and 5xx before this is reached"


@pytest.mark.parametrize(
    "condition", ["{{ outputs.ask.code == 204 }}", "{{ outputs.ask.code < 400 }}", "{{ outputs.ask.body != 200 }}", "{{ outputs.ask.code }}"]
)
def test_a_good_status_is_seen(condition):
    assert asked(condition) == []


@pytest.mark.parametrize(
    "request_", ["  options: {allowFailed: true}\n", "  allowFailed: true\n", "  allowFailure: true\n", "  options: {allowedResponseCodes: [404]}\n"]
)
def test_a_request_that_may_fail_is_looked_at_afterwards(request_):
    assert asked("{{ outputs.ask.code != 200 }}", request_) == []


def test_only_what_is_decided_by_the_status_of_a_request_matters():
    assert asked("{{ outputs.ask.code != 200 }}", kind="some.other.Request") == []
    assert said(tasks(f"- {{id: ask, type: {REQUEST}, uri: x}}\n- {{id: b, type: {LOG}, message: '{{{{ outputs.ask.code != 200 }}}}'}}")) == []


def test_gates_and_cases_decide_as_well():
    gate = f"- {{id: ask, type: {REQUEST}, uri: x}}\n- {{id: b, type: {LOG}, message: x, runIf: '{{{{ outputs.ask.code != 200 }}}}'}}"
    assert [line.split(":")[0] for line in said(tasks(gate))] == ["warning HG-0312"]
    switch = f"- id: b\n  type: {FLOW}Switch\n  value: '{{{{ outputs.ask.code }}}}'\n"
    cases = f"- {{id: ask, type: {REQUEST}, uri: x}}\n{switch}  cases:\n    '%s': [{{id: c, type: {LOG}, message: x}}]"
    assert [line.split(":")[0] for line in said(tasks(cases % 500))] == ["warning HG-0312"]
    assert said(tasks(cases % 200)) == []


def test_a_request_whose_failure_is_allowed_around_it_is_looked_at_afterwards():
    reader = f"- {{id: b, type: {LOG}, message: x, runIf: '{{{{ outputs.ask.code != 200 }}}}'}}"
    body = f"- {{id: try, type: {FLOW}AllowFailure, tasks: [{{id: ask, type: {REQUEST}, uri: x}}]}}\n{reader}"
    assert said(tasks(body)) == []


def test_a_handler_is_reached_by_failure():
    rest = f"errors:\n  - {{id: b, type: {LOG}, message: x, runIf: '{{{{ outputs.ask.code != 200 }}}}'}}\n"
    assert said(tasks(f"- {{id: ask, type: {REQUEST}, uri: x}}", rest)) == []


def test_the_same_mistake_a_thousand_times_is_read_in_bounded_time():
    many = "\n".join(f"- {{id: a{number}, type: {LOG}, message: '{{{{ outputs.b.value }}}} {{{{ inputs.x }}}}'}}" for number in range(900))
    assert len(codes(tasks(many))) == 50


@pytest.mark.parametrize(
    ("template", "hint"),
    [
        ("{{ input.x }}", "did you mean `inputs`?"),
        ("{{ Outputs.x }}", "did you mean `outputs`?"),
        ("{{ flow.id == prod }}", "text stands in quotes: `'text'`"),
        ("{{ now | upper }}", "write `now()`"),
        ("{{ order.id }}", None),
    ],
)
def test_a_first_name_that_the_language_does_not_have_is_an_error(template, hint):
    (found,) = read(tasks(f'- {{id: a, type: {LOG}, message: "{template}"}}')).problems
    assert (found.code, found.severity, found.hint) == ("HG-0313", Severity.ERROR, hint)


@pytest.mark.parametrize(
    "template",
    [
        "{{ order.id ?? 'none' }}",
        "{{ order is defined }}",
        "{% for order in [1] %}{{ order }}{{ loop.index }}{% endfor %}",
        "{% set order = 1 %}{{ order }}",
        "{{ workingDir }} {{ error.message }} {{ kestra.url }} {{ namespace.x }} {{ globals.x }} {{ envs.x }} {{ labels.x }}",
    ],
)
def test_a_name_that_is_given_or_asked_about_is_none_of_these(template):
    assert "HG-0313" not in codes(tasks(f'- {{id: a, type: {LOG}, message: "{template}"}}'))


def test_types_that_are_not_installed_may_give_names_of_their_own():
    text = tasks('- {id: a, type: com.acme.Filter, when_row: "{{ value > 5 }} {{ inputz.x }}"}', "variables: {later: '{{ ds }} {{ var.x }}'}\n")
    problems = read(text, allow_unknown_types=True).problems
    assert [(found.severity, found.hint) for found in problems if found.code == "HG-0313"] == [
        (Severity.WARNING, "did you mean `inputs`?"),
        (Severity.WARNING, "did you mean `vars`?"),
    ]


@pytest.mark.parametrize("root", ["outputs.a.value", "tasks.a.state", "taskrun.id", "item.value"])
@pytest.mark.parametrize(
    "rest",
    [
        "inputs: [{{id: i, type: STRING, defaults: '{{{{ {root} }}}}'}}]\n",
        "inputs: [{{id: i, type: SELECT, expression: '{{{{ {root} }}}}'}}]\n",
        "checks: [{{when: '{{{{ {root} == 1 }}}}', message: m}}]\n",
    ],
)
def test_inputs_and_checks_of_a_flow_are_looked_at_before_any_task_runs(rest, root):
    found = refusals(tasks(f"- {{id: a, type: {RETURN}, format: x}}", rest.format(root=root)))
    assert [line.split()[0] for line in found] == ["HG-0308"]


@pytest.mark.parametrize("name", ["my-job", "my-task", "my-new-flow"])
def test_a_hyphen_read_as_minus_is_one_mistake(name):
    assert codes(tasks(f"- {{id: {name}, type: {RETURN}}}\n- {{id: b, type: {LOG}, message: '{{{{ outputs.{name}.value }}}}'}}")) == ["HG-0305"]


@pytest.mark.parametrize(("expression", "hint"), [("flow.idd", "did you mean `id`?"), ("execution.start_date", "did you mean `startDate`?")])
def test_what_the_language_gives_has_these_parts_and_no_others(expression, hint):
    (found,) = read(tasks(f"- {{id: b, type: {LOG}, message: '{{{{ {expression} }}}}'}}")).problems
    assert (found.code, found.severity, found.hint) == ("HG-0313", Severity.WARNING, hint)


def test_a_default_for_a_part_of_what_is_not_installed_is_not_told():
    rest = "pluginDefaults: [{type: com.acme.Model, values: {name: x}}]\n"
    assert codes(tasks("- {id: a, type: com.acme.Agent, provider: {type: com.acme.Model}}", rest)) == ["HG-0220"]
