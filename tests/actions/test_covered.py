"""A folder of flows that gives way to something that is not followed: its flows stay, until it is mended or they are really deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pygit2.enums import ObjectType

from service.actions.covered import Covered, covered, under
from service.git import trees
from service.git.repository import Git
from service.git.values import Change, History, Step
from service.store import flows, repositories
from tests.git.world import FILE, FOLDER, LINK, SUBMODULE, Raw
from tests.support.commits import MAIN, Link
from tests.support.station import Station, station_at

Tree = Mapping[str, Any]  #: names → texts, folders, or (mode, object id)
Row = tuple[str, str | bytes, str]


def text(id: str, note: str = "x") -> str:
    return f"id: {id}\nnamespace: t\ndescription: {note}\ntasks: [{{id: say, type: io.kestra.plugin.core.log.Log, message: hello}}]\n"


class Writer:
    """Commits of any trees, those that Git would never write among them."""

    def __init__(self, station: Station) -> None:
        self.station, self.raw = station, Raw(station.git.path(station.repository().name))
        self.tips: list[str] = []

    def rows(self, tree: Tree) -> list[Row]:
        return [self.row(name, entry) for name, entry in tree.items()]

    def row(self, name: str, entry: Any) -> Row:
        if isinstance(entry, str):
            return (FILE, name, self.raw.blob(entry.encode()))
        if isinstance(entry, Mapping):
            return (FOLDER, name, self.raw.tree(*self.rows(entry)))
        mode, oid = entry
        return (mode, name, oid)

    def commit(self, *rows: Row, parent: str | None = None) -> str:
        """On top of the last one."""
        parents = [parent] if parent else self.tips[-1:]
        self.tips.append(self.raw.commit(self.raw.tree(*rows), *parents, message=f"{len(self.tips)}\n".encode()))
        return self.tips[-1]

    def push(self, *rows: Row) -> str:
        sha = self.commit(*rows)
        self.move(sha)
        return sha

    def move(self, sha: str) -> None:
        self.raw.ref(MAIN, sha)
        self.station.sync()


@pytest.fixture
def writer(station: Station) -> Writer:
    return Writer(station)


SUB: Tree = {"a.yml": text("a"), "deep": {"b.yaml": text("b"), "_c.yml": "beside"}}
ALL: Tree = {"sub": SUB, "d.yml": text("d")}

# What may stand in the place of a folder, by the row or rows of it.
IN_ITS_PLACE: dict[str, Callable[[Raw, str], list[Row]]] = {
    "link": lambda raw, name: [(LINK, name, raw.blob(b"../pipelines"))],
    "submodule": lambda raw, name: [(SUBMODULE, name, "1" * 40)],
    "mode": lambda raw, name: [("100000", name, raw.blob())],
    "damaged": lambda raw, name: [(FOLDER, name, raw.object(ObjectType.TREE, b"100644 x.yml\0short"))],
    "no folder": lambda raw, name: [(FOLDER, name, raw.blob())],
    "disordered": lambda raw, name: [(FOLDER, name, raw.tree((FILE, "z.yml", raw.blob()), (FILE, "a.yml", raw.blob()), sort=False))],
    "twice": lambda raw, name: [(FILE, name, raw.blob()), (FOLDER, name, raw.tree((FILE, "e.yml", raw.blob(text("e").encode()))))],
}
# A plain file is refused where the flow folder has to be, and is nobody's business further down.
KINDS = [*((place, kind) for place in (".flows", ".flows/sub") for kind in IN_ITS_PLACE), (".flows", "file")]


def around(writer: Writer, place: str, rows: list[Row]) -> list[Row]:
    """A root's rows with these rows at a place, and all flows that are not below it."""
    if place == ".flows":
        return [*rows, *writer.rows({"pipelines": SUB})]
    (beside,) = writer.rows({"d.yml": ALL["d.yml"]})
    return [(FOLDER, ".flows", writer.raw.tree(*rows, beside)), *writer.rows({"pipelines": SUB})]


def seen(station: Station, sha: str) -> dict[str, Any]:
    """All that a sync decides."""
    with station.database.read() as session:
        files = flows.files(session, station.repository().id)
    live = {name: (row.path, row.blob) for name, row in station.live().items()}
    return {"live": live, "problems": station.commit(sha).problems, "files": files}


