from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import ObjectType

from service.errors import Malformed, NotFound, TooLarge
from service.git import mirror
from service.git.repository import Git
from service.git.values import Change, History
from tests.git.world import FILE, FOLDER, LINK, Raw, started

PERSON = pygit2.Signature("Ann", "ann@example.org", 1, 0)


def chain(raw: Raw, *trees: str) -> list[str]:
    """Commits on top of each other."""
    made: list[str] = []
    for tree in trees:
        made.append(raw.commit(tree, *made[-1:]))
    return made


def with_flow(raw: Raw, content: bytes, beside: bytes = b"") -> str:
    return raw.tree((FOLDER, ".flows", raw.tree((FILE, "x.yml", raw.blob(content)))), (FILE, "src.py", raw.blob(beside)))


@pytest.mark.parametrize("name", ["main", "HEAD", "main^{/regex}", ":/fix", "main@{0}", "abc1234", "1" * 39, "1" * 41, "A" * 40, "-x", "", "1" * 39 + "\n"])
def test_only_full_ids_name_a_commit(git: Git, raw: Raw, name: str) -> None:
    raw.ref("refs/heads/main", raw.commit(raw.tree()))
    for asked in (git.commit, git.entries, git.export, git.keep):
        with pytest.raises(Malformed):
            asked("demo", name)


def test_branches_and_tags_are_listed_with_their_commits(git: Git, raw: Raw, bare: Path) -> None:
    commit = raw.commit(raw.tree())
    tag = raw.repository.create_tag("v1", commit, ObjectType.COMMIT, PERSON, "one")
    raw.ref("refs/tags/light", commit)
    raw.ref("refs/tags/blob", raw.blob())
    raw.ref("refs/heads/grün/ä", commit)
    raw.ref("refs/headgate/keep/x", commit)
    raw.ref("refs/pull/1/head", commit)
    assert str(tag) != commit
    assert git.refs("demo") == {"refs/heads/grün/ä": commit, "refs/tags/light": commit, "refs/tags/v1": commit}


def test_a_branch_whose_name_is_no_text_does_not_hide_the_others(git: Git, raw: Raw, bare: Path) -> None:
    commit = raw.commit(raw.tree())
    raw.ref("refs/heads/main", commit)
    (bare / "packed-refs").write_bytes(b"# pack-refs with: peeled fully-peeled sorted \n" + commit.encode() + b" refs/heads/caf\xe9\n")
    assert git.refs("demo")["refs/heads/main"] == commit
    assert len(git.refs("demo")) == 2


def test_a_commit_says_what_it_is(git: Git, raw: Raw) -> None:
    tree = raw.tree()
    root = raw.commit(tree)
    commit = raw.commit(tree, root, root, author="Zoë <z@example.org> 1700000000 -0730".encode(), message="Grüße\n\nlong\x1b[31m\n".encode())
    found = git.commit("demo", commit)
    assert (found.sha, found.parents, found.tree) == (commit, (root, root), tree)
    assert (found.author_name, found.author_email, found.message) == ("Zoë", "z@example.org", "Grüße\n\nlong\x1b[31m\n")
    assert found.date == datetime.fromtimestamp(1700000000, UTC)
    assert found.date.utcoffset() == -timedelta(hours=7, minutes=30)


@pytest.mark.parametrize(
    "author",
    [
        b"A <a> 99999999999999999 +0000",
        b"A <a> -99999999999 -1200",
        b"A <a> 5 +9999",
        b"A <a>",
        b"A<a>1 +01",
        b"<>",
        b"",
        b"\xff\xfe <\xff> 1 +0000",
        b"A <a> 253402300799 +2359",
    ],
)
def test_any_author_and_any_date_can_be_read(git: Git, raw: Raw, author: bytes) -> None:
    found = git.commit("demo", raw.commit(raw.tree(), author=author))
    assert found.date.tzinfo is not None
    assert found.date.isoformat()


def test_texts_in_other_encodings_and_sizes(git: Git, raw: Raw) -> None:
    latin = raw.commit(raw.tree(), extra=b"encoding ISO-8859-1\n", message="Grüße".encode("latin-1"))
    assert git.commit("demo", latin).message == "Grüße"
    odd = raw.commit(raw.tree(), extra=b"encoding nonsense\n", message=b"x\xff")
    assert git.commit("demo", odd).message == "x\ufffd"
    assert len(git.commit("demo", raw.commit(raw.tree(), message=b"x" * 500_000)).message) == mirror.LONGEST_MESSAGE
    with pytest.raises(TooLarge):
        git.commit("demo", raw.commit(raw.tree(), message=b"x" * 2_000_000))


