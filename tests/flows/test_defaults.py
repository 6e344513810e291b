"""Plugin defaults."""

from __future__ import annotations

from typing import Any

import pytest

from service.flows.defaults import merged
from tests.flows.world import DOCKER, LOG, PROCESS, PUSH, RETURN, SHELL, codes, flow, lines, refusals, tasks

LOGGING = f"- {{id: a, type: {LOG}, message: x}}\n- {{id: b, type: {LOG}, message: x, level: DEBUG}}"


def levels(rest: str, **options: Any) -> tuple[str, str]:
    """The levels of a task that says nothing and of one that says DEBUG."""
    nodes = flow(tasks(LOGGING, rest), **options).program.nodes
    return nodes["a"].model.level, nodes["b"].model.level


@pytest.mark.parametrize("name", [LOG, "io.kestra.core.tasks.log.Log", "io.kestra.plugin.core.log", "io.kestra.plugin.core", "io.kestra.plugin.core."])
def test_defaults_are_for_a_type_an_old_name_of_it_or_all_below_a_package(name):
    assert levels(f"pluginDefaults:\n  - {{type: {name}, values: {{level: WARN}}}}\n") == ("WARN", "DEBUG")


@pytest.mark.parametrize("name", ["io.kestra.plugin.core.lo", RETURN, "io.kestra.plugin.core.log.Logger"])
def test_defaults_of_others_are_not_ours(name):
    assert levels(f"pluginDefaults:\n  - {{type: {name}, values: {{level: WARN}}}}\n") == ("INFO", "DEBUG")


def test_a_forced_default_wins_over_the_task():
    assert levels(f"pluginDefaults:\n  - {{type: {LOG}, forced: true, values: {{level: WARN}}}}\n") == ("WARN", "WARN")


def test_more_specific_and_later_ones_win():
    rest = (
        f"pluginDefaults:\n  - {{type: {LOG}, values: {{level: WARN}}}}\n  - {{type: {LOG}, values: {{level: ERROR}}}}\n"
        "  - {type: io.kestra.plugin.core, values: {level: TRACE}}\n"
    )
    assert levels(rest)[0] == "ERROR"


def test_the_flow_wins_over_the_instance():
    instance = [{"type": LOG, "values": {"level": "TRACE"}}]
    assert levels("", defaults=instance) == ("TRACE", "DEBUG")
    assert levels("pluginDefaults:\n  - {type: io.kestra, values: {level: WARN}}\n", defaults=instance)[0] == "WARN"


def test_task_defaults_is_the_old_name():
    assert levels(f"taskDefaults:\n  - {{type: {LOG}, values: {{level: WARN}}}}\n") == ("WARN", "DEBUG")
    assert codes(tasks(LOGGING, "taskDefaults: []\npluginDefaults: []\n")) == ["HG-0104"]


def test_maps_are_merged_deeply():
    body = f"- {{id: a, type: {SHELL}, commands: [x], env: {{A: task}}}}"
    node = flow(tasks(body, f"pluginDefaults:\n  - {{type: {SHELL}, values: {{env: {{A: default, B: default}}}}}}\n")).program.nodes["a"]
    assert node.spec["env"] == {"A": "task", "B": "default"}


def test_another_task_runner_does_not_inherit_the_properties_of_the_default_one():
    rest = f"pluginDefaults:\n  - {{type: {SHELL}, values: {{taskRunner: {{type: {DOCKER}, pullPolicy: NEVER}}}}}}\n"
    body = f"- {{id: a, type: {SHELL}, commands: [x]}}\n- {{id: b, type: {SHELL}, commands: [x], taskRunner: {{type: {PROCESS}}}}}"
    nodes = flow(tasks(body, rest)).program.nodes
    assert nodes["a"].spec["taskRunner"] == {"type": DOCKER, "pullPolicy": "NEVER"}
    assert nodes["b"].spec["taskRunner"] == {"type": PROCESS}


def test_task_runners_and_triggers_have_defaults_too():
    rest = (
        f"pluginDefaults:\n  - {{type: {DOCKER}, values: {{pullPolicy: ALWAYS}}}}\n  - {{type: {PUSH}, values: {{branches: main}}}}\n"
        f"triggers:\n  - {{id: t, type: {PUSH}}}\n"
    )
    found = flow(tasks(f"- {{id: a, type: {SHELL}, commands: [x], taskRunner: {{type: {DOCKER}}}}}", rest))
    assert found.program.nodes["a"].spec["taskRunner"] == {"type": DOCKER, "pullPolicy": "ALWAYS"}
    assert found.triggers[0].model.branches == ("main",)


def test_common_properties_have_defaults_too():
    rest = f"pluginDefaults:\n  - {{type: {LOG}, values: {{timeout: PT1S, allowFailure: true}}}}\n"
    node = flow(tasks(LOGGING, rest)).program.nodes["a"]
    assert (node.timeout, node.allow_failure, node.spec) == ("PT1S", True, {"message": "x"})


def test_a_mistake_in_a_default_is_pointed_at_there():
    rest = f"pluginDefaults:\n  - {{type: {LOG}, values: {{level: LOUD, lebel: x}}}}\n"
    assert lines(tasks(f"- {{id: a, type: {LOG}, message: x}}", rest)) == [
        ".flows/x.yaml:6:59: error HG-0204: `pluginDefaults[0].values.level`: the text `LOUD` is not allowed "
        "(one of `DEBUG`, `ERROR`, `INFO`, `TRACE`, `WARN`)",
        ".flows/x.yaml:6:65: error HG-0201: unknown property `pluginDefaults[0].values.lebel` (did you mean `level`?)",
    ]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("text", "HG-0203"),
        ("{values: {}}", "HG-0202"),
        ("{type: a.b}", "HG-0202"),
        ("{type: a.b, values: []}", "HG-0203"),
        ("{type: a.b, values: {}, ref: x}", "HG-0206"),
    ],
)
def test_a_wrong_entry_is_a_problem(entry, code):
    assert codes(tasks(LOGGING, f"pluginDefaults:\n  - {entry}\n")) == [code]


