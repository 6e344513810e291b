"""XML and YAML to rows of Ion and back; what is no such file, and what would be too much of one."""

from __future__ import annotations

import pytest
import yaml

from tests.runners.converting import convert, made, refused

XML, TO_XML, YAML, TO_YAML = "xml.XmlToIon", "xml.IonToXml", "yaml.YamlToIon", "yaml.IonToYaml"
BOOKS = (
    '<?xml version="1.0"?>\n<!DOCTYPE catalog>\n<catalog>'
    '<book id="1"><title>A &amp; B</title><price>12.50</price></book><!-- --><book id="007">text<b/></book></catalog>'
)


def test_a_document_is_one_row_and_elements_of_one_name_are_a_list(tmp_path):
    assert made(tmp_path, XML, BOOKS) == '{catalog:{book:[{id:1,title:"A & B",price:12.50},{id:"007",b:"",content:"text"}]}}\n'


def test_a_query_names_the_elements_that_are_rows(tmp_path):
    assert made(tmp_path / "a", XML, BOOKS, query="/catalog/book") == '{id:1,title:"A & B",price:12.50}\n{id:"007",b:"",content:"text"}\n'
    assert made(tmp_path / "b", XML, BOOKS, query="/*/book/title") == '"A & B"\n'
    assert made(tmp_path / "c", XML, BOOKS, query="/catalog/film") == ""
    assert "must be a path of names" in refused(tmp_path / "d", XML, BOOKS, query="//book[@id='1']")


def test_elements_can_be_made_lists_although_there_is_one(tmp_path):
    assert made(tmp_path, XML, "<a><b>1</b></a>", parserConfiguration={"forceList": ["b"]}) == "{a:{b:[1]}}\n"


def test_texts_of_xml_are_values(tmp_path):
    text = "<a><i>-12</i><d>1e3</d><b>TRUE</b><n>null</n><t> x\ny </t><z>0012</z><c><![CDATA[<>]]></c></a>"
    assert made(tmp_path, XML, text, query="/a") == '{i:-12,d:1d3,b:true,n:null,t:"x\\ny",z:"0012",c:"<>"}\n'


def test_a_document_says_its_encoding_and_so_may_the_task(tmp_path):
    latin = '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1")
    assert made(tmp_path / "a", XML, latin) == '{a:"é"}\n'
    assert made(tmp_path / "b", XML, "<a>é</a>".encode("windows-1252"), charset="windows-1252") == '{a:"é"}\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<a><b></a>", "mismatched tag at line 1, column 9"),
        ("", "no element found at line 1, column 1"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "it declares an entity, and these are not taken at line 1, column "),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "it declares an entity, and these are not taken at line 1, column "),
        ("<a>" * 200, "it is nested deeper than 100 levels at line 1, column 301"),
        ("<a>" + "<b/>" * 1_000_001 + "</a>", "a row holds more than 1,000,000 elements or 16,777,216 characters: `query` can name the elements that are rows"),
        ('<a x="' + "y" * 80_000_000, "something is longer than 16,777,216 characters, or it is never closed"),
    ],
    ids=range(7),
)
def test_xml_that_is_wrong_or_too_much_is_told_with_its_place(tmp_path, content, said):
    assert refused(tmp_path, XML, content).startswith(f"the file can't be read as XML: {said}")


def test_rows_become_items(tmp_path):
    rows = '{id:1,\'full name\':"A & <B>",tags:["x","y"],none:null,at:2024-01-02T03:04:05Z}\n{\'1st\':{b:true}}\n'
    assert made(tmp_path, TO_XML, rows, rootName="people") == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<people>\n'
        "<item><id>1</id><full_name>A &amp; &lt;B&gt;</full_name><tags>x</tags><tags>y</tags><none/><at>2024-01-02T03:04:05.000Z</at></item>\n"
        "<item><_1st><b>true</b></_1st></item>\n</people>\n"
    )


def test_characters_that_a_charset_has_not_are_referred_to_and_those_that_xml_has_not_are_refused(tmp_path):
    assert "<item>&#233;</item>" in made(tmp_path / "a", TO_XML, '"é"\n', charset="US-ASCII")
    assert refused(tmp_path / "b", TO_XML, '1\n"\\x01"\n') == "row 2: XML has no form for the character '\\x01'"
    assert refused(tmp_path / "c", TO_XML, "1\n", rootName="a b") == "`rootName` is `a b`, and that can't be the name of an element"


def test_what_comes_back_from_xml_is_what_was_there(tmp_path):
    rows = '{a:1,b:"x",c:{d:1.50}}\n{a:2,b:"y",c:{d:null}}\n'
    xml = made(tmp_path / "a", TO_XML, rows)
    assert made(tmp_path / "b", XML, xml, query="/items/item") == rows.replace("d:null", 'd:""')


# YAML


def test_documents_are_rows_and_so_are_the_elements_of_lists(tmp_path):
    text = "a: 1\nb: [yes, true, ~, 1.5, 0o17, 2024-01-02, '1']\n---\n- x: &x {y: 1}\n- *x\n---\ntext\n"
    assert made(tmp_path, YAML, text) == '{a:1,b:["yes",true,null,1.5e0,15,"2024-01-02","1"]}\n{x:{y:1}}\n{y:1}\n"text"\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [1\nb: 2\n", "the file is not YAML: "),
        ("a: *b\n", "the file is not YAML: there is no anchor `b` before its alias at line 1, column 4"),
        ("? [1]\n: 2\n", "the key of a map must be a scalar at line 1, column 5"),
        ("[" * 300 + "]" * 300, "the file is nested deeper than 100 levels at line 1, column 101"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(f"{n}: &{n} [{','.join([f'*{p}'] * 10)}]\n" for p, n in zip("abcdef", "bcdefg", strict=True)),
            "a document holds more than 1,000,000 values at line 6",
        ),
        ("a: &a [*a]\n", "the file is not YAML: there is no anchor `a` before its alias at line 1, column 8"),
        (b"a: \xe9\n", "the file is no UTF-8 text; `charset` says what it is written in"),
    ],
    ids=range(7),
)
def test_yaml_that_is_wrong_or_too_much_is_told_with_its_place(tmp_path, content, said):
    assert refused(tmp_path, YAML, content).startswith(said)


def test_rows_become_documents(tmp_path):
    rows = '{a:1.5,b:["é",null],at:2024-01-02T03:04:05Z}\n"yes"\n'
    text = made(tmp_path, TO_YAML, rows)
    assert list(yaml.safe_load_all(text.replace("at: ", "at: !!str "))) == [{"a": 1.5, "b": ["é", None], "at": "2024-01-02T03:04:05Z"}, "yes"]
    assert text.startswith("---\na: 1.5\nb:\n- é\n- null\n")


def test_what_comes_back_from_yaml_is_what_was_there(tmp_path):
    rows = '{a:1,b:["x","1","true",true,null],c:{d:1.5e0}}\n{a:2}\n'
    assert made(tmp_path / "b", YAML, convert(tmp_path / "a", TO_YAML, rows)[1]) == rows
