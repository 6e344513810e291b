"""`flow diff`: what differs between two files or folders, offline."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_validate import GOOD, write
from tests.support.repo import Repo

NIGHTLY = GOOD + 'triggers:\n  - {id: t, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 6 * * *"}\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_two_files_are_compared_whatever_they_are_called(headgate: Command, folder: Path) -> None:
    write(folder / "old.yml", NIGHTLY)
    write(folder / "new.yml", NIGHTLY.replace("0 6", "30 8").replace("hi", "ho"))
    done = headgate("flow", "diff", "old.yml", "new.yml")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("### Plan: 1 changed\n")
    assert "| changed | `dev.good` | tasks: 1 changed; `t`: at 06:00 every day → at 08:30 every day |" in done.out
    assert "- `message`: `hi` → `ho`" in done.out
    assert "old.yml" not in done.out


def test_folders_are_compared_by_flow_and_files_that_moved_are_named(headgate: Command, folder: Path) -> None:
    for side, name in (("a", "one.yml"), ("b", "sub/one.yml")):
        write(folder / side / name, GOOD)
        write(folder / side / "_notes.yml", "not: a flow")
    write(folder / "b" / "two.yml", NIGHTLY.replace("id: good", "id: other"))
    done = headgate("flow", "diff", "a", "b", "-o", "json")
    assert done.code == 0
    found = {flow["id"]: (flow["change"], flow["pathBefore"], flow["pathAfter"]) for flow in done.json["flows"]}
    assert found == {"good": ("moved", "one.yml", "sub/one.yml"), "other": ("added", None, "two.yml")}
    [trigger] = next(flow for flow in done.json["flows"] if flow["id"] == "other")["triggers"]
    assert (trigger["before"], trigger["after"]["words"], len(trigger["after"]["firings"])) == (None, "at 06:00 every day", 5)


def test_an_empty_folder_has_no_flows(headgate: Command, folder: Path) -> None:
    (folder / "a").mkdir()
    write(folder / "b" / "one.yml", GOOD)
    assert headgate("flow", "diff", "a", "b").out.startswith("### Plan: 1 added\n")
    assert headgate("flow", "diff", "b", "a").out.startswith("### Plan: 1 removed\n")


def test_a_file_that_is_wrong_is_told_and_the_rest_is_compared(headgate: Command, folder: Path) -> None:
    write(folder / "a" / "one.yml", GOOD)
    write(folder / "a" / "two.yml", NIGHTLY.replace("id: good", "id: two"))
    write(folder / "b" / "one.yml", GOOD.replace("message", "mesage"))
    done = headgate("flow", "diff", "a", "b")
    assert done.code == 2
    assert done.out.startswith("### Plan: 1 removed, 1 unreadable\n")
    assert "b/one.yml:6:5: error HG-0201" in done.err


def test_a_flow_that_is_there_twice_is_not_compared(headgate: Command, folder: Path) -> None:
    write(folder / "a" / "one.yml", GOOD)
    write(folder / "b" / "one.yml", GOOD)
    write(folder / "b" / "two.yml", GOOD)
    done = headgate("flow", "diff", "a", "b")
    assert done.code == 2
    assert "`dev.good` is defined in one.yml and in two.yml; neither is used" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("one.yml", "missing.yml"), "there is no file or folder missing.yml"),
        (("one.yml", "."), "two files or two folders are compared, not one of each"),
    ],
)
def test_what_can_not_be_compared_is_said(headgate: Command, folder: Path, arguments: tuple[str, str], message: str) -> None:
    write(folder / "one.yml", GOOD)
    done = headgate("flow", "diff", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_commits_are_compared_with_each_other_and_with_a_folder(headgate: Command, folder: Path) -> None:
    repo = Repo(folder).write(".flows/one.yml", GOOD).commit()
    repo.write(".flows/one.yml", NIGHTLY).commit()
    for old, new in (("HEAD~1:", "HEAD:"), ("HEAD~1:", ".flows"), ("HEAD~1:.flows/one.yml", ".flows/one.yml")):
        done = headgate("flow", "diff", old, new)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("### Plan: 1 changed\n")
        assert "moved" not in done.out


def test_its_help_says_what_it_compares(headgate: Command) -> None:
    done = headgate("flow", "diff", "--help")
    assert done.code == 0
    assert "A flow file, a folder of them, or REV: for a commit's." in done.out
