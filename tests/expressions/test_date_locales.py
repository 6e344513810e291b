"""Dates in the words of a locale."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.expressions import ExpressionError, Expressions, Ports, cldr
from service.expressions.locales import ENGLISH

#: A Tuesday.
MOMENT = datetime(2024, 3, 5, 14, 7, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("locale", "wanted"),
    [
        ("fr", "mardi 5 mars 2024, 14:07:09 heure normale d’Europe centrale|5 mars 2024, 14:07:09 CET|5 mars 2024, 14:07:09|05/03/2024 14:07"),
        ("de", "Dienstag, 5. März 2024, 14:07:09 Mitteleuropäische Normalzeit|5. März 2024, 14:07:09 MEZ|05.03.2024, 14:07:09|05.03.24, 14:07"),
        (
            "pt_BR",
            "terça-feira, 5 de março de 2024 14:07:09 Horário Padrão da Europa Central|5 de março de 2024 14:07:09 CET"
            "|5 de mar. de 2024 14:07:09|05/03/2024 14:07",
        ),
        ("ja", "2024年3月5日火曜日 14時07分09秒 中央ヨーロッパ標準時|2024年3月5日 14:07:09 CET|2024/03/05 14:07:09|2024/03/05 14:07"),
        ("en-GB", "Tuesday, 5 March 2024, 14:07:09 Central European Standard Time|5 March 2024, 14:07:09 CET|5 Mar 2024, 14:07:09|05/03/2024, 14:07"),
        ("ko", "2024년 3월 5일 화요일 오후 2시 7분 9초 중부유럽 표준시|2024년 3월 5일 오후 2시 7분 9초 CET|2024. 3. 5. 오후 2:07:09|24. 3. 5. 오후 2:07"),
        ("zh_TW", "2024年3月5日 星期二 下午2:07:09 中歐標準時間|2024年3月5日 下午2:07:09 CET|2024年3月5日 下午2:07:09|2024/3/5 下午2:07"),
    ],
)
def test_each_style_in_a_locale(text: Callable[..., str], locale: str, wanted: str) -> None:
    styles = "|".join("{{ at | date('" + style + "', 'Europe/Berlin', locale=locale) }}" for style in ("full", "long", "medium", "short"))
    assert text(styles, at=datetime(2024, 3, 5, 13, 7, 9, tzinfo=UTC), locale=locale) == wanted


@pytest.mark.parametrize(
    ("locale", "pattern", "wanted"),
    [
        ("ru", "d MMMM|LLLL|MMM|LLL|MMMMM", "5 марта|март|мар.|март|М"),
        ("pl", "d MMMM|LLLL|EEEE|EEE", "5 marca|marzec|wtorek|wt."),
        ("fr", "EEEE EEE EEEEE|MMM MMMM|QQQ QQQQ|a|B|G GGGG", "mardi mar. M|mars mars|T1 1er trimestre|PM|de l’après-midi|ap. J.-C. après Jésus-Christ"),
        ("es", "EEEE d 'de' MMMM|a", "martes 5 de marzo|p.\xa0m."),
        ("de", "EEEE EEE ccc|B|GGGG|O", "Dienstag Di. Di|nachmittags|n. Chr.|GMT"),
        ("it", "EEEE d MMMM|qqqq", "martedì 5 marzo|1º trimestre"),
        ("nl", "EEE d MMM|a", "di 5 mrt|p.m."),
        ("fr", "OOOO", "UTC"),
        ("ar", "EEEE yyyy a", "الثلاثاء 2024 م"),
        ("sr_Latn", "MMMM", "mart"),
        ("zh-Hant-TW", "EEE", "週二"),
        ("iw", "EEEE", "יום שלישי"),
    ],
)
def test_letters_in_a_locale(text: Callable[..., str], locale: str, pattern: str, wanted: str) -> None:
    assert text("{{ at | date(pattern, locale=locale) }}", at=MOMENT, pattern=pattern, locale=locale) == wanted


@pytest.mark.parametrize("locale", ["fr_FR", "fr-FR", "FR_fr", "fr_XX"])
def test_a_locale_is_written_in_several_ways(text: Callable[..., str], locale: str) -> None:
    assert text("{{ at | date('EEEE', locale=locale) }}", at=MOMENT, locale=locale) == "mardi"


@pytest.mark.parametrize(
    ("locale", "wanted"),
    [("en_US", "2025 1 1"), ("de_DE", "2024 52 7"), ("en_GB", "2024 52 7"), ("fr_FR", "2024 52 7"), ("fr", "2025 1 1"), ("ar_EG", "2025 1 2")],
)
def test_weeks_are_those_of_the_region(text: Callable[..., str], locale: str, wanted: str) -> None:
    assert text("{{ '2024-12-29' | date('YYYY w e', locale=locale) }}", locale=locale) == wanted


def test_the_order_in_which_languages_are_asked_for_changes_nothing(text: Callable[..., str]) -> None:
    template = "{% for l in ['fr', 'de', 'ja', 'es', 'fr', 'de'] %}{{ at | date('LLLL|qqqq', locale=l) }} {% endfor %}"
    assert text(template, at=MOMENT) == "mars|1er trimestre März|1. Quartal 3月|第1四半期 marzo|1.er trimestre mars|1er trimestre März|1. Quartal "


@pytest.mark.parametrize(
    ("value", "pattern", "locale", "wanted"),
    [
        ("mardi 5 mars 2024", "EEEE d MMMM yyyy", "fr", "2024-03-05T00:00:00Z"),
        ("5. März 2024, 14:07:09 MEZ", "long", "de", "2024-03-05T13:07:09Z"),
        ("5 марта 2024", "d MMMM yyyy", "ru", "2024-03-05T00:00:00Z"),
        ("2024年3月5日火曜日", "y年M月d日EEEE", "ja", "2024-03-05T00:00:00Z"),
        ("5 févr. 2024 3 du matin", "d MMM yyyy h B", "fr", "2024-02-05T03:00:00Z"),
        ("3/5/24 2:07 p. m.", "M/d/yy h:mm a", "es", "2024-03-05T14:07:00Z"),
        ("2024-W52-7", "YYYY-'W'w-e", "de_DE", "2024-12-29T00:00:00Z"),
    ],
)
def test_a_date_is_read_in_a_locale(text: Callable[..., str], value: str, pattern: str, locale: str, wanted: str) -> None:
    assert text("{{ v | date('iso_sec', existingFormat=p, locale=l) }}", v=value, p=pattern, l=locale) == wanted
    assert text("{{ v | dateAdd(0, 'DAYS', 'iso_sec', existingFormat=p, locale=l) }}", v=value, p=pattern, l=locale) == wanted


@pytest.mark.parametrize("locale", ["xx", "french", "fr FR", "../etc", "f", "fr_FR_x_y", "klingon", 3, ["fr"]])
def test_a_locale_that_does_not_exist_is_refused(text: Callable[..., str], locale: Any) -> None:
    with pytest.raises(ExpressionError, match=r"there is no locale|a locale is text"):
        text("{{ at | date('MMM', locale=locale) }}", at=MOMENT, locale=locale)


def test_now_speaks_languages_too(text: Callable[..., str]) -> None:
    assert text("{{ now('EEEE d MMMM', 'Asia/Tokyo', null, 'fr') }}") == "mardi 5 mars"


def test_babels_english_is_the_built_in_one() -> None:
    """The built-in words save an import; CLDR's are the truth."""
    from_cldr = cldr.language("en_US")
    assert from_cldr is not ENGLISH
    for part in ("tag", "months", "days", "quarters", "eras", "halves", "periods", "parts", "first_day", "min_days", "styles", "gmt"):
        assert getattr(ENGLISH, part) == getattr(from_cldr, part), part


def test_asking_for_every_locale_costs_too_much(expressions: Expressions) -> None:
    template = "{% for a in range(97, 122) %}{% for l in letters %}{{ 0 | date('MMM', locale=l) }}{% endfor %}{% endfor %}"
    letters = ["af", "am", "ar", "as", "az", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de", "el", "es", "et", "eu", "fa", "fi", "fr", "ga", "gl", "gu"]
    letters += ["he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "km", "kn", "ko", "ky", "lo", "lt", "lv", "mk", "ml", "mn", "mr", "ms", "my"]
    letters += ["nb", "ne", "nl", "or", "pa", "pl", "ps"]
    with pytest.raises(ExpressionError, match=re.escape("too much work")):
        expressions.text(template, {"letters": letters}, Ports(now=lambda: MOMENT, secret=lambda key, _namespace: key))
