"""From a flow file to a flow."""

from __future__ import annotations

import pickle
from datetime import timedelta

import pytest
import yaml

from service import discovery
from service.flows.catalogue import Catalogue
from tests.flows.world import CATALOGUE, DOCKER, INDEX, LOG, PROCESS, PUSH, RETURN, SCHEDULE, SEQUENTIAL, SHELL, codes, entry, flow, lines, read, tasks

WHOLE = f"""\
id: etl
namespace: company.data
description: |
  Loads *orders*.
labels:
  env: prod
  year: 2026
inputs:
  - id: day
    type: DATE
    defaults: "2026-01-01"
variables:
  bucket: s3://orders
tasks:
  - id: hello
    type: {LOG}
    message: "Loading {{{{ inputs.day }}}}"
    runIf: "{{{{ inputs.day != '' }}}}"
    timeout: PT1M
    allowFailure: true
    logLevel: WARN
  - id: off
    type: {LOG}
    message: never
    disabled: true
  - id: group
    type: {SEQUENTIAL}
    tasks:
      - {{id: a, type: {RETURN}, format: "{{{{ vars.bucket }}}}"}}
      - {{id: b, type: {RETURN}, format: "{{{{ outputs.a.value }}}}", disabled: true}}
    finally:
      - {{id: c, type: {RETURN}, format: x}}
errors:
  - {{id: sorry, type: {LOG}, message: oh}}
finally:
  - {{id: bye, type: {LOG}, message: bye}}
triggers:
  - id: nightly
    type: {SCHEDULE}
    cron: "0 6 * * *"
    timezone: Europe/Paris
    disabled: true
  - id: pushed
    type: {PUSH}
    branches: main
"""


def test_a_flow_is_read_whole():
    found = flow(WHOLE)
    assert (found.namespace, found.id, found.description, found.disabled) == ("company.data", "etl", "Loads *orders*.\n", False)
    assert found.labels == {"env": "prod", "year": "2026"}
    assert found.variables == {"bucket": "s3://orders"}
    assert [declared.id for declared in found.inputs] == ["day"]
    assert [(trigger.id, trigger.type, trigger.disabled, trigger.place) for trigger in found.triggers] == [
        ("nightly", SCHEDULE, True, (38, 5)),
        ("pushed", PUSH, False, (43, 5)),
    ]
    assert found.source == WHOLE


def test_tasks_become_nodes():
    program = flow(WHOLE).program
    assert list(program.nodes) == ["hello", "group", "a", "c", "sorry", "bye"]
    assert {branch: [node.id for node in nodes] for branch, nodes in program.root.branches.items()} == {
        "tasks": ["hello", "group"],
        "errors": ["sorry"],
        "finally": ["bye"],
    }
    hello = program.nodes["hello"]
    assert (hello.type, hello.runs, hello.place) == (LOG, "inline", (15, 5))
    assert hello.spec == {"message": "Loading {{ inputs.day }}"}
    assert hello.model.message == "Loading {{ inputs.day }}"
    assert (hello.run_if, hello.timeout, hello.allow_failure, hello.allow_warning, hello.log_level) == ("{{ inputs.day != '' }}", "PT1M", True, False, "WARN")
    group = program.nodes["group"]
    assert (group.runs, group.spec) == ("flowable", {})
    assert {branch: [node.id for node in nodes] for branch, nodes in group.branches.items()} == {"tasks": ["a"], "finally": ["c"]}


def test_a_flow_can_be_handed_to_another_process():
    found = flow(WHOLE)
    assert pickle.loads(pickle.dumps(found)) == found


def test_one_finds_the_generated_index_in_the_shape_of_the_catalogue():
    catalogue = Catalogue(discovery.scan(), discovery.load)
    assert read(WHOLE, catalogue=catalogue).flow is not None


