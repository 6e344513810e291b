"""`init`: a flow folder that is right from the start, and nothing of anybody's is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from service.cli.init import FILES, namespace_of
from tests.cli.conftest import Command, spawn
from tests.support.repo import Repo


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """An empty repository, as the current directory."""
    made = Repo(tmp_path / "data-team")
    monkeypatch.chdir(made.path)
    return made


def test_the_flow_is_valid_without_a_notice_and_laid_out_as_format_does_it(headgate: Command, repo: Repo) -> None:
    done = headgate("init")
    assert (done.code, done.out) == (0, "".join(f"created .flows/{name}\n" for name in FILES))
    checked = headgate("flow", "validate", ".flows", "--strict", "-o", "json")
    assert checked.code == 0
    assert [(file["path"], file["namespace"], file["id"], file["problems"]) for file in checked.json["files"]] == [
        (".flows/hello.yml", "data-team", "hello", [])
    ]
    assert headgate("flow", "format", "--check", ".flows").code == 0


def test_editors_find_the_schema_beside_the_flow(headgate: Command, repo: Repo) -> None:
    headgate("init")
    assert (repo.path / ".flows/hello.yml").read_text().splitlines()[0] == "# yaml-language-server: $schema=./_schema.json"
    schema = json.loads((repo.path / ".flows/_schema.json").read_text())
    assert schema == headgate("flow", "schema").json
    assert Draft7Validator(schema).is_valid(yaml.safe_load((repo.path / ".flows/hello.yml").read_text()))


def test_the_flow_runs_without_a_server(headgate: Command, repo: Repo) -> None:
    headgate("init")
    process = spawn("run", ".flows/hello.yml", "--backend", "process", "--input", "name=Ada $(id)", cwd=repo.path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "greet | Hello, Ada $(id)\n" in out
    assert "count | this commit has " in out


def test_the_flow_is_live_after_a_push(headgate: Command, repo: Repo, server: str) -> None:
    headgate("init")
    assert headgate("repo", "add", "begun").code == 0
    pushed = repo.commit("The first flow").push(f"{server}/git/begun.git")
    assert any("created data-team.hello revision 1 (.flows/hello.yml)" in line for line in pushed.remote), pushed.stderr


def test_what_exists_is_kept(headgate: Command, repo: Repo) -> None:
    repo.write(".flows/hello.yml", "mine: 1\n")
    done = headgate("init")
    assert done.code == 0
    assert "kept .flows/hello.yml\n" in done.out
    assert (repo.path / ".flows/hello.yml").read_text() == "mine: 1\n"


def test_a_link_in_the_flow_s_place_is_not_written_through(headgate: Command, repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    repo.link(".flows/hello.yml", str(tmp_path / "elsewhere/hello.yml"))
    assert headgate("init").out.startswith("kept .flows/hello.yml\n")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_comes_next_is_said(headgate: Command, repo: Repo) -> None:
    steps = [line.split("  ")[1] for line in headgate("init").err.splitlines() if line.startswith("  ")]
    assert steps == [
        "headgate flow validate .flows",
        "headgate run .flows/hello.yml",
        'git add .flows && git commit -m "The first flow"',
        "headgate up",
        "git push http://127.0.0.1:8080/git/default.git HEAD",
    ]


def test_outside_a_repository_it_says_so_and_writes(headgate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = headgate("init", "a new one")
    assert done.code == 0
    assert done.err.startswith("a new one is in no Git repository yet\n")
    assert "  git -C 'a new one' init " in done.err
    assert headgate("flow", "validate", "a new one/.flows").code == 0


def test_below_the_root_of_a_repository_it_says_where_flows_are_read(headgate: Command, repo: Repo) -> None:
    done = headgate("init", "sub")
    assert done.err.startswith("flows are read from the root of a repository: move sub/.flows to .flows\n")


@pytest.mark.parametrize("obstacle", ["file", "link"])
def test_a_flow_folder_that_is_none_is_refused(headgate: Command, repo: Repo, obstacle: str) -> None:
    if obstacle == "file":
        repo.write(".flows", "")
    else:
        repo.link(".flows", "elsewhere")
    done = headgate("init")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(".flows ")


@pytest.mark.parametrize(
    ("folder", "namespace"),
    [("data-team", "data-team"), ("My Team", "my-team"), ("Übung 1", "bung-1"), ("_x.", "x"), ("", "main"), ("日本", "main"), ("a" * 200, "a" * 150)],
)
def test_a_folder_s_name_becomes_a_namespace(folder: str, namespace: str) -> None:
    assert namespace_of(folder) == namespace