def fresh(station: Station, folder: Path, sha: str) -> dict[str, Any]:
    """What a service that has never been here makes of the same repository."""
    folder.mkdir()
    (folder / "git").symlink_to(station.folder / "git")
    with station_at(folder, station.helper) as other:
        other.sync()
        return seen(other, sha)


def live(station: Station) -> dict[str, tuple[str, int | None]]:
    return {row.flow_id: (row.path, row.live) for row in station.live().values()}


def problems(station: Station, sha: str) -> list[tuple[str, str]]:
    return [(problem["code"], problem["path"]) for problem in station.commit(sha).problems]


WHOLE = {"a": (".flows/sub/a.yml", 1), "b": (".flows/sub/deep/b.yaml", 1), "d": (".flows/d.yml", 1)}


@pytest.mark.parametrize(("place", "kind"), KINDS)
@pytest.mark.parametrize("end", ["mended", "deleted", "moved"])
def test_the_flows_below_what_is_refused_stay_until_that_is_mended_or_they_are_gone(
    station: Station, writer: Writer, tmp_path: Path, place: str, kind: str, end: str
) -> None:
    name = place.rpartition("/")[2]
    bad: list[Row] = [(FILE, name, writer.raw.blob())] if kind == "file" else IN_ITS_PLACE[kind](writer.raw, name)
    writer.push(*writer.rows({".flows": ALL}))
    assert live(station) == WHOLE
    for number, beside in enumerate([[], writer.rows({"README.md": "words"})]):
        sha = writer.push(*around(writer, place, bad), *beside)
        assert (live(station), problems(station, sha)) == (WHOLE, [("HG-0503", place)])
        assert station.statuses(sha)["headgate/flows"][0] == "failure"
        assert [len(station.revisions("t", id)) for id in WHOLE] == [1, 1, 1]
        assert seen(station, sha) == fresh(station, tmp_path / f"fresh-{number}", sha)
    below = [id for id, (path, _) in WHOLE.items() if path.startswith(f"{place}/")]
    others = {id: at for id, at in WHOLE.items() if id not in below}
    rest = {".flows": {"d.yml": ALL["d.yml"]}} if others else {}
    if end == "mended":
        sha, expected = writer.push(*writer.rows({".flows": ALL})), WHOLE
        assert station.statuses(sha)["headgate/flows"] == ("success", "no flow changed")
    elif end == "moved":
        sha = writer.push(*writer.rows({".flows": {"new": SUB, "d.yml": ALL["d.yml"]}}))
        expected = {"a": (".flows/new/a.yml", 1), "b": (".flows/new/deep/b.yaml", 1), "d": (".flows/d.yml", 1)}
    else:
        sha, expected = writer.push(*writer.rows(rest)), others
        assert [len(station.revisions("t", id)) for id in below] == [2] * len(below)
    assert (live(station), problems(station, sha)) == (expected, [])
    assert seen(station, sha) == fresh(station, tmp_path / "fresh-end", sha)


def test_what_was_pushed_by_git_itself_is_told_and_kept(station: Station) -> None:
    station.push({".flows/a.yml": text("a"), ".flows/b.yml": text("b")})
    sha = station.push({".flows/a.yml": None, ".flows/b.yml": None, "pipelines/b.yml": text("b"), ".flows": Link("pipelines")})
    assert live(station) == {"a": (".flows/a.yml", 1), "b": (".flows/b.yml", 1)}
    assert [change["change"] for change in station.commit(sha).flows] == []


@pytest.mark.parametrize("together", [True, False], ids=["one look", "one by one"])
def test_what_was_deleted_before_is_not_behind_it(station: Station, writer: Writer, tmp_path: Path, together: bool) -> None:
    link = IN_ITS_PLACE["link"](writer.raw, "sub")
    before = [{"sub": {**SUB, "e.yml": text("e")}}, {"sub": {"a.yml": text("a", "new"), "e.yml": "\t: ["}}]
    for rows in [*(writer.rows({".flows": tree}) for tree in before), around(writer, ".flows/sub", link)]:
        writer.commit(*rows)
        if not together:
            writer.move(writer.tips[-1])
    sha = writer.tips[-1]
    writer.move(sha)
    assert sorted(live(station)) == ["a", "d", "e"]
    assert seen(station, sha) == fresh(station, tmp_path / "fresh", sha)