def test_a_class_is_imported_once_and_only_when_used():
    loaded = []

    def load(ref: str) -> type:
        loaded.append(ref)
        return discovery.load(ref)

    catalogue = Catalogue(INDEX, load)
    for _ in range(3):
        assert read(tasks(f"- {{id: a, type: {LOG}, message: x}}\n- {{id: b, type: io.kestra.core.tasks.log.Log, message: x}}"), catalogue=catalogue).flow
    assert loaded == ["service.tasks.log:Log"]


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("id: a\nnamespace: b\n", ("b", "a")),
        ("id: a\nnamespace: b\ntasks: [", ("b", "a")),
        ("namespace: 'b'  # here\nid: \"a\"\ntasks:\n\t- x\n", ("b", "a")),
        ("id: a\nid: c\nnamespace: b\n\t", None),
        ("id: a\n", None),
        ("id: a b\nnamespace: c\n", None),
        ("id: [a]\nnamespace: c\n", None),
        ("", None),
        (b"\xff", None),
        ("id: 7\nnamespace: b\n", ("b", "7")),
    ],
)
def test_a_wrong_file_says_whose_it_is_when_it_can(text, identity):
    reading = read(text)
    assert reading.flow is None
    assert reading.identity == identity


def test_labels_are_a_map_or_a_list():
    listed = "labels:\n  - {key: env, value: prod}\n  - {key: n, value: 1}\n"
    assert flow(tasks(f"- {{id: a, type: {LOG}, message: x}}", listed)).labels == {"env": "prod", "n": "1"}


@pytest.mark.parametrize("label", ["Env: x", '"": x', 'a: ""', "system.from: x", "a/b: x", "a: ~", "a: [x]", "1a: x"])
def test_labels_that_nobody_could_search_for_are_refused(label):
    assert not read(tasks(f"- {{id: a, type: {LOG}, message: x}}", f"labels:\n  {label}\n")).valid


def test_when_is_another_name_of_run_if():
    assert flow(tasks(f"- {{id: a, type: {LOG}, message: x, when: '{{{{ flow.id }}}}'}}")).program.nodes["a"].run_if == "{{ flow.id }}"
    assert codes(tasks(f"- {{id: a, type: {LOG}, message: x, when: a, runIf: b}}")) == ["HG-0104"]


@pytest.mark.parametrize(("written", "shown"), [("7", "`7`"), ("true", "`true`"), ("[x]", "a list")])
def test_a_type_that_is_no_text_is_not_passed_over(written, shown):
    rest = f"triggers:\n  - {{id: t, type: {written}}}\noutputs:\n  - {{id: o, type: {written}, value: x}}\n"
    found = [line.partition(" (")[0] for line in lines(tasks(f"- {{id: a, type: {written}}}", rest))]
    assert [line for line in found if "HG-0206" not in line] == [
        f".flows/x.yaml:4:19: error HG-0203: `tasks[0].type`: expected text, got {shown}",
        f".flows/x.yaml:6:19: error HG-0203: `triggers[0].type`: expected text, got {shown}",
        f".flows/x.yaml:8:19: error HG-0203: `outputs[0].type`: expected text, got {shown}",
    ]


def test_names_are_written_as_yaml_has_them_not_as_python_does():
    assert lines(tasks(f"- id: a\n  type: {SHELL}\n  commands: [x]\n  container_image: alpine\n  run_if: a")) == [
        ".flows/x.yaml:7:5: error HG-0201: unknown property `tasks[0].container_image` (did you mean `containerImage`?)",
        ".flows/x.yaml:8:5: error HG-0201: unknown property `tasks[0].run_if` (did you mean `runIf`?)",
    ]


def test_the_first_dialect_of_scripts_is_lowered():
    node = flow(tasks(f"- id: a\n  type: {SHELL}\n  commands: [x]\n  runner: DOCKER\n  docker: {{image: alpine, pullPolicy: NEVER}}")).program.nodes["a"]
    assert node.spec == {"commands": ["x"], "containerImage": "alpine", "taskRunner": {"type": DOCKER, "pullPolicy": "NEVER"}}
    node = flow(tasks(f"- id: a\n  type: {SHELL}\n  commands: [x]\n  runner: PROCESS")).program.nodes["a"]
    assert node.spec["taskRunner"] == {"type": PROCESS}
    node = flow(tasks(f"- id: a\n  type: {SHELL}\n  commands: [x]\n  docker: {{image: alpine}}")).program.nodes["a"]
    assert node.spec == {"commands": ["x"], "containerImage": "alpine"}


