"""A mistake in a template that stands by itself, with its line, as a terminal shows it."""

from __future__ import annotations

import re

from service.expressions import ExpressionError
from service.flows.excerpt import excerpt
from service.flows.problems import Problem, Severity

#: Line ends that YAML knows and templates don't: lines are counted as the template counts them.
_OTHER_ENDS = re.compile("[\r\x85\u2028\u2029]")


def of_template(error: ExpressionError, text: str, path: str, color: bool = False) -> str:
    """The error with the line of the template that it is about. `path` is what the template is called."""
    return excerpt(Problem("", Severity.ERROR, path, error.line, error.column, error.message), _OTHER_ENDS.sub(" ", text), color)
