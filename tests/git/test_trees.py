from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from pygit2.enums import ObjectType

from service.errors import Invalid, Malformed, NotFound, TooLarge, Unavailable
from service.git import mirror, trees
from service.git.objects import Objects
from service.git.repository import Git
from service.git.values import BadEntry, Change, TreeDiff
from tests.git.world import EXECUTABLE, FILE, FOLDER, LINK, SUBMODULE, Raw, big_index

FOLDER_NAME = ".flows"


def fresh(bare: Path, commit: str) -> TreeDiff:
    return mirror.diff(bare, None, commit, FOLDER_NAME)


def reasons(found: TreeDiff) -> dict[str, str]:
    return {bad.path: bad.reason for bad in found.refused}


def test_flow_files_are_found_and_nothing_else(bare: Path, raw: Raw) -> None:
    blob = raw.blob()
    deep = raw.tree((FILE, "y.yaml", blob), (FILE, "script.py", blob), (FILE, "_z.yml", blob))
    commit = raw.flows(
        (FILE, "x.yml", blob), (EXECUTABLE, "e.yml", blob), (FOLDER, "team", deep), (FOLDER, "_tests", deep), (FILE, "README.md", blob), (FILE, "X.YML", blob)
    )
    assert [change.path for change in fresh(bare, commit).changes] == [".flows/e.yml", ".flows/team/y.yaml", ".flows/x.yml"]
    assert fresh(bare, commit).refused == ()


def test_a_diff_names_what_was_added_changed_and_removed(bare: Path, raw: Raw) -> None:
    one, two = raw.blob(b"1"), raw.blob(b"2")
    old = raw.flows((FILE, "gone.yml", one), (FILE, "same.yml", one), (FILE, "edited.yml", one))
    new = raw.flows((FILE, "same.yml", one), (FILE, "edited.yml", two), (FILE, "added.yml", two))
    changes = mirror.diff(bare, old, new, FOLDER_NAME).changes
    assert changes == (Change(".flows/added.yml", None, two), Change(".flows/edited.yml", one, two), Change(".flows/gone.yml", one, None))
    assert mirror.diff(bare, new, new, FOLDER_NAME) == TreeDiff()
    assert mirror.diff(bare, new, None, FOLDER_NAME).changes == tuple(Change(c.path, c.new, None) for c in fresh(bare, new).changes)


def test_a_file_that_becomes_a_folder_and_back(bare: Path, raw: Raw) -> None:
    blob = raw.blob()
    old = raw.flows((FILE, "x.yml", blob))
    new = raw.flows((FOLDER, "x.yml", raw.tree((FILE, "y.yml", blob))))
    forth = (Change(".flows/x.yml", blob, None), Change(".flows/x.yml/y.yml", None, blob))
    assert mirror.diff(bare, old, new, FOLDER_NAME).changes == forth
    assert mirror.diff(bare, new, old, FOLDER_NAME).changes == tuple(Change(c.path, c.new, c.old) for c in forth)


def test_the_executable_bit_alone_is_no_change(bare: Path, raw: Raw) -> None:
    blob = raw.blob()
    assert mirror.diff(bare, raw.flows((FILE, "x.yml", blob)), raw.flows((EXECUTABLE, "x.yml", blob)), FOLDER_NAME) == TreeDiff()


@pytest.mark.parametrize(
    ("name", "shown", "reason"),
    [
        (b"..", "..", "dots"),
        (b".", ".", "dots"),
        (b"", "", "empty"),
        (b".git", ".git", "Git's own folder"),
        (b".GiT", ".GiT", "Git's own folder"),
        (b".git. ", ".git. ", "Git's own folder"),
        (b"git~1", "git~1", "Git's own folder"),
        (".g\u200cit".encode(), ".g\u200cit", "Git's own folder"),
        (b"a/b.yml", "a/b.yml", "slash"),
        (b"../../etc/x.yml", "../../etc/x.yml", "slash"),
        (b"new\nline.yml", "new\\x0aline.yml", "control"),
        (b"ansi\x1b[31m.yml", "ansi\\x1b[31m.yml", "control"),
        ("bidi\u202e.yml".encode(), "bidi\\xe2\\x80\\xae.yml", "control"),
        (b"caf\xe9.yml", "caf\\xe9.yml", "UTF-8"),
        (b"\xed\xb2\x80.yml", "\\xed\\xb2\\x80.yml", "UTF-8"),
        (b"long" * 70 + b".yml", "long" * 70 + ".yml", "longer"),
    ],
)
def test_bad_names_are_refused_by_name(bare: Path, raw: Raw, name: bytes, shown: str, reason: str) -> None:
    blob = raw.blob()
    found = fresh(bare, raw.flows((FILE, "good.yml", blob), (FILE, name, blob)))
    assert [change.path for change in found.changes] == [".flows/good.yml"]
    ((path, why),) = reasons(found).items()
    assert path == f".flows/{shown}"
    assert reason in why