def test_contents_come_in_parts_and_whole(git: Git, raw: Raw) -> None:
    blobs = {raw.blob(bytes([n]) * 900_000): bytes([n]) * 900_000 for n in range(80)}
    assert git.blobs("demo", [*blobs, *blobs]) == blobs
    assert git.blobs("demo", []) == {}


def test_one_file_is_sized_and_opened_whatever_its_size(git: Git, raw: Raw) -> None:
    large = b"ab" * 2_000_000
    sha = raw.commit(raw.tree((FILE, "large", raw.blob(large)), (FILE, "small", raw.blob(b"xyz"))))
    assert [git.size("demo", sha, path) for path in ("large", "small", "none")] == [len(large), 3, None]
    for path, wanted in (("large", large), ("small", b"xyz")):
        stream = git.open("demo", sha, path)
        assert stream is not None
        with stream:
            assert (stream.read(2), stream.read(), stream.read()) == (wanted[:2], wanted[2:], b"")
    assert git.open("demo", sha, "none") is None


def test_contents_over_the_cap_and_unknown_ones_are_named(git: Git, raw: Raw) -> None:
    big = raw.blob(b"x" * (1024 * 1024 + 1))
    with pytest.raises(TooLarge, match=big):
        git.blobs("demo", [big])
    with pytest.raises(NotFound, match="1" * 40):
        git.blobs("demo", ["1" * 40])
    with pytest.raises(NotFound):
        git.blobs("demo", [raw.tree()])


def test_history_follows_first_parents_and_names_what_touched_flows(git: Git, raw: Raw) -> None:
    root, edited, beside = chain(raw, with_flow(raw, b"1"), with_flow(raw, b"2"), with_flow(raw, b"2", b"code"))
    side = raw.commit(with_flow(raw, b"3"), root)
    merge = raw.commit(with_flow(raw, b"3", b"code"), beside, side)
    path, ids = ".flows/x.yml", {n: raw.blob(n) for n in (b"1", b"2", b"3")}
    steps = [(step.commit, step.parent, step.changes) for step in git.history("demo", merge).steps]
    assert steps == [
        (merge, beside, (Change(path, ids[b"2"], ids[b"3"]),)),
        (edited, root, (Change(path, ids[b"1"], ids[b"2"]),)),
        (root, None, (Change(path, None, ids[b"1"]),)),
    ]
    assert [step.commit for step in git.history("demo", merge, limit=1).steps] == [merge]
    assert git.history("demo", merge, "other").steps == ()


def test_history_names_what_came_to_be_refused_and_what_no_longer_is(git: Git, raw: Raw) -> None:
    good, link = with_flow(raw, b"1"), raw.tree((LINK, ".flows", raw.blob(b"elsewhere")))
    fine, refused, beside, mended = chain(raw, good, link, raw.tree((LINK, ".flows", raw.blob(b"elsewhere")), (FILE, "src.py", raw.blob())), good)
    steps = [(step.commit, len(step.changes), step.refused, step.cleared) for step in git.history("demo", mended).steps]
    assert steps == [(mended, 1, (), (".flows",)), (refused, 1, (".flows",), ()), (fine, 1, (), ())]
    assert beside not in [commit for commit, *_ in steps]
    module = raw.commit(raw.tree(("160000", ".flows", "1" * 40)), refused)
    assert [step.commit for step in git.history("demo", module).steps] == [refused, fine]


def test_history_says_whether_it_reaches_the_first_commit(git: Git, raw: Raw) -> None:
    tip = chain(raw, *(with_flow(raw, b"%d" % number) for number in range(5)))[-1]
    whole, short, few = git.history("demo", tip), git.history("demo", tip, limit=3), git.history("demo", tip, commits=4)
    assert [(len(found.steps), found.whole) for found in (whole, short, few)] == [(5, True), (3, False), (4, False)]


def test_the_first_parent_chain_is_told_from_the_rest(git: Git, raw: Raw) -> None:
    root, one, two = chain(raw, with_flow(raw, b"1"), with_flow(raw, b"2"), with_flow(raw, b"3"))
    side = raw.commit(with_flow(raw, b"4"), root)
    merge = raw.commit(with_flow(raw, b"5"), two, side)
    assert git.first_parent_of("demo", root, merge, 10)
    assert git.first_parent_of("demo", merge, merge, 0)
    assert not git.first_parent_of("demo", side, merge, 10)
    assert not git.first_parent_of("demo", root, merge, 2)
    assert git.merge_base("demo", two, side) == root
    assert git.merge_base("demo", raw.commit(raw.tree()), side) is None
    with pytest.raises(NotFound):
        git.merge_base("demo", "1" * 40, side)
    assert one != two


