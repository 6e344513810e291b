"""An expression tried out on an execution: what it would render to there. Reads, and changes nothing.

Whoever may look at an execution may do this, so it tells no more than looking does: `secret()` gives stars, and a secret that is in a variable is masked
before an expression can take it apart. Functions that reach further than the execution's own variables have no port here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runners.masking import Masker
from service.actions.around import Surroundings
from service.actions.kit import Kit
from service.actions.layers import Stored
from service.actions.reach import pure_ports
from service.actions.results import Results
from service.actions.scope import Scope, of_execution
from service.engine.execution import TaskRun
from service.errors import Conflict, NotFound, ServiceError
from service.expressions import ExpressionError, Ports
from service.expressions.errors import Refused
from service.expressions.ports import HIDDEN
from service.flows.template_excerpt import of_template
from service.store import task_runs
from service.store.codec import now
from service.store.database import Session
from service.store.executions import Row

_SHOWN_AS = "expression"
#: Variables that are read only where they are named, and hold no secrets.
_STORED = ("outputs", "tasks")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of it: the text, or what is wrong with the expression and where."""

    result: str | None = None
    error: str | None = None
    place: str | None = None


def evaluate(session: Session, kit: Kit, row: Row, task_run: str | None, template: str) -> Evaluation:
    """Renders a template with the variables of an execution, or of one of its task runs. Raises NotFound when it has no such run."""
    scope = _Masked(_scope(session, kit, row, task_run), kit.masker)
    ports = Ports(now=now, secret=lambda name, _namespace: _hidden(kit, name), envs=scope["envs"], **pure_ports(kit))
    try:
        return Evaluation(result=kit.masker.text(kit.expressions.text(template, scope, ports)))
    except ExpressionError as error:
        excerpt = of_template(error, template, _SHOWN_AS)
        return Evaluation(error=kit.masker.text(str(error)), place=kit.masker.text(excerpt))


class _Masked(Mapping[str, Any]):
    """Variables without secrets. Outputs have lost theirs when they were stored."""

    def __init__(self, scope: Mapping[str, Any], masker: Masker) -> None:
        self._scope, self._masker = scope, masker
        self._masked: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._masked:
            value = self._scope[name]
            self._masked[name] = value if name in _STORED else self._masker.value(value)
        return self._masked[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scope)

    def __len__(self) -> int:
        return len(self._scope)


def _scope(session: Session, kit: Kit, row: Row, task_run: str | None) -> Scope:
    execution = row.execution
    results, around = Results(Stored(session, execution.id)), Surroundings(session).of(execution)
    if task_run is None:
        return of_execution(kit, execution, None, (), results, around)
    lineage = _lineage(session, row, task_run)
    node = lineage[-1].node
    flow = kit.reader.revision(session, row.flow, execution.revision).flow
    if flow is None or node not in flow.program.nodes:
        raise Conflict("this version of Headgate can't read the flow's revision any more")
    return of_execution(kit, execution, flow.program.nodes[node], lineage, results, around)


def _lineage(session: Session, row: Row, id: str) -> tuple[TaskRun, ...]:
    runs = task_runs.path(session, row, id).runs
    if not runs or runs[-1].execution != row.execution.id:
        raise NotFound(f"the execution has no task run `{id[:40]}`")
    return runs


def _hidden(kit: Kit, name: str) -> str:
    """Stars for a secret that exists."""
    try:
        value = kit.secrets.get(name)
    except ServiceError as failure:
        raise Refused(f"secret('{name}'): {failure}") from failure
    if value is None:
        raise KeyError(name)
    return HIDDEN
