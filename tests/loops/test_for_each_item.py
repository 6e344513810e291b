"""A subflow for each part of a file: how it is parted, what each part is told, and what comes of all."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from tests.loops.test_calls import below, flow, output, pushed, run
from tests.support.station import Station

SUB = flow("sub", "- {id: see, type: debug.Return, format: '{{ read(inputs.file) }}'}", "inputs: [{id: file, type: STRING}, {id: n, type: INT}]\n"
           "outputs: [{id: text, type: STRING, value: '{{ outputs.see.value }}'}]\n")  # fmt: skip
TOP = """
- id: each
  type: flow.ForEachItem
  items: "{{{{ inputs.file }}}}"
  {batch}
  namespace: t
  flowId: sub
  {more}
  inputs: {{file: "{{{{ taskrun.items }}}}", n: "{{{{ taskrun.iteration }}}}"}}
  errors: [{{id: e, type: log.Log, message: e}}]
- {{id: after, type: debug.Return, format: "{{{{ outputs.each_merge.subflowOutputs is defined ? read(outputs.each_merge.subflowOutputs) : 'none' }}}}"}}
"""
HEAD = "inputs: [{id: file, type: STRING}]\n"


def started(station: Station, content: str, batch: str = "", more: str = "", sub: dict[str, str] = SUB) -> str:
    pushed(station, sub, flow("top", TOP.format(batch=batch and f"batch: {batch}", more=more), HEAD), flow("made", "- {id: x, type: log.Log, message: x}"))
    made = station.execution(run(station, "made")).execution
    uri = station.kit.storage.put("t", "made", made.id, "x", "r", "rows.txt", BytesIO(content.encode()))
    id = run(station, file=uri)
    station.serve()
    return id


def texts(station: Station, id: str) -> list[Any]:
    return [(output(station, row.execution.id, "see") or {}).get("value") for row in below(station, id)]


@pytest.mark.parametrize(
    ("batch", "parts"),
    [
        ("", ["a\n", "b\n", "c\n", "dd"]),
        ("{rows: 3}", ["a\nb\nc\n", "dd"]),
        ("{rows: '{{ 1 + 1 }}'}", ["a\nb\n", "c\ndd"]),
        ("{bytes: 4B}", ["a\nb\n", "c\ndd"]),
        ("{bytes: 10MB}", ["a\nb\nc\ndd"]),
        ("{partitions: 3}", ["a\ndd", "b\n", "c\n"]),
        ("{partitions: 9}", ["a\n", "b\n", "c\n", "dd"]),
        ("{separator: b}", ["a\nb", "\nc\ndd"]),
        ("{regexPattern: '^([a-b])'}", ["a\n", "b\n"]),
    ],
)
def test_each_part_has_an_execution(station: Station, batch: str, parts: list[str]):
    id = started(station, "a\nb\nc\ndd", batch)
    assert (station.state(id), station.log(id, "ERROR")) == ("SUCCESS", [])
    assert texts(station, id) == parts
    assert station.states(id) == {"each": "SUCCESS", "each_split": "SUCCESS", "each_items": "SUCCESS", "each_merge": "SUCCESS", "after": "SUCCESS"}
    assert output(station, id, "each_items") == {"numberOfBatches": len(parts), "iterations": {"SUCCESS": len(parts)}}
    assert output(station, id, "each_split").keys() == {"splits"}
    assert [row.execution.inputs["n"] for row in below(station, id)] == list(range(len(parts)))
    assert output(station, id, "after")["value"].count("text:") == len(parts)


def test_an_empty_file_has_no_parts(station: Station):
    id = started(station, "")
    assert list(station.states(id).values()) == ["SUCCESS"] * 5
    assert (below(station, id), output(station, id, "each_items"), output(station, id, "after")) == ([], None, {"value": "none"})


NOT_B = flow("sub", "- {id: see, type: execution.Fail, condition: '{{ inputs.n == 1 }}'}", "inputs: [{id: file, type: STRING}, {id: n, type: INT}]\n")


def test_a_part_that_fails_fails_all_once_all_have_ended(station: Station):
    id = started(station, "a\nb\nc\n", sub=NOT_B)
    assert station.states(id) == {"each": "FAILED", "each_split": "SUCCESS", "each_items": "FAILED", "e": "SUCCESS"}
    assert output(station, id, "each_items") == {"numberOfBatches": 3, "iterations": {"SUCCESS": 2, "FAILED": 1}}
    assert station.state(id) == "FAILED"


@pytest.mark.parametrize("more", ["transmitFailed: false", "wait: false"])
def test_failures_that_are_not_waited_for_or_not_transmitted_are_passed_over(station: Station, more: str):
    id = started(station, "a\nb\nc\n", more=more, sub=NOT_B)
    assert (station.state(id), station.states(id)["each_items"], len(below(station, id))) == ("SUCCESS", "SUCCESS", 3)


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ("{rows: '{{ 0 }}'}", "`rows` is `0`"),
        ("{bytes: many}", "`bytes` is `many`"),
        ("{regexPattern: 'a'}", "no group"),
        ("{regexPattern: '(a'}", "no regular expression"),
    ],
)
def test_what_can_not_be_parted_says_why(station: Station, batch: str, said: str):
    id = started(station, "a\nb\n", batch)
    assert (station.states(id)["each_split"], station.state(id)) == ("FAILED", "FAILED")
    assert said in " ".join(station.log(id, "ERROR"))


def test_a_file_that_is_not_there_fails_the_split(station: Station):
    pushed(station, SUB, flow("top", TOP.format(batch="", more=""), HEAD))
    id = run(station, file="kestra:///t/top/executions/nobody/tasks/x/r/rows.txt")
    station.serve()
    assert station.states(id) == {"each": "FAILED", "each_split": "FAILED", "e": "SUCCESS"}
