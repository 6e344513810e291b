"""An incremental sync gives what a fresh one gives: live flows, problems and files, after every step of any history.

Histories are drawn at random: flows are added, changed, broken, mended, renamed, moved to another namespace, doubled and deleted; files can't be read,
don't tell their name, or become links; folders give way to links and plain files, and come back; commits merge side branches in either order; the branch
is pushed by force to older, other and unrelated commits, and to the same files with another past; another branch becomes the live one; some pushes are
never looked at. The second service sees the tip alone, and the rules are also written down a second time, plainly.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.app import catalogue
from service.flows.reading import read_flow
from service.git.helper import Helper
from service.store import deliveries, flows, repositories
from service.store.repositories import MAIN as ENVIRONMENT
from tests.support.commits import Commits, Link
from tests.support.station import Station, station_at

PATHS = [".flows/a.yml", ".flows/b.yaml", ".flows/c/d.yml", ".flows/c/e.yml", ".flows/_not/f.yml", "beside.yml"]
FOLDERS = [".flows", ".flows/c", ".flows/c"]
NAMES = [("t", "one"), ("t", "two"), ("u", "one")]
LOG = "{id: say, type: io.kestra.plugin.core.log.Log, message: hello}"


def good(name: tuple[str, str], version: int) -> str:
    return f"id: {name[1]}\nnamespace: {name[0]}\ndescription: version {version}\ntasks:\n  - {LOG}\n"


def warned(name: tuple[str, str], version: int) -> str:
    """Right, with something to remark."""
    return good(name, version).replace("hello", "'{{ inputs.nobody }}'")


def wrong(name: tuple[str, str], version: int) -> str:
    """Tells what it is, and can't run."""
    return good(name, version).replace("core.log.Log", f"core.log.Lag{version}")


def broken(name: tuple[str, str], version: int) -> str:
    """Not YAML, but its lines tell what it is."""
    return f"id: {name[1]}\nnamespace: {name[0]}\ntasks: [{version}\n"


def nameless(name: tuple[str, str], version: int) -> str:
    """A map that does not tell what it is."""
    return f"description: version {version}\ntasks:\n  - {LOG}\n"


def unreadable(name: tuple[str, str], version: int) -> str:
    """Tells nothing."""
    return f"\t: [{version}"


KINDS = [good, good, good, good, warned, wrong, wrong, broken, nameless, unreadable]


class History:
    """A repository that goes through random pushes."""

    deeds: Sequence[str] = ("write", "write", "write", "write", "delete", "rename", "copy", "link", "cover", "restore")
    paths, names, kinds = PATHS, NAMES, KINDS

    def __init__(self, writer: Commits, seed: int) -> None:
        self.random, self.writer = random.Random(seed), writer
        self.branch, self.tip = "main", ""
        self.made: list[str] = []
        self.story: list[str] = []
        self._version = 0

    def step(self) -> None:
        """One push."""
        kind = self.random.choices(["commit", "merge", "force", "rewrite", "root", "switch"], [12, 3, 2, 3, 0.5, 1])[0] if self.made else "commit"
        if kind == "force":
            self.tip = self.random.choice(self.made)
            self.story.append(f"force to {self.tip[:7]}")
        elif kind == "rewrite":
            self._rewrite()
        elif kind == "root":
            self._commit()
        elif kind == "switch":
            self.branch = "next" if self.branch == "main" else "main"
            self.story.append(f"{self.branch} is the live branch")
        elif kind == "merge":
            self._merge()
        else:
            self._commit(*filter(None, [self.tip]))
        self.writer.move(f"refs/heads/{self.branch}", self.tip)

    def _commit(self, *parents: str) -> None:
        changes = self._changes(parents[0] if parents else None)
        self.tip = self.writer.write(changes, *parents)
        self.made.append(self.tip)
        self.story.append(f"{self.tip[:7]} on {[parent[:7] for parent in parents]}: { {path: str(text)[:70] for path, text in changes.items()} }")

    def _rewrite(self) -> None:
        """The same files as now, with another past: what a rebase or a squash pushes."""
        parents = self.random.choice([[self.random.choice(self.made)], [self.random.choice(self.made)], []])
        self.tip = self.writer.write({}, *parents, like=self.tip)
        self.made.append(self.tip)
        self.story.append(f"{self.tip[:7]} is the tip's files on {[parent[:7] for parent in parents]}")

    def _merge(self) -> None:
        """A side branch from an older commit, merged; half of the time as the first parent."""
        ours = self.tip
        self._commit(self.random.choice(self.made))
        parents = [ours, self.tip] if self.random.random() < 0.5 else [self.tip, ours]
        self._commit(*(parent for parent in parents if parent))

    def _changes(self, parent: str | None) -> dict[str, Any]:
        present = self.writer.files(parent) if parent else {}
        changes: dict[str, Any] = self._uncovered(parent) if parent else {}
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            path, other = self.random.choice(self.paths), self.random.choice(self.paths)
            deed = self.random.choice(self.deeds)
            if deed == "write":
                changes[path] = self._text()
            elif deed == "link":
                changes[path] = Link("b.yaml")
            elif deed == "cover":
                place = self.random.choice([place for place in FOLDERS if any(path.startswith(f"{place}/") for path in present)] or FOLDERS)
                changes = {path: text for path, text in changes.items() if not path.startswith(f"{place}/")}
                changes[place] = self.random.choice([Link("beside.yml"), Link("beside.yml"), "a plain file"])
            elif deed == "restore":
                changes |= self._restored()
            elif path in present and path not in changes and other not in changes:
                if deed in ("rename", "copy") and other != path:
                    changes[other] = present[path]
                if deed in ("rename", "delete"):
                    changes[path] = None
        # What goes away goes first: a link in a folder's place takes along what is in there.
        return dict(sorted(changes.items(), key=lambda change: change[1] is not None))

    def _uncovered(self, parent: str) -> dict[str, None]:
        """Now and then, what stands in a folder's place goes away."""
        return {path: None for path in self.writer.paths(parent) if path in FOLDERS and self.random.random() < 0.3}

    def _restored(self) -> dict[str, Any]:
        """The flow folder or one below it, with all that was in it at some commit."""
        place, files = self.random.choice(FOLDERS), self.writer.files(self.random.choice(self.made)) if self.made else {}
        return {path: text for path, text in files.items() if path.startswith(f"{place}/")}

    def _text(self) -> str:
        self._version = self.random.choice([self._version, self._version + 1, 0])
        return self.random.choice(self.kinds)(self.random.choice(self.names), self._version)


