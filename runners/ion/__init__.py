"""Amazon Ion's text form: what Kestra keeps rows in, in storage files and between tasks.

    text ─► reader (one regular expression for a field and its plain value; `tokens` for everything else) ─► plain values
    lines of a file ─► stream (cut between values) ─► reader
    plain values ─► writer ─► text, one value a line

Pure. A value is None, bool, int, float, Decimal, str, bytes, date, datetime, list or dict. What Ion tells apart and these do not: a typed null is None,
a symbol is text, an s-expression is a list, annotations are dropped, a timestamp of a day or less is a date, one with the offset `-00:00` (unknown) is a
datetime without a zone, and of a fraction of a second six digits are kept. Of two fields of one name the last counts.
"""

from __future__ import annotations

from runners.ion.errors import IonError
from runners.ion.reader import read, rows
from runners.ion.stream import stream
from runners.ion.writer import write

__all__ = ["IonError", "read", "rows", "stream", "write"]
