"""For people: each problem with its line (`full`), or on one line (`concise`)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from service.cli.checked import Checked
from service.cli.screen import coloured
from service.flows.excerpt import excerpt


def full(checked: Sequence[Checked]) -> str:
    """Each problem with the line it is about, the place underlined."""
    colour = coloured(sys.stdout)
    return "\n".join(excerpt(problem, found.source, colour) + "\n" for found in checked for problem in found.problems)


def concise(checked: Sequence[Checked]) -> str:
    """`path:line:column: severity code: message (hint)`."""
    return "\n".join(problem.line_text() for found in checked for problem in found.problems)
