"""`flow validate` and `flow explain`: offline, exact, and fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.flows.codes import CODES
from tests.cli.conftest import ROOT, Command, environment

GOOD = """\
id: good
namespace: dev
tasks:
  - id: log
    type: io.kestra.plugin.core.log.Log
    message: hi
"""
BAD = GOOD.replace("log.Log", "lgo.Log").replace("id: good", "id: bad")
#: The command, which says at its end what it has imported.
WATCHED = """\
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from service.cli import main
main(sys.argv[1:])
"""
#: The command, which says at its end how many calls it has made.
COUNTED = """\
import atexit, cProfile, sys
calls = cProfile.Profile()
atexit.register(lambda: print(sum(entry.callcount for entry in calls.getstats()), file=sys.stderr))
atexit.register(calls.disable)
calls.enable()
from service.cli import main
main(sys.argv[1:])
"""
#: Whatever answers a request or stores a row; none of it is needed to read a file.
HEAVY = {"fastapi", "starlette", "uvicorn", "sqlmodel", "sqlalchemy", "alembic", "docker", "pygit2", "httpx2", "httpcore2", "requests", "cryptography"}
#: Nor are a log and an event loop.
HEAVY |= {"structlog", "asyncio"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_good_file_is_valid_and_only_counted(headgate: Command, folder: Path) -> None:
    write(folder / "good.yml", GOOD)
    done = headgate("flow", "validate", "good.yml")
    assert (done.code, done.out, done.err) == (0, "", "1 file checked: no problems\n")


def test_a_wrong_file_is_shown_with_its_line_and_a_hint(headgate: Command, folder: Path) -> None:
    write(folder / "bad.yml", BAD)
    done = headgate("flow", "validate", "bad.yml")
    assert done.code == 2
    assert done.out == (
        "error[HG-0220]: unknown task type `io.kestra.plugin.core.lgo.Log`\n"
        "  --> bad.yml:5:11\n"
        "   |\n"
        "  5|     type: io.kestra.plugin.core.lgo.Log\n"
        "   |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "   = help: did you mean `io.kestra.plugin.core.log.Log`?\n\n"
    )
    assert done.err == "1 file checked: 1 error\n"


def test_concise_output_is_one_line_for_each_problem(headgate: Command, folder: Path) -> None:
    write(folder / "bad.yml", BAD)
    done = headgate("flow", "validate", "bad.yml", "-o", "concise")
    assert done.out.splitlines() == [
        "bad.yml:5:11: error HG-0220: unknown task type `io.kestra.plugin.core.lgo.Log` (did you mean `io.kestra.plugin.core.log.Log`?)"
    ]


def test_github_output_is_an_annotation_that_its_text_cannot_leave(headgate: Command, folder: Path) -> None:
    write(folder / "a,b:c.yml", BAD)
    done = headgate("flow", "validate", "a,b:c.yml", "-o", "github")
    assert done.out.startswith("::error file=a%2Cb%3Ac.yml,line=5,col=11,endLine=5,endColumn=40,title=HG-0220::unknown task type")


def test_json_output_is_one_document_over_all_files(headgate: Command, folder: Path) -> None:
    write(folder / "good.yml", GOOD)
    write(folder / "bad.yml", BAD)
    done = headgate("flow", "validate", "good.yml", "bad.yml", "-o", "json")
    assert done.code == 2
    assert done.json["valid"] is False
    good, bad = done.json["files"]
    assert good == {"path": "good.yml", "namespace": "dev", "id": "good", "valid": True, "problems": []}
    assert (bad["path"], bad["namespace"], bad["id"]) == ("bad.yml", "dev", "bad")
    assert [(problem["code"], problem["severity"], problem["line"], problem["column"]) for problem in bad["problems"]] == [("HG-0220", "error", 5, 11)]


def test_json_output_of_good_files_is_valid_and_exits_with_0(headgate: Command, folder: Path) -> None:
    write(folder / "good.yml", GOOD)
    done = headgate("flow", "validate", ".", "-o", "json")
    assert (done.code, done.json["valid"]) == (0, True)


def test_an_unknown_type_can_be_let_through(headgate: Command, folder: Path) -> None:
    write(folder / "bad.yml", BAD)
    done = headgate("flow", "validate", "--allow-unknown-types", "bad.yml")
    assert done.code == 0
    assert done.err == "1 file checked: 1 warning\n"


def test_a_folder_is_looked_through_without_names_that_begin_with_an_underscore(headgate: Command, folder: Path) -> None:
    for name in ("a.yml", "deep/er/b.yaml", "_no.yml", "_not/this.yml", "deep/_nor/that.yml", "readme.md", ".git/c.yml"):
        write(folder / ".flows" / name, GOOD.replace("good", name.replace("/", "-").strip("._")))
    done = headgate("flow", "validate", ".flows", "-o", "json")
    assert [file["path"] for file in done.json["files"]] == [".flows/a.yml", ".flows/deep/er/b.yaml"]
    assert done.code == 0


def test_links_below_a_folder_are_refused_as_a_push_refuses_them(headgate: Command, folder: Path) -> None:
    write(folder / "elsewhere" / "a.yml", GOOD)
    (folder / ".flows").mkdir()
    (folder / ".flows" / "file.yml").symlink_to("../elsewhere/a.yml")
    (folder / ".flows" / "folder").symlink_to("../elsewhere")
    (folder / ".flows" / "_not.yml").symlink_to("../elsewhere/a.yml")
    done = headgate("flow", "validate", ".flows", "-o", "concise")
    assert done.code == 2
    told = "1:1: error HG-0503: symbolic links are not followed; put the file itself there"
    assert done.out.splitlines() == [f".flows/folder:{told}", f".flows/file.yml:{told}"]
    # One that is named itself may be what a shell passes for a file.
    assert headgate("flow", "validate", ".flows/file.yml").code == 0


def test_a_file_that_is_named_itself_is_checked_whatever_its_name(headgate: Command, folder: Path) -> None:
    write(folder / "_draft.txt", BAD)
    assert headgate("flow", "validate", "_draft.txt").code == 2


def test_two_files_of_one_flow_are_a_problem_of_both(headgate: Command, folder: Path) -> None:
    write(folder / "a.yml", GOOD)
    write(folder / "b.yml", GOOD)
    done = headgate("flow", "validate", ".", "-o", "concise")
    assert done.code == 2
    assert [line.partition(" (")[0] for line in done.out.splitlines()] == [
        "a.yml:1:1: error HG-0501: `dev.good` is defined here and in b.yml; neither is used",
        "b.yml:1:1: error HG-0501: `dev.good` is defined here and in a.yml; neither is used",
    ]


def test_standard_input_is_read_where_a_dash_stands(folder: Path) -> None:
    arguments = [sys.executable, "-m", "service", "flow", "validate", "-", "-", "-o", "json"]
    done = subprocess.run(arguments, cwd=folder, env=environment(), input=BAD.encode(), capture_output=True, timeout=30, check=False)
    assert done.returncode == 2
    [file] = json.loads(done.stdout)["files"]
    assert (file["path"], file["id"], file["problems"][0]["line"]) == ("<stdin>", "bad", 5)


def test_json_output_says_where_each_problem_ends(headgate: Command, folder: Path) -> None:
    write(folder / "bad.yml", BAD)
    [problem] = headgate("flow", "validate", "bad.yml", "-o", "json").json["files"][0]["problems"]
    assert (problem["line"], problem["column"], problem["endLine"], problem["endColumn"]) == (5, 11, 5, 40)


def test_warnings_pass_until_they_are_made_to_count(headgate: Command, folder: Path) -> None:
    write(folder / "warned.yml", GOOD.replace("message: hi", "message: off"))
    passing = headgate("flow", "validate", "warned.yml", "-o", "json")
    strict = headgate("flow", "validate", "warned.yml", "-o", "json", "--strict")
    assert [(done.code, done.json["valid"], done.json["files"][0]["valid"]) for done in (passing, strict)] == [(0, True, True), (2, False, False)]
    assert [problem["severity"] for problem in strict.json["files"][0]["problems"]] == ["warning"]


def test_notices_never_count(headgate: Command, folder: Path) -> None:
    write(folder / "old.yml", GOOD.replace("plugin.core.log.Log", "core.tasks.log.Log"))
    done = headgate("flow", "validate", "old.yml", "--strict")
    assert (done.code, done.err) == (0, "1 file checked: 1 notice\n")


def test_a_name_that_is_not_utf_8_is_shown_as_escapes(headgate: Command, folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.yml")).write_text(BAD)
    for form in ("full", "concise", "json", "github", "gitlab", "sarif"):
        done = headgate("flow", "validate", ".", "-o", form)
        assert done.code == 2
        assert "caf\\xe9.yml" in done.out.replace("\\\\", "\\").replace("%5C", "\\")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a: \x00", b"[" * 5000, b"x" * 1_100_000, b"\xf0\x9f\x98\x80: {"])
def test_whatever_stands_in_a_file_is_a_problem_and_no_crash(headgate: Command, folder: Path, content: bytes) -> None:
    (folder / "odd.yml").write_bytes(content)
    done = headgate("flow", "validate", "odd.yml")
    assert done.code == 2
    assert "error[HG-" in done.out


def test_a_path_that_is_not_there_is_a_mistake_of_usage(headgate: Command, folder: Path) -> None:
    done = headgate("flow", "validate", "nowhere.yml")
    assert (done.code, done.out, done.err) == (2, "", "there is no file or folder nowhere.yml\n")


def test_a_folder_without_flows_is_said_to_be_one(headgate: Command, folder: Path) -> None:
    done = headgate("flow", "validate", ".")
    assert (done.code, done.err) == (2, "no flow files (*.yml, *.yaml) in .\n")


def test_the_project_s_own_flows_are_valid(headgate: Command) -> None:
    done = headgate("flow", "validate", ROOT / ".flows", "-o", "concise")
    assert (done.code, done.out) == (0, "")


@pytest.mark.parametrize("code", ["HG-0104", "hg-104", "0104", "104"])
def test_a_code_is_explained_however_it_is_written(headgate: Command, code: str) -> None:
    done = headgate("flow", "explain", code)
    assert done.code == 0
    assert done.out.startswith("HG-0104: duplicate key\n\nA key may stand only once in a map.")


def test_an_unknown_code_is_refused(headgate: Command) -> None:
    done = headgate("flow", "explain", "HG-9999")
    assert done.code == 2
    assert "there is no code `HG-9999`" in done.err


def test_without_a_code_all_of_them_are_listed(headgate: Command) -> None:
    done = headgate("flow", "explain")
    assert "HG-0104  duplicate key" in done.out.splitlines()


def test_one_code_is_an_object_for_programs(headgate: Command) -> None:
    explained = headgate("flow", "explain", "104", "-o", "json").json
    assert (explained["code"], explained["title"]) == ("HG-0104", "duplicate key")
    assert explained["explanation"].startswith("A key may stand only once in a map.")


def test_all_codes_are_a_list_for_programs(headgate: Command) -> None:
    explained = headgate("flow", "explain", "-o", "json").json
    assert [entry["code"] for entry in explained] == list(CODES)
    assert all(entry["title"] and entry["explanation"] for entry in explained)


def loaded(*arguments: str) -> set[str]:
    """The packages that a command imports."""
    done = subprocess.run([sys.executable, "-c", WATCHED, *arguments], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=30, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


@pytest.mark.parametrize("arguments", [["--help"], ["flow", "validate", ".flows/examples"], ["flow", "format", "--check", ".flows"], ["flow", "--help"]])
def test_nothing_heavy_is_imported_to_read_a_file_or_to_help(arguments: list[str]) -> None:
    assert loaded(*arguments) & HEAVY == set()


def test_validating_one_flow_takes_few_calls_with_all_that_is_loaded_for_it(tmp_path: Path) -> None:
    # What takes 0.3 s of one core. Seconds depend on what else the machine does: `make bench` shows them; calls do not.
    write(tmp_path / "good.yml", GOOD)
    command = [sys.executable, "-c", COUNTED, "flow", "validate", "good.yml"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 100_000 < int(done.stderr.splitlines()[-1]) < 650_000


IMAGE = GOOD.replace(
    "message: hi", "message: hi\n  - id: box\n    type: io.kestra.plugin.scripts.shell.Commands\n    containerImage: busybox:1\n    commands: [ls]"
)


def test_images_without_a_digest_are_told_where_that_is_asked_for(headgate: Command, tmp_path: Path) -> None:
    write(tmp_path / "one.yml", IMAGE)
    assert headgate("flow", "validate", tmp_path).err == "1 file checked: no problems\n"
    warned, refused = (headgate("flow", "validate", tmp_path, "--image-digests", wanted, "-o", "concise") for wanted in ("warning", "error"))
    assert (warned.code, refused.code) == (0, 2)
    assert "one.yml:9:21: warning HG-0232: " in warned.out
    assert "one.yml:9:21: error HG-0232: " in refused.out


def test_a_pipe_below_a_folder_is_refused_and_not_waited_for(headgate: Command, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yml")
    done = headgate("flow", "validate", tmp_path, "-o", "concise")
    assert done.code == 2
    assert "pipes and devices are left alone" in done.out