def test_mistakes_in_the_first_dialect_stand_where_they_were_made():
    text = tasks(f"- id: a\n  type: {SHELL}\n  commands: [x]\n  runner: DOKER\n  docker: {{image: A b, pulPolicy: NEVER}}")
    found = [line for line in lines(text) if "error" in line]
    assert found == [
        ".flows/x.yaml:7:13: error HG-0204: `tasks[0].runner`: the text `DOKER` is not allowed (did you mean `DOCKER`?)",
        ".flows/x.yaml:8:21: error HG-0230: `A b` is not an image name: it holds a space (for example `python:3.13-slim`)",
    ]


def test_a_task_runner_is_checked_by_its_own_class():
    text = tasks(f"- id: a\n  type: {SHELL}\n  commands: [x]\n  taskRunner:\n    type: {DOCKER}\n    pullPolicy: SOMETIMES\n    entrypoint: [x]")
    assert lines(text) == [
        ".flows/x.yaml:9:19: error HG-0204: `tasks[0].taskRunner.pullPolicy`: the text `SOMETIMES` is not allowed (one of `ALWAYS`, `IF_NOT_PRESENT`, `NEVER`)",
        ".flows/x.yaml:10:7: error HG-0201: unknown property `tasks[0].taskRunner.entrypoint` (did you mean `entryPoint`?)",
    ]
    assert codes(tasks(f"- id: a\n  type: {SHELL}\n  commands: [x]\n  taskRunner: {{type: x.y.Dockr}}")) == ["HG-0220"]
    assert codes(tasks(f"- id: a\n  type: {SHELL}\n  commands: [x]\n  taskRunner: {{image: alpine}}")) == ["HG-0202"]


def test_a_missing_list_of_a_group_is_missed():
    assert lines(tasks(f"- id: a\n  type: {SEQUENTIAL}")) == [
        ".flows/x.yaml:4:5: error HG-0202: `tasks[0].tasks` is missing (add `tasks:` with a list of tasks)"
    ]
    assert codes(tasks(f"- id: a\n  type: {SEQUENTIAL}\n  tasks: []")) == ["HG-0204"]
    assert codes(tasks(f"- id: a\n  type: {SEQUENTIAL}\n  tasks: {{id: b}}")) == ["HG-0203"]


def test_a_group_of_disabled_tasks_is_right():
    assert flow(tasks(f"- id: a\n  type: {SEQUENTIAL}\n  tasks:\n    - {{id: b, type: {LOG}, message: x, disabled: true}}")).program.nodes["a"].branches == {
        "tasks": ()
    }


def test_disabled_tasks_are_read_too():
    assert codes(tasks(f"- {{id: a, type: {LOG}, disabled: true}}")) == ["HG-0202"]


NOT_RUN = "is part of the flow language, but this version of Headgate does not run it yet (until then no execution of this flow is started)"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("policyRefs", "[a]"),
        ("version", "latest"),
    ],
)
def test_what_tasks_have_and_we_do_not_run_is_said_by_name_once_and_keeps_the_flow_from_being_started(key, value):
    text = tasks(f"- id: a\n  type: {LOG}\n  message: x\n  {key}: {value}")
    assert lines(text) == [f".flows/x.yaml:7:5: warning HG-0206: `{key}` {NOT_RUN}"]
    assert flow(text).refusal() == f"`dev.x` can't be started: `{key}`, at 7:5, is not run by this version"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("listeners", f"[{{tasks: [{{id: b, type: {LOG}, message: x}}]}}]"),
        ("policyRefs", "[a]"),
    ],
)
def test_what_flows_have_and_we_do_not_run_is_said_by_name_once_and_keeps_the_flow_from_being_started(key, value):
    text = tasks(f"- {{id: a, type: {LOG}, message: x}}", f"{key}: {value}\n")
    assert lines(text) == [f".flows/x.yaml:5:1: warning HG-0206: `{key}` {NOT_RUN}"]
    assert flow(text).refusal() == f"`dev.x` can't be started: `{key}`, at 5:1, is not run by this version"


