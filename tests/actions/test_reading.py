"""The readings that are kept: by weight, not by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.actions.reading import FlowReader, weight
from service.app import catalogue

CATALOGUE = catalogue()


def text(id: str, size: int = 0) -> bytes:
    return f"id: {id}\nnamespace: t\ntasks: [{{id: a, type: io.kestra.plugin.core.log.Log, message: x}}]\n#{'x' * size}".encode()


def held(reader: FlowReader, blobs: Sequence[str]) -> list[str]:
    return [blob for blob in blobs if reader.known(blob, "a.yml") is not None]


def test_few_large_readings_take_the_place_of_many_small_ones():
    reader = FlowReader(CATALOGUE, kept=200_000)
    for number in range(20):
        reader.read(f"small{number}", "a.yml", text(f"f{number}"))
    assert len(held(reader, [f"small{number}" for number in range(20)])) == 20
    reader.read("large", "a.yml", text("large", size=8_000))
    assert held(reader, ["large"]) == ["large"]
    assert 0 < len(held(reader, [f"small{number}" for number in range(20)])) < 20


def test_one_that_is_too_heavy_to_keep_is_read_all_the_same():
    reader = FlowReader(CATALOGUE, kept=1_000)
    for _ in range(3):
        assert reader.read("a", "a.yml", text("f")).flow is not None
    assert (held(reader, ["a"]), reader.parsed) == ([], 3)


def test_problems_weigh_too():
    reader = FlowReader(CATALOGUE)
    wrong = b"id: f\nnamespace: t\ntasks: [" + b"{}," * 60 + b"]"
    reading = reader.read("wrong", "a.yml", wrong)
    assert len(reading.problems) >= 50
    assert weight(reading, len(wrong)) > 5 * weight(reader.read("right", "a.yml", text("f")), len(text("f")))


@given(order=st.lists(st.integers(0, 8), max_size=40), part=st.integers(1, 5), kept=st.sampled_from([0, 9_000, 10**9]))
def test_files_are_read_in_order_however_their_texts_come(order: list[int], part: int, kept: int):
    reader = FlowReader(CATALOGUE, kept=kept)
    asked: list[str] = []

    def fetch(blobs: Sequence[str]) -> Iterator[Mapping[str, bytes]]:
        for start in range(0, len(blobs), part):
            some = blobs[start : start + part]
            asked.extend(some)
            yield {blob: text(blob) for blob in some}

    files = [(f"{place}.yml", f"b{number}") for place, number in enumerate(order)]
    read = list(reader.read_all(files, fetch))
    assert [(path, blob) for path, blob, _, _ in read] == files
    assert [reading.flow.id for _, _, reading, _ in read] == [blob for _, blob in files]
    if kept == 10**9:
        assert len(asked) == reader.parsed == len(set(order))


@pytest.mark.parametrize("kept", [0, 10**9])
def test_the_same_text_under_two_names_has_problems_in_both(kept: int):
    reader = FlowReader(CATALOGUE, kept=kept)
    wrong = text("f").replace(b"log.Log", b"log.Lag")
    read = reader.read_all([("a.yml", "x"), ("b.yml", "x")], lambda blobs: iter([{"x": wrong}] if blobs else []))
    assert [problem.path for _, _, reading, _ in read for problem in reading.problems] == ["a.yml", "b.yml"]


def test_images_without_a_digest_are_what_the_operator_says():
    box = b"id: f\nnamespace: t\ntasks: [{id: a, type: io.kestra.plugin.scripts.shell.Commands, containerImage: busybox, commands: [ls]}]\n"
    found = {wanted: FlowReader(CATALOGUE, image_digests=wanted).read("b", "a.yml", box) for wanted in ("off", "warning", "error")}
    told = {wanted: [(problem.code, problem.severity.value) for problem in reading.problems] for wanted, reading in found.items()}
    assert told == {"off": [], "warning": [("HG-0232", "warning")], "error": [("HG-0232", "error")]}
    assert FlowReader(CATALOGUE, image_digests="error").check(box, "a.yml").problems == found["error"].problems