def test_changed_paths_are_counted_up_to_a_limit(git: Git, raw: Raw) -> None:
    blob = raw.blob()
    old = raw.commit(raw.tree((FILE, "same", blob), (FOLDER, "gone", raw.tree((FILE, "a", blob), (FILE, "b", blob)))))
    new = raw.commit(raw.tree((FILE, "same", blob), (FILE, "gone", blob), (LINK, "l", blob), (FILE, b"new\nline", blob)))
    assert git.paths_changed("demo", old, new) == ("gone", "gone/a", "gone/b", "l", "new\\x0aline")
    assert git.paths_changed("demo", None, new) == ("gone", "l", "new\\x0aline", "same")
    assert len(git.paths_changed("demo", old, new, 2)) == 2
    assert git.paths_changed("demo", new, new) == ()


def test_a_shallow_history_ends_quietly(git: Git, raw: Raw) -> None:
    tip = raw.commit(with_flow(raw, b"1"), "1" * 40)
    assert git.history("demo", tip) == History((), whole=False)
    assert not git.first_parent_of("demo", "2" * 40, tip, 10)


def test_a_repository_is_made_whole_named_well_and_removed(git: Git, bare: Path) -> None:
    assert git.exists("demo")
    assert not git.exists("other")
    assert git.refs("demo") == {}
    assert git.default_branch("demo") is None
    git.remove("demo")
    for asked in (git.refs, git.path, git.remove):
        with pytest.raises(NotFound):
            asked("demo")
    assert list(git.root.iterdir()) == []


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\0b", ".hidden", "-x", "x.git", "a..b", "x" * 101, "a b", "ä", "x\n"])
def test_names_that_would_leave_the_folder_are_refused(git: Git, name: str) -> None:
    for asked in (git.create, git.exists, git.remove, git.refs):
        with pytest.raises(Malformed):
            asked(name)


@pytest.mark.parametrize(
    ("name", "rule"),
    [("x.lock", "end in '.', '.git' or '.lock'"), ("x.git", "end in '.', '.git' or '.lock'"), ("x.", "end in '.', '.git' or '.lock'"), ("a..b", "hold '..'")],
)
def test_a_name_of_good_letters_is_refused_with_the_rule_that_it_breaks(git: Git, name: str, rule: str) -> None:
    with pytest.raises(Malformed) as refused:
        git.create(name)
    assert str(refused.value) == f"{name!r} can't name a repository: it must not {rule}."


def test_the_default_branch_may_be_packed_and_may_be_odd(git: Git, raw: Raw, bare: Path) -> None:
    raw.ref("refs/heads/-x;$(id)", raw.commit(raw.tree()))
    git.set_default_branch("demo", "-x;$(id)")
    assert git.default_branch("demo") == "-x;$(id)"
    raw.repository.compress_references()
    assert git.default_branch("demo") == "-x;$(id)"
    for bad in ("", "a..b", "a b", "a~1", "x.lock", "x/", "@{0}", "a\nb", "a:b"):
        with pytest.raises(Malformed):
            git.set_default_branch("demo", bad)


def test_a_poisoned_config_does_not_outlive_its_next_use(git: Git, bare: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (bare / "config").write_text(f'[core]\n\tbare = true\n\tsshCommand = touch {mark}\n\thooksPath = {tmp_path}\n[credential]\n\thelper = "!touch {mark}"\n')
    with pytest.raises(Malformed):
        git.fetch("demo", "ssh://example.org/x.git", None)
    assert str(mark) not in (bare / "config").read_text()


def test_tidying_packs_and_keeps_what_is_pinned(git: Git, raw: Raw, bare: Path, tmp_path: Path) -> None:
    commit = raw.commit(with_flow(raw, b"1"))
    git.keep("demo", commit)
    git.keep("demo", commit)
    for n in range(3000):
        raw.blob(str(n).encode())
    git.tidy("demo")
    assert list((bare / "objects" / "pack").glob("*.pack"))
    assert git.commit("demo", commit).sha == commit
    git.release("demo", [commit, "1" * 40])
    assert "refs/headgate" not in "".join(raw.repository.listall_references())


def test_what_git_itself_wrote_is_read_the_same(git: Git, bare: Path, tmp_path: Path) -> None:
    work = started(tmp_path / "work")
    commit = work.commit({".flows/x.yml": "id: x\n", ".flows/team/y.yaml": "id: y\n", "README.md": "hi"})
    work.git("push", "-q", str(bare), "main")
    listed = work.git("ls-tree", "-r", commit, ".flows").stdout.split("\n")
    expected = {line.split("\t")[1]: line.split()[2] for line in listed if line}
    assert {change.path: change.new for change in git.entries("demo", commit).changes} == expected