@pytest.mark.parametrize("name", ["grün.yml", "名前.yml", "with space.yml", "-x.yml", "$(id).yml", "a'b\"c.yml", "back\\slash.yml", "…"])
def test_odd_but_honest_names_are_data(bare: Path, raw: Raw, name: str) -> None:
    found = fresh(bare, raw.flows((FILE, name, raw.blob())))
    assert found.refused == ()
    assert [change.path for change in found.changes] == ([f".flows/{name}"] if name.endswith(".yml") else [])


@pytest.mark.parametrize(
    ("mode", "reason"),
    [(LINK, "symbolic links are not followed"), (SUBMODULE, "submodules are not followed"), ("100000", "mode"), ("40755", "mode"), ("0", "mode")],
)
def test_links_submodules_and_unknown_modes_are_not_followed(bare: Path, raw: Raw, mode: str, reason: str) -> None:
    blob = raw.blob(b"/etc/passwd")
    found = fresh(bare, raw.flows((FILE, "good.yml", blob), (mode, "x.yml", blob), (mode, "folder", blob)))
    assert [change.path for change in found.changes] == [".flows/good.yml"]
    assert sorted(reasons(found)) == [".flows/folder", ".flows/x.yml"]
    assert all(reason in why for why in reasons(found).values())


def test_names_that_begin_with_an_underscore_are_nobody_s_business(bare: Path, raw: Raw) -> None:
    blob = raw.blob()
    assert fresh(bare, raw.flows((LINK, "_link.yml", blob), (SUBMODULE, "_module", "1" * 40), (FILE, b"_\n", blob))) == TreeDiff()


def test_a_doubled_name_is_refused_and_neither_wins(bare: Path, raw: Raw) -> None:
    one, two = raw.blob(b"1"), raw.blob(b"2")
    old = raw.flows((FILE, "x.yml", one))
    new = raw.flows((FILE, "x.yml", one), (FILE, "x.yml", two))
    found = mirror.diff(bare, old, new, FOLDER_NAME)
    assert found.changes == (Change(".flows/x.yml", one, None),)
    assert reasons(found) == {".flows/x.yml": "refused: the tree holds this name twice"}
    both = raw.flows((FILE, "x.yml", one), (FOLDER, "x.yml", raw.tree((FILE, "y.yml", two))))
    assert list(reasons(fresh(bare, both))) == [".flows/x.yml"]
    assert fresh(bare, both).changes == ()


def test_a_disordered_tree_is_refused_as_a_whole(bare: Path, raw: Raw) -> None:
    blob = raw.blob()
    found = fresh(bare, raw.flows((FILE, "z.yml", blob), (FILE, "a.yml", blob), sort=False))
    assert found.changes == ()
    assert reasons(found) == {".flows": "refused: the folder's entries are not in Git's order"}


def test_bytes_that_are_no_tree_are_refused(bare: Path, raw: Raw) -> None:
    broken = raw.object(ObjectType.TREE, b"100644 x.yml\0short")
    commit = raw.commit(raw.tree((FOLDER, ".flows", broken)))
    assert reasons(fresh(bare, commit)) == {".flows": "refused: the folder is damaged"}


def test_an_entry_that_is_not_what_its_mode_says(bare: Path, raw: Raw) -> None:
    blob = raw.blob()
    tree = raw.tree((FILE, "y.yml", blob))
    found = fresh(bare, raw.flows((FILE, "x.yml", tree), (FOLDER, "team", blob)))
    assert reasons(found) == {".flows/x.yml": "refused: the tree calls it a file, but it is none", ".flows/team": "refused: the folder is damaged"}


@pytest.mark.parametrize(
    ("mode", "reason"), [(FILE, "expected a folder, found a file"), (LINK, "symbolic links are not followed"), (SUBMODULE, "submodules are not followed")]
)
def test_the_flow_folder_itself_may_be_a_file_a_link_or_a_submodule(bare: Path, raw: Raw, mode: str, reason: str) -> None:
    blob = raw.blob()
    good = raw.flows((FILE, "x.yml", blob))
    bad = raw.commit(raw.tree((mode, ".flows", blob)))
    found = mirror.diff(bare, good, bad, FOLDER_NAME)
    assert found.changes == (Change(".flows/x.yml", blob, None),)
    assert found.refused[0].path == ".flows"
    assert reason in found.refused[0].reason
    back = mirror.diff(bare, bad, good, FOLDER_NAME)
    assert (back.changes, back.cleared) == ((Change(".flows/x.yml", None, blob),), (".flows",))


