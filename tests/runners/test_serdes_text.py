"""CSV and JSON to rows of Ion and back: what comes of them, and what is said of files that are wrong."""

from __future__ import annotations

import pytest

from runners.protocol import Metric, Result
from runners.tasks import types
from tests.runners.converting import convert, made, refused

CSV, TO_CSV, JSON, TO_JSON = "csv.CsvToIon", "csv.IonToCsv", "json.JsonToIon", "json.IonToJson"


# CSV to rows


def test_a_row_is_a_map_of_texts_by_the_names_of_the_header(tmp_path):
    outcome, file, _ = convert(tmp_path, CSV, 'id,full name\n1,Ada\n2,"Grace ""Amazing"" Hopper, USN"\n')
    assert file.decode() == '{id:"1",\'full name\':"Ada"}\n{id:"2",\'full name\':"Grace \\"Amazing\\" Hopper, USN"}\n'
    assert outcome.outputs == {"uri": outcome.outputs["uri"], "size": 2}
    assert outcome.outputs["uri"].endswith(".ion")
    assert outcome.metrics == (Metric("records", "counter", 2),)


def test_without_a_header_a_row_is_a_list(tmp_path):
    assert made(tmp_path, CSV, "1;Ada\r\n2;'G;H'\r\n", header=False, fieldSeparator=";", textDelimiter="'") == '["1","Ada"]\n["2","G;H"]\n'


def test_a_field_may_hold_ends_of_lines_and_a_mark_of_byte_order_is_no_name(tmp_path):
    assert made(tmp_path, CSV, b'\xef\xbb\xbfa,b\n"x\ny",\n') == '{a:"x\\ny",b:""}\n'


def test_rows_before_the_header_are_skipped_and_so_are_empty_ones(tmp_path):
    assert made(tmp_path, CSV, "made by a machine\n\na,b\n\n1,2\n\n", skipRows=1, skipEmptyRows=True) == '{a:"1",b:"2"}\n'


def test_columns_without_a_name_are_left_out_or_get_one(tmp_path):
    assert made(tmp_path / "a", CSV, "a,\n1,2\n") == '{a:"1"}\n'
    assert made(tmp_path / "b", CSV, "a,\n1,2\n", onEmptyHeader="RENAME") == '{a:"1",col_1:"2"}\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n3\n", "row 2: it has 1 field, and the header 2 (line 3)"),
        ("a,b\n1,2,3\n", "row 1: it has 3 fields, and the header 2 (line 2)"),
        ("a,b\n1,2\n\n", "row 2: it has 1 field, and the header 2 (line 3): it is empty, and `skipEmptyRows` would leave it out"),
        ('a,b\n1,"2\n', "row 1: the file ends within a field: a text delimiter is never closed (line 2)"),
        ('a,b\n1,"2"x\n', "row 1: a text delimiter is closed within a field: ',' expected after '\"' (line 2)"),
        (b"a,b\n1,2\n\xe9,3\n", "line 3: the byte 0xE9 is no UTF-8 text; `charset` says what the file is written in"),
    ],
)
def test_a_bad_row_is_told_with_its_number_and_why(tmp_path, content, said):
    assert refused(tmp_path, CSV, content) == said


def test_bad_rows_may_be_left_out_with_or_without_a_word(tmp_path):
    outcome, file, lines = convert(tmp_path / "a", CSV, "a,b\n1,2\n3\n4,5\n", onBadLines="WARN")
    assert (file, lines) == (b'{a:"1",b:"2"}\n{a:"4",b:"5"}\n', [("WARN", "row 2 is left out: it has 1 field, and the header 2 (line 3)")])
    assert outcome.outputs["size"] == 2
    assert convert(tmp_path / "b", CSV, 'a,b\n"1"x,2\n4,5\n', onBadLines="SKIP")[1:] == (b'{a:"4",b:"5"}\n', [])


def test_rows_with_other_fields_than_the_header_can_be_taken(tmp_path):
    assert made(tmp_path, CSV, "a,b\n1\n1,2,3\n", errorOnDifferentFieldCount=False) == '{a:"1",b:null}\n{a:"1",b:"2"}\n'


def test_a_file_is_read_in_the_charset_that_is_said(tmp_path):
    assert made(tmp_path / "a", CSV, "a\né\n".encode("windows-1252"), charset="windows-1252") == '{a:"é"}\n'
    assert made(tmp_path / "b", CSV, "a\né\n".encode("utf-16"), charset="UTF-16") == '{a:"é"}\n'
    said = "`charset` is `nothing`: there is no charset of that name; UTF-8, ISO-8859-1 and windows-1252 are some"
    assert refused(tmp_path / "c", CSV, "a\n", charset="nothing") == said
    assert refused(tmp_path / "d", CSV, "a\n", charset="zlib").startswith("`charset` is `zlib`: there is no charset")