@pytest.mark.parametrize("written", ["taskCache: {enabled: true}", "logToFile: true", "delivery: at_most_once"])
def test_what_only_a_task_that_does_something_has_is_without_effect_on_a_group(written):
    name = written.partition(":")[0]
    text = tasks(f"- id: a\n  type: {SEQUENTIAL}\n  {written}\n  tasks: [{{id: b, type: {LOG}, message: x}}]")
    (found,) = lines(text)
    assert found.startswith(f".flows/x.yaml:6:5: notice HG-0207: `{name}` is ignored: only a task that does something itself has it")
    assert flow(text).refusal() is None


@pytest.mark.parametrize("written", ["workerGroup: {key: gpu}", "workerSelector: {tags: [gpu]}"])
def test_runners_are_nothing_to_a_task_that_none_does(written):
    name = written.partition(":")[0]
    by_service = tasks(f"- id: a\n  type: {LOG}\n  message: x\n  {written}")
    assert lines(by_service) == [f".flows/x.yaml:7:5: notice HG-0207: `{name}` is ignored: the service itself does this task, on no runner"]
    group = tasks(f"- id: a\n  type: {SEQUENTIAL}\n  {written}\n  tasks: [{{id: b, type: {LOG}, message: x}}]")
    (found,) = lines(group)
    assert "only a task that runs on a runner has it, and a group whose tasks share a folder" in found
    assert flow(group).refusal() is None


def test_what_does_no_harm_is_ignored():
    found = flow(tasks(f"- {{id: a, type: {LOG}, message: x, assets: {{}}}}", "extend: {expect: {state: SUCCESS}}\nrevision: 4\ntenantId: main\n"))
    assert found.program.nodes["a"].spec == {"message": "x"}


def test_inside_a_type_that_is_not_installed_tasks_are_still_looked_at():
    text = tasks(
        f"- id: choose\n  type: io.kestra.plugin.core.flow.Choose\n  condition: x\n  then:\n    - {{id: a, type: {LOG}}}\n"
        f"- id: after\n  type: {RETURN}\n  format: '{{{{ outputs.a.value }}}} {{{{ outputs.nowhere.value }}}}'"
    )
    assert codes(text, allow_unknown_types=True) == ["HG-0220", "HG-0202", "HG-0303"]


def test_an_unknown_type_suggests_one_of_its_kind():
    assert "did you mean" not in lines(tasks("- {id: a, type: x.Schedule}"))[0]
    assert f"did you mean `{SCHEDULE}`?" in lines(tasks(f"- {{id: a, type: {LOG}, message: x}}", "triggers:\n  - {id: t, type: core.trigger.Schedul}\n"))[0]


@pytest.mark.parametrize(
    "message",
    [
        "{{ inputs.x ?? 'a' }}",
        "{{ outputs.x.y | default('a') }}",
        "{{ vars.x is defined }}",
        "{{ flow.id }} {{ trigger.executionId }}",
        "{{ outputs[inputs.day] }}",
        "{% raw %}{{ inputs.x }}{% endraw %}",
        "{% for inputs in vars.bucket %}{{ inputs.x }}{% endfor %}",
    ],
)
def test_names_that_may_be_there_are_not_complained_about(message):
    text = tasks(f'- id: a\n  type: {LOG}\n  message: "{message}"', "inputs: [{id: day, type: DATE}]\nvariables: {bucket: [a]}\n")
    assert codes(text) == []