def test_one_refused_folder_may_hide_another(station: Station, writer: Writer, tmp_path: Path) -> None:
    raw = writer.raw
    steps: list[list[Row]] = [
        writer.rows({".flows": ALL}),
        [
            (
                FOLDER,
                ".flows",
                raw.tree((FOLDER, "sub", raw.tree((LINK, "deep", raw.blob()), *writer.rows({"a.yml": SUB["a.yml"]}))), *writer.rows({"d.yml": ALL["d.yml"]})),
            )
        ],
        [(FOLDER, ".flows", raw.tree((SUBMODULE, "sub", "1" * 40), *writer.rows({"d.yml": ALL["d.yml"]})))],
        [(LINK, ".flows", raw.blob())],
        [(FILE, ".flows", raw.blob())],
    ]
    for number, rows in enumerate([*steps, *reversed(steps)]):
        sha = writer.push(*rows)
        assert (live(station), len(problems(station, sha))) == (WHOLE, 0 if number in (0, 9) else 1)
        assert seen(station, sha) == fresh(station, tmp_path / f"fresh-{number}", sha)
    assert [len(station.revisions("t", id)) for id in WHOLE] == [1, 1, 1]


def test_a_push_by_force_asks_the_new_tips_past(station: Station, writer: Writer, tmp_path: Path) -> None:
    link = IN_ITS_PLACE["link"](writer.raw, ".flows")
    first = writer.push(*writer.rows({".flows": {"a.yml": text("a")}}))
    writer.push(*writer.rows({".flows": ALL}))
    writer.push(*link)
    assert sorted(live(station)) == ["a", "b", "d"]
    sha = writer.commit(*link, parent=first)
    writer.move(sha)
    assert live(station)["a"][0] == ".flows/a.yml"
    assert sorted(live(station)) == ["a"]
    assert seen(station, sha) == fresh(station, tmp_path / "fresh", sha)


def test_a_whole_commit_that_can_not_be_read_hides_all(station: Station, writer: Writer, tmp_path: Path) -> None:
    writer.push(*writer.rows({".flows": ALL}))
    for number in range(2):
        rows = writer.rows({"z": f"{number}", ".flows": ALL})
        sha = writer.raw.commit(writer.raw.tree(*rows, sort=False), writer.tips[-1])
        writer.tips.append(sha)
        writer.move(sha)
        assert (live(station), problems(station, sha)) == (WHOLE, [("HG-0503", ".")])
        assert seen(station, sha) == fresh(station, tmp_path / f"fresh-{number}", sha)
    writer.push(*writer.rows({".flows": {"d.yml": ALL["d.yml"]}}))
    assert sorted(live(station)) == ["d"]


def test_a_folder_that_gave_way_to_a_plain_file_is_deleted(station: Station, writer: Writer) -> None:
    writer.push(*writer.rows({".flows": ALL}))
    sha = writer.push(*writer.rows({".flows": {"sub": "words", "d.yml": ALL["d.yml"]}}))
    assert (sorted(live(station)), problems(station, sha)) == (["d"], [])
    assert station.statuses(sha)["headgate/flows"] == ("success", "flows: 2 deleted")


def test_a_file_that_gave_way_to_a_folder_is_deleted(station: Station, writer: Writer) -> None:
    writer.push(*writer.rows({".flows": {"a.yml": text("a")}}))
    writer.push(*writer.rows({".flows": {"a.yml": {"b.yml": text("b")}}}))
    assert live(station) == {"b": (".flows/a.yml/b.yml", 1)}


@pytest.mark.parametrize("end", ["too deep", "a bad name"])
def test_flows_that_move_to_where_nothing_is_followed_are_gone(station: Station, writer: Writer, tmp_path: Path, end: str) -> None:
    """Nothing stands at their old paths, and what is not followed tells no names."""
    writer.push(*writer.rows({".flows": ALL}))
    (row,) = writer.rows({"sub": SUB})
    if end == "too deep":
        for _ in range(trees.DEEPEST):
            row = (FOLDER, "down", writer.raw.tree(row))
    else:
        row = (FOLDER, "bad\n", row[2])
    sha = writer.push((FOLDER, ".flows", writer.raw.tree(row, *writer.rows({"d.yml": ALL["d.yml"]}))))
    assert (sorted(live(station)), [code for code, _ in problems(station, sha)]) == (["d"], ["HG-0503"])
    assert seen(station, sha) == fresh(station, tmp_path / "fresh", sha)