def test_a_refused_entry_in_place_of_a_good_file_removes_it(bare: Path, raw: Raw) -> None:
    blob = raw.blob()
    good, bad = raw.flows((FILE, "x.yml", blob)), raw.flows((LINK, "x.yml", blob))
    forth = mirror.diff(bare, good, bad, FOLDER_NAME)
    assert forth.changes == (Change(".flows/x.yml", blob, None),)
    assert list(reasons(forth)) == [".flows/x.yml"]
    back = mirror.diff(bare, bad, good, FOLDER_NAME)
    assert back == TreeDiff((Change(".flows/x.yml", None, blob),), (), (".flows/x.yml",))


def test_a_file_over_the_cap_is_refused_unread(bare: Path, raw: Raw) -> None:
    big = raw.blob(b"#" * (trees.LARGEST_FLOW + 1))
    found = fresh(bare, raw.flows((FILE, "x.yml", big), (FILE, "note.md", big)))
    assert found.changes == ()
    assert list(reasons(found)) == [".flows/x.yml"]
    assert "1048577 bytes" in reasons(found)[".flows/x.yml"]


def test_folders_without_end_are_cut(bare: Path, raw: Raw) -> None:
    tree = raw.tree((FILE, "x.yml", raw.blob()))
    for _ in range(200):
        tree = raw.tree((FOLDER, "d", tree))
    found = fresh(bare, raw.commit(raw.tree((FOLDER, ".flows", tree))))
    assert found.changes == ()
    assert ["nest deeper" in bad.reason for bad in found.refused] == [True]


def test_a_tree_bomb_is_given_up_with_a_reason(bare: Path, raw: Raw) -> None:
    tree = raw.tree(*((FILE, f"{n:02}.yml", raw.blob()) for n in range(50)))
    for _ in range(10):
        tree = raw.tree(*((FOLDER, f"{n:02}", tree) for n in range(50)))
    with pytest.raises(TooLarge, match="More than"):
        fresh(bare, raw.commit(raw.tree((FOLDER, ".flows", tree))))


def test_a_missing_object_is_our_fault_and_removes_nothing(bare: Path, raw: Raw) -> None:
    with pytest.raises(Unavailable, match="incomplete"):
        fresh(bare, raw.commit(raw.tree((FOLDER, ".flows", "1" * 40))))
    with pytest.raises(Unavailable, match="incomplete"):
        fresh(bare, raw.flows((FILE, "x.yml", "1" * 40)))
    with pytest.raises(NotFound):
        fresh(bare, "1" * 40)


def test_one_file_can_be_asked_for(git: Git, raw: Raw) -> None:
    blob = raw.blob(b"a: 1\n")
    commit = raw.flows((FILE, "_settings.yml", blob), (LINK, "_link.yml", blob), (FOLDER, "_keys", raw.tree((FILE, "k", blob))))
    assert git.file("demo", commit, ".flows/_settings.yml") == b"a: 1\n"
    assert git.file("demo", commit, ".flows/_keys/k") == b"a: 1\n"
    assert git.file("demo", commit, ".flows/none/at/all") is None
    for path in (".flows/_link.yml", ".flows/_keys", ".flows/_settings.yml/x"):
        with pytest.raises(Invalid):
            git.file("demo", commit, path)
    for path in ("../x", ".flows/../x", "/etc/passwd", ".git/config", "a\nb", "\udcff"):
        with pytest.raises(Malformed):
            git.file("demo", commit, path)


def test_a_comparison_costs_what_differs(bare: Path, raw: Raw) -> None:
    blob, rows = big_index(1000, 100, raw)
    old = raw.flows(*rows)
    touched = raw.tree(*((FILE, f"f{n:04}.yml", blob) for n in range(99)), (FILE, "f0099.yml", raw.blob(b"id: y\n")), (FILE, "own0500.yml", blob))
    new = raw.flows(*rows[:500], (FOLDER, "d0500", touched), *rows[501:])
    objects = Objects(bare)
    before, after = (objects.commit(commit)[0] for commit in (old, new))
    objects.reads = 0
    found = trees.diff(objects, before, after, FOLDER_NAME)
    assert [change.path for change in found.changes] == [".flows/d0500/f0099.yml"]
    # root, .flows and d0500 on both sides, and the two blobs' sizes
    assert objects.reads == 8


