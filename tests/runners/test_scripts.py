"""Script tasks, run for real as processes."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import BinaryIO

import pytest
from pydantic import ValidationError

from runners.masking import STARS
from runners.memory import MemoryService
from runners.protocol import OUTPUT_LIMIT, Lease, Metric, Result, Tree
from runners.tasks import find, types
from tests.runners.playing import PYTHON, SCRIPT, SHELL, alive, at_work, job, play, until

COMMIT = Tree("demo", "a" * 40)


def test_stdout_is_info_and_stderr_is_error(tmp_path):
    outcome, lines = play(tmp_path, job("one", "echo out", "sleep 0.1", "echo err >&2"))
    assert lines == [("INFO", "out"), ("ERROR", "err")]
    assert outcome.result is Result.SUCCESS
    assert outcome.outputs == {
        "exitCode": 0,
        "outputFiles": {},
        "vars": {},
        "stdOutLineCount": 1,
        "stdErrLineCount": 1,
        "taskRunner": {"type": "io.kestra.plugin.core.runner.Process"},
    }


def test_a_non_zero_exit_fails_and_names_the_code_and_keeps_outputs(tmp_path):
    outcome, _ = play(tmp_path, job("one", """echo '::{"outputs": {"rows": 3}}::'""", "exit 7"))
    assert (outcome.result, outcome.exit_code, outcome.outputs["vars"]) == (Result.FAILED, 7, {"rows": 3})
    assert outcome.message == "the command ended with exit code 7"


def test_fail_fast_stops_at_the_first_failure_and_can_be_turned_off(tmp_path):
    assert play(tmp_path / "a", job("one", "false", "echo on"))[1] == []
    assert play(tmp_path / "b", job("two", spec={"commands": ["false", "echo on"], "failFast": False}))[1] == [("INFO", "on")]


def test_before_commands_run_in_the_same_shell_and_are_logged_at_debug(tmp_path):
    spec = {"beforeCommands": ["x=1; echo preparing; sleep 0.05; echo careful >&2; sleep 0.05"], "commands": ["echo x=$x"]}
    assert play(tmp_path, job("one", spec=spec))[1] == [("DEBUG", "preparing"), ("DEBUG", "careful"), ("INFO", "x=1")]


def test_an_interpreter_of_ones_own_gets_the_commands(tmp_path):
    spec = {"interpreter": [sys.executable, "-c"], "commands": ["import os", "print(os.environ['HEADGATE_TASK_ID'])"]}
    assert play(tmp_path, job("one", spec=spec))[1] == [("INFO", "task")]


def test_the_commits_tree_is_the_working_directory(tmp_path, service: MemoryService):
    service.hold(COMMIT, {"run.sh!": b"#!/bin/sh\ncat data/a.txt", "data/a.txt": b"content\n"})
    assert play(tmp_path, job("one", "./run.sh", tree=COMMIT), service)[1] == [("INFO", "content")]
    # A job can't change what the next one finds.
    assert play(tmp_path, job("two", "echo other > data/a.txt", tree=COMMIT), service)[0].result is Result.SUCCESS
    assert play(tmp_path, job("three", "./run.sh", tree=COMMIT), service)[1] == [("INFO", "content")]


def test_a_python_script_imports_from_the_working_directory_and_finds_python_everywhere(tmp_path, service: MemoryService):
    service.hold(COMMIT, {"helper.py": b"def greet(): return 'hello'\n"})
    script = "import helper, sys\nprint(helper.greet())\nprint('é', file=sys.stderr)"
    outcome, lines = play(tmp_path, job("one", type=PYTHON, spec={"script": script}, tree=COMMIT), service)
    assert outcome.result is Result.SUCCESS
    assert sorted(lines) == [("ERROR", "é"), ("INFO", "hello")]


def test_python_is_supplied_where_the_path_has_none(tmp_path):
    spec = {"commands": ["/bin/true; python -c 'import sys; print(sys.version_info[0])'"], "env": {"PATH": "/nonexistent"}}
    assert play(tmp_path, job("one", spec=spec))[1] == [("INFO", "3")]


def test_a_script_sees_its_own_environment_and_none_of_the_agents(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADGATE_TOKEN", "hidden")
    monkeypatch.setenv("SECRET_KEY", "hidden")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    outcome, lines = play(tmp_path, job("one", spec={"commands": ["env"], "env": {"MINE": "yes", "NUMBER": 5}}, env={"SHARED": "1"}))
    env = dict(message.split("=", 1) for _, message in lines)
    assert outcome.result is Result.SUCCESS
    assert "hidden" not in env.values()
    assert {"MINE": "yes", "NUMBER": "5", "SHARED": "1", "HEADGATE_RUN_ID": "exec-1", "HEADGATE_ATTEMPT": "1"}.items() <= env.items()
    assert env["HEADGATE_IDEMPOTENCY_KEY"] == "one"
    assert env["WORKING_DIR"] == env["PWD"] == str(tmp_path / "jobs/one-1-1/work")


def test_input_files_are_written_and_output_files_stored(tmp_path, service: MemoryService):
    service.store("kestra:///in.txt", b"from storage")
    service.store("nsfile:///d.txt", b" and the tree")
    spec = {
        "inputFiles": {"a/b.txt": "text", "c.txt": "kestra:///in.txt", "d.txt": "nsfile:///d.txt\n", "none": None},
        "commands": ["cat a/b.txt c.txt d.txt > out.csv", "mkdir -p deep/er", "echo 1 > deep/er/x.json", "echo no > other"],
        "outputFiles": ["*.csv", "**/*.json", "missing*"],
    }
    outcome, lines = play(tmp_path, job("one", spec=spec), service)
    files = outcome.outputs["outputFiles"]
    assert set(files) == {"out.csv", "deep/er/x.json"}
    assert service.stored(files["out.csv"]) == b"textfrom storage and the tree"
    assert lines == [("WARN", "outputFiles: nothing matches 'missing*'")]


def test_stored_files_named_in_a_script_become_paths(tmp_path, service: MemoryService):
    service.store("kestra:///x/in.txt", b"from storage")
    assert play(tmp_path, job("one", 'cat "kestra:///x/in.txt"'), service)[1] == [("INFO", "from storage")]
    outcome, _ = play(tmp_path, job("two", "cat kestra:///x/other.txt"), service)
    assert outcome.result is Result.FAILED
    assert "kestra:///x/other.txt can't be downloaded" in str(outcome.message)


def test_the_output_directory_is_stored_when_asked_for(tmp_path, service: MemoryService):
    outcome, _ = play(tmp_path, job("one", spec={"commands": ["echo 1 > $OUTPUT_DIR/a.txt"], "outputDirectory": True}), service)
    assert set(outcome.outputs["outputFiles"]) == {"a.txt"}


def test_the_files_of_a_namespace_get_a_folder_of_its_name_where_that_is_wanted(tmp_path, service: MemoryService):
    service.hold(COMMIT, {"a.txt": b"a", "deep/b.txt": b"b", "c.csv": b"c", "n/deep/b.txt": b"there"})
    wanted = {"folderPerNamespace": True, "include": ["**/*.txt"], "exclude": ["n/**"], "namespaces": ["n"], "ifExists": "WARN"}
    spec = {"commands": ["cat n/a.txt n/deep/b.txt", "test ! -e n/c.csv"], "namespaceFiles": wanted, "outputFiles": ["**/.*"]}
    outcome, lines = play(tmp_path, job("one", spec=spec, tree=COMMIT), service)
    assert (outcome.result, outcome.outputs["outputFiles"]) == (Result.SUCCESS, {})
    assert lines[:2] == [("WARN", "namespaceFiles: 'n/deep/b.txt' is there already, and stays as it is"), ("INFO", "athere")]
    spec = {"commands": ["true"], "namespaceFiles": {**wanted, "ifExists": "FAIL"}}
    outcome, _ = play(tmp_path, job("two", spec=spec, tree=COMMIT), service)
    assert (outcome.result, outcome.message) == (Result.FAILED, "namespaceFiles: 'n/deep/b.txt' is there already")


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", ""])
def test_an_input_file_that_leads_outside_fails_the_task(tmp_path, name):
    outcome, _ = play(tmp_path, job("one", spec={"commands": ["true"], "inputFiles": {name: "x"}}))
    assert outcome.result is Result.FAILED
    assert "not a path inside the working directory" in str(outcome.message)


@pytest.mark.parametrize("pattern", ["../*", "/etc/*", "**/../../*"])
def test_an_output_glob_that_leads_outside_fails_the_task(tmp_path, pattern):
    outcome, _ = play(tmp_path, job("one", spec={"commands": ["true"], "outputFiles": [pattern]}))
    assert outcome.result is Result.FAILED
    assert "not a path inside" in str(outcome.message)


def test_a_task_that_removes_its_working_directory_is_told_so(tmp_path):
    outcome, _ = play(tmp_path, job("one", spec={"commands": ['rm -r "$WORKING_DIR"'], "outputFiles": ["*"]}))
    assert (outcome.result, outcome.exit_code) == (Result.FAILED, 0)
    assert outcome.message == "the task removed its working directory, and with it all that could be stored"


def test_output_files_are_never_links(tmp_path, service: MemoryService):
    commands = ["ln -s /etc/passwd link.txt", "ln -s /etc folder", "echo real > real.txt", "mkfifo pipe.txt"]
    outcome, _ = play(tmp_path, job("one", spec={"commands": commands, "outputFiles": ["**"]}), service)
    assert set(outcome.outputs["outputFiles"]) == {"real.txt"}


def test_the_line_protocol_carries_outputs_metrics_and_logs(tmp_path):
    message = {
        "outputs": {"a": 1, "b": {"c": [True, None]}},
        "metrics": [
            {"name": "rows", "type": "counter", "value": 5, "tags": {"table": "x"}},
            {"name": "took", "type": "timer", "value": "PT1.5S"},
            {"name": "heat", "type": "gauge", "value": 0.5, "description": "warm"},
        ],
        "logs": [{"level": "WARNING", "message": "mind"}],
    }
    outcome, lines = play(tmp_path, job("one", type=PYTHON, spec={"script": f"print('::' + {json.dumps(json.dumps(message))} + '::')"}))
    assert lines == [("WARN", "mind")]
    assert outcome.outputs["vars"] == message["outputs"]
    assert outcome.metrics == (
        Metric("rows", "counter", 5.0, {"table": "x"}),
        Metric("took", "timer", 1.5),
        Metric("heat", "gauge", 0.5, description="warm"),
    )


@pytest.mark.parametrize(
    "line",
    [
        '::{"outputs": [1]}::',
        "::{not json}::",
        ' ::{"outputs": {}}::',
        'x ::{"outputs": {"a": 1}}::',
        '::{"metrics": [{"name": "x", "type": "odd", "value": 1}]}::',
        '::{"metrics": [{"name": "x", "type": "gauge", "value": NaN}]}::',
        '::{"outputs": {"n": 1e400}}::',
        '::{"outputs": {"n": [{"m": -1.5E+999}]}}::',
        '::{"metrics": [{"name": "x", "type": "gauge", "value": 1' + "0" * 400 + "}]}::",
        "::{" + "[" * 50 + "}::",
        "::set-output name=x::y",
    ],
)
def test_a_malformed_message_is_plain_text(tmp_path, line):
    outcome, lines = play(tmp_path, job("one", f"cat <<'EOF'\n{line}\nEOF"))
    assert lines == [("INFO", line)]
    assert outcome.outputs["vars"] == {}


def test_messages_among_plain_lines_keep_their_place(tmp_path):
    script = """
