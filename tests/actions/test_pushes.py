"""What a push is told: before it is taken what is wrong in it, and after it what came of it, as soon as that is known."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from service.actions import pushes, sync
from service.actions.deliveries import Head
from service.actions.pushes import Pushes, passed, wait_for
from tests.support.commits import MAIN
from tests.support.station import Station

NONE = "0" * 40
FLOW = "id: {id}\nnamespace: t\ntasks: [{{id: a, type: io.kestra.plugin.core.log.Log, message: '{note}'}}]\n"
OTHER = "refs/heads/other"


def text(id: str = "f", note: str = "x") -> str:
    return FLOW.format(id=id, note=note)


def committed(station: Station, files: dict, ref: str = MAIN) -> str:
    """A commit that nobody has been told of."""
    writer = station.commits()
    parent = station.git.refs("default").get(ref)
    sha = writer.write(files, *([parent] if parent else []))
    writer.move(ref, sha)
    return sha


@contextmanager
def synced_soon(station: Station) -> Iterator[None]:
    """A sync that comes a little later, and is over at the end."""
    timer = threading.Timer(0.3, station.sync)
    timer.start()
    yield
    timer.join()


def linted(station: Station, sha: str, old: str = NONE) -> list[str]:
    return list(Pushes(station.kit).handle("pre-receive", "default", [(old, sha, MAIN)], None, []).lines)


# before


def test_the_first_problems_are_shown_and_all_are_counted(station: Station):
    wrong = text().replace("core.log.Log", "core.log.Lag")
    sha = committed(station, {f".flows/{number:03}.yml": wrong.replace("id: f", f"id: f{number}") for number in range(50)})
    told = linted(station, sha)
    assert [line.partition(":")[0] for line in told[:20]] == [f".flows/{number:03}.yml" for number in range(20)]
    assert told[20] == "… and 30 more"
    assert told[21].startswith("headgate: 50 errors in flows on main;")


def test_a_push_without_problems_says_nothing(station: Station):
    assert linted(station, committed(station, {".flows/f.yml": text()})) == []


def test_a_push_that_takes_long_to_check_is_taken_as_it_is(station: Station, monkeypatch):
    monkeypatch.setattr(pushes, "_LINT", 0.0)
    sha = committed(station, {f".flows/{number}.yml": text(f"f{number}") for number in range(30)})
    assert linted(station, sha) == ["headgate: 30 more files are checked after the push"]


# what a push may weigh


def test_one_small_text_under_many_names_is_read_once_and_not_taken_beyond_a_weight(station: Station, monkeypatch):
    monkeypatch.setattr(sync, "_HEAVIEST", 1_000_000)
    sha = committed(station, {f".flows/{folder}/{number}.yml": text() for folder in range(20) for number in range(50)})
    station.tell(Head(MAIN, sha))
    station.sync()
    assert station.kit.reader.parsed == 1
    assert (station.commit(sha).state, station.live()) == (sync.BROKEN, {})
    assert "several steps" in station.statuses(sha)["headgate/flows"][1]
    # What is pushed in steps goes on from there.
    fewer = station.push({f".flows/{folder}/{number}.yml": None for folder in range(20) for number in range(50) if folder or number})
    assert (station.commit(fewer).state, list(station.live())) == ("applied", [("t", "f")])


def test_texts_are_held_a_part_at_a_time(station: Station, monkeypatch):
    monkeypatch.setattr("service.git.repository.MANY", 7)
    sha = station.push({f".flows/{number:02}.yml": text(f"f{number}", note="y" * number) for number in range(40)})
    assert station.commit(sha).state == "applied"
    assert {one.source for number in range(40) for one in station.revisions("t", f"f{number}")} == {
        text(f"f{number}", note="y" * number) for number in range(40)
    }
    assert station.kit.reader.parsed == 40


# after


def test_a_head_that_is_not_synced_is_waited_for(station: Station):
    repository = station.repository()
    sha = committed(station, {".flows/f.yml": text()})
    assert not passed(station.kit, repository, MAIN, sha)
    station.tell(Head(MAIN, sha))
    assert not wait_for(station.kit, repository, MAIN, sha, 0.1)
    with synced_soon(station):
        assert wait_for(station.kit, repository, MAIN, sha, 10)


@pytest.mark.parametrize("known", ["unknown", "synced elsewhere", "pending"])
def test_nobody_waits_for_a_head_that_was_overtaken(station: Station, known: str):
    repository = station.repository()
    station.push({"README": "x"})
    if known == "synced elsewhere":
        early = station.push({".flows/f.yml": text()}, ref=OTHER, onto=station.git.refs("default")[MAIN])
        station.commits().move(MAIN, early)
    else:
        early = committed(station, {".flows/f.yml": text()})
    if known == "pending":
        station.tell(Head(MAIN, early))
    late = committed(station, {".flows/g.yml": text("g")})
    station.tell(Head(MAIN, late))
    station.sync()
    begun = time.monotonic()
    assert wait_for(station.kit, repository, MAIN, early, 20)
    assert wait_for(station.kit, repository, MAIN, late, 20)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("ref", [MAIN, "refs/tags/v1"])
def test_nobody_waits_for_a_ref_that_is_gone(station: Station, ref: str):
    repository = station.repository()
    writer = station.commits()
    sha = writer.write({".flows/f.yml": text()})
    writer.move(ref, sha)
    writer.move(ref, None)
    assert wait_for(station.kit, repository, ref, sha, 20)


def test_a_head_that_can_not_be_synced_is_told_at_once(station: Station, monkeypatch):
    monkeypatch.setattr(sync, "_HEAVIEST", 10)
    sha = committed(station, {".flows/f.yml": text()})
    begun = time.monotonic()
    with synced_soon(station):
        told = list(Pushes(station.kit).handle("post-receive", "default", [(NONE, sha, MAIN)], None, []).lines)
    assert time.monotonic() - begun < 10
    assert [line for line in told if "headgate: flows error: can't be synced: " in line]


def test_a_push_that_was_overtaken_unseen_says_so(station: Station):
    tag = "refs/tags/v1"
    early = station.commits().write({"a": "1"})
    station.push({".flows/f.yml": text()}, ref=tag)
    told = list(Pushes(station.kit).handle("post-receive", "default", [(NONE, early, MAIN)], None, []).lines)
    assert told == [f"headgate: {MAIN} was moved on before {early[:12]} was synced"]


@pytest.mark.parametrize("ref", [MAIN, OTHER])
def test_problems_between_files_are_told_after_the_push_with_their_places(station: Station, ref: str):
    station.push({".flows/x.yml": text("x").replace("namespace: t", "namespace: theirs")}, name="other")
    station.push({".flows/f.yml": text()})
    base = station.git.refs("default")[MAIN]
    files = {".flows/g.yml": text(note="y"), ".flows/h.yml": text("h").replace("namespace: t", "namespace: theirs")}
    sha = station.push(files, ref=ref, onto=base)
    assert linted(station, sha, base) == []
    told = list(Pushes(station.kit).handle("post-receive", "default", [(base, sha, ref)], None, []).lines)
    doubled = "keep one, or change an id; until then the last good text stays live"
    first = [f".flows/f.yml:1:1: error HG-0501: `t.f` is defined here and in .flows/g.yml; neither is used ({doubled})"] if ref == MAIN else []
    assert [line for line in told if "HG-05" in line] == [
        *first,
        f".flows/g.yml:1:1: error HG-0501: `t.f` is defined here and in .flows/f.yml; neither is used ({doubled})",
        ".flows/h.yml:1:1: error HG-0502: namespace `theirs` belongs to repository `other` (move the flow there, or give it a namespace of its own)",
    ]


def test_of_many_problems_between_files_the_first_are_told(station: Station):
    sha = station.push({f".flows/{number:02}.yml": text(f"f{number // 2}") for number in range(60)})
    told = list(Pushes(station.kit).handle("post-receive", "default", [(NONE, sha, MAIN)], None, []).lines)
    assert [line.partition(":")[0] for line in told if "HG-0501" in line] == [f".flows/{number:02}.yml" for number in range(20)]
    assert "… and 40 more" in told