def test_dotted_inputs_are_known_by_their_first_part():
    rest = "inputs:\n  - {id: db.host, type: STRING}\n"
    assert codes(tasks(f"- {{id: a, type: {LOG}, message: '{{{{ inputs.db.host }}}}'}}", rest)) == []
    assert codes(tasks(f"- {{id: a, type: {LOG}, message: '{{{{ inputs.dc.host }}}}'}}", rest)) == ["HG-0302"]


def test_a_real_subtraction_is_let_be():
    text = tasks(f"- {{id: a, type: {LOG}, message: '{{{{ inputs.a-inputs.b }}}}'}}", "inputs:\n  - {id: a, type: INT}\n  - {id: b, type: INT}\n")
    assert codes(text) == []


def test_a_trigger_that_gives_what_is_asked_is_right():
    rest = (
        f"inputs:\n  - {{id: day, type: DATE}}\n  - {{id: opt, type: DATE, required: false}}\ntriggers:\n  - id: t\n    type: {SCHEDULE}\n    cron: '@daily'\n"
    )
    body = f"- {{id: a, type: {LOG}, message: x}}"
    assert codes(tasks(body, rest)) == ["HG-0403"]
    assert codes(tasks(body, rest + "    inputs: {day: '{{ trigger.date }}'}\n")) == []


def test_a_timeout_may_be_an_expression():
    assert (
        flow(tasks(f"- {{id: a, type: {LOG}, message: x, timeout: '{{{{ vars.t }}}}'}}", "variables: {t: PT1S}\n")).program.nodes["a"].timeout == "{{ vars.t }}"
    )


def test_yaml_numbers_and_booleans_are_text_where_text_is_wanted():
    node = flow(tasks(f"- {{id: 7, type: {LOG}, message: true, runIf: false}}")).program.nodes["7"]
    assert (node.model.message, node.run_if) == ("true", "false")


def test_an_error_after_a_broken_value_is_not_made_up():
    assert codes(tasks(f"- id: a\n  type: {LOG}\n  message: {{{{ flow.id }}}}")) == ["HG-0108"]
    assert codes(tasks(f"- id: a\n  type: {LOG}\n  message: !x y")) == ["HG-0105"]
    assert codes(tasks(f"- {{id: a, type: {LOG}, message: x}}", "inputs:\n  - {id: a, type: INT, defaults: !x 1}\n")) == ["HG-0105"]
    assert codes(tasks(f"- !x\n  id: a\n- {{id: b, type: {LOG}, message: x}}")) == ["HG-0105"]


def test_fields_with_limits_say_them():
    from_test = Catalogue({"test.Limited": entry("tests.flows.limited:Limited", "task", "inline")}, discovery.load)
    text = tasks(
        "- id: a\n  type: test.Limited\n  count: 0\n  rate: 2.5\n  name: ''\n  many: [1, 2, 3]\n"
        "  nested: {wait: 5, unknow: 1}\n  list: [{wait: PT1S}, {wiat: PT1S}]"
    )
    found = [line.split(": ", 1)[1] for line in lines(text, catalogue=from_test)]
    assert found == [
        "error HG-0204: `tasks[0].count`: must be more than 0",
        "error HG-0204: `tasks[0].rate`: must be at most 1.0",
        "error HG-0204: `tasks[0].name`: must have at least 1 characters",
        "error HG-0204: `tasks[0].many`: must have fewer entries: at most 2",
        "error HG-0203: `tasks[0].nested.wait`: expected a duration, got `5` (`PT5S` is so many seconds)",
        "error HG-0201: unknown property `tasks[0].nested.unknow` (did you mean `known`?)",
        "error HG-0201: unknown property `tasks[0].list[1].wiat` (did you mean `wait`?)",
    ]


def test_durations_arrive_as_durations():
    assert flow(tasks("- {id: a, type: io.kestra.plugin.core.flow.Sleep, duration: PT1M}")).program.nodes["a"].model.duration == timedelta(minutes=1)


