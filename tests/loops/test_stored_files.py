"""Tasks over stored files, done by the service itself on a real station: what they make, and what is said of files that are wrong."""

from __future__ import annotations

from typing import Any

import pytest

from service.actions import served as pool
from service.flows.problems import Severity
from tests.loops.test_serving import file_of, outputs, served, tasks
from tests.support.station import Station

ROWS = r"{id:1,amount:5}\n{id:2,amount:50,note:null}\n{id:1,amount:500}\n"


def written(content: str, id: str = "w") -> str:
    """A task that stores a text."""
    return f'\n- {{id: {id}, type: storage.Write, content: "{content}", extension: .ion}}\n'


def one(station: Station, type: str, content: str = ROWS, more: str = "", key: str = "from") -> Any:
    """The outputs of a task over a stored text."""
    id = served(station, written(content) + f'- {{id: x, type: storage.{type}, {key}: "{{{{ outputs.w.uri }}}}"{more}}}\n')
    assert station.state(id) == "SUCCESS", station.log(id)
    return outputs(station, id, "x")


def fails(station: Station, type: str, content: str = ROWS, more: str = "", key: str = "from") -> str:
    """What such a task says that fails."""
    id = served(station, written(content) + f'- {{id: x, type: storage.{type}, {key}: "{{{{ outputs.w.uri }}}}"{more}}}\n')
    assert station.state(id) == "FAILED"
    (said,) = station.log(id, "ERROR")
    return said


def text_of(station: Station, found: Any) -> str:
    return file_of(station, found["uri"]).decode()


# whole files


def test_a_text_is_stored_with_its_extension(station: Station):
    id = served(station, "\n- {id: w, type: storage.Write, content: 'é {{ flow.id }}', extension: .txt}\n")
    found = outputs(station, id, "w")
    assert (text_of(station, found), found["uri"].endswith("/file.txt")) == ("é f", True)


@pytest.mark.parametrize(
    ("files", "joined"),
    [
        ("['{{ outputs.w.uri }}', '{{ outputs.v.uri }}']", "a\n--b"),
        ('\'["{{ outputs.v.uri }}", "{{ outputs.w.uri }}"]\'', "b--a\n"),
        ("'{{ [outputs.w.uri, outputs.w.uri] }}'", "a\n--a\n"),
        ("'{{ outputs.w.uri }}'", "a\n"),
        ("[]", ""),
    ],
)
def test_files_are_joined_in_their_order(station: Station, files: str, joined: str):
    id = served(station, written("a\\n") + written("b", "v") + f"- {{id: x, type: storage.Concat, files: {files}, separator: --}}\n")
    found = outputs(station, id, "x")
    assert (text_of(station, found), found["uri"].endswith(".tmp")) == (joined, True)


@pytest.mark.parametrize("files", ["5", "'[\"a'", "[[1]]"])
def test_what_names_no_files_can_not_be_joined(station: Station, files: str):
    id = served(station, f"\n- {{id: x, type: storage.Concat, files: {files}}}\n")
    assert station.state(id) == "FAILED"
    assert station.log(id, "ERROR")[0].startswith("`files` ")


def test_a_file_is_parted(station: Station):
    assert [file_of(station, uri) for uri in one(station, "Split", "1\\n2\\n3", ", rows: 2")["uris"]] == [b"1\n2\n", b"3"]
    assert fails(station, "Split") == "one of `rows`, `bytes`, `partitions` and `regexPattern` must say how the file is parted"


@pytest.mark.parametrize(
    ("content", "more", "turned"),
    [
        ("1\\n2\\n3\\n", "", "3\n2\n1\n"),
        ("1\\n2", "", "2\n1\n"),
        ("\\n1\\n\\n2\\n", "", "2\n\n1\n\n"),
        ("", "", ""),
        ("a||b||", ", separator: '||'", "b||a||"),
    ],
)
def test_rows_are_turned_round(station: Station, content: str, more: str, turned: str):
    assert text_of(station, one(station, "Reverse", content, more)) == turned


def test_rows_that_stand_across_the_pieces_in_which_a_file_is_read_are_turned_round_whole(station: Station):
    content = f"{{% for n in range(0, 1499) %}}row {{{{ n }}}} {'x' * 1000};{{% endfor %}}"
    rows = text_of(station, one(station, "Reverse", content, ", separator: ';'")).split(";")
    assert (rows[0][:8], rows[-2][:5], len(rows), {len(row) - len(row.split()[1]) for row in rows[:-1]}) == ("row 1499", "row 0", 1501, {1005})


def test_the_size_of_a_file_is_told_without_reading_it(station: Station):
    assert one(station, "Size", "12345", key="uri") == {"size": 5}
    id = served(station, "\n- {id: x, type: storage.Size, uri: 'kestra:///other/f/executions/1/tasks/a/2/b'}\n", id="g")
    assert "is not a file of this execution" in station.log(id, "ERROR")[0]


def test_a_file_is_taken_away_once(station: Station):
    delete = "type: storage.Delete, uri: '{{ outputs.w.uri }}'"
    id = served(station, written("a") + f"- {{id: x, {delete}}}\n- {{id: y, {delete}}}\n- {{id: z, {delete}, errorOnMissing: true}}\n")
    uri = outputs(station, id, "w")["uri"]
    assert outputs(station, id, "x") == {"uri": uri, "deleted": True}
    assert outputs(station, id, "y") == {"uri": uri, "deleted": False}
    assert (station.states(id)["z"], station.log(id, "ERROR")) == ("FAILED", [f"there is no file `{uri}`"])


