"""The expression language: Pebble's grammar and Java's semantics, run by Jinja2's engine.

    lexer → parser (jinja2.nodes) → environment (Jinja2's compiler) → run (what compiled templates call) → rendering (text and typed mode)

The parser is one class in layers, from the tokens up: builder, invocations, pratt (expressions), statements, parser (whole templates).

Pure: the clock, secrets, variables and random bytes come in as `Ports`, values as a scope that is asked only for the names that a template uses. A mistake
of the user is an `ExpressionError` with line and column. Functions and filters are one file per family in `functions/` and `filters/`.
Where the language differs from Jinja2's, and why each rule is as it is, stands beside the rule.
"""

from __future__ import annotations

from service.expressions.errors import ExpressionError, UndefinedError
from service.expressions.limits import Budget, Limits
from service.expressions.ports import Ports
from service.expressions.registry import is_function
from service.expressions.rendering import Expressions, references, truthy
from service.expressions.syntax import Call, Reference

__all__ = [
    "Budget",
    "Call",
    "ExpressionError",
    "Expressions",
    "Limits",
    "Ports",
    "Reference",
    "UndefinedError",
    "is_function",
    "references",
    "truthy",
]
