"""What templates become in Python: calls of the run's helpers with constants, whatever names stand in them."""

from __future__ import annotations

import ast

import pytest

from service.expressions import Limits
from service.expressions.environment import HELPERS, Sandbox
from service.expressions.parser import parse
from tests.expressions.trees import PRECEDENCE

EVERYTHING = [
    *(f"{{{{ self {operator} ''['os'] }}}}" for operator in PRECEDENCE if operator not in ("is", "|")),
    "{{ not import is defined ? -os.path[eval] : +exec['x'].y | default(__builtins__) | date(format=globals) }}",
    "{{ {'__class__': [context, environment], self: missing} }}{{ \"#{root}#{name}'''\\\\\\\"\" }}{{ secret('x') }}{{ max(a, b, c) }}",
    "{% if open %}{{ 1 }}{% elseif print %}'''\"\"\"\\{% else %}{% set __builtins__ = os %}{{ __builtins__ }}{% endif %}",
    "{% for __name__ in globals %}{{ loop.index }}{{ __name__ }}{% else %}{{ context }}{% endfor %}",
    "{% macro os(self, context='x') %}{{ self }}{% endmacro %}{{ os(context=1) }}{% block eval %}{{ block('eval') }}{% endblock %}",
    "{% filter upper | replace({self: context}) %}{{ root }}{% endfilter %}{% cache exec %}{% parallel %}{{ os }}{% endparallel %}{% endcache %}{% flush %}",
]


@pytest.mark.parametrize("template", EVERYTHING)
def test_compiled_templates_reach_the_helpers_and_nothing_else(template: str) -> None:
    syntax = parse(template, Limits())
    for tree in [syntax.tree, *(body.tree for body in syntax.bodies)]:
        code = ast.parse(str(Sandbox().compile(tree, raw=True)))
        imported = [ast.unparse(node) for node in ast.walk(code) if isinstance(node, ast.Import | ast.ImportFrom)]
        named = {node.id for node in ast.walk(code) if isinstance(node, ast.Name)}
        attributes = {ast.unparse(node) for node in ast.walk(code) if isinstance(node, ast.Attribute)}
        assert imported == ["from jinja2.runtime import missing"]
        assert named <= {"missing", "name", "context", "blocks", "debug_info", "l_1_item", "t_1", "_loop_vars"}
        assert attributes <= {f"context.{helper}" for helper in HELPERS}