def test_nobody_takes_away_files_that_are_not_its_own(station: Station):
    id = served(station, "\n- {id: x, type: storage.Delete, uri: 'kestra:///other/f/executions/1/tasks/a/2/b'}\n- {id: y, type: log.Log, message: a}\n")
    assert "is not a stored file of this execution" in station.log(id, "ERROR")[0]
    station.push({"data.txt": "x"})
    id = served(station, "\n- {id: x, type: storage.Delete, uri: 'nsfile:///data.txt'}\n", id="g")
    assert "is not a stored file of this execution" in station.log(id, "ERROR")[0]


# rows


def test_rows_are_kept_for_which_the_condition_holds(station: Station):
    found = one(station, "FilterItems", more=", filterCondition: '{{ amount > 10 }}'")
    assert text_of(station, found) == "{id:2,amount:50,note:null}\n{id:1,amount:500}\n"
    assert (found["processedItemsTotal"], found["droppedItemsTotal"]) == (3, 1)
    found = one(station, "FilterItems", more=", filterCondition: '{{ amount > 10 }}', filterType: EXCLUDE")
    assert text_of(station, found) == "{id:1,amount:5}\n"


@pytest.mark.parametrize(("behaviour", "kept"), [("INCLUDE", 3), ("EXCLUDE", 1)])
def test_what_becomes_of_a_row_without_an_answer_is_said(station: Station, behaviour: str, kept: int):
    found = one(station, "FilterItems", more=f", filterCondition: '{{{{ note }}}}{{{{ amount == 5 }}}}{{{{ none.of }}}}', errorOrNullBehavior: {behaviour}")
    assert text_of(station, found).count("\n") == (3 if kept == 3 else 0)
    found = one(station, "FilterItems", more=f", filterCondition: '{{{{ amount == 5 ? true : null }}}}', errorOrNullBehavior: {behaviour}")
    assert text_of(station, found).count("\n") == kept


def test_a_row_without_an_answer_fails_the_task_by_its_number(station: Station):
    assert fails(station, "FilterItems", more=", filterCondition: '{{ amount == 5 ? true : null }}'") == "row 2: `filterCondition` gives nothing"
    assert fails(station, "FilterItems", more=", filterCondition: '{{ note is null }}'").startswith("row 1: ")
    assert fails(station, "FilterItems", "{a:1}\\n2\\n", ", filterCondition: '{{ a }}'") == "row 2 is no map: its fields are the variables of the condition"
    said = fails(station, "FilterItems", "{a:1}\\n{a:\\n", ", filterCondition: '{{ a }}'")
    assert said == "the file is not Ion: the text ends in the middle of a value at line 3, column 1"
    assert fails(station, "FilterItems", more=", filterCondition: 'true', filterType: SOME") == "`filterType` is `SOME`; it must be one of INCLUDE, EXCLUDE"


def test_many_rows_are_rendered_in_slices_and_none_is_lost_between_them(station: Station):
    content = "".join(f"{{n:{number}}}\\n" for number in range(3 * pool.SLICE + 7))
    found = one(
        station, "FilterItems", content, ", filterCondition: '{{ n % 2 == 0 ? true : (n % 3 == 0 ? nothing.there : false) }}', errorOrNullBehavior: INCLUDE"
    )
    assert [int(row[3:-1]) for row in text_of(station, found).split()] == [n for n in range(3 * pool.SLICE + 7) if n % 2 == 0 or n % 3 == 0]


def test_the_costs_of_one_row_are_not_those_of_the_next(station: Station):
    costly = "{% for x in range(1, 20000) %}{% endfor %}{{ n }}"
    found = one(station, "FilterItems", "".join(f"{{n:{number}}}\\n" for number in range(1, 60)), f", filterCondition: '{costly}'")
    assert found["processedItemsTotal"] == 59


def test_the_last_row_of_each_key_is_kept_in_its_place(station: Station):
    found = one(station, "DeduplicateItems", more=", expr: '{{ id }}'")
    assert text_of(station, found) == "{id:2,amount:50,note:null}\n{id:1,amount:500}\n"
    assert {name: found[name] for name in found if name != "uri"} == {"numKeys": 2, "processedItemsTotal": 3, "droppedItemsTotal": 1}
    assert fails(station, "DeduplicateItems", more=", expr: '{{ id.of.what }}'").startswith("row 1: ")


def test_a_row_has_the_rest_of_the_names_beside_its_fields(station: Station):
    found = one(station, "FilterItems", more=""", filterCondition: "{{ flow.id == 'f' and outputs.w.uri is not null and amount == 50 }}" """)
    assert text_of(station, found).count("\n") == 1


def test_a_field_of_a_row_is_no_unknown_name(station: Station):
    text = tasks(written("{a:1}") + "- {id: x, type: storage.FilterItems, from: '{{ outputs.w.uri }}', filterCondition: '{{ somthing }}'}\n")
    reading = station.kit.reader.check(f"id: f\nnamespace: t\ntasks:\n{text}".encode(), "f.yml")
    assert [problem.message for problem in reading.problems if problem.severity is Severity.ERROR] == []
