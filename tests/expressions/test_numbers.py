"""Numbers out of text, in all the forms that Java reads, and what counting with them gives: 32 bits, 64 bits and exact decimals."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from service.expressions import ExpressionError
from service.expressions.singles import Single, single, widened

FORMS = [
    # without a type: whole numbers in the three bases
    ("'0'", 0),
    ("'-0'", 0),
    ("'+5'", 5),
    ("'0x1f'", 31),
    ("'-0X1F'", -31),
    ("'#ff'", 255),
    ("'017'", 15),
    ("'12L'", 12),
    ("'-12l'", -12),
    ("'010L'", 8),
    # 32 bits where these print like 64, else 64, else all digits
    ("'0.1'", Single(0.1)),
    ("'1.'", Single(1.0)),
    ("'.5'", Single(0.5)),
    ("'1e3'", Single(1000.0)),
    ("'-0.0'", Single(-0.0)),
    ("'3.14159265'", 3.14159265),
    ("'123456789.5'", 123456789.5),
    ("'1e40'", 1e40),
    ("'1e-50'", 1e-50),
    ("'1e400'", Decimal("1E+400")),
    ("'1e-400'", Decimal("1E-400")),
    ("'0.12345678901234567890'", Decimal("0.12345678901234567890")),
    ("'0.1000000000000000055'", Single(0.1)),
    # a letter names the type, unless it can't hold the number
    ("'1.5f'", Single(1.5)),
    ("'5F'", Single(5.0)),
    ("'1.5d'", 1.5),
    ("'0.1D'", 0.1),
    ("'1e40f'", 1e40),
    ("'1e400d'", Decimal("1E+400")),
    # Java's own reading of decimals passes over white space in front
    ("' 1.5'", Single(1.5)),
]
TYPED = [
    ("'7'", "INT", 7),
    ("'-0x80000000'", "INT", -(2**31)),
    ("'017'", "LONG", 15),
    ("'#7fffffffffffffff'", "LONG", 2**63 - 1),
    ("'0xffffffffffffffffff'", "BIGINTEGER", 2**72 - 1),
    ("' 1.5 '", "DOUBLE", 1.5),
    ("'1.5f'", "DOUBLE", 1.5),
    ("'-Infinity'", "DOUBLE", -math.inf),
    ("'1e400'", "DOUBLE", math.inf),
    ("'7'", "FLOAT", Single(7.0)),
    ("'1e39'", "FLOAT", Single(math.inf)),
    ("'16777217'", "FLOAT", Single(16777216.0)),
    ("'1.50'", "BIGDECIMAL", Decimal("1.50")),
    ("'1E+2'", "BIGDECIMAL", Decimal("1E+2")),
    # any other type counts as none
    ("'7'", "SHORT", 7),
    ("'7'", "int", 7),
    ("'7'", "", 7),
]


@pytest.mark.parametrize(("text_", "wanted"), FORMS)
def test_a_text_becomes_the_number_that_it_looks_like(typed: Callable[..., Any], text_: str, wanted: Any) -> None:
    number = typed("{{ " + text_ + " | number }}")
    assert (repr(number), type(number)) == (repr(wanted), type(wanted))


@pytest.mark.parametrize(("text_", "type_", "wanted"), TYPED)
def test_a_text_becomes_a_number_of_that_type(typed: Callable[..., Any], text_: str, type_: str, wanted: Any) -> None:
    for call in (f"number('{type_}')", f"number(type='{type_}')"):
        number = typed("{{ " + text_ + " | " + call + " }}")
        assert (repr(number), type(number)) == (repr(wanted), type(wanted))


def test_no_type_is_the_automatic_one(typed: Callable[..., Any]) -> None:
    assert typed("{{ '7' | number(null) }}") == 7
    assert math.isnan(typed("{{ 'NaN' | number('DOUBLE') }}"))


@pytest.mark.parametrize(
    "text_", ["", " ", "-", ".", "f", "L", "+12L", "0x", "0xg", "1_000", "1,5", " 1", "1 ", "1.5 ", "NaN", "Infinity", "1e", "1e5e5", "١٢", "08"]
)
def test_what_is_no_number_is_refused(typed: Callable[..., Any], text_: str) -> None:
    with pytest.raises(ExpressionError, match="not a (whole )?number"):
        typed("{{ t | number }}", t=text_)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        # 32 bits with 32 bits, and with whole numbers
        ("tenth + ('0.2' | number)", "0.3"),
        ("('1.1' | number) + ('2.2' | number)", "3.3000002"),
        ("tenth * 3", "0.3"),
        ("1 - tenth", "0.9"),
        ("('7.5' | number) % 2", "1.5"),
        ("('1.0' | number) / 3", "0.33333334"),
        ("('1.0' | number) / 0", "Infinity"),
        ("-tenth", "-0.1"),
        ("(-tenth | abs) | className", "java.lang.Float"),
        ("(tenth + 1) | className", "java.lang.Float"),
        # with 64 bits a number is what its 32 bits are
        ("tenth + 0.2", "0.30000000149011613"),
        ("(tenth + 0.2) | className", "java.lang.Double"),
        ("tenth == 0.1", "true"),
        ("tenth | numberformat('0.0000000000')", "0.1000000015"),
        # decimals go through doubles
        ("decimal + 1", "2.5"),
        ("decimal * 2", "3.00"),
        ("decimal - 1", "0.5"),
        ("('10' | number('BIGDECIMAL')) / 4", "2.5"),
        ("('10' | number('BIGDECIMAL')) / 3", "3.333333333333333333333333333333333"),
        ("('9' | number('BIGDECIMAL')) % 4", "1.0"),
        ("('0.12345678901234567890' | number) + 0", "0.12345678901234568"),
        ("(((('1e300' | number('BIGDECIMAL')) + 1) | string) | length)", "303"),
        ("-decimal", "-1.50"),
        # more digits than a double has powers for
        ("huge + 1.0", "Infinity"),
        ("huge * tenth", "Infinity"),
        ("huge > 1.5", "true"),
    ],
)
def test_counting_with_them_gives(text: Callable[..., str], expression: str, wanted: str) -> None:
    assert text("{{ " + expression + " }}", tenth=Single(0.1), decimal=Decimal("1.50"), huge=10**400) == wanted


@pytest.mark.parametrize(
    "expression", ["huge + 1", "huge + decimal", "('1e400' | number) * 2", "('NaN' | number('DOUBLE')) + decimal", "decimal / 0", "decimal % 0"]
)
def test_what_has_no_result_is_refused(text: Callable[..., str], expression: str) -> None:
    with pytest.raises(ExpressionError):
        text("{{ " + expression + " }}", decimal=Decimal("1.50"), huge=10**400)


@pytest.mark.parametrize("value", [0.1, 1e-45, 1.17549435e-38, 3.4028235e38, 16777216.0, 0.333333343267, -2.5, 0.0])
def test_a_single_is_the_shortest_decimal_of_its_bits(value: float) -> None:
    found = single(value)
    assert widened(single(widened(found))) == widened(found)
    assert len(repr(float(found))) <= len(repr(widened(found)))
