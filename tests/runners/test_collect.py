"""What comes back from a container stays in the working directory, whatever a flow asks for and whatever the container made."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from runners.backend import Launch
from runners.backends.docker import DockerBackend, DockerProgram
from runners.engine import Engine
from runners.memory import MemoryService
from runners.options.docker import Docker
from runners.protocol import Lease, Result, Unusable
from runners.work import JobWork
from runners.workspace import Workspace, fixed_part
from tests.runners.images import Images
from tests.runners.playing import job, play, until

#: Ways out of the working directory base/jobs/one-1-1/work; `{0}` is the folder that nobody may touch.
#: Never "/" or "/**" among them: where the check is missing, the test would delete the machine that it runs on.
WAYS_OUT = (
    "{0}/keys",
    "{0}",
    "{0}/*",
    "../../../../victim/keys",
    "../../../../victim",
    "../../../../victim/*",
    "./../../../../victim/keys",
    "a/../../../../../victim/keys",
    "a/{{b,c}}/../../../../../../victim/keys",
    "*/../../../../../victim/keys",
    "..",
    "../**",
)


class Inside:
    """An engine with one container, in which one archive stands at every path."""

    def __init__(self, *members: tarfile.TarInfo) -> None:
        self.asked: list[str] = []
        self._members = members

    def fetch(self, container: str, path: str) -> Iterator[bytes]:
        self.asked.append(path)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for member in self._members:
                archive.addfile(member, io.BytesIO(b"x" * member.size))
        yield packed.getvalue()


def file(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = 3
    return entry


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of the host that is none of a job's business."""
    folder = tmp_path / "victim"
    (folder / "deep").mkdir(parents=True)
    (folder / "keys").write_text("the host's own")
    (folder / "deep").chmod(0o750)
    return folder


def untouched(victim: Path) -> bool:
    found = {path.relative_to(victim).as_posix() for path in victim.rglob("*")}
    return found == {"keys", "deep"} and (victim / "keys").read_text() == "the host's own" and (victim / "deep").stat().st_mode & 0o777 == 0o750


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A job's working directory, with the job's own files beside it."""
    folder = tmp_path / "base/jobs/one-1-1/work"
    folder.mkdir(parents=True)
    (folder.parent / "began").write_text("1")
    return folder


def program(work: Path, engine: Inside) -> DockerProgram:
    launch = Launch(Lease("one", 1, 1), 0, (), {}, work, work.parent)
    return DockerProgram(cast("Engine", engine), "container", launch, Docker(), 1 << 20)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("way", [way for way in WAYS_OUT if "*" not in way])
def test_a_path_that_leads_outside_is_refused_before_anything_is_touched(work: Path, victim: Path, way: str):
    (work / "kept").touch()
    engine = Inside(file("keys"))
    with pytest.raises(Unusable, match="is not a path inside the working directory"):
        program(work, engine).collect(way.format(victim))
    assert untouched(victim)
    assert (engine.asked, names(work.parent)) == ([], ["began", "work", "work/kept"])


@pytest.mark.parametrize("path", ["link/keys", "link/deep", "a/link/deep/new", "link/new"])
def test_a_link_on_the_way_is_refused(work: Path, victim: Path, path: str):
    (work / "a").mkdir()
    for place in (work, work / "a"):
        (place / "link").symlink_to(victim)
    with pytest.raises(Unusable, match="is a link"):
        program(work, Inside(file(path.rpartition("/")[2]))).collect(path)
    assert untouched(victim)


@pytest.mark.parametrize("target", ["", "keys", "deep", "nowhere"])
def test_a_link_in_the_place_is_replaced_and_not_followed(work: Path, victim: Path, target: str):
    (work / "link").symlink_to(victim / target)
    program(work, Inside(file("link"))).collect("link")
    assert untouched(victim)
    assert (work / "link").read_text() == "xxx"
    assert not (work / "link").is_symlink()


def test_a_hard_link_in_the_place_is_replaced_and_not_written_through(work: Path, victim: Path):
    (work / "same").hardlink_to(victim / "keys")
    program(work, Inside(file("same"))).collect("same")
    assert untouched(victim)
    assert (work / "same").read_text() == "xxx"


@pytest.mark.parametrize("name", ["../began", "x/../../began", "/etc/began", "work/../began", "work/../../began", "../../../../victim/keys"])
@pytest.mark.parametrize("path", ["", "work", "a/b"])
def test_an_archive_with_a_name_that_leads_outside_is_refused(work: Path, victim: Path, path: str, name: str):
    with pytest.raises(Unusable, match="leads outside"):
        program(work, Inside(file(name))).collect(path)
    assert untouched(victim)
    assert (work.parent / "began").read_text() == "1"


ARCHIVES = [
    (file("began"),),
    (special("began", tarfile.DIRTYPE), file("began/began"), special("began/work", tarfile.DIRTYPE), file("began/work/in")),
    (special("odd", tarfile.SYMTYPE, "/"), file("odd/out")),
    (file("one"), file("two")),
]


@pytest.mark.parametrize("members", ARCHIVES)
@pytest.mark.parametrize("path", ["", "a", "a/b", "./a", "a//b"])
def test_an_archive_fills_the_place_that_was_asked_for_and_no_other(work: Path, path: str, members: tuple[tarfile.TarInfo, ...]):
    """Whatever it calls it: beside the working directory stand our own records of the job."""
    program(work, Inside(*members)).collect(path)
    assert (work.parent / "began").read_text() == "1"
    assert sorted(path.name for path in work.parent.iterdir()) == ["began", "work"]
    place = work / path
    assert all(found.is_relative_to(place) or place.is_relative_to(found) for found in work.rglob("*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_stay_in_the_container(work: Path, victim: Path, kind: bytes):
    members = (special("out", tarfile.DIRTYPE), special("out/odd", kind, str(victim)), special("out/same", kind, "../../../../../victim/keys"), file("out/in"))
    program(work, Inside(*members)).collect("out")
    assert names(work) == ["out", "out/in"]
    assert untouched(victim)


def test_a_file_that_became_a_folder_in_the_container_makes_way(work: Path):
    (work / "note").write_text("a file of the commit")
    program(work, Inside(file("in"))).collect("note/in")
    assert names(work) == ["note", "note/in"]


def test_a_folder_is_deleted_without_following_links(tmp_path: Path, victim: Path):
    workspace = Workspace(tmp_path / "base")
    folder = workspace.prepare(Lease("one", 1, 1), None, lambda: ())
    (folder / "link").symlink_to(victim)
    (tmp_path / "base/jobs/odd name").symlink_to(victim)
    (tmp_path / "base/trees/.new-1").symlink_to(victim)
    workspace.sweep()
    workspace.remove(Lease("one", 1, 1))
    assert names(tmp_path / "base") == ["jobs", "trees"]
    assert untouched(victim)


class Curious:
    """Stands for the program: notes what is collected."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def collect(self, path: str) -> None:
        self.asked.append(path)


