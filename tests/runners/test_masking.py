"""What a secret looks like after the tools have had it."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.masking import SEALED, STARS, Masker

SECRET = "p@ss/w+ord \"x\" <é>'y'"
text = st.text(st.characters(codec="utf-8"))


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        re.sub("%..", lambda found: found[0].lower(), quote(SECRET, safe="")),
        quote_plus(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        html.escape(SECRET),
        shlex.quote(SECRET),
        repr(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"u:{SECRET}".encode()).decode(),
        base64.b64encode(f"{SECRET}:tail".encode()).decode(),
        base64.b64encode(f"user{SECRET}x".encode()).decode(),
    ],
)
def test_every_form_is_hidden(shown):
    hidden = Masker([SECRET]).text(f"<<{shown}>>")
    assert STARS in hidden
    assert not any(part in hidden for part in ("w+ord", "w%2Bord", "&lt;", "wYXNz", "L3crb3Jk"))


def test_longer_values_go_first_and_overlapping_ones_leave_no_rest():
    assert Masker(["abcd", "abcd1234"]).text("x abcd1234 y abcd z") == f"x {STARS} y {STARS} z"
    assert Masker(["abcd1234", "1234wxyz"]).text("abcd1234wxyz!") == f"{STARS}!"


def test_short_values_are_left_alone():
    assert Masker(["abc", ""]).text("abc") == "abc"


def test_every_line_of_a_value_is_hidden():
    key = "-----BEGIN-----\nMIIEpAIBAAKC\n  c2Vjb25k\r\n-----END-----\n"
    masker = Masker([key])
    assert [masker.text(line) for line in ("MIIEpAIBAAKC", "c2Vjb25k", "x")] == [STARS, STARS, "x"]
    assert "MIIE" not in masker.text(json.dumps({"key": key}))


KEY = "-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(bytes(range(7, 250)) * 4).decode() + "-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("held", [json.dumps({"type": "account", "private_key": KEY}), json.dumps({"private_key": KEY}, indent=2), json.dumps(KEY)[1:-1]])
def test_every_line_of_a_key_inside_json_is_hidden(held):
    masker = Masker([held])
    assert {masker.text(line) for line in KEY.splitlines()[1:] if len(line) >= 16} == {STARS}
    assert {masker.text(line) for line in base64.encodebytes(KEY.encode()).decode().splitlines()[:-1]} == {STARS}


def wrapped(content: bytes, width: int, encode=base64.b64encode) -> list[str]:
    encoded = encode(content).decode()
    return [encoded[at : at + width] for at in range(0, len(encoded), width)]


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("width", [60, 64, 76])
def test_base64_is_hidden_however_it_is_wrapped_and_whatever_stands_before_it(width, encode):
    secret = KEY.encode()[30:400]
    masker = Masker([secret.decode()])
    for before in range(80):
        lines = wrapped(b"u" * before + secret + b"tail", width, encode)
        first, last = -(-before * 4 // 3) // width + 1, (before + len(secret)) * 4 // 3 // width
        assert last - first >= 4
        assert {masker.text(line) for line in lines[first:last]} == {STARS}
        assert list(masker.texts(lines)) == [masker.text(line) for line in lines]


@given(st.binary(max_size=70), st.integers(58, 3000), st.sampled_from([64, 76]), st.randoms())
def test_of_wrapped_base64_no_more_is_shown_than_two_short_ends(before, size, width, random):
    secret = "".join(random.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=-_.é", k=size))
    shown = "".join(Masker([secret]).texts(wrapped(before + secret.encode(), width))).replace(STARS, "")
    assert len(shown) <= len(base64.b64encode(before)) + 2 * 15 + 4


@pytest.mark.parametrize("size", [24, 30, 42, 57])
def test_a_value_that_fits_in_a_line_is_hidden_where_it_is_on_two(size):
    secret = KEY[100 : 100 + size]
    for before in range(57):
        shown = "".join(Masker([secret]).texts(wrapped(b"u" * before + secret.encode(), 76))).replace(STARS, "")
        assert len(shown) <= -(-before // 3) * 4 + 15 + 4


@pytest.mark.parametrize("secret", ["a" * 500, "ab" * 300])
def test_a_value_that_repeats_itself_is_hidden_too(secret):
    lines = wrapped(b"user:" + secret.encode(), 76)
    assert {Masker([secret]).text(line) for line in lines[1:-1]} == {STARS}


def test_ordinary_text_is_left_alone_however_long_a_secret_is():
    masker = Masker([KEY, "correct horse battery staple " * 40, json.dumps({"private_key": KEY})])
    said = Path(__file__).read_text().replace("-----BEGIN PRIVATE KEY-----", "").replace("-----END PRIVATE KEY-----", "")
    lines = [line for line in said.splitlines() if "correct horse" not in line]
    assert list(masker.texts([*lines, *wrapped(b"something else entirely, " * 100, 76)])) == [*lines, *wrapped(b"something else entirely, " * 100, 76)]


def test_colour_codes_inside_a_secret_do_not_save_it():
    masker = Masker(["secret-value"])
    assert masker.text("\x1b[1mse\x1b[0mcret-value\x1b[0m!") == f"{STARS}!"
    assert masker.text("\x1b[1mplain\x1b[0m") == "\x1b[1mplain\x1b[0m"


def test_values_of_any_nesting_are_looked_through():
    masker = Masker(["12345678", "hidden"])
    value = {"a": ["x hidden", {"hidden": (1, True, None)}], "n": 12345678, "f": 1.5}
    assert masker.value(value) == {"a": [f"x {STARS}", {STARS: [1, True, None]}], "n": STARS, "f": 1.5}


def test_what_is_nested_too_deep_is_hidden_whole():
    value: object = "secret-value"
    for _ in range(100_000):
        value = [value]
    assert Masker(["secret-value"]).value(value) == STARS


@given(text, text.filter(lambda value: len(value.strip()) >= 4), text)
def test_no_text_keeps_a_secret(before, secret, after):
    assert secret not in Masker([secret]).text(before + secret + after).replace(STARS, "\0")


@given(st.lists(text), text.filter(lambda value: len(value.strip()) >= 4))
def test_many_texts_are_masked_as_each_of_them(texts, secret):
    masker, texts = Masker([secret]), [*texts, f"x{secret}\x1b[1m", secret[:3], secret[3:]]
    assert list(masker.texts(texts)) == [masker.text(text) for text in texts]
    assert list(masker.texts(texts[:-3])) == [masker.text(text) for text in texts[:-3]]


@given(text)
def test_a_text_without_secrets_stays_as_it_is(value):
    assert Masker(["\0never\0"]).text(value) == value


@given(st.binary(max_size=8), text.filter(lambda value: len(value) >= 4 and len(value.encode()) >= 8), st.binary(max_size=8))
def test_base64_hides_nothing(before, secret, after):
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    assert STARS in Masker([secret]).text(encoded) or not secret.strip()


def test_what_is_kept_encrypted_is_hidden_even_where_there_is_no_secret():
    kept = {"type": SEALED, "value": "hg1:abc"}
    assert Masker(()).value({"a": [kept], "b": {"type": SEALED}, "c": {**kept, "more": 1}}) == {"a": [STARS], "b": {"type": SEALED}, "c": {**kept, "more": 1}}
