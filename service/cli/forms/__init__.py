"""The forms in which `flow validate` prints what it found, one file each: a new one is a function from what was checked to text, and a row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from service.cli.checked import Checked
from service.cli.forms import github, gitlab, lines, one_document, sarif

FORMS: Mapping[str, Callable[[Sequence[Checked]], str]] = {
    "full": lines.full,
    "concise": lines.concise,
    "json": one_document.text,
    "github": github.text,
    "gitlab": gitlab.text,
    "sarif": sarif.text,
}
#: Forms that are one document for a program, which says how much there is by itself.
DOCUMENTS = frozenset({"json", "gitlab", "sarif"})