def test_a_field_without_end_is_not_gathered_for_ever(tmp_path):
    said = "row 1: a field is longer than 1,000 characters: is a text delimiter never closed? (line 502)"
    assert refused(tmp_path, CSV, 'a\n"' + "x\n" * 100_000, maxFieldSize=1000) == said


def test_an_empty_file_has_no_rows(tmp_path):
    assert (made(tmp_path / "a", CSV, ""), made(tmp_path / "b", CSV, "a,b\n")) == ("", "")


@pytest.mark.parametrize("uri", ["", "in.csv", "file:///etc/passwd", "https://example.com/a.csv"])
def test_only_a_stored_file_is_converted(tmp_path, uri):
    said = refused(tmp_path, CSV, "", **{"from": uri})
    assert said.startswith(f"`from` is `{uri}`: " if uri else "`from` is empty: ")


def test_what_can_not_be_downloaded_is_said(tmp_path):
    assert refused(tmp_path, CSV, "", **{"from": "kestra:///other"}).startswith("kestra:///other can't be downloaded: ")


# rows to CSV


def test_the_columns_are_the_fields_of_the_first_row(tmp_path):
    rows = '{id:1,name:"Ada, Countess",at:2024-01-02T03:04:05.678Z}\n{name:"Grace",id:2.50,at:null}\n'
    assert made(tmp_path, TO_CSV, rows) == 'id,name,at\n1,"Ada, Countess",2024-01-02T03:04:05.678Z\n2.50,Grace,\n'


def test_every_kind_of_value_has_its_text(tmp_path):
    row = '{b:true,f:1.5e0,d:2024-01-02,t:2024-01-02T03:04:05+05:30,n:2024-01-02T03:04:05-00:00,l:[1,"é",2024-01-02],m:{a:0.10},x:{{aGk=}}}\n'
    assert made(tmp_path, TO_CSV, row, header=False, fieldSeparator="|", textDelimiter="'", timeZoneId="Europe/Paris") == (
        'true|1.5|2024-01-02|2024-01-02T03:04:05.000+05:30|2024-01-02T03:04:05.000+01:00|[1,"é","2024-01-02"]|{"a":0.10}|aGk=\n'
    )


def test_patterns_lines_and_delimiters_are_as_asked_for(tmp_path):
    spec = {"dateFormat": "dd.MM.yy", "dateTimeFormat": "EEE d MMM yyyy h:mm a", "lineDelimiter": "\r\n", "alwaysDelimitText": True, "header": False}
    assert made(tmp_path, TO_CSV, "[2024-01-02,2024-01-02T15:04:05Z]\n", **spec) == '"02.01.24","Tue 2 Jan 2024 3:04 PM"\r\n'


def test_fields_that_the_first_row_has_not_are_left_out_and_told(tmp_path):
    _, file, lines = convert(tmp_path, TO_CSV, "{a:1}\n{a:2,b:3}\n{b:4}\n")
    assert file == b'a\n1\n2\n""\n'
    assert lines == [("WARN", "row 2 has a field `b` that the first row has not: it is left out, here and in what follows")]


@pytest.mark.parametrize(
    ("rows", "spec", "said"),
    [
        ('{a:1}\n"text"\n', {}, "row 2: a row must be a map or a list"),
        ("{a:1}\n{a:\n", {}, "the file is not Ion: the text ends in the middle of a value at line 3, column 1"),
        (b"\xe0\x01\x00\xea\x21", {}, "the file is Ion in its binary form; only text is read"),
        ('{a:1}\n{a:"é"}\n', {"charset": "US-ASCII"}, "row 2: the character 'é' can't be written in US-ASCII; `charset` may name another"),
        ("{a:2024-01-02}\n", {"dateFormat": "yyyy-MM-dd HH"}, "row 1: `HH` is nothing that the value has"),
        ("{a:1}\n", {"dateFormat": "yyyy-QQ"}, "`dateFormat` is `yyyy-QQ`: the letter `Q` is not known here"),
        ("{a:1}\n", {"timeZoneId": "Mars"}, "`timeZoneId` is `Mars`: there is no time zone of that name; Europe/Paris and Etc/UTC are some"),
        ("{a:1}\n", {"fieldSeparator": "||"}, "`fieldSeparator` is '||'; it must be one character"),
    ],
)
def test_rows_that_can_not_be_written_are_told_with_their_number(tmp_path, rows, spec, said):
    assert refused(tmp_path, TO_CSV, rows, **spec) == said


