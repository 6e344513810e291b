"""`headgate eval`: templates without a server, one or many."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from service.cli.batch import LONGEST, answer
from service.cli.world import World, json_of, variables_of
from tests.cli.conftest import ROOT, Command, environment

WORLD = World({"SECRET_TOKEN": base64.b64encode(b"s3cr3t").decode(), "SECRET_BAD": "%%%", "ENV_REGION": "eu", "HEADGATE_GLOBALS": '{"team": "data"}'})


def asked(**fields: Any) -> dict[str, Any]:
    """The answer to one question."""
    return dict(json.loads(answer(WORLD, 7, json.dumps(fields).encode())))


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (["{{ 1 + 1 }}"], "2\n"),
        (["plain"], "plain\n"),
        ([""], "\n"),
        (["{{ null }}"], "\n"),
        (["a\n"], "a\n\n"),
        (["{{ [1, 'é', null] }}"], '[1,"é",null]\n'),
        (["{{ [1, 'é', null] }}", "--typed"], '[1,"\\u00e9",null]\n'),
        (["{{ 'text' }}", "--typed"], "text\n"),
        (["{{ null }}", "--typed"], "null\n"),
        (["{{ 7 / 2.0 }}", "--typed"], "3.5\n"),
        (["{{ [1.0, 2] | jq('.[]') }}"], "[1.0,2]\n"),
        (["{{ true }}", "-o", "json"], '{"ok":true,"value":"true"}\n'),
        (["{{ true }}", "--typed", "-o", "json"], '{"ok":true,"value":true}\n'),
        (["--", "-{{ 1 }}"], "-1\n"),
    ],
)
def test_a_template_is_printed(headgate: Command, arguments: list[str], out: str) -> None:
    done = headgate("eval", *arguments)
    assert (done.code, done.out, done.err) == (0, out, "")


@pytest.mark.parametrize(
    "content",
    [
        "inputs: {n: 3}\nday: 2024-01-31\nw: no\n",
        '{"inputs": {"n": 3}, "day": "2024-01-31", "w": "no"}',
        '\ufeff{"inputs": {"n": 3}, "day": "2024-01-31", "w": "no"}',
    ],
)
def test_variables_come_from_yaml_and_json(headgate: Command, tmp_path: Path, content: str) -> None:
    (tmp_path / "vars").write_text(content, "utf-8")
    assert headgate("eval", "{{ inputs.n + 1 }} {{ day }} {{ w }}", "--vars", tmp_path / "vars").out == "4 2024-01-31 no\n"


def test_a_long_template_comes_from_a_file(headgate: Command, tmp_path: Path) -> None:
    (tmp_path / "t").write_text("a\n{{ nope }}\n")
    done = headgate("eval", "--file", tmp_path / "t")
    assert done.code == 2
    assert done.err == f"error: `nope` is not defined\n  --> {tmp_path}/t:2:4\n   |\n  2| {{{{ nope }}}}\n   |    ^^^^\n"


def test_a_mistake_has_its_line_and_a_caret(headgate: Command) -> None:
    done = headgate("eval", "x\u2028{{ inputs.name }}")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == ["error: `inputs` is not defined", "  --> <template>:1:6", "   |", "  1| x {{ inputs.name }}", "   |      ^^^^^^^^^^^"]
    as_json = headgate("eval", "a\n {{ 1 / 0 }}", "-o", "json")
    assert (as_json.code, as_json.json) == (2, {"ok": False, "error": "division by zero", "line": 2, "column": 7})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one TEMPLATE, or --file FILE, or --batch FILE"),
        (["a", "--file", "b"], "give one TEMPLATE, or --file FILE, or --batch FILE"),
        (["a", "--batch", "b"], "with --batch the template"),
        (["-", "--vars", "-"], "standard input can be the template or its variables"),
        (["a", "--vars", "/nowhere"], "/nowhere can't be read: No such file"),
        (["--file", "/"], "/ can't be read: Is a directory"),
        (["--batch", "/nowhere"], "/nowhere can't be read: No such file"),
        (["--batch", "/"], "/ can't be read: Is a directory"),
        (["a", "--timezone", "Mars/Base"], "there is no time zone `Mars/Base`"),
    ],
)
def test_what_can_not_be_asked_ends_with_2(headgate: Command, arguments: list[str], message: str) -> None:
    done = headgate("eval", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


@pytest.mark.parametrize(("content", "message"), [("[1]", "must hold a map"), ("a: [", "line 2, column 1: this is not YAML"), ("5", "not a number")])
def test_variables_must_be_a_map(content: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        variables_of(content)


def test_the_environment_is_that_of_a_service() -> None:
    assert WORLD.value("{{ secret('token') }} {{ envs.region }} {{ env('region') }} {{ globals.team }}", {}, typed=False) == "s3cr3t eu eu data"
    assert WORLD.value("{{ envs.region }}", {"envs": {"region": "us"}}, typed=False) == "us"
    assert World({}, "Europe/Paris").value("{{ now('xxx') }}", {}, typed=False) in ("+01:00", "+02:00")
    assert WORLD.value("{{ uuid() }}", {}, typed=False) != WORLD.value("{{ uuid() }}", {}, typed=False)


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"template": "{{ a }}", "vars": {"a": [1, 2]}}, "[1,2]"),
        ({"template": "{{ a }}", "vars": {"a": [1, 2]}, "typed": True}, [1, 2]),
        ({"template": "{{ null }}"}, ""),
        ({"template": "{{ null }}", "typed": True}, None),
        ({"template": {"{{ a }}": ["{{ 1 + 1 }}", 1, None]}, "vars": {"a": "k"}, "typed": True}, {"k": [2, 1, None]}),
        ({"template": {"{{ a }}": ["{{ 1 + 1 }}", 1, None]}, "vars": {"a": "k"}}, {"k": ["2", 1, None]}),
        ({"template": "{{ 1 }}", "vars": None, "typed": None}, "1"),
        ({"template": "{{ 1 }}", "typed": False, "type": "sum", "expected": 2, "vars": {}, "variables": 1}, "1"),
        ({"template": 5}, "5"),
        ({"template": 5, "typed": True}, 5),
        ({"template": "{{ 1.0 / 0 }}", "typed": True}, "Infinity"),
        ({"template": "{{ [0.0 / 0] }}", "typed": True}, ["NaN"]),
        ({"template": "{{ a }}", "vars": {"a": "\ud83d"}}, "\ud83d"),
        ({"template": "{{ a }}", "vars": {"a": "😀\x00\n"}}, "😀\x00\n"),
    ],
)
def test_a_line_is_answered(fields: Mapping[str, Any], value: Any) -> None:
    assert asked(name="x", **fields) == {"name": "x", "ok": True, "value": value}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"template": "a {{ b }}"}, "`b` is not defined (line 1, column 6)"),
        ({"template": {"x": ["{{ b }}"]}, "typed": True}, "`x[0]`: `b` is not defined (line 1, column 4)"),
        ({"template": "{{ secret('BAD') }}"}, "SECRET_BAD is not base64: set it to the output of `printf %s VALUE | base64 -w0` (line 1, column 4)"),
        ({"template": "{{ secret('GONE') }}"}, "the secret `GONE` is not available (line 1, column 4)"),
        ({}, "this line has no `template`"),
        ({"template": "", "vars": []}, "`vars` must be a map, not a list"),
        ({"template": "", "typed": "yes"}, "`typed` must be true or false, not text"),
        ({"template": "", "typed": 1}, "`typed` must be true or false, not a number"),
        ({"template": "", "type": True}, "a line has `name`, `template`, `vars`, `typed`, not `type`; did you mean `typed`?"),
        ({"Template": ""}, "a line has `name`, `template`, `vars`, `typed`, not `Template`; did you mean `template`?"),
    ],
)
def test_what_is_wrong_with_a_line_is_its_answer(fields: Mapping[str, Any], error: str) -> None:
    assert asked(name="x", **fields) == {"name": "x", "ok": False, "error": error}


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"\n", "this line is not JSON: Expecting value at column 2"),
        (b'{"template": NaN}', "this line is not JSON: NaN"),
        (b"[" * 100_000, "this line is not JSON: "),
        (b"[]", "a line must be a JSON object, not a list"),
        (b"\xef\xbb\xbf\r\n", "this line is not JSON: Expecting value"),
        (b'{"name": null, "template": "{{"}', "this `{{` is never closed"),
        (b'"\xff"', "this line is not UTF-8: byte 2"),
        (b'{"name": [], "template": ""}', "`name` must be text or a number, not a list"),
        (b'"' + b"a" * LONGEST + b'"', "a line of more than"),
    ],
)
def test_a_line_that_is_no_question_is_told_by_its_number(line: bytes, error: str) -> None:
    found = json.loads(answer(WORLD, 7, line))
    assert (found["name"], found["ok"]) == (7, False)
    assert error in found["error"]


class Broken(World):
    """A world with a fault of ours in it."""

    def value(self, template: Any, variables: Mapping[str, Any], *, typed: bool) -> Any:
        raise KeyError("odd")


def test_a_fault_is_the_answer_to_its_line() -> None:
    assert json.loads(answer(Broken({}), 1, b'{"template": "x"}')) == {"name": 1, "ok": False, "error": "a fault of Headgate's own: KeyError: 'odd'"}


def test_a_batch_answers_every_line_in_order(headgate: Command, tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_bytes(b'{"name": "a", "template": "{{ 1 }}"}\n' + b" " * (2 * LONGEST + 5) + b'\n{"template": "{{ 3 }}"}\r\nnot json')
    done = headgate("eval", "--batch", file)
    assert done.code == 0
    assert [(found["name"], found["ok"]) for found in map(json.loads, done.out.splitlines())] == [("a", True), (2, False), (3, True), (4, False)]


def test_each_line_is_answered_as_it_comes() -> None:
    command = [sys.executable, "-m", "service", "eval", "--batch", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=environment(LC_ALL="C")) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(json.dumps({"template": f"{{{{ 'é' ~ {number} }}}}"}, ensure_ascii=False).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == {"name": number + 1, "ok": True, "value": f"é{number}"}
        process.stdin.close()
        assert process.wait() == 0


@pytest.mark.parametrize(("ended", "code"), [("pipe", 1), ("interrupt", 130)])
def test_a_batch_that_nobody_waits_for_ends_without_a_word(ended: str, code: int) -> None:
    command = [sys.executable, "-m", "service", "eval", "--batch", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environment()) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b'{"template": "{{ 1 }}"}\n')
        process.stdin.flush()
        assert process.stdout.readline() == b'{"name":1,"ok":true,"value":"1"}\n'
        if ended == "pipe":
            process.stdout.close()
            process.stdin.write(b'{"template": "{{ 2 }}"}\n')
            process.stdin.flush()
        else:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == code
        assert process.stderr.read() == b""


def test_json_is_valid_in_every_encoding() -> None:
    text = json_of({"a": "é\ud800😀", "n": [1.5, 2**70, float("inf")]})
    assert text.isascii()
    assert json.loads(text) == {"a": "é\ud800😀", "n": [1.5, 2**70, "Infinity"]}


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("{{ kv('answer') + 1 }}", 43),
        ("{{ kv('answer', 'company') }}", 42),
        ("{{ kv('none', errorOnMissing=false) }}", None),
        ("{{ tasksWithState('FAILED') }}", [{"taskId": "a", "state": "FAILED"}]),
        ("{{ currentEachOutput(outputs.inner) }}", 1),
        ("{{ fetchContext().kv }}", {"answer": 42}),
    ],
)
def test_the_world_is_in_the_variables(template: str, wanted: Any) -> None:
    variables = {
        "kv": {"answer": 42},
        "flow": {"namespace": "company"},
        "tasks": {"a": {"state": "FAILED"}},
        "outputs": {"inner": {"x": 1}},
        "taskrun": {"value": "x"},
    }
    assert asked(template=template, vars=variables, typed=True) == {"name": 7, "ok": True, "value": wanted}


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ kv('none') }}", "there is no key `none` in this namespace or one above it"),
        ("{{ kv('a', 'other') }}", "without a server there are the keys of one namespace only: those of the variable `kv`"),
        ("{{ read('a') }}", "files are not available here"),
        ("{{ fileExists('a') }}", "files are not available here"),
        ("{{ http('http://127.0.0.1') }}", "`http()` waits for another server"),
        ("{{ errorLogs() }}", "`errorLogs()` is not available here"),
        ("{{ subflow('t', 'f') }}", "`subflow()` waits for the end of another flow, so it works only in the inputs of a flow that somebody starts"),
    ],
)
def test_what_needs_a_server_says_so(template: str, message: str) -> None:
    found = asked(template=template)
    assert found["ok"] is False
    assert found["error"].startswith(message)