for i in range(300):
    print(i)
    print('::{"logs": [{"message": "log %d"}]}::' % i)
    print("::no %d" % i)
print('::{"outputs": {"last": 1}}::')
"""
    outcome, lines = play(tmp_path, job("one", type=PYTHON, spec={"script": script}))
    assert [message for _, message in lines] == [text for i in range(300) for text in (str(i), f"log {i}", f"::no {i}")]
    assert (outcome.outputs["vars"], outcome.outputs["stdOutLineCount"]) == ({"last": 1}, 901)


def test_outputs_that_are_too_large_fail_the_task_and_keep_the_log(tmp_path):
    script = "print('before')\nfor i in range(6): print('::{\"outputs\": {\"k%d\": \"%s\"}}::' % (i, 'x' * 1000000))"
    outcome, lines = play(tmp_path, job("one", type=PYTHON, spec={"script": script}))
    assert outcome.result is Result.FAILED
    assert "outputs are too large" in str(outcome.message)
    assert lines == [("INFO", "before")]


@pytest.mark.parametrize(("size", "result"), [(900_000, Result.SUCCESS), (OUTPUT_LIMIT - 30, Result.FAILED)])
def test_outputs_are_measured_with_all_that_stands_beside_them(tmp_path, size: int, result: Result):
    script = f"import json\nfor i in range(3): print('::' + json.dumps({{'outputs': {{'k': 'x' * {size}}}}}) + '::')"
    outcome, _ = play(tmp_path, job("one", type=PYTHON, spec={"script": script}))
    assert outcome.result is result
    assert len(json.dumps(outcome.outputs)) <= OUTPUT_LIMIT
    assert result is Result.SUCCESS or "more than 1,000,000 bytes of JSON" in str(outcome.message)


class Storing(MemoryService):
    """Counts what is stored; the first file takes until the job is stopped."""

    def __init__(self, ending: Path, kill: bool = False) -> None:
        super().__init__()
        self.names: list[str] = []
        self.ending, self.kills = ending, kill

    def put(self, lease: Lease, name: str, stream: BinaryIO) -> str:
        self.names.append(name)
        if self.kills:
            self.kill(lease.task_run)
        until(self.ending.exists)
        time.sleep(0.05)  # from its being written down to its being so
        return super().put(lease, name, stream)


@pytest.mark.parametrize(
    ("kill", "result", "message"), [(True, Result.KILLED, "the task was killed"), (False, Result.FAILED, "the task timed out after PT1.5S")]
)
def test_a_task_that_stores_its_files_can_be_killed_and_times_out(tmp_path, kill: bool, result: Result, message: str):
    service = Storing(tmp_path / "jobs/one-1-1/ending", kill)
    spec = {"commands": ["seq 200 | xargs touch"], "outputFiles": ["*"]}
    outcome, _ = play(tmp_path, job("one", spec=spec, timeout=None if kill else 1.5), service)
    assert (outcome.result, outcome.message) == (result, message)
    assert len(service.names) < 200


@pytest.mark.parametrize("spec", [{"outputFiles": ["x*"]}, {"outputFiles": ["x1*", "*", "**"]}, {"outputDirectory": True}])
def test_more_files_than_the_outputs_can_name_are_refused_before_one_is_stored(tmp_path, spec: dict[str, object]):
    service = Storing(tmp_path)
    commands = ["cd $OUTPUT_DIR" if "outputDirectory" in spec else ":", f"seq -f {'x' * 150}%.0f 4000 | xargs touch"]
    outcome, _ = play(tmp_path, job("one", spec={"commands": commands, **spec}), service)
    assert outcome.result is Result.FAILED
    assert "too many files match" in str(outcome.message)
    assert "pack them into one archive" in str(outcome.message)
    assert service.names == []


def test_a_file_that_several_globs_match_counts_once(tmp_path, service: MemoryService):
    spec = {"commands": [f"seq -f {'x' * 150}%.0f 1000 | xargs touch"], "outputFiles": ["x*", "*", "**", "x*", "*"]}
    outcome, _ = play(tmp_path, job("one", spec=spec), service)
    assert (outcome.result, len(outcome.outputs["outputFiles"])) == (Result.SUCCESS, 1000)


def test_half_a_surrogate_in_an_output_is_no_poison(tmp_path):
    outcome, _ = play(tmp_path, job("one", r"""echo '::{"outputs": {"a": "\ud800"}}::' | cat"""))
    assert outcome.outputs["vars"]["a"].encode()


def test_bytes_that_are_not_utf_8_are_replaced(tmp_path):
    assert play(tmp_path, job("one", r"printf 'a\377b\r\nlast'"))[1] == [("INFO", "a\ufffdb"), ("INFO", "last")]


def test_an_endless_line_is_cut(tmp_path):
    outcome, lines = play(tmp_path, job("one", "head -c 30000000 /dev/zero | tr '\\0' x", "echo", "echo after"))
    assert outcome.result is Result.SUCCESS
    assert len(lines) == 2
    assert len(lines[0][1]) < 66_000
    assert "cut" in lines[0][1]
    assert lines[1] == ("INFO", "after")


def test_a_long_list_of_commands_goes_through_a_file(tmp_path):
    outcome, lines = play(tmp_path, job("one", *(f": {'x' * 1000}" for _ in range(300)), "echo end"))
    assert outcome.result is Result.SUCCESS
    assert lines == [("INFO", "end")]


def arguments(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:  # it has ended
        return b""


@pytest.mark.parametrize("interpreter", [["/bin/sh", "-c"], ["bash", "-c"]])
@pytest.mark.parametrize("type", [SHELL, SCRIPT, PYTHON])
def test_a_secret_in_a_script_stands_in_no_process_list_and_in_no_file_that_others_read(tmp_path, service: MemoryService, type: str, interpreter: list[str]):
    secret = "s3cr3t-value"
    wait = "while [ ! -e go ]; do sleep 0.02; done"
    python = f"import os, time\nprint('{secret}', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.02)"
    properties: dict[str, dict[str, object]] = {
        SHELL: {"commands": [f"echo {secret}", wait]},
        SCRIPT: {"script": f"echo {secret}\n{wait}"},
        PYTHON: {"script": python},
    }
    service.offer(job("one", type=type, spec={**properties[type], "interpreter": interpreter}, masks=(secret,)))
    with at_work(service, tmp_path):
        until(lambda: [line.message for line in service.lines("one")] == [STARS])
        folder = tmp_path / "jobs/one-1-1"
        shown = [arguments(pid) for pid in alive(tmp_path)]
        open_to_others = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o077 and secret in path.read_text("utf-8", "replace")]
        (folder / "work/go").touch()
        assert service.ended("one").result is Result.SUCCESS
    assert any(shown)
    assert not any(secret.encode() in arguments for arguments in shown)
    assert [path.name for path in open_to_others] == ["stdout"]  # in a folder that only we may enter
    assert (tmp_path / "jobs").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("masks", [(), ("s3cr3t-value",)])
@pytest.mark.parametrize(
    ("commands", "lines", "code"),
    [
        (["echo a", "false", "echo b"], ["a"], 1),
        (["# a comment first", "echo $0 | tr -d /", "exit 3"], ["binsh"], 3),
        (["cat <<'END'", "a  b", "END", "cat"], ["a  b"], 0),
        (["cd /", "ls -A $WORKING_DIR | grep -v -x .output || echo nothing"], ["nothing"], 0),
        (["x='é \\ \"'", 'printf "%s\\n" "$x"'], ['é \\ "'], 0),
        (["trap 'echo bye' EXIT", "(exit 4)"], ["bye"], 4),
    ],
)
def test_commands_with_secrets_run_as_those_without(tmp_path, commands: list[str], lines: list[str], code: int, masks: tuple[str, ...]):
    outcome, said = play(tmp_path, job("one", *commands, masks=masks))
    assert ([message for _, message in said], outcome.exit_code) == (lines, code)


def test_secrets_are_masked_in_log_outputs_and_message(tmp_path):
    commands = ["echo the $KEY", 'echo "::{\\"outputs\\": {\\"$KEY\\": [\\"x $KEY\\"]}}::"', "printf %s $KEY | base64"]
    outcome, lines = play(tmp_path, job("one", spec={"commands": commands, "env": {"KEY": "s3cr3t-value"}}, masks=("s3cr3t-value",)))
    assert lines[0] == ("INFO", f"the {STARS}")
    assert "czNjcjN0" not in lines[1][1]
    assert outcome.outputs["vars"] == {STARS: [f"x {STARS}"]}


def test_what_is_written_in_two_pieces_is_masked_whole(tmp_path):
    assert play(tmp_path, job("one", "printf 's3cr3t'; sleep 0.1; printf -- '-value\\n'", masks=("s3cr3t-value",)))[1] == [("INFO", STARS)]


def test_properties_take_expressions_before_they_are_rendered():
    spec = {"commands": "{{ inputs.commands }}", "env": "{{ vars.env }}", "failFast": "{{ inputs.fast }}", "namespaceFiles": "{{ inputs.files }}"}
    assert find(SHELL).model_validate(spec)


def test_an_unknown_property_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs"):
        find(SCRIPT).model_validate({"script": "x", "scirpt": "y"})


def test_old_spellings_of_the_place_are_understood(tmp_path):
    outcome, _ = play(tmp_path, job("one", spec={"commands": ["true"], "runner": "PROCESS", "docker": {"image": "x"}}))
    assert outcome.outputs["taskRunner"] == {"type": "io.kestra.plugin.core.runner.Process"}


def test_a_task_that_names_docker_where_there_is_none_says_what_to_do(tmp_path):
    spec = {"commands": ["true"], "taskRunner": {"type": "io.kestra.plugin.scripts.runner.docker.Docker"}}
    outcome, _ = play(tmp_path, job("one", spec=spec))
    assert outcome.result is Result.FAILED
    assert "this runner has no task runner io.kestra.plugin.scripts.runner.docker.Docker" in str(outcome.message)


def test_a_type_that_is_not_known_and_a_wrong_property_fail_with_a_message(tmp_path):
    assert play(tmp_path / "a", job("one", type="no.such.Type"))[0].message == "this runner knows no task type no.such.Type"
    outcome, _ = play(tmp_path / "b", job("two", spec={"commands": 5}))
    assert outcome.result is Result.FAILED
    assert "commands" in str(outcome.message)


#: A commit's file, the task that needs that name or a name below it for something else, and the name.
TAKEN = [
    (".output", {"commands": ["true"]}, ".output"),
    (".headgate-files", {"commands": ["cat kestra:///in.txt"]}, ".headgate-files"),
    (".headgate-files/0-in.txt/x", {"commands": ["cat kestra:///in.txt"]}, ".headgate-files/0-in.txt"),
    (".headgate-commands.sh/x", {"commands": [f": {'x' * 200_000}"]}, ".headgate-commands.sh"),
    (".headgate-script.py/x", {"script": "pass"}, ".headgate-script.py"),
    ("a", {"commands": ["true"], "inputFiles": {"a/b/c": "text"}}, "a"),
    ("a/b", {"commands": ["true"], "inputFiles": {"a": "text"}}, "a"),
    ("a", {"commands": ["true"], "inputFiles": {"a/b": "kestra:///in.txt"}}, "a"),
    ("a/b", {"commands": ["true"], "inputFiles": {"a": "kestra:///in.txt"}}, "a"),
]


@pytest.mark.parametrize(("file", "spec", "name"), TAKEN)
def test_a_name_that_the_commit_has_for_something_else_is_told_with_what_to_do(tmp_path, service: MemoryService, file: str, spec: dict[str, object], name: str):
    service.hold(COMMIT, {file: b"the commit's"})
    service.store("kestra:///in.txt", b"from storage")
    outcome, lines = play(tmp_path, job("one", type=PYTHON if "script" in spec else SHELL, spec=spec, tree=COMMIT), service)
    kind = "a file" if file == name else "a folder"
    assert (outcome.result, lines) == (Result.FAILED, [])
    assert f"{name!r}" in str(outcome.message)
    assert f"there is {kind} of that name already; rename it" in str(outcome.message)
    assert str(tmp_path) not in str(outcome.message)


@pytest.mark.parametrize("type", [SHELL, PYTHON])
def test_a_name_of_ours_that_the_commit_has_for_the_same_is_no_trouble(tmp_path, service: MemoryService, type: str):
    theirs = (".output/old", ".headgate-files/old", ".headgate-files/0-in.txt", ".headgate-commands.sh", ".headgate-script.py")
    service.hold(COMMIT, dict.fromkeys(theirs, b"the commit's"))
    service.store("kestra:///in.txt", b"from storage")
    specs: dict[str, dict[str, object]] = {
        SHELL: {"commands": ["cat kestra:///in.txt"]},
        PYTHON: {"script": "print(open('kestra:///in.txt').read())"},
    }
    outcome, lines = play(tmp_path, job("one", type=type, spec=specs[type], tree=COMMIT, masks=("s3cr3t-value",)), service)
    assert (outcome.result, lines) == (Result.SUCCESS, [("INFO", "from storage")])


def test_every_type_is_found_by_its_name():
    assert {SHELL, SCRIPT, PYTHON, "io.kestra.plugin.scripts.python.Commands"} <= set(types())