class Covering(History):
    """One whose folders come and go, with flows that seldom get in each other's way."""

    deeds = ("write", "write", "write", "write", "delete", "rename", "link", "cover", "cover", "cover", "restore", "restore")
    paths = [*PATHS, *(f".flows/c/{name}.yml" for name in "ghi")]
    names = [("t", f"f{number}") for number in range(12)]
    kinds = [good, good, good, good, warned, wrong, nameless, unreadable]


Told = tuple[tuple[str, str] | None, bool]  #: what a text says that it is, and whether it is right


class Rules:
    """ARCHITECTURE's rules for what is live, read from whole commits: slow, plain, and with nothing of the sync's own code but the reader of one text."""

    def __init__(self, writer: Commits) -> None:
        self._writer, self._catalogue = writer, catalogue()
        self._texts: dict[bytes, Told] = {}

    def live(self, tip: str) -> dict[tuple[str, str], tuple[str, bytes]]:
        """Identity → path and text, at a tip."""
        commits = [self._claims(sha) for sha in self._writer.first_parents(tip)]
        named = {identity for _, _, (identity, _) in commits[0] if identity} | set(self._guessed(tip, commits))
        found = ((identity, self._newest_good(identity, commits)) for identity in named)
        return {identity: text for identity, text in found if text is not None}

    def _claims(self, sha: str) -> list[tuple[str, bytes, Told]]:
        """The flow files of a commit with what they tell."""
        files = {path: text for path, text in self._writer.files(sha).items() if path.startswith(".flows/") and "/_" not in path}
        return [(path, text, self._told(text)) for path, text in files.items()]

    def _told(self, text: bytes) -> Told:
        if text not in self._texts:
            reading = read_flow(text, "f.yml", self._catalogue)
            self._texts[text] = reading.identity, reading.flow is not None
        return self._texts[text]

    def _guessed(self, tip: str, commits: list[list[tuple[str, bytes, Told]]]) -> Iterator[tuple[str, str]]:
        """What the files that tell nothing, links and files behind links among them, told last."""
        telling = {path for path, _, (identity, _) in commits[0] if identity}
        for path in self._standing(tip):
            if path.startswith(".flows/") and "/_" not in path and path not in telling:
                past = (identity for commit in commits[1:] for place, _, (identity, _) in commit if place == path and identity)
                yield from itertools.islice(past, 1)

    def _standing(self, tip: str) -> set[str]:
        """All that a commit holds but folders, and what stood where it has something that is not followed, when that came."""
        found: set[str] = set()
        for sha in reversed([*self._writer.first_parents(tip)]):
            there = self._writer.paths(sha)
            files = self._writer.files(sha)
            refused = tuple(f"{path}/" for path in there if path == ".flows" or (path.startswith(".flows/") and path not in files))
            found = {path for path in found if path.startswith(refused)} | set(there)
        return found

    def _newest_good(self, identity: tuple[str, str], commits: list[list[tuple[str, bytes, Told]]]) -> tuple[str, bytes] | None:
        """The newest text that was right and alone with the identity."""
        for commit in commits:
            claims = [(path, text, right) for path, text, (told, right) in commit if told == identity]
            if len(claims) == 1 and claims[0][2]:
                return claims[0][:2]
        return None


