"""`flow validate -o gitlab` and `-o sarif`: what other programs are given, field by field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command

BAD = """\
id: bad
namespace: dev
tasks:
  - id: log
    type: io.kestra.plugin.core.lgo.Log
    message: off
"""
SHEBANG = "# a comment\n\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".flows").mkdir()
    return tmp_path


def issues(headgate: Command, *arguments: object) -> list[dict[str, Any]]:
    return headgate("flow", "validate", *arguments, "-o", "gitlab").json


def log(headgate: Command, *arguments: object) -> dict[str, Any]:
    [run] = headgate("flow", "validate", *arguments, "-o", "sarif").json["runs"]
    return run


def test_gitlab_gets_every_problem_as_an_issue_with_its_place(headgate: Command, folder: Path) -> None:
    (folder / ".flows/bad.yml").write_text(BAD)
    done = headgate("flow", "validate", ".flows", "-o", "gitlab")
    assert (done.code, done.err) == (2, "")
    error, warning = done.json
    assert error.pop("fingerprint") != warning["fingerprint"]
    assert error == {
        "type": "issue",
        "categories": ["Bug Risk"],
        "check_name": "HG-0220",
        "description": "unknown task type `io.kestra.plugin.core.lgo.Log` (did you mean `io.kestra.plugin.core.log.Log`?)",
        "severity": "major",
        "location": {
            "path": ".flows/bad.yml",
            "lines": {"begin": 5, "end": 5},
            "positions": {"begin": {"line": 5, "column": 11}, "end": {"line": 5, "column": 40}},
        },
    }
    assert (warning["check_name"], warning["severity"]) == ("HG-0130", "minor")


def test_a_fingerprint_stays_when_lines_move(headgate: Command, folder: Path) -> None:
    (folder / "bad.yml").write_text(BAD)
    before = issues(headgate, "bad.yml")
    (folder / "bad.yml").write_text(SHEBANG + BAD)
    after = issues(headgate, "bad.yml")
    assert [issue["location"]["lines"]["begin"] for issue in after] == [issue["location"]["lines"]["begin"] + 2 for issue in before]
    assert [issue["fingerprint"] for issue in after] == [issue["fingerprint"] for issue in before]


def test_every_problem_has_a_fingerprint_of_its_own(headgate: Command, folder: Path) -> None:
    (folder / "bad.yml").write_text(BAD + BAD[BAD.index("  - id") :] + "nope: {nope: 1}\n")
    (folder / "worse.yml").write_text(BAD.replace("id: bad", "id: worse"))
    found = [issue["fingerprint"] for issue in issues(headgate, ".")]
    assert len(found) == len(set(found)) >= 6
    assert all(re.fullmatch("[0-9a-f]{64}", fingerprint) for fingerprint in found)


def test_paths_of_reports_are_relative_to_the_current_directory(headgate: Command, folder: Path) -> None:
    (folder / ".flows/bad.yml").write_text(BAD)
    named, absolute = issues(headgate, "./.flows"), issues(headgate, folder / ".flows")
    assert named == absolute
    assert named[0]["location"]["path"] == ".flows/bad.yml"


def test_without_problems_a_report_is_empty(headgate: Command, folder: Path) -> None:
    (folder / "good.yml").write_text(BAD.replace("lgo", "log").replace("off", "hi"))
    assert issues(headgate, "good.yml") == []
    run = log(headgate, "good.yml")
    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])
    assert run["artifacts"] == [{"location": {"uri": "good.yml", "uriBaseId": "%SRCROOT%"}}]


def test_sarif_is_one_run_with_the_codes_that_occur_as_rules(headgate: Command, folder: Path) -> None:
    (folder / "bad.yml").write_text(BAD)
    done = headgate("flow", "validate", "bad.yml", "-o", "sarif")
    assert (done.code, done.err, done.json["version"], len(done.json["runs"])) == (2, "", "2.1.0", 1)
    assert done.json["$schema"].endswith("sarif-schema-2.1.0.json")
    driver = done.json["runs"][0]["tool"]["driver"]
    assert driver["name"] == "Headgate"
    assert [rule["id"] for rule in driver["rules"]] == ["HG-0130", "HG-0220"]
    assert driver["rules"][1]["shortDescription"] == {"text": "unknown type"}
    assert driver["rules"][1]["fullDescription"] == {"text": "No task, trigger or task runner of this name is installed."}


def test_a_result_of_sarif_has_its_rule_its_words_and_its_region(headgate: Command, folder: Path) -> None:
    (folder / "bad.yml").write_text(BAD)
    run = log(headgate, "bad.yml")
    assert run["columnKind"] == "unicodeCodePoints"
    error, warning = run["results"]
    assert re.fullmatch("[0-9a-f]{64}", error.pop("partialFingerprints")["headgateProblem/v1"])
    assert error == {
        "ruleId": "HG-0220",
        "ruleIndex": 1,
        "level": "error",
        "message": {"text": "unknown task type `io.kestra.plugin.core.lgo.Log` (did you mean `io.kestra.plugin.core.log.Log`?)"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "bad.yml", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 5, "startColumn": 11, "endLine": 5, "endColumn": 40},
                }
            }
        ],
    }
    assert (warning["ruleId"], warning["ruleIndex"], warning["level"]) == ("HG-0130", 0, "warning")


def test_notices_are_notes_in_sarif_and_info_for_gitlab(headgate: Command, folder: Path) -> None:
    (folder / "old.yml").write_text(BAD.replace("plugin.core.lgo.Log", "core.tasks.log.Log").replace("off", "hi"))
    assert [result["level"] for result in log(headgate, "old.yml")["results"]] == ["note"]
    assert [issue["severity"] for issue in issues(headgate, "old.yml")] == ["info"]


def test_a_uri_holds_no_character_that_would_mean_something_in_it(headgate: Command, folder: Path) -> None:
    (folder / "a b#c?d%:é.yml").write_text(BAD)
    uri = log(headgate, ".")["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "a%20b%23c%3Fd%25%3A%C3%A9.yml"


def test_a_file_outside_the_current_directory_has_a_whole_uri(headgate: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bad.yml").write_text(BAD)
    monkeypatch.chdir(folder / ".flows")
    artifact = log(headgate, folder / "bad.yml")["artifacts"][0]["location"]
    assert artifact == {"uri": (folder / "bad.yml").as_uri()}


def test_columns_count_characters_also_beyond_the_basic_plane(headgate: Command, folder: Path) -> None:
    line = "tasks: [{id: log, type: io.kestra.plugin.core.log.Log, message: 😀, nope: 1}]"
    (folder / "bad.yml").write_text(f"\ufeffid: bad\nnamespace: dev\n{line}\n")
    [result] = log(headgate, "bad.yml")["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"], region["endColumn"]) == (3, line.index("nope") + 1, line.index("nope") + 5)


def test_what_goes_over_several_lines_has_no_columns_for_github(headgate: Command, folder: Path) -> None:
    (folder / "bad.yml").write_text(BAD.replace("off", "hi").replace("lgo", "log").replace("    message", "    timeout: |\n      a\n      b\n    message"))
    line = headgate("flow", "validate", "bad.yml", "-o", "github").out
    assert re.match(r"::error file=bad\.yml,line=6,endLine=\d+,title=HG-\d{4}::", line)
