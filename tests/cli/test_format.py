"""`flow format`: files are rewritten, or only looked at; what can't be read is left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Command, environment
from tests.support.repo import Repo

CROOKED = "id:  x\nnamespace: dev\ntasks:\n- id: a # first\n  type: io.kestra.plugin.core.log.Log\n  message: hi"
STRAIGHT = "id: x\nnamespace: dev\ntasks:\n  - id: a # first\n    type: io.kestra.plugin.core.log.Log\n    message: hi\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".flows").mkdir()
    return tmp_path


def piped(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "service", "flow", "format", "-", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), input=text.encode(), capture_output=True, timeout=30, check=False)


def test_files_are_rewritten_and_counted(headgate: Command, folder: Path) -> None:
    (folder / "a.yml").write_text(CROOKED)
    (folder / "b.yml").write_text(STRAIGHT)
    done = headgate("flow", "format", "a.yml", "b.yml")
    assert (done.code, done.out, done.err) == (0, "", "1 file formatted, 1 file left as it is\n")
    assert (folder / "a.yml").read_text() == (folder / "b.yml").read_text() == STRAIGHT
    assert headgate("flow", "format", ".").err == "2 files left as they are\n"


def test_a_file_that_is_right_is_not_touched(headgate: Command, folder: Path) -> None:
    (folder / "b.yml").write_text(STRAIGHT)
    before = (folder / "b.yml").stat()
    headgate("flow", "format", "b.yml")
    after = (folder / "b.yml").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_check_names_the_files_and_writes_nothing(headgate: Command, folder: Path) -> None:
    (folder / ".flows/a.yml").write_text(CROOKED)
    (folder / ".flows/b.yml").write_text(STRAIGHT)
    (folder / ".flows/_no.yml").write_text(CROOKED)
    done = headgate("flow", "format", "--check", ".flows")
    assert (done.code, done.out, done.err) == (2, ".flows/a.yml\n", "1 file would change, 1 file left as it is\n")
    assert (folder / ".flows/a.yml").read_text() == CROOKED
    assert headgate("flow", "format", "--check", ".flows/b.yml").code == 0


def test_diff_shows_what_git_can_apply_and_writes_nothing(headgate: Command, folder: Path) -> None:
    repo = Repo(folder).write("a.yml", CROOKED).write("dos.yml", CROOKED.replace("\n", "\r\n"))
    done = headgate("flow", "format", "--diff", "a.yml", "dos.yml")
    assert done.code == 0
    assert done.out.startswith("--- a/a.yml\n+++ b/a.yml\n@@ -1,6 +1,6 @@\n-id:  x\n+id: x\n")
    assert "\n\\ No newline at end of file\n" in done.out
    assert (folder / "a.yml").read_text() == CROOKED
    (folder / "changes").write_text(done.out, newline="")
    repo.git("apply", "changes")
    assert headgate("flow", "format", "--check", "a.yml", "dos.yml").code == 0
    assert headgate("flow", "format", "--check", "--diff", "a.yml").out == ""


def test_diff_and_check_together_show_and_exit_with_2(headgate: Command, folder: Path) -> None:
    (folder / "a.yml").write_text(CROOKED)
    done = headgate("flow", "format", "--check", "--diff", "a.yml")
    assert (done.code, done.out.splitlines()[0], done.err) == (2, "--- a/a.yml", "1 file would change\n")


def test_standard_input_goes_to_standard_output(folder: Path) -> None:
    done = piped(folder, CROOKED.replace("\n", "\r\n"))
    assert (done.returncode, done.stdout.decode()) == (0, STRAIGHT.replace("\n", "\r\n"))
    straight = piped(folder, STRAIGHT)
    assert (straight.returncode, straight.stdout.decode()) == (0, STRAIGHT)
    assert piped(folder, CROOKED, "--check").stdout == b"<stdin>\n"


def test_what_cannot_be_read_gives_no_output_but_its_problems(folder: Path) -> None:
    done = piped(folder, "a: [\nb: 1\n")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error[HG-0100]: ")


def test_a_file_with_errors_of_yaml_is_left_alone_and_the_others_are_done(headgate: Command, folder: Path) -> None:
    broken = "id:  x\nid:  y\n"
    (folder / "a.yml").write_text(broken)
    (folder / "b.yml").write_text(CROOKED)
    done = headgate("flow", "format", ".")
    assert (done.code, done.out) == (2, "")
    assert "error[HG-0104]: `id` is given twice; the first is at 1:1\n  --> a.yml:2:1\n" in done.err
    assert done.err.endswith("1 file formatted, 1 file can't be read\n")
    assert (folder / "a.yml").read_text() == broken
    assert (folder / "b.yml").read_text() == STRAIGHT


def test_a_file_keeps_its_rights_and_a_named_link_leads_to_its_file(headgate: Command, folder: Path) -> None:
    (folder / "a.yml").write_text(CROOKED)
    (folder / "a.yml").chmod(0o640)
    (folder / "link.yml").symlink_to("a.yml")
    assert headgate("flow", "format", "link.yml").code == 0
    assert (folder / "link.yml").is_symlink()
    assert ((folder / "a.yml").read_text(), (folder / "a.yml").stat().st_mode & 0o777) == (STRAIGHT, 0o640)
    assert sorted(path.name for path in folder.iterdir()) == [".flows", "a.yml", "link.yml"]


def test_a_link_below_a_folder_is_refused(headgate: Command, folder: Path) -> None:
    (folder / "a.txt").write_text(CROOKED)
    (folder / ".flows/link.yml").symlink_to("../a.txt")
    done = headgate("flow", "format", ".flows")
    assert done.code == 2
    assert "error[HG-0503]: symbolic links are not followed" in done.err
    assert (folder / "a.txt").read_text() == CROOKED


def test_a_commit_cannot_be_rewritten(headgate: Command, folder: Path) -> None:
    Repo(folder).write(".flows/a.yml", CROOKED).commit()
    done = headgate("flow", "format", "HEAD:")
    assert (done.code, done.err) == (2, ".flows/a.yml is read from a commit, which can't be rewritten; name a file\n")


def test_what_is_nowhere_is_a_mistake_of_usage(headgate: Command, folder: Path) -> None:
    assert headgate("flow", "format", "nowhere.yml").err == "there is no file or folder nowhere.yml\n"
    assert headgate("flow", "format", ".flows").err == "no flow files (*.yml, *.yaml) in .flows\n"