def seen(station: Station, tip: str, name: str = "default") -> dict[str, Any]:
    """All that a sync decides."""
    with station.database.read() as session:
        live = {(row.namespace, row.flow_id): (row.path, row.blob) for row in flows.live(session, ENVIRONMENT)}
        files = flows.files(session, station.repository(name).id)
    return {"live": live, "problems": station.commit(tip, name).problems, "files": files}


def fresh(station: Station, folder: Path, tip: str) -> dict[str, Any]:
    """What a service that has never been here makes of the same repository."""
    folder.mkdir()
    (folder / "git").symlink_to(station.folder / "git")
    with station_at(folder, station.helper) as other:
        other.sync()
        return seen(other, tip)


@pytest.mark.parametrize(("kind", "seed"), [*((History, seed) for seed in range(12)), *((Covering, seed) for seed in range(8))])
def test_an_incremental_sync_gives_what_a_fresh_one_gives(station: Station, helper: Helper, tmp_path: Path, kind: type[History], seed: int) -> None:
    history = kind(station.commits(), seed)
    rules = Rules(history.writer)
    for number in range(14):
        history.step()
        station.git.set_default_branch("default", history.branch)
        if history.random.random() < 0.2:
            continue  # several pushes, one look
        station.sync()
        now, story = seen(station, history.tip), "\n".join(history.story)
        assert now == fresh(station, tmp_path / f"fresh-{number}", history.tip), story
        assert {name: (path, history.writer.text(blob)) for name, (path, blob) in now["live"].items()} == rules.live(history.tip), story


class Coming(History):
    """A repository that now and then gives up every flow that it has, or all of one namespace."""

    def _changes(self, parent: str | None) -> dict[str, Any]:
        present = self.writer.files(parent) if parent else {}
        if present and self.random.random() < 0.3:
            given_up = self.random.choice([b"namespace: t", b"namespace: u", b""])
            return {path: None for path, content in present.items() if path.startswith(".flows/") and given_up in content}
        return super()._changes(parent)


TWO = ("default", "other")


def told(station: Station) -> list[str]:
    """The repositories that something waits for."""
    with station.database.read() as session:
        ids = {one.repository_id for one in deliveries.waiting(session, station.clock.now.timestamp())}
    return [name for name in TWO if station.repository(name).id in ids]


def owners(station: Station) -> dict[str, str]:
    """Whose each namespace is."""
    names = {station.repository(name).id: name for name in TWO}
    with station.database.read() as session:
        found = {namespace: repositories.owner(session, ENVIRONMENT, namespace) for namespace in ("t", "u")}
    return {namespace: names[id] for namespace, id in found.items() if id is not None}


def contested(station: Station) -> set[str]:
    """The namespaces that both have files in: which of them came first is not in Git."""
    claimed = []
    with station.database.read() as session:
        for name in TWO:
            claimed.append({file.identity[0] for file in flows.files(session, station.repository(name).id).values() if file.identity})
    return claimed[0] & claimed[1]


def both(station: Station, tips: dict[str, str]) -> dict[str, Any]:
    """All that the syncs of two repositories decide."""
    return {"owners": owners(station)} | {name: seen(station, tip, name) for name, tip in tips.items()}


def both_fresh(station: Station, folder: Path, tips: dict[str, str], came_first: dict[str, str]) -> dict[str, Any]:
    """What a service makes of them that knows nothing but who came first where both want the same."""
    folder.mkdir()
    (folder / "git").symlink_to(station.folder / "git")
    with station_at(folder, station.helper) as other:
        for namespace, name in came_first.items():
            claim = partial(repositories.claim_namespace, environment=ENVIRONMENT, namespace=namespace, repository=other.repository(name).id)
            other.database.write(claim)
        for name in tips:
            other.sync(name)
        return both(other, tips)


@pytest.mark.parametrize("seed", range(8))
def test_two_repositories_that_want_the_same_namespaces_leave_no_trace_of_what_was(station: Station, tmp_path: Path, seed: int) -> None:
    histories = {name: Coming(station.commits(name), seed * 2 + number) for number, name in enumerate(TWO)}
    rules = {name: Rules(history.writer) for name, history in histories.items()}
    draw, tips, story = random.Random(seed), dict[str, str](), list[str]()
    for number in range(14):
        name = draw.choice(TWO)
        history = histories[name]
        history.step()
        tips[name] = history.tip
        station.git.set_default_branch(name, history.branch)
        station.sync(name)
        while waiting := told(station):
            for other in waiting:
                station.sync(other)
        story.append(f"{name}: {history.story[-1]}")
        now, came_first = both(station, tips), {namespace: owner for namespace, owner in owners(station).items() if namespace in contested(station)}
        assert now == both_fresh(station, tmp_path / f"fresh-{number}", tips, came_first), "\n".join(story)
        ruled = {identity for one, tip in tips.items() for identity in rules[one].live(tip) if now["owners"].get(identity[0]) == one}
        assert set(now[name]["live"]) == ruled, "\n".join(story)
