"""What becomes of attempts for certain runners while none of those is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from service.engine.events import Ended, Event, Exited
from service.engine.state import State
from service.store import events, jobs
from service.store.database import Session
from service.store.jobs import Job
from service.store.lanes import RoutedLane

_AT_ONCE = 100


def forlorn(session: Session, present: Sequence[Mapping[str, str]]) -> list[RoutedLane]:
    """The lanes that do not wait, and for which there is no runner among those with these labels."""
    lanes = map(RoutedLane.of, jobs.waiting_lanes(session))
    return [lane for lane in lanes if lane.route.fallback != "WAIT" and not any(lane.fits(labels) for labels in present)]


def fall_back(session: Session, lane: RoutedLane) -> bool:
    """Does what the route says for want of a runner; whether there is more to do."""
    if lane.route.fallback == "IGNORE":
        jobs.free(session, lane)
        return False
    found = jobs.waiting(session, lane, _AT_ONCE)
    for job in found:
        jobs.end(session, job.task_run_id, job.attempt, "no runner")
        events.add(session, job.execution_id, job.task_run_id, _end(job, lane))
    return len(found) == _AT_ONCE


def _end(job: Job, lane: RoutedLane) -> Event:
    if lane.route.fallback == "CANCEL":
        return Exited(job.attempt, State.KILLED)
    labels = " or ".join(f"`{label[:100]}`" for label in lane.route.labels) if lane.route.one else ", ".join(f"`{label[:100]}`" for label in lane.route.labels)
    return Ended(job.attempt, State.FAILED, message=f"no runner is there that has the label{'s' if len(lane.route.labels) > 1 else ''} {labels}")
