"""Jinja2's engine with nothing of Jinja2's language left: it compiles the trees of `parser.py` and `pratt.py` and runs them.

Templates reach Python through the helpers of the run alone. The code generator writes a call of one of them for each Call node and knows no other node that
could name, import or look up anything; the environment, whose hooks are never used by such code, refuses all the same.
"""

from __future__ import annotations

from typing import Any, NoReturn

from jinja2 import StrictUndefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.nodes import EvalContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from service.errors import Bug

#: Which arguments of a helper are handed over unevaluated.
_LAZY: dict[str, frozenset[int]] = {
    "if_null": frozenset({0, 1}),
    "if_undefined": frozenset({0, 1}),
    "optional": frozenset({0}),
    "defined": frozenset({0}),
    "unless_given": frozenset({1}),
}
_JOINED = {"both": " and ", "either": " or "}
HELPERS = frozenset(
    "path item assign each was_empty truth chosen negate negative positive both either contains equals differs less more at_most at_least if_null if_undefined "
    "is_in add subtract multiply divide modulo concatenate between mapping function filter test defined optional "
    "macro captured unless_given".split()
)
_ALLOWED: frozenset[type[nodes.Node]] = frozenset(
    {
        nodes.Template,
        nodes.Output,
        nodes.TemplateData,
        nodes.If,
        nodes.For,
        nodes.ExprStmt,
        nodes.Name,
        nodes.Const,
        nodes.List,
        nodes.CondExpr,
        nodes.Call,
        nodes.Keyword,
    }
)


class Generator(CodeGenerator):
    """Writes Python for the few nodes that the parser makes. Values are yielded as they are; the renderer prints them."""

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        """Dispatches, after a look at the node's type."""
        if type(node) not in _ALLOWED:
            raise Bug(f"the expression parser made a {type(node).__name__}")
        return super().visit(node, *args, **kwargs)

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802  (Jinja2's name)
        """The module: one function that yields the parts of the output."""
        self.writeline("from jinja2.runtime import missing")
        self.writeline("name = '<template>'")
        self.writeline("def root(context, missing=missing):", extra=1)
        self.indent()
        self.writeline("if 0: yield None")
        root = Frame(EvalContext(self.environment, self.name))
        root.symbols.analyze_node(node)
        root.toplevel = root.rootlevel = True
        self.enter_frame(root)
        self.blockvisit(node.body, root)
        self.outdent()
        self.writeline("blocks = {}")
        # Line of the code → place: where a value stands that turns out not to be printable.
        self.writeline(f"debug_info = {'&'.join(f'{place}={line}' for place, line in self.debug_info)!r}")

    def visit_Name(self, node: nodes.Name, frame: Frame) -> None:  # noqa: N802  (Jinja2's name)
        """A loop's own variable, which nothing reads: the template's names live in the run."""
        if node.ctx != "store" or node.name != "item":
            raise Bug(f"the expression parser made the name {node.name!r}")
        super().visit_Name(node, frame)

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802  (Jinja2's name)
        """A helper of the run, or Python's own `and` and `or` around two truths."""
        helper = node.node.name if isinstance(node.node, nodes.EnvironmentAttribute) else ""
        if helper not in HELPERS:
            raise Bug(f"the expression parser made a call of {helper!r}")
        if helper in _JOINED:
            self._joined(node, _JOINED[helper], frame)
            return
        self.write(f"context.{helper}({node.lineno}")
        lazy = _LAZY.get(helper, frozenset())
        for index, argument in enumerate(node.args):
            self.write(", lambda: " if index in lazy else ", ")
            self.visit(argument, frame)
        for keyword in node.kwargs:
            self.write(", ")
            self.visit(keyword, frame)
        self.write(")")

    def _joined(self, node: nodes.Call, word: str, frame: Frame) -> None:
        for index, argument in enumerate(node.args):
            self.write(word if index else "(")
            self.write(f"context.truth({node.lineno}, ")
            self.visit(argument, frame)
            self.write(")")
        self.write(")")

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> str:
        if isinstance(node, nodes.TemplateData):
            return node.data
        raise nodes.Impossible

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        """Nothing around a value: the renderer prints it, or keeps it as it is."""

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        """See `_output_child_pre`."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Compiles. It has no filters, tests or globals of Jinja2's, and reads no attribute of anything."""

    code_generator_class = Generator

    def __init__(self) -> None:
        super().__init__(optimized=False, autoescape=False, undefined=StrictUndefined, cache_size=0)
        self.filters = {}
        self.tests = {}
        self.globals = {}

    def getattr(self, obj: Any, attribute: str) -> NoReturn:
        """Refused."""
        raise SecurityError("attributes can't be read")

    def getitem(self, obj: Any, argument: Any) -> NoReturn:
        """Refused."""
        raise SecurityError("items can't be read")

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """None is."""
        return False

    def is_safe_callable(self, obj: Any) -> bool:
        """None is."""
        return False
