"""`flow validate REV:` and `REV:PATH`: the flow files of a commit, out of a real repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.support.repo import Repo

GOOD = """\
id: good
namespace: dev
tasks:
  - id: log
    type: io.kestra.plugin.core.log.Log
    message: hi
"""
BAD = GOOD.replace("log.Log", "lgo.Log").replace("id: good", "id: bad")


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """A repository with one commit, as the current directory."""
    made = Repo(tmp_path / "repository").write(".flows/good.yml", GOOD).commit()
    monkeypatch.chdir(made.path)
    return made


def paths(headgate: Command, *arguments: object) -> list[str]:
    return [file["path"] for file in headgate("flow", "validate", *arguments, "-o", "json").json["files"]]


def test_a_commit_is_read_and_not_the_work_tree(headgate: Command, repo: Repo) -> None:
    repo.write(".flows/bad.yml", BAD).commit()
    repo.remove(".flows/bad.yml").write(".flows/later.yml", "no: flow")
    before = repo.git("status", "--porcelain")
    done = headgate("flow", "validate", "HEAD:", "-o", "concise")
    assert done.code == 2
    assert done.out.startswith(".flows/bad.yml:5:11: error HG-0220: ")
    assert done.err == "2 files checked: 1 error\n"
    assert headgate("flow", "validate", "HEAD~1:").code == 0
    assert repo.git("status", "--porcelain") == before


@pytest.mark.parametrize("name", ["main:", "v1:", "refs/heads/main:", "@:", "HEAD^{commit}:"])
def test_a_commit_is_named_as_git_names_it(headgate: Command, repo: Repo, name: str) -> None:
    repo.tag("v1", "the first")
    assert paths(headgate, name) == [".flows/good.yml"]
    assert paths(headgate, f"{repo.head[:9]}:") == [".flows/good.yml"]


def test_a_path_names_a_folder_or_one_file_of_any_name(headgate: Command, repo: Repo) -> None:
    repo.write("other/a.yml", GOOD).write("other/deep/b.yaml", BAD).write("other/_draft.txt", GOOD).commit()
    assert paths(headgate, "HEAD:other") == ["other/a.yml", "other/deep/b.yaml"]
    assert paths(headgate, "HEAD:other/") == ["other/a.yml", "other/deep/b.yaml"]
    assert paths(headgate, "HEAD:other/_draft.txt") == ["other/_draft.txt"]


def test_a_path_may_be_given_from_the_current_directory(headgate: Command, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.write("other/a.yml", GOOD).commit()
    monkeypatch.chdir(repo.path / "other")
    assert paths(headgate, "HEAD:./a.yml") == ["other/a.yml"]
    assert paths(headgate, "HEAD:../.flows") == [".flows/good.yml"]
    assert paths(headgate, "HEAD:") == [".flows/good.yml"]


def test_what_a_push_would_refuse_is_refused_and_the_rest_is_read(headgate: Command, repo: Repo) -> None:
    repo.write("elsewhere/a.yml", BAD).link(".flows/file.yml", "../elsewhere/a.yml").link(".flows/folder", "../elsewhere")
    repo.write(".flows/_not/live.yml", BAD).write(".flows/_no.yml", BAD).write(".flows/odd\nname.yml", BAD).write(".flows/large.yml", b"#" * 1_048_577)
    done = headgate("flow", "validate", f"{repo.commit().head}:", "-o", "concise")
    assert done.code == 2
    link = "symbolic links are not followed; put the file itself there (replace the link by the file or folder that it leads to)"
    assert done.out.splitlines() == [
        f".flows/file.yml:1:1: error HG-0503: {link}",
        f".flows/folder:1:1: error HG-0503: {link}",
        ".flows/large.yml:1:1: error HG-0503: refused: the file has 1048577 bytes; a flow has at most 1048576"
        " (put long scripts and data into files of their own, and name them in the flow)",
        ".flows/odd\\x0aname.yml:1:1: error HG-0503: refused: its name has control characters or a line break (rename it)",
    ]
    assert done.err == "5 files checked: 4 errors\n"


def test_one_file_is_refused_as_the_folder_around_it_would_be(headgate: Command, repo: Repo) -> None:
    repo.link(".flows/file.yml", "/etc/hostname").write("large.yml", b"#" * 1_048_577).commit()
    link = headgate("flow", "validate", "HEAD:.flows/file.yml")
    assert (link.code, "error[HG-0503]: symbolic links are not followed" in link.out) == (2, True)
    large = headgate("flow", "validate", "HEAD:large.yml")
    assert (large.code, "error[HG-0503]: refused: the file has 1048577 bytes" in large.out) == (2, True)


def test_a_flow_folder_that_is_a_link_is_refused(headgate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linked = Repo(tmp_path / "linked").write("elsewhere/a.yml", GOOD).link(".flows", "elsewhere").commit()
    monkeypatch.chdir(linked.path)
    done = headgate("flow", "validate", "HEAD:", "-o", "concise")
    assert (done.code, done.out.partition(" (")[0]) == (2, ".flows:1:1: error HG-0503: symbolic links are not followed; put the file itself there")


def test_a_flow_is_not_its_own_rival_in_another_commit(headgate: Command, repo: Repo) -> None:
    repo.move(".flows/good.yml", ".flows/moved.yml").commit()
    done = headgate("flow", "validate", "HEAD:", "HEAD~1:", ".flows", "HEAD:.flows/moved.yml")
    assert (done.code, done.err) == (0, "3 files checked: no problems\n")


def test_two_files_of_one_flow_in_a_commit_are_a_problem_of_both(headgate: Command, repo: Repo) -> None:
    repo.write(".flows/twin.yml", GOOD).commit()
    done = headgate("flow", "validate", "HEAD:.flows/good.yml", "HEAD:.flows/twin.yml", "-o", "concise")
    assert done.code == 2
    assert [line[:36] for line in done.out.splitlines()] == [".flows/good.yml:1:1: error HG-0501: ", ".flows/twin.yml:1:1: error HG-0501: "]


def test_a_file_of_that_name_comes_before_a_commit(headgate: Command, repo: Repo) -> None:
    repo.write("HEAD:x.yml", BAD)
    assert paths(headgate, "HEAD:x.yml") == ["HEAD:x.yml"]


@pytest.mark.parametrize("name", ["nowhere:", "-x:", "--upload-pack=touch x:", "$(id):", "main..main:", "HEAD:.flows:", "HEAD^{tree}:", "\udcff:", ":", "@{:"])
def test_what_is_not_one_commit_is_a_mistake_of_usage(headgate: Command, repo: Repo, name: str) -> None:
    done = headgate("flow", "validate", "--", name)
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert "commit" in done.err


@pytest.mark.parametrize("path", ["nowhere", ".flows/good.yml/x", "../..", "/etc", ".git/config", "docs/\udcff"])
def test_a_path_that_is_not_in_the_commit_is_said_to_be_none(headgate: Command, repo: Repo, path: str) -> None:
    done = headgate("flow", "validate", f"HEAD:{path}")
    assert done.code == 2
    assert len((done.out + done.err).splitlines()) <= 8


def test_a_commit_without_flows_is_said_to_have_none(headgate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Repo(tmp_path / "bare").write("readme", "hi").commit().path)
    done = headgate("flow", "validate", "HEAD:")
    assert (done.code, done.err) == (2, "there is no .flows in the commit HEAD\n")


def test_without_a_repository_a_commit_is_nothing(headgate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = headgate("flow", "validate", "HEAD:")
    assert (done.code, done.err) == (2, "there is no file or folder HEAD:, and no Git repository here that could have such a commit\n")


def test_a_bare_repository_and_a_linked_work_tree_are_repositories_too(headgate: Command, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    monkeypatch.chdir(tmp_path / "linked")
    assert paths(headgate, "HEAD:./.flows") == [".flows/good.yml"]
    repo.git("clone", "--quiet", "--bare", str(repo.path), str(tmp_path / "bare.git"))
    monkeypatch.chdir(tmp_path / "bare.git")
    assert paths(headgate, "main:") == [".flows/good.yml"]
