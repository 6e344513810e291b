"""What the forge is told of a commit: desired states in the outbox, set in the transaction of what they speak of.

Two contexts always exist, and are the two to require in branch protection: `headgate/flows` (the sync of this commit) and `headgate/runs` (all
executions that it caused). While they are few there is one more per execution. A context that had ended and begins again opens a new generation, so
that nothing goes back.
"""

from __future__ import annotations

from collections.abc import Mapping

from service.actions.kit import Kit
from service.engine.state import State
from service.store import commits, executions, repositories, statuses
from service.store.database import Session
from service.store.executions import Row
from service.store.repositories import Repository
from webhooks.report import Report, ReportState

FLOWS, RUNS = "headgate/flows", "headgate/runs"
CONTEXTS = 20  #: contexts of single executions per commit; more would only be noise on the page
LENGTH = 140  #: what every forge takes of a description

_ENDS: Mapping[State, ReportState] = {
    State.SUCCESS: ReportState.SUCCESS,
    State.WARNING: ReportState.SUCCESS,
    State.SKIPPED: ReportState.SUCCESS,
    State.FAILED: ReportState.FAILURE,
    State.KILLED: ReportState.ERROR,
    State.CANCELLED: ReportState.ERROR,
    State.RETRIED: ReportState.ERROR,
}


def state_of(state: State) -> ReportState:
    """How an execution's state is shown on a commit (FORGES.md 2.7)."""
    return _ENDS.get(state, ReportState.PENDING)


def want(session: Session, kit: Kit, repository: Repository, report: Report, at: float) -> None:
    """Sets what a context should show."""
    known = {status.context: status for status in statuses.of(session, repository.id, report.sha)}
    old = known.get(report.context)
    generation = old.generation if old else 1
    if old is not None and not report.state.final and ReportState(old.state).final:
        generation += 1
    text = _cut(kit.masker.text(report.description))
    statuses.want(session, statuses.Status(repository.id, report.sha, report.context, generation, report.state.value, text, report.url, at))


def flows_checked(session: Session, kit: Kit, repository: Repository, sha: str, state: ReportState, text: str, at: float) -> None:
    """The sync of a commit: `headgate/flows`."""
    want(session, kit, repository, Report(sha, FLOWS, state, text, kit.page("commits", repository.name, sha)), at)


def runs_told(session: Session, kit: Kit, repository: Repository, sha: str, state: ReportState, text: str, at: float) -> None:
    """All executions of a commit: `headgate/runs`."""
    want(session, kit, repository, Report(sha, RUNS, state, text, kit.page("commits", repository.name, sha)), at)


def superseded(session: Session, kit: Kit, repository: Repository, sha: str, by: str | None, at: float) -> None:
    """A head that the sync passed over ends final, and says why."""
    text = f"superseded by {by[:12]}" if by else "its branch or tag is gone"
    for tell in (flows_checked, runs_told):
        tell(session, kit, repository, sha, ReportState.ERROR, text, at)


def failed(session: Session, kit: Kit, repository: Repository, sha: str, reason: str, at: float) -> None:
    """A head that can't be synced ends final, with the reason."""
    flows_checked(session, kit, repository, sha, ReportState.ERROR, f"can't be synced: {reason}", at)
    runs_told(session, kit, repository, sha, ReportState.ERROR, "nothing was started: the commit can't be synced", at)


def settle_runs(session: Session, kit: Kit, repository: Repository, sha: str, generation: int, *, nothing: str, at: float) -> None:
    """After a sync: ends what an older generation left open, and says so (`nothing`) when no execution belongs to this one."""
    current = executions.caused_by(session, repository.id, sha, generation)
    names = {_context(row) for row in current}
    for status in statuses.of(session, repository.id, sha):
        if status.context not in (FLOWS, RUNS) and status.context not in names and not ReportState(status.state).final:
            want(session, kit, repository, Report(sha, status.context, ReportState.ERROR, "superseded: the commit runs anew", status.target_url), at)
    if current:
        sum_up(session, kit, repository, sha, generation, at)
    elif nothing:
        runs_told(session, kit, repository, sha, ReportState.SUCCESS, nothing, at)


def execution_moved(session: Session, kit: Kit, row: Row, at: float) -> None:
    """An execution that a push caused has a new state: its own context, and the sum of all."""
    pin = row.execution.pin
    if pin is None or not row.caused:
        return
    repository = repositories.by_id(session, pin.repository)
    if repository is None or commits.generation(session, repository.id, pin.commit) > row.execution.generation:
        return  # the commit runs anew; what an older generation comes to is no news
    _one(session, kit, repository, pin.commit, row, at)
    sum_up(session, kit, repository, pin.commit, row.execution.generation, at)


def _one(session: Session, kit: Kit, repository: Repository, sha: str, row: Row, at: float) -> None:
    """The context of the execution's flow: of several executions (two triggers, a branch and a tag) the worst shows."""
    execution = row.execution
    known = {status.context for status in statuses.of(session, repository.id, sha)}
    if _context(row) not in known and len(known) >= CONTEXTS + 2:
        return
    tally = executions.tally(session, repository.id, sha, execution.generation, (execution.namespace, execution.flow))
    state, text = _summed(tally)
    if sum(tally.values()) == 1:
        text = f"{execution.state.value} · revision {execution.revision}"
        if execution.ended is not None:
            text += f" · {(execution.ended - execution.created).total_seconds():.1f} s"
    want(session, kit, repository, Report(sha, _context(row), state, text, kit.page("executions", execution.id)), at)


def _context(row: Row) -> str:
    return f"headgate/{row.execution.namespace}.{row.execution.flow}"


def sum_up(session: Session, kit: Kit, repository: Repository, sha: str, generation: int, at: float) -> None:
    """Sets `headgate/runs` from the states of the commit's executions, counted in this transaction."""
    state, text = _summed(executions.tally(session, repository.id, sha, generation))
    runs_told(session, kit, repository, sha, state, text, at)


def _summed(tally: Mapping[str, int]) -> tuple[ReportState, str]:
    """The worst of the states, and how many are in which. One that was tried anew in another execution counts for nothing: the other one is there."""
    told = [state_of(State(state)) for state in tally if State(state) is not State.RETRIED] or [ReportState.PENDING]
    worst = next((state for state in (ReportState.PENDING, ReportState.FAILURE, ReportState.ERROR) if state in told), ReportState.SUCCESS)
    total = sum(tally.values())
    parts = ", ".join(f"{number} {state}" for state, number in sorted(tally.items()))
    return worst, f"{total} execution{'s' if total != 1 else ''}: {parts}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LENGTH else line[: LENGTH - 1] + "…"