def test_merging_changes_neither_side():
    weak, strong = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merged(weak, strong) == {"a": {"b": 1, "c": 2}}
    assert (weak, strong) == ({"a": {"b": 1}}, {"a": {"c": 2}})


def test_a_default_of_a_package_is_not_applied_inside_of_what_it_gave():
    package = f"pluginDefaults:\n  - type: io.kestra.plugin.scripts\n    values: {{containerImage: busybox, taskRunner: {{type: {DOCKER}}}}}\n"
    found = flow(tasks(f"- {{id: a, type: {SHELL}, commands: [ls]}}", package)).program.nodes["a"]
    assert found.spec == {"commands": ["ls"], "containerImage": "busybox", "taskRunner": {"type": DOCKER}}
    own = flow(tasks(f"- {{id: a, type: {SHELL}, commands: [ls], taskRunner: {{type: {DOCKER}, user: me}}}}", package)).program.nodes["a"]
    assert own.spec["taskRunner"] == {"type": DOCKER, "user": "me"}


def test_defaults_of_a_runner_and_of_its_scripts_stand_side_by_side():
    both = (
        f"pluginDefaults:\n  - type: io.kestra.plugin.scripts\n    values: {{taskRunner: {{type: {DOCKER}}}}}\n"
        f"  - type: {DOCKER}\n    values: {{pullPolicy: NEVER}}\n"
    )
    found = flow(tasks(f"- {{id: a, type: {SHELL}, commands: [ls]}}", both)).program.nodes["a"]
    assert found.spec["taskRunner"] == {"type": DOCKER, "pullPolicy": "NEVER"}


@pytest.mark.parametrize(
    ("entries", "count"),
    [
        (f"  - type: {SHELL}\n    values: {{env: {{{', '.join(f'A{n}: b' for n in range(9_000))}}}}}\n", 900),
        ("".join(f"  - {{type: io, values: {{env: {{A{n}: b}}}}}}\n" for n in range(4_000)), 1),
        ("".join(f"  - {{type: nobody.{n}, values: {{}}}}\n" for n in range(4_000)), 100),
    ],
    ids=["one that is long", "many for one task", "many for nobody"],
)
def test_what_defaults_bring_to_a_flow_is_bounded(entries, count):
    listed = "\n".join(
        f"- {{id: t{n}, type: a.T{n}, commands: [a]}}" if "nobody" in entries else f"- {{id: t{n}, type: {SHELL}, commands: [a]}}" for n in range(count)
    )
    assert "HG-0218" in codes(tasks(listed, f"pluginDefaults:\n{entries}"), allow_unknown_types=True)


@pytest.mark.parametrize(
    ("defaults", "refused"),
    [
        (f"{{type: {LOG}, values: {{message: 'x {{{{ inputs.nope }}}}'}}}}", "HG-0302 inputs.nope"),
        ("{type: io.kestra.plugin.core, values: {timeout: 5m}}", "HG-0205 5m"),
        ("{type: io.kestra.plugin, forced: true, values: {retry: {type: constant}}}", "HG-0202 retry"),
        ("{type: io.kestra.plugin.scripts, values: {containerImage: Foo Bar}}", "HG-0230 Foo Bar"),
        ("{type: io.kestra.plugin.scripts, values: {env: {PATH: x}}}", "HG-0231 PATH"),
        (f"{{type: io.kestra.plugin.scripts, values: {{taskRunner: {{type: {DOCKER}, pullPolicy: SOME}}}}}}", "HG-0204 SOME"),
        (f"{{type: io.kestra.plugin.scripts, values: {{taskRunner: {{type: {PROCESS}s}}}}}}", f"HG-0220 {PROCESS}s"),
        (f"{{type: {DOCKER}, values: {{pulPolicy: NEVER}}}}", "HG-0201 pulPolicy"),
        ("{type: io.kestra.plugin.core.trigger, values: {timezone: Mars}}", "HG-0402 Mars"),
    ],
)
@pytest.mark.parametrize("key", ["pluginDefaults", "taskDefaults"])
def test_what_a_default_makes_wrong_is_pointed_at_once_and_in_the_default(key, defaults, refused):
    runner = "" if "taskRunner" in defaults else f", taskRunner: {{type: {DOCKER}}}"
    body = "\n".join(f"- {{id: {name}, type: {LOG}}}\n- {{id: {name}s, type: {SHELL}, commands: [ls]{runner}}}" for name in ("a", "b"))
    message = f"  - {{type: {LOG}, values: {{message: hi}}}}\n"
    trigger = "triggers:\n  - {id: t, type: io.kestra.plugin.core.trigger.Schedule, cron: '@daily'}\n"
    assert refusals(tasks(body, f"{trigger}{key}:\n{message}  - {defaults}\n")) == [refused]


def test_a_default_for_many_types_gives_each_what_it_has():
    rest = "triggers:\n  - {id: t, type: io.kestra.plugin.core.trigger.Schedule, cron: '@daily'}\n"
    read = flow(tasks(LOGGING, f"{rest}pluginDefaults:\n  - {{type: io.kestra.plugin.core, values: {{timeout: PT5M, timezone: Europe/Paris, level: WARN}}}}\n"))
    assert (read.program.nodes["a"].timeout, read.program.nodes["a"].model.level, str(read.triggers[0].model.timezone)) == ("PT5M", "WARN", "Europe/Paris")
