"""The signs of numbers in the languages of the world, and how they write numbers where no pattern is given."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from service.expressions.errors import Refused, did_you_mean
from service.expressions.number_text import Symbols

PATTERN = "#,##0.###"
_ENGLISH = Symbols(signs={"-": "-", "%": "%", "‰": "‰", "¤": "$", "¤¤": "USD"})
_NAME = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_ZEROS = {"arab": "٠", "arabext": "۰", "beng": "০", "deva": "०", "mymr": "၀", "tibt": "༠", "nkoo": "߀", "cakm": "𑄶", "adlm": "𞥐", "olck": "᱐"}


@lru_cache(maxsize=128)
def symbols_of(name: str | None) -> tuple[Symbols, str]:
    """The signs of a language (`de`, `de-CH`, `pt_BR`; null is American English) and its own pattern. Raises Refused for one that doesn't exist."""
    if name is None:
        return _ENGLISH, PATTERN
    locale = _locale(name)
    system = locale.default_numbering_system
    # Digits of its own may come without signs of their own.
    signs = {**locale.number_symbols["latn"], **locale.number_symbols.get(system, {})}
    return _symbols(signs, _ZEROS.get(system, "0"), *_money(locale)), locale.decimal_formats[None].pattern


def _locale(name: str) -> Any:
    # Imported on first use: most flows write English numbers.
    babel = importlib.import_module("babel")
    try:
        if _NAME.fullmatch(name):
            return babel.Locale.parse(name.replace("-", "_"))
    except (ValueError, babel.UnknownLocaleError):
        pass
    known = importlib.import_module("babel.localedata").locale_identifiers()
    raise Refused(f"there is no language `{name[:40]}`; write for example `de` or `pt-BR`{did_you_mean(name, known)}")


def _money(locale: Any) -> tuple[str, str]:
    """Sign and code of the country's currency."""
    numbers = importlib.import_module("babel.numbers")
    codes = numbers.get_territory_currencies(locale.territory) if locale.territory else []
    return (numbers.get_currency_symbol(codes[0], locale), codes[0]) if codes else ("¤", "XXX")


def _symbols(found: Mapping[str, str], zero: str, sign: str, code: str) -> Symbols:
    point, comma = found["decimal"], found["group"]
    return Symbols(
        point=point,
        comma=comma,
        money=(found.get("currencyDecimal", point), found.get("currencyGroup", comma)),
        exponent=found["exponential"],
        infinity=found["infinity"],
        nan=found["nan"],
        zero=zero,
        signs={"-": found["minusSign"], "%": found["percentSign"], "‰": found["perMille"], "¤": sign, "¤¤": code},
    )