def test_a_claim_elsewhere_stands_against_what_is_out_of_sight(station: Station, writer: Writer, tmp_path: Path) -> None:
    writer.push(*writer.rows({".flows": ALL}))
    link = IN_ITS_PLACE["link"](writer.raw, "sub")
    rows = [(FOLDER, ".flows", writer.raw.tree(*link, *writer.rows({"d.yml": ALL["d.yml"], "x.yml": text("a", "new")})))]
    sha = writer.push(*rows)
    assert live(station) == {**WHOLE, "a": (".flows/x.yml", 2)}
    assert problems(station, sha) == [("HG-0503", ".flows/sub")]
    assert seen(station, sha) == fresh(station, tmp_path / "fresh", sha)


@pytest.mark.parametrize("collected", [False, True], ids=["", "applied commit is gone"])
def test_what_lies_further_back_than_the_history_goes_stays_until_it_is_deleted(
    station: Station, writer: Writer, monkeypatch: pytest.MonkeyPatch, collected: bool
) -> None:
    monkeypatch.setattr(station.git, "history", partial(Git.history, station.git, commits=1))
    writer.push(*writer.rows({".flows": ALL}))
    bad = around(writer, ".flows/sub", IN_ITS_PLACE["link"](writer.raw, "sub"))
    writer.commit(*bad)
    writer.push(*bad, *writer.rows({"README.md": "words"}))
    assert live(station) == WHOLE
    if collected:
        station.database.write(partial(repositories.change, id=station.repository().id, values={"live_oid": "e" * 40}))
    sha = writer.push(*bad, *writer.rows({"README.md": "more words"}))
    assert (live(station), problems(station, sha)) == (WHOLE, [("HG-0503", ".flows/sub")])
    writer.push(*writer.rows({".flows": {"d.yml": ALL["d.yml"]}}))
    assert sorted(live(station)) == ["d"]


# the walk


def walked(refused: list[str], *steps: Step, whole: bool = True) -> Covered:
    return covered(refused, History(steps, whole))


def step(*changes: tuple[str, str | None, str | None], refused: tuple[str, ...] = (), cleared: tuple[str, ...] = ()) -> Step:
    return Step("2" * 40, "1" * 40, tuple(Change(*change) for change in changes), refused, cleared)


def test_places_are_whole_names() -> None:
    places = {"f/sub", "f/x.yml"}
    assert [under(path, places) for path in ("f/sub", "f/sub/a", "f/sub/a/b", "f/sub2", "f/sub.yml", "f", "", "f/x.yml/y")] == [
        True, True, True, False, False, False, False, True,
    ]  # fmt: skip
    assert under("f", {"."})
    assert under("f/a", {"."})


def test_only_what_was_refused_ever_since_hides() -> None:
    came = step(("f/sub/a.yml", "a", None), refused=("f/sub",))
    assert walked(["f/sub"], came) == Covered({"f/sub/a.yml": "a"}, frozenset())
    assert walked(["f/sub"], step(refused=("f/sub",)), step(("f/sub/a.yml", "a", None))) == Covered({}, frozenset())
    assert walked(["f/sub"], step(refused=("f/sub",), cleared=("f/sub",)), came).files == {"f/sub/a.yml": "a"}
    assert walked(["f"], step(refused=("f",), cleared=("f/sub",)), came).files == {"f/sub": "", "f/sub/a.yml": "a"}
    assert walked(["f/sub"], step(refused=("f/sub",), cleared=("f",)), step(("f/sub/a.yml", "a", None), ("f/b.yml", "b", None), refused=("f",))).files == {
        "f/sub/a.yml": "a"
    }


def test_a_history_that_ends_early_says_where() -> None:
    assert walked(["f/sub", "f/x"], step(refused=("f/x",)), whole=False) == Covered({}, frozenset({"f/sub"}))
    assert walked(["f/sub"], whole=False).beyond == {"f/sub"}
    assert walked(["f/sub"]).beyond == frozenset()


def test_a_file_that_is_there_is_not_hidden_by_a_name_that_is_printed_alike() -> None:
    assert walked(["f/x"], step(("f/x/a.yml", "a", "b")), step(("f/x/a.yml", "c", None))).files == {}
