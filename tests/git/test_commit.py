from __future__ import annotations

import os
import tarfile
import threading
import time
from pathlib import Path

import pytest

from service.errors import Conflict, Invalid, Malformed, NotFound, ServiceError
from service.git.repository import Git
from tests.git.world import EXECUTABLE, FILE, FOLDER, LINK, SUBMODULE, Raw, run

ANN = ("Ann", "ann@example.org")


def files(git: Git, commit: str) -> dict[str, bytes]:
    with tarfile.open(git.export("demo", commit)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def test_the_first_commit_makes_the_branch(git: Git, bare: Path) -> None:
    commit = git.write("demo", "main", {".flows/x.yml": b"id: x\n"}, "add x", ANN, None)
    assert git.refs("demo") == {"refs/heads/main": commit}
    assert files(git, commit) == {".flows/x.yml": b"id: x\n"}
    found = git.commit("demo", commit)
    assert (found.author_name, found.message, found.parents) == ("Ann", "add x", ())


def test_a_commit_changes_what_it_names_and_nothing_else(git: Git, bare: Path) -> None:
    first = git.write("demo", "main", {".flows/a.yml": b"a", ".flows/t/b.yml": b"b", "src/c.py": b"c"}, "one", ANN, None)
    second = git.write("demo", "main", {".flows/a.yml": b"A", ".flows/t/b.yml": None, ".flows/u/v/d.yml": b"d"}, "two", ANN, first)
    assert files(git, second) == {".flows/a.yml": b"A", ".flows/u/v/d.yml": b"d", "src/c.py": b"c"}
    assert git.first_parent_of("demo", first, second)
    assert run("fsck", "--strict", cwd=bare).returncode == 0


def test_nothing_to_change_makes_no_commit(git: Git, bare: Path) -> None:
    first = git.write("demo", "main", {"a": b"a"}, "one", ANN, None)
    assert git.write("demo", "main", {"a": b"a"}, "again", ANN, first) == first


def test_the_last_file_may_go(git: Git, bare: Path) -> None:
    first = git.write("demo", "main", {".flows/a.yml": b"a"}, "one", ANN, None)
    assert files(git, git.write("demo", "main", {".flows/a.yml": None}, "none", ANN, first)) == {}


def test_a_branch_that_has_moved_is_a_conflict(git: Git, bare: Path) -> None:
    first = git.write("demo", "main", {"a": b"1"}, "one", ANN, None)
    second = git.write("demo", "main", {"a": b"2"}, "two", ANN, first)
    for expected in (first, None, "1" * 40):
        with pytest.raises(Conflict):
            git.write("demo", "main", {"a": b"3"}, "late", ANN, expected)
    with pytest.raises(Conflict):
        git.write("demo", "new", {"a": b"3"}, "late", ANN, first)
    assert git.refs("demo") == {"refs/heads/main": second}


def test_of_many_writers_at_once_one_wins_each_round(git: Git, bare: Path) -> None:
    first = git.write("demo", "main", {"a": b"0"}, "base", ANN, None)
    won: list[str] = []
    lost: list[ServiceError] = []

    def write(n: int) -> None:
        try:
            won.append(git.write("demo", "main", {"a": str(n).encode()}, "race", ANN, first))
        except Conflict as fault:
            lost.append(fault)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 5)
    assert git.refs("demo") == {"refs/heads/main": won[0]}


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", ".git/config", ".GIT/x", "a/../b", "a\nb", "", "a/.", "git~1/x", "\udcff"])
def test_paths_that_no_tree_may_hold_are_refused(git: Git, bare: Path, path: str) -> None:
    with pytest.raises(Malformed):
        git.write("demo", "main", {path: b"x"}, "bad", ANN, None)
    assert git.refs("demo") == {}


def test_nothing_is_written_through_a_link_a_file_or_a_submodule(git: Git, raw: Raw) -> None:
    blob = raw.blob()
    base = raw.commit(raw.tree((LINK, "link", blob), (FILE, "file", blob), (SUBMODULE, "module", "1" * 40), (FOLDER, "folder", raw.tree((FILE, "a", blob)))))
    raw.ref("refs/heads/main", base)
    for path in ("link", "link/x", "file/x", "module", "module/x", "folder"):
        with pytest.raises(Invalid):
            git.write("demo", "main", {path: b"x"}, "bad", ANN, base)
    with pytest.raises(Invalid):
        git.write("demo", "main", {"new": b"x", "new/below": b"y"}, "bad", ANN, base)
    with pytest.raises(NotFound):
        git.write("demo", "main", {"folder/none": None}, "bad", ANN, base)