# JSON to rows


def test_each_line_of_json_is_a_row(tmp_path):
    assert made(tmp_path, JSON, '{"a": 1, "b": [true, null, 1.5]}\n\n"text"\n') == '{a:1,b:[true,null,1.5e0]}\n"text"\n'


def test_an_array_gives_a_row_for_each_element(tmp_path):
    assert made(tmp_path / "a", JSON, '[\n {"a": 1},\n 2 ,\n [3]\n]\n', newLine=False) == "{a:1}\n2\n[3]\n"
    assert made(tmp_path / "b", JSON, '{\n"a":\n1}', newLine=False) == "{a:1}\n"
    assert made(tmp_path / "c", JSON, " [ ] ", newLine=False) == ""
    assert made(tmp_path / "d", JSON, "", newLine=False) == ""


def test_a_long_array_is_read_element_by_element(tmp_path):
    outcome, file, _ = convert(
        tmp_path, JSON, "[" + ",".join(f'{{"number": {number}, "text": "{"x" * 200}"}}' for number in range(20_000)) + "]", newLine=False
    )
    assert outcome.outputs["size"] == 20_000
    assert file.splitlines()[-1].startswith(b"{number:19999,")


@pytest.mark.parametrize(
    ("content", "spec", "said"),
    [
        ('{"a":1}\n{"a":}\n', {}, "row 2: Expecting value at line 2, column 6"),
        (
            '{\n"a":1}\n',
            {},
            "row 1: Expecting property name enclosed in double quotes at line 1, column 3: is the file one document? Then set `newLine: false`",
        ),
        ('{"a":NaN}\n', {}, "row 1: NaN is not JSON (line 1)"),
        ("[" * 100_000, {}, "row 1: it is nested too deeply (line 1)"),
        ("[" * 150 + "]" * 150, {}, "row 1: maps and lists are nested too deeply"),
        ("[1,\n 2,\n}]", {"newLine": False}, "the file is not JSON: Expecting value at line 3, column 1"),
        ("[1,\n 2", {"newLine": False}, "the file is not JSON: a `,` or `]` is missing at line 2, column 3"),
        ("[1]\n2", {"newLine": False}, "the file is not JSON: something follows the array at line 2, column 1"),
        ('[1, {"a": }, ' + "1, " * 2_000_000, {"newLine": False}, "the file is not JSON: Expecting value at line 1, column 11"),
        (
            '["' + "x" * 25_000_000,
            {"newLine": False},
            "the file is not JSON: an element is longer than 16,777,216 characters, or it is never closed at line 1, column 2",
        ),
    ],
    ids=range(10),
)
def test_json_that_is_wrong_is_told_with_its_place(tmp_path, content, spec, said):
    assert refused(tmp_path, JSON, content, **spec) == said


def test_lines_that_are_no_json_may_be_left_out(tmp_path):
    assert convert(tmp_path, JSON, "1\n{\n2\n", onBadLines="SKIP")[1] == b"1\n2\n"


# rows to JSON


def test_rows_become_lines_or_an_array_and_decimals_keep_their_digits(tmp_path):
    rows = '{a:1.10,b:"é\\n",at:2024-01-02T03:04:05Z,x:nan}\n{a:null}\n'
    first = '{"a":1.10,"b":"é\\n","at":"2024-01-02T03:04:05Z","x":"NaN"}'
    assert made(tmp_path / "a", TO_JSON, rows) == first + '\n{"a":null}\n'
    assert made(tmp_path / "b", TO_JSON, rows, newLine=False) == f'[{first},{{"a":null}}]'
    assert made(tmp_path / "c", TO_JSON, "", newLine=False) == "[]"


def test_old_names_read_and_write_as_the_new_ones(tmp_path):
    aliases = {alias for cls in types().values() for alias in cls.ALIASES}
    assert {f"io.kestra.plugin.serdes.{name}" for name in ("csv.CsvReader", "csv.CsvWriter", "json.JsonReader", "json.JsonWriter")} <= aliases


def test_what_comes_back_from_csv_is_what_was_there(tmp_path):
    text = 'a,b\n1,"x,y"\n2,"z ""q"""\n'
    rows = made(tmp_path / "a", CSV, text)
    assert convert(tmp_path / "b", TO_CSV, rows)[0].result is Result.SUCCESS
    assert made(tmp_path / "c", TO_CSV, rows) == text
