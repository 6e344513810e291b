"""The agent's folder: what gets in, and what gets out."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import threading
from pathlib import Path

import pytest

from runners.protocol import Lease, Tree, Unusable
from runners.workspace import Caps, Locked, Workspace, fixed_part, inside, matching, unpack, write

LEASE = Lease("run", 1, 1)


def tar(*entries: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            archive.addfile(info, io.BytesIO(entry[1]))
    return packed.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def commit(letter: str) -> Tree:
    return Tree("team/repo", letter * 40)


def test_one_agent_at_a_time(tmp_path):
    first, second = Workspace(tmp_path), Workspace(tmp_path)
    with first.lock(), pytest.raises(Locked, match=f"pid {os.getpid()}"):
        second.lock()
    second.lock().close()


def test_the_instance_is_the_same_for_ever_and_for_nobody_else(tmp_path):
    assert Workspace(tmp_path / "a").instance() == Workspace(tmp_path / "a").instance()
    assert Workspace(tmp_path / "a").instance() != Workspace(tmp_path / "b").instance()


def test_a_tree_is_unpacked_once_and_copied_for_each_job(tmp_path):
    workspace, loads = Workspace(tmp_path), []

    def load():
        loads.append(1)
        return (tar(("a/b", b"content")),)

    threads = [threading.Thread(target=workspace.prepare, args=(Lease(f"run{number}", 1, 1), commit("a"), load)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert [(tmp_path / f"jobs/run{number}-1-1/work/a/b").read_bytes() for number in range(4)] == [b"content"] * 4


def test_a_cut_off_tree_is_not_taken_for_a_whole_one(tmp_path):
    workspace, whole = Workspace(tmp_path), tar(("a", b"x" * 20_000), ("b", b"y"))

    def broken():
        yield whole[:15_000]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        workspace.prepare(LEASE, commit("a"), broken)
    with pytest.raises(Unusable, match="damaged"):
        workspace.prepare(LEASE, commit("a"), lambda: (whole[:15_000],))
    work = workspace.prepare(LEASE, commit("a"), lambda: (whole,))
    assert sorted(path.name for path in work.iterdir()) == ["a", "b"]


def test_only_so_many_trees_are_kept(tmp_path):
    workspace = Workspace(tmp_path, trees_kept=2)
    for number, letter in enumerate("abca"):
        workspace.prepare(LEASE, commit(letter), lambda: (tar(("f", b"")),))
        os.utime(tmp_path / f"trees/team_repo-{letter * 40}", (number, number))
    assert sorted(path.name[-1] for path in (tmp_path / "trees").iterdir()) == ["a", "c"]


def test_a_commit_that_is_none_is_refused(tmp_path):
    for wrong in ("../../x", "HEAD", ""):
        with pytest.raises(Unusable):
            Workspace(tmp_path).prepare(LEASE, Tree("r", wrong), lambda: ())


def test_a_lease_whose_name_is_no_folders_name_is_refused(tmp_path):
    for wrong in ("../x", "a/b", "", ".", "a" * 500):
        with pytest.raises(Unusable):
            Workspace(tmp_path).folder(Lease(wrong, 1, 1))


def test_an_archive_gives_files_and_folders_only(tmp_path):
    unpack(
        (
            tar(
                ("./plain", b"1"),
                special("link", tarfile.SYMTYPE, "/etc/passwd"),
                special("hard", tarfile.LNKTYPE, "plain"),
                special("device", tarfile.CHRTYPE),
                special("pipe", tarfile.FIFOTYPE),
                special("folder", tarfile.DIRTYPE),
                ("deep/er/file", b"2"),
            ),
        ),
        tmp_path,
    )
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["deep", "deep/er", "deep/er/file", "folder", "plain"]


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/etc/out"])
def test_an_archive_that_leads_outside_is_refused(tmp_path, name):
    (tmp_path / "in").mkdir()
    with pytest.raises(Unusable, match="outside"):
        unpack((tar((name, b"x")),), tmp_path / "in")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_an_archive_never_writes_through_a_link(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to(tmp_path)
    with pytest.raises(Unusable, match="link"):
        unpack((tar(("link/out", b"x")),), tmp_path / "in")
    unpack((tar(("link", b"x")),), tmp_path / "in")
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "in/link").read_bytes() == b"x"


def test_an_archive_has_caps_and_executables_stay_so(tmp_path):
    run = tarfile.TarInfo("run")
    run.mode = 0o777 | stat.S_ISUID
    unpack((tar(run, ("plain", b"")),), tmp_path)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) & 0o7111 for name in ("run", "plain")] == [0o111, 0]
    for caps in (Caps(entries=1), Caps(size=5)):
        with pytest.raises(Unusable, match="too many"):
            unpack((tar(("a", b"123"), ("b", b"123")),), tmp_path, caps)
    for rubbish in (b"", b"rubbish" * 1000, b"\0" * 100):
        with pytest.raises(Unusable):
            unpack((rubbish,), tmp_path)


@pytest.mark.parametrize("name", ["", ".", "/", "/a", "..", "a/..", "a/../b", "a\0b", "x" * 300, "y/" * 3000])
def test_paths_that_lead_outside_or_nowhere_are_refused(tmp_path, name):
    with pytest.raises(Unusable):
        inside(tmp_path, name)


def test_writing_replaces_a_link_and_does_not_follow_one(tmp_path):
    root, target = tmp_path / "root", tmp_path / "target"
    root.mkdir()
    target.write_text("old")
    (root / "link").symlink_to(target)
    (root / "folder").symlink_to(tmp_path)
    write(root, "link", (b"new",))
    with pytest.raises(Unusable):
        write(root, "folder/target", (b"new",))
    with pytest.raises(Unusable):
        write(root, "link/below", (b"new",))
    assert target.read_text() == "old"


GLOBS = {
    "*.csv": ["a.csv"],
    "**/*.csv": ["a.csv", "d/b.csv", "d/e/c.csv"],
    "**": ["a.csv", "b.txt", "d/b.csv", "d/e/c.csv"],
    "d/**": ["d/b.csv", "d/e/c.csv"],
    "d/*": ["d/b.csv"],
    "./a.csv": ["a.csv"],
    "?.txt": ["b.txt"],
    "[ab].*": ["a.csv", "b.txt"],
    "[!a].*": ["b.txt"],
    "*.{csv,txt}": ["a.csv", "b.txt"],
    "[": [],
    "nothing": [],
}


@pytest.mark.parametrize(("pattern", "names"), GLOBS.items())
def test_globs(tmp_path: Path, pattern, names):
    for name in ("a.csv", "b.txt", "d/b.csv", "d/e/c.csv", ".headgate-script.py"):
        write(tmp_path, name, (name.encode(),))
    assert [(name, file.read()) for name, file in matching(tmp_path, [pattern])] == [(name, name.encode()) for name in names]


def test_the_fixed_part_of_a_glob():
    assert [fixed_part(one) for one in ("a/b.csv", "a/b/*.csv", "*.csv", "a*/b", "a/{b,c}")] == ["a/b.csv", "a/b", "", "", "a"]


def test_a_sweep_removes_what_was_cut_off(tmp_path):
    workspace = Workspace(tmp_path)
    (tmp_path / "jobs/odd name").mkdir()
    (tmp_path / "trees/.new-1").mkdir()
    workspace.prepare(LEASE, None, lambda: ())
    workspace.sweep()
    assert workspace.left() == (LEASE,)
    assert list((tmp_path / "trees").iterdir()) == []


def test_read_only_folders_are_removed_too(tmp_path):
    workspace = Workspace(tmp_path)
    work = workspace.prepare(LEASE, None, lambda: ())
    (work / "a").mkdir()
    (work / "a/file").touch()
    (work / "a").chmod(0o500)
    workspace.remove(LEASE)
    assert workspace.left() == ()