def test_what_we_read_is_what_a_yaml_reader_reads():
    assert flow(WHOLE).variables == yaml.safe_load(WHOLE)["variables"]
    assert {SCHEDULE, PUSH} <= set(CATALOGUE.names("trigger"))


def test_a_flow_with_types_that_are_not_installed_is_read_whole_where_they_are_let_through_and_never_started():
    text = tasks(
        "- id: group\n  type: com.example.Group\n  speed: 3\n  steps:\n    - {id: inner, type: com.example.Step, name: x}\n",
        f"triggers:\n  - {{id: t, type: com.example.Trigger, bucket: b, inputs: {{a: 1}}}}\n  - {{id: s, type: {SCHEDULE}, cron: '@daily'}}\n",
    )
    assert read(text).flow is None
    found = flow(text, allow_unknown_types=True)
    (group,) = found.tree.branches["tasks"]
    assert (group.type, [node.id for node in group.walk()]) == ("com.example.Group", ["group", "inner"])
    assert [(trigger.id, trigger.type) for trigger in found.triggers] == [("t", "com.example.Trigger"), ("s", SCHEDULE)]
    assert "the task type `com.example.Group`" in (found.refusal() or "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"id: x\nnamespace: dev\ntask: [{{id: a, type: {LOG}, message: x}}]\n", "3:1: error HG-0201: unknown property `task` (did you mean `tasks`?)"),
        (tasks(f"- {{id: a, type: {LOG}, mesage: x}}"), "4:50: error HG-0201: unknown property `tasks[0].mesage` (did you mean `message`?)"),
        (tasks(f"- {{id: a, type: {SEQUENTIAL}, task: []}}"), "4:58: error HG-0201: unknown property `tasks[0].task` (did you mean `tasks`?)"),
        (
            tasks(f"- {{id: a, type: {RETURN}}}", "format: x\n"),
            "5:1: error HG-0201: unknown property `format` (if it belongs to a task, indent it as far as the task's `type:`)",
        ),
        (
            "id: x\nnamespace: dev\nlimit: 1\n" + tasks(f"- {{id: a, type: {RETURN}}}")[21:],
            "3:1: error HG-0201: unknown property `limit` (it stands under `concurrency`)",
        ),
        (tasks(f"- {{ID: a, type: {RETURN}}}"), "4:6: error HG-0201: unknown property `tasks[0].ID` (did you mean `id`?)"),
        (tasks(f"- {{id: a, tpye: {RETURN}}}"), "4:13: error HG-0201: unknown property `tasks[0].tpye` (did you mean `type`?)"),
        (
            tasks(f"- {{id: a, type: {SHELL}, commands: [ls], memory: 1g, taskRunner: {{type: {DOCKER}}}}}"),
            "4:76: error HG-0201: unknown property `tasks[0].memory`",
        ),
        (
            tasks(f"- id: a\n  type: {SHELL}\n  commands:\n    - echo a: b"),
            "7:9: error HG-0203: `tasks[0].commands[0]`: expected text, got a map (a colon with a space behind it makes a map: put the whole text in quotes)",
        ),
        (
            tasks(f"- id: a\n  type: {SHELL}\n  commands:\n    -ls"),
            "7:7: error HG-0203: `tasks[0].commands`: expected a list, got the text `-ls` (a space is missing after `-`)",
        ),
    ],
)
def test_one_mistake_is_one_problem_and_the_hint_mends_it(text, line):
    assert lines(text) == [f".flows/x.yaml:{line}"]


@pytest.mark.parametrize(("namespace", "id"), [("5", "7"), ("dev", "7"), ("2026", "x"), ("true", "x")])
def test_a_valid_flow_has_the_identity_that_its_file_has(namespace, id):
    reading = read(f"id: {id}\nnamespace: {namespace}\ntasks:\n  - {{id: a, type: {LOG}, message: x}}\n")
    assert reading.flow is not None
    assert reading.identity == (reading.flow.namespace, reading.flow.id) == (namespace, id)