@pytest.mark.parametrize("way", WAYS_OUT)
def test_a_pattern_that_leads_outside_is_refused_before_the_backend_hears_of_it(tmp_path: Path, victim: Path, way: str):
    means: Any = type("", (), {"workspace": Workspace(tmp_path / "base")})()
    work, curious = JobWork(means, job("one"), cast("Any", None)), Curious()
    work._program = cast("Any", curious)
    with pytest.raises(Unusable, match="is not a path inside the working directory"):
        work.upload(way.format(victim))
    assert (curious.asked, untouched(victim)) == ([], True)


@pytest.mark.parametrize("pattern", ["/", "/**", "/*", "//", "", ".", "./", "..", "a/..", "**/..", "a\0b"])
def test_a_pattern_that_leads_nowhere_has_no_fixed_part(pattern: str):
    """Pure text: nothing can be touched by this."""
    with pytest.raises(Unusable):
        fixed_part(pattern)


@pytest.mark.parametrize("way", WAYS_OUT)
def test_output_files_of_a_process_never_lead_outside(tmp_path: Path, victim: Path, way: str, service: MemoryService):
    outcome, _ = play(tmp_path / "base", job("one", spec={"commands": ["true"], "outputFiles": [way.format(victim)]}), service)
    assert outcome.result is Result.FAILED
    assert "is not a path inside the working directory" in str(outcome.message)
    assert outcome.outputs["outputFiles"] == {}
    assert untouched(victim)


@pytest.mark.docker
def test_output_files_of_a_container_never_lead_outside(tmp_path: Path, victim: Path, docker_images: Images):
    """The container has files of its own at every one of those paths."""
    made = f"mkdir -p {victim} a/b && echo evil > {victim}/keys && ln -s {victim} link && ln -s {victim}/keys keys"
    backend = DockerBackend(Workspace(tmp_path / "base").instance())
    for number, way in enumerate((*WAYS_OUT, "link/keys", "link/*", "link", "keys")):
        spec = {"commands": [made], "containerImage": docker_images.plain, "outputFiles": [way.format(victim)]}
        outcome, _ = play(tmp_path / "base", job(f"run{number}", spec=spec), backends=lambda _: [backend])
        assert untouched(victim), way
        assert outcome.result is (Result.SUCCESS if way.startswith(("link", "keys")) else Result.FAILED), (way, outcome.message)
        assert all(name.startswith("link/") for name in outcome.outputs["outputFiles"])
    until(lambda: backend.left() == ())
    backend.close()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_a_list_of_users_that_is_no_file_is_not_read(kind: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Engine, "fetch", Inside(special("passwd", kind, "/nix/store/passwd")).fetch)
    assert Engine().text("container", "/etc/passwd") == ""
