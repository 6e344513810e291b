"""Parquet, Avro and Excel to rows of Ion and back, read and written for real by their libraries."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import fastavro
import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from runners.memory import MemoryService
from runners.protocol import Metric, Result
from tests.runners.converting import FROM, SERDES, convert, made, refused
from tests.runners.playing import job, play

PARQUET, TO_PARQUET, AVRO, TO_AVRO = "parquet.ParquetToIon", "parquet.IonToParquet", "avro.AvroToIon", "avro.IonToAvro"
EXCEL, TO_EXCEL = "excel.ExcelToIon", "excel.IonToExcel"
ROWS = '{id:1,name:"Ada",price:12.50,at:2024-01-02T03:04:05.678Z,on:2024-01-02,tags:["x",null],of:{a:1.5e0,b:true}}\n{id:2,name:null}\n'
BACK = (
    '{id:1,name:"Ada",price:12.50,at:2024-01-02T03:04:05.678000Z,on:2024-01-02,tags:["x",null],of:{a:1.5e0,b:true}}\n'
    "{id:2,name:null,price:null,at:null,on:null,tags:null,of:null}\n"
)
SCHEMA = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "price", "type": ["null", "double"]},
        {"name": "paid", "type": "boolean"},
        {"name": "on", "type": {"type": "int", "logicalType": "date"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "kind", "type": "string", "default": "none"},
    ],
}
TEXTS = '{id:"7",price:"1,5",paid:"yes",on:"02/01/2024",at:"2024-01-02T03:04"}\n{id:8,price:"NA",paid:"0",on:2024-01-02,at:2024-01-02T03:04:05Z,kind:"x"}\n'
FITTED = [
    {"id": 7, "price": 1.5, "paid": True, "on": date(2024, 1, 2), "at": datetime(2024, 1, 2, 3, 4, tzinfo=UTC), "kind": "none"},
    {"id": 8, "price": None, "paid": False, "on": date(2024, 1, 2), "at": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "kind": "x"},
]
SPEC: dict[str, Any] = {"schema": json.dumps(SCHEMA), "decimalSeparator": ",", "dateFormat": "dd/MM/yyyy"}


def parquet_of(table: Any) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out)
    return out.getvalue()


@pytest.mark.parametrize(("there", "back"), [(TO_PARQUET, PARQUET), (TO_AVRO, AVRO)])
def test_rows_come_back_as_they_were_with_a_schema_found_in_them(tmp_path, there, back):
    outcome, file, _ = convert(tmp_path / "a", there, ROWS)
    assert outcome.result is Result.SUCCESS, outcome.message
    assert outcome.metrics == (Metric("records", "counter", 2),)
    assert made(tmp_path / "b", back, file) == BACK


def test_parquet_is_written_by_the_schema_of_the_task(tmp_path):
    _, file, _ = convert(tmp_path, TO_PARQUET, TEXTS, compressionCodec="ZSTD", **SPEC)
    written = pyarrow.parquet.ParquetFile(io.BytesIO(file))
    assert written.read().to_pylist() == FITTED
    assert written.metadata.row_group(0).column(0).compression == "ZSTD"
    assert [field.nullable for field in written.schema_arrow] == [False, True, False, False, False, False]


def test_avro_is_written_by_the_schema_of_the_task(tmp_path):
    _, file, _ = convert(tmp_path, TO_AVRO, TEXTS, **SPEC | {"schema": SCHEMA})
    assert list(fastavro.reader(io.BytesIO(file))) == FITTED


@pytest.mark.parametrize("type", [TO_PARQUET, TO_AVRO])
@pytest.mark.parametrize(
    ("rows", "spec", "said"),
    [
        ('{id:1}\n{id:"x"}\n', {"schema": {"type": "record", "name": "r", "fields": [{"name": "id", "type": "int"}]}}, "row 2: field `id`: `x` is no int"),
        (
            "{id:2147483648}\n",
            {"schema": {"type": "record", "name": "r", "fields": [{"name": "id", "type": "int"}]}},
            "row 1: field `id`: `2147483648` is no int",
        ),
        ("{}\n", {"schema": {"type": "record", "name": "r", "fields": [{"name": "id", "type": "int"}]}}, "row 1: field `id`: null is no int"),
        ("{id:1}\n", {"schema": {"type": "record", "name": "r", "fields": []}, "strictSchema": True}, "row 1: the schema has no field `id`"),
        ("{a:1}\n", {"schema": "{"}, "`schema` is not JSON: "),
        ("{a:1}\n", {"schema": '{"type":"string"}'}, "`schema` must be an Avro schema of the type `record`"),
        ('{a:1}\n"x"\n', {}, "row 2: a row must be a map"),
        ("{a:1.5}\n{a:1.55}\n", {"numberOfRowsToScan": 1}, "row 2: field `a`: `1.55` has more digits than a decimal of precision 38 and scale 1"),
        ('{a:"5"}\n', {"schema": {"type": "record", "name": "r", "fields": [{"name": "a", "type": "what"}]}}, "`schema` "),
    ],
    ids=range(9),
)
def test_rows_that_do_not_fit_are_told_with_their_number(tmp_path, type, rows, spec, said):
    assert refused(tmp_path, type, rows, **spec).startswith(said)


def test_rows_that_do_not_fit_may_be_left_out(tmp_path):
    spec = {"schema": {"type": "record", "name": "r", "fields": [{"name": "id", "type": "int"}]}}
    _, file, lines = convert(tmp_path, TO_AVRO, '{id:1}\n{id:"x"}\n{id:3}\n', onBadLines="WARN", **spec)
    assert list(fastavro.reader(io.BytesIO(file))) == [{"id": 1}, {"id": 3}]
    assert lines == [("WARN", "row 2 is left out: field `id`: `x` is no int")]


def test_all_rows_are_looked_at_where_that_is_asked_for(tmp_path):
    _, file, _ = convert(tmp_path, TO_PARQUET, "{a:1}\n{a:1.55,b:2}\n", numberOfRowsToScan=1, inferAllFields=True)
    assert pyarrow.parquet.read_table(io.BytesIO(file)).to_pylist() == [{"a": Decimal("1.00"), "b": None}, {"a": Decimal("1.55"), "b": 2}]


def test_groups_of_rows_are_as_large_as_asked_for(tmp_path):
    _, file, _ = convert(tmp_path, TO_PARQUET, "".join(f"{{a:{number}}}\n" for number in range(5_000)), rowGroupSize=10_000)
    assert pyarrow.parquet.ParquetFile(io.BytesIO(file)).metadata.num_row_groups == 3


def test_what_parquet_has_and_ion_has_not_is_read_all_the_same(tmp_path):
    table = pyarrow.table(
        {
            "ns": pyarrow.array([1_704_164_645_123_456_789], pyarrow.timestamp("ns")),
            "length": pyarrow.array([5], pyarrow.duration("s")),
            "map": pyarrow.array([[("k", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
            "bytes": pyarrow.array([b"hi"]),
        }
    )
    assert made(tmp_path, PARQUET, parquet_of(table)) == "{ns:2024-01-02T03:04:05.123456-00:00,length:5,map:{k:1},bytes:{{aGk=}}}\n"


@pytest.mark.parametrize(
    ("type", "content", "said"),
    [
        (PARQUET, b"no parquet", "the file can't be read as Parquet behind row 0: "),
        (AVRO, b"no avro", "the file can't be read as Avro behind row 0: "),
        (EXCEL, b"no workbook", "the file can't be read as Excel (.xlsx): File is not a zip file"),
    ],
)
def test_other_files_are_refused(tmp_path, type, content, said):
    assert refused(tmp_path, type, content).startswith(said)


def test_an_avro_file_that_is_cut_off_says_how_far_it_was_read(tmp_path):
    out = io.BytesIO()
    schema = fastavro.parse_schema({"type": "record", "name": "r", "fields": [{"name": "a", "type": "string"}]})
    fastavro.writer(out, schema, [{"a": "x" * 100}] * 1000, sync_interval=1000)
    assert refused(tmp_path, AVRO, out.getvalue()[:-50]).startswith("the file can't be read as Avro behind row 99")


# Excel


def book_of(**sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def sheets_of(base: Any, content: bytes, **spec: Any) -> tuple[dict[str, str], Any]:
    service = MemoryService()
    service.store(FROM, content)
    outcome, _ = play(base, job("one", type=SERDES + EXCEL, spec={"from": FROM, **spec}), service)
    assert outcome.result is Result.SUCCESS, outcome.message
    return {title: service.stored(uri).decode() for title, uri in outcome.outputs["uris"].items()}, outcome


BOOK = book_of(People=[["id", "name", None, "on"], [1, "Ada", "x", date(2024, 1, 2)], [], [2.5, "Grace"]], Other=[["a"], ["=1+1"]])


def test_each_sheet_is_a_file(tmp_path):
    files, outcome = sheets_of(tmp_path, BOOK, skipEmptyRows=True, valueRender="FORMULA")
    assert files == {"People": '{id:1,name:"Ada",on:2024-01-02T00:00:00-00:00}\n{id:2.5e0,name:"Grace",on:null}\n', "Other": '{a:"=1+1"}\n'}
    assert (outcome.outputs["size"], outcome.metrics) == (3, (Metric("records", "counter", 3),))


def test_sheets_can_be_chosen_and_read_without_a_header(tmp_path):
    files, _ = sheets_of(tmp_path / "a", BOOK, sheetsTitle=["People"], header=False, skipRows=1, dateTimeRender="SERIAL_NUMBER")
    assert list(files) == ["People"]
    assert files["People"].splitlines()[0] == '[1,"Ada","x",45293e0]'
    assert refused(tmp_path / "b", EXCEL, BOOK, sheetsTitle=["None"]) == "there is no sheet `None`; there are `People`, `Other`"


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/sharedStrings.xml", "w") as part:
        for _ in range(300):
            part.write(b"\0" * (1 << 20))
    assert "unpacks to more than" in refused(tmp_path, EXCEL, out.getvalue())


def test_a_workbook_with_entities_is_refused(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(BOOK)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, b'<!DOCTYPE x [<!ENTITY e "y">]>' + content if name == "xl/workbook.xml" else content)
    assert refused(tmp_path, EXCEL, out.getvalue()).startswith("the file can't be read as Excel (.xlsx): EntitiesForbidden")


def test_what_is_not_run_yet_is_refused(tmp_path):
    assert "FORMATTED_VALUE is part of the language, but this version does not run it yet" in refused(tmp_path, EXCEL, BOOK, valueRender="FORMATTED_VALUE")


def cells_of(file: bytes) -> dict[str, list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(io.BytesIO(file))
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}


def test_rows_become_a_sheet(tmp_path):
    rows = '{id:1,name:"=1+1",price:12.5,at:2024-01-02T03:04:05Z,on:2024-01-02,tags:["x"]}\n{id:1234567890123456789,name:null}\n'
    _, file, _ = convert(tmp_path, TO_EXCEL, rows, timeZoneId="Europe/Paris")
    book = openpyxl.load_workbook(io.BytesIO(file))
    assert cells_of(file) == {
        "Sheet": [
            ("id", "name", "price", "at", "on", "tags"),
            (1, "=1+1", 12.5, datetime(2024, 1, 2, 4, 4, 5), datetime(2024, 1, 2), '["x"]'),  # noqa: DTZ001 - cells have no zone
            ("1234567890123456789", None, None, None, None, None),
        ]
    }
    assert book["Sheet"]["B2"].data_type == "s"
    assert book["Sheet"]["D2"].number_format == "yyyy-mm-dd hh:mm:ss"


def test_several_files_become_several_sheets(tmp_path):
    _, file, _ = convert(tmp_path, TO_EXCEL, "{a:1}\n", **{"from": {"One": FROM, "Two": FROM}}, header=False)
    assert cells_of(file) == {"One": [(1,)], "Two": [(1,)]}


@pytest.mark.parametrize(
    ("rows", "spec", "said"),
    [
        ('{a:1}\n{a:"\\x01"}\n', {}, "sheet `Sheet`, row 2: a text has a character that a cell can't hold"),
        ('{a:"' + "x" * 40_000 + '"}\n', {}, "sheet `Sheet`, row 1: a value has 40,000 characters, and a cell holds 32,767"),
        ("{a:1}\n2\n", {}, "sheet `Sheet`, row 2: a row must be a map or a list, as the first one is"),
        ("{a:1}\n", {"sheetsTitle": "a/b"}, "`a/b` can't be the title of a sheet: it has 1 to 31 characters, and none of []:*?/\\"),
    ],
    ids=range(4),
)
def test_rows_that_no_sheet_can_hold_are_told_with_their_number(tmp_path, rows, spec, said):
    assert refused(tmp_path, TO_EXCEL, rows, **spec) == said