def test_step_by_step_gives_what_a_fresh_read_gives(bare: Path, raw: Raw) -> None:
    """Any walk through good and hostile trees ends with the files and refusals of a fresh read of its last commit."""
    dice = random.Random(7)
    commits = [hostile(raw, dice) for _ in range(60)]
    files: dict[str, str] = {}
    refused: dict[str, str] = {}
    for last, commit in pairwise([None, *commits]):
        applied(mirror.diff(bare, last, commit, FOLDER_NAME), files, refused)
        whole = fresh(bare, commit)
        assert files == {change.path: change.new for change in whole.changes}
        assert refused == reasons(whole)


def applied(step: TreeDiff, files: dict[str, str], refused: dict[str, str]) -> None:
    for change in step.changes:
        assert files.get(change.path) == change.old
        if change.new is None:
            del files[change.path]
        else:
            files[change.path] = change.new
    for path in step.cleared:
        refused.pop(path, None)
    refused.update({bad.path: bad.reason for bad in step.refused})


def hostile(raw: Raw, dice: random.Random, depth: int = 0) -> str:
    blobs = [raw.blob(b"1"), raw.blob(b"2"), raw.blob(b"#" * (trees.LARGEST_FLOW + 1))]
    names: list[bytes] = [b"a.yml", b"b.yaml", b"c", b"_d.yml", b"..", b"e\n.yml", b"f.md"]

    def folder(depth: int) -> str:
        rows: list[tuple[str, bytes | str, str]] = []
        for name in dice.choices(names, k=dice.randrange(6)):
            mode = dice.choice([FILE, FILE, FILE, LINK, SUBMODULE, FOLDER])
            oid = folder(depth + 1) if mode == FOLDER and depth < 3 else dice.choice(blobs)
            rows.append((mode, name, oid))
        return raw.tree(*rows, sort=dice.random() > 0.1)

    mode = dice.choice([FOLDER] * 8 + [LINK, FILE])
    return raw.commit(raw.tree((mode, ".flows", folder(0) if mode == FOLDER else blobs[0])))


def test_bad_entries_are_values_that_read_well(bare: Path, raw: Raw) -> None:
    (bad,) = fresh(bare, raw.flows((LINK, "x.yml", raw.blob()))).refused
    assert bad == BadEntry(".flows/x.yml", "symbolic links are not followed; put the file itself there")


def test_every_refusal_says_what_to_do_about_it(bare: Path, raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    """Advice fits the reason: nobody is told to make a regular file of what is one."""
    blob, deep = raw.blob(), raw.tree((FILE, "x.yml", raw.blob()))
    for _ in range(trees.DEEPEST + 1):
        deep = raw.tree((FOLDER, "d", deep))
    big = raw.blob(b"#" * (trees.LARGEST_FLOW + 1))
    twice = [(FILE, "twice.yml", blob), (FILE, "twice.yml", big)]
    damaged = raw.object(ObjectType.TREE, b"100644 x.yml\0short")
    crowded, disordered = raw.tree(*((FILE, f"{n}.yml", blob) for n in range(20))), raw.tree((FILE, "z.yml", blob), (FILE, "a.yml", blob), sort=False)
    folders = [(FOLDER, "deep", deep), (FOLDER, "damaged", damaged), (FOLDER, "crowded", crowded), (FOLDER, "disordered", disordered)]
    files = [
        (LINK, "link.yml", blob),
        (SUBMODULE, "module", blob),
        ("100000", "mode.yml", blob),
        (FILE, "no.yml", deep),
        (FILE, "big.yml", big),
        (FILE, "..", blob),
    ]
    monkeypatch.setattr("service.git.objects.LARGEST_TREE", 300)
    commits = [raw.flows(*files[:3], *twice), raw.flows(*files[3:]), raw.flows(*folders), raw.commit(raw.tree((FILE, ".flows", blob)))]
    found = [bad for commit in commits for bad in fresh(bare, commit).refused]
    assert {bad.path.removeprefix(".flows").removeprefix("/")[:10]: bad.hint for bad in found} == {
        "link.yml": "replace the link by the file or folder that it leads to",
        "module": "replace the submodule by the files in it",
        "mode.yml": "add it again as a regular file",
        "twice.yml": "a broken tool wrote this; commit the folder again with Git",
        "..": "rename it",
        "big.yml": "put long scripts and data into files of their own, and name them in the flow",
        "no.yml": "a broken tool wrote this; commit the folder again with Git",
        "damaged": "a broken tool wrote this; commit the folder again with Git",
        "disordered": "a broken tool wrote this; commit the folder again with Git",
        "crowded": "spread its files over several folders",
        "deep/d/d/d": "move it further up",
        "": "put a folder in its place, with the flows in it",
    }