def test_the_executable_bit_survives_an_edit(git: Git, raw: Raw) -> None:
    base = raw.commit(raw.tree((EXECUTABLE, "run", raw.blob(b"1"))))
    raw.ref("refs/heads/main", base)
    with tarfile.open(git.export("demo", git.write("demo", "main", {"run": b"2"}, "edit", ANN, base))) as tar:
        assert tar.getmember("run").mode == 0o755


@pytest.mark.parametrize("name", ["", "<script>", "a\nb", "  ", ".,;", "x" * 5000, "\x00"])
def test_any_caller_can_be_an_author(git: Git, bare: Path, name: str) -> None:
    commit = git.write("demo", "main", {"a": b"1"}, "by anyone", (name, name), None)
    assert git.commit("demo", commit).author_name
    assert run("fsck", "--strict", cwd=bare).returncode == 0


@pytest.mark.parametrize("message", ["", "nul\0byte", "\udcff", "x" * 3_000_000, "\x1b[31mred"])
def test_any_message_is_written_or_refused(git: Git, bare: Path, message: str) -> None:
    commit = git.write("demo", "main", {"a": b"1"}, message, ANN, None)
    git.note("demo", commit, message)
    assert run("fsck", cwd=bare).returncode == 0


@pytest.mark.parametrize("branch", ["", "a..b", "\udcff", "x\0", "a b", "-", "x" * 2000])
def test_a_branch_that_git_would_not_take_is_refused(git: Git, bare: Path, branch: str) -> None:
    try:
        git.write("demo", branch, {"a": b"1"}, "x", ANN, None)
    except Malformed:
        assert branch != "-"


def test_locks_of_a_killed_process_do_not_stay_for_ever(git: Git, bare: Path) -> None:
    first = git.write("demo", "main", {"a": b"1"}, "one", ANN, None)
    lock = bare / "refs" / "heads" / "main.lock"
    lock.touch()
    with pytest.raises(ServiceError):
        git.write("demo", "main", {"a": b"2"}, "two", ANN, first)
    os.utime(lock, (time.time() - 3600,) * 2)
    assert git.write("demo", "main", {"a": b"2"}, "two", ANN, first) != first


def test_an_unknown_commit_gets_no_note_and_is_not_kept(git: Git, raw: Raw) -> None:
    for asked in (lambda: git.note("demo", "1" * 40, "x"), lambda: git.keep("demo", "1" * 40), lambda: git.keep("demo", raw.blob())):
        with pytest.raises(NotFound):
            asked()


def test_an_export_holds_files_and_folders_only(git: Git, raw: Raw) -> None:
    blob = raw.blob(b"data")
    inner = raw.tree((FILE, "x.yml", blob), (LINK, "out", raw.blob(b"/etc/passwd")))
    rows = [
        (FILE, "a b", blob),
        (EXECUTABLE, "run.sh", blob),
        (LINK, "link", blob),
        (SUBMODULE, "module", "1" * 40),
        (FOLDER, ".flows", inner),
        (FILE, "_u", blob),
    ]
    bad = [
        (FILE, "..", blob),
        (FOLDER, ".git", inner),
        (FILE, "a/b", blob),
        (FILE, "../up", blob),
        (FILE, "/abs", blob),
        (FILE, "twice", blob),
        (FILE, "twice", blob),
    ]
    odd = [(FILE, b"caf\xe9", blob), (FILE, b"new\nline", blob)]
    commit = raw.commit(raw.tree(*rows, *bad, *odd))
    with tarfile.open(git.export("demo", commit), encoding="utf-8", errors="surrogateescape") as tar:
        members = {member.name: member for member in tar}
    assert sorted(members) == sorted([".flows", ".flows/x.yml", "_u", "a b", "run.sh", "caf\udce9", "new\nline"])
    assert {name for name, member in members.items() if member.mode == 0o755} == {".flows", "run.sh"}
    assert all(member.isfile() or member.isdir() for member in members.values())
    assert members["a b"].mtime == 1700000000


def test_an_export_is_made_once_and_the_oldest_go_first(git: Git, bare: Path) -> None:
    first = git.write("demo", "main", {"a": b"1"}, "one", ANN, None)
    second = git.write("demo", "main", {"a": b"2"}, "two", ANN, first)
    one, two = git.export("demo", first), git.export("demo", second)
    os.utime(one, (1, 1))
    os.utime(two, (2, 2))
    made = one.stat().st_ino
    assert git.export("demo", first).stat().st_ino == made
    assert git.trim_exports(one.stat().st_size) == 10240
    assert (one.exists(), two.exists()) == (True, False)
    with pytest.raises(NotFound):
        git.export("demo", "1" * 40)
