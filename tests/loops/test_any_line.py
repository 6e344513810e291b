"""Whatever happens to the executions of a flow with a limit, in whatever order it is heard: nobody waits while there is a place, and all come to an end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from runners.protocol import Outcome, Result
from service.actions import executions
from service.actions.kept import Kept
from service.actions.steps import Batch
from service.engine.events import Event, Forced, Unqueued
from service.engine.state import State
from service.store import events
from service.store.lines import HOLDS
from tests.loops.test_limits import text
from tests.support.station import RUNNER, Station

STEPS = 60


class Life:
    """A flow, its executions, and what is done with them at random."""

    def __init__(self, station: Station, random: Random) -> None:
        self.station, self.random = station, random
        self.ids: list[str] = []
        self.limit: int | None = 1
        self.crowded = False  #: more may have a place than the limit says: somebody was let in by hand, or the limit came down
        self.push()

    def deeds(self) -> list[Callable[[], None]]:
        return [self.start, self.start, self.end, self.end, self.end, self.kill, self.let_in, self.relimit, self.cut, self.hear, self.hear]

    def push(self) -> None:
        self.station.push({".flows/f.yml": text(self.limit)})

    def relimit(self) -> None:
        self.limit = self.random.choice([1, 2, 3, None])
        self.crowded = True
        self.push()

    def start(self) -> None:
        self.ids += [self.station.start("t", "f") for _ in range(self.random.randint(1, 3))]

    def end(self) -> None:
        job = self.station.dispatch.try_claim(RUNNER)
        if job is not None:
            self.station.dispatch.finish(job.lease, Outcome(self.random.choice([Result.SUCCESS, Result.FAILED, Result.LOST])))

    def kill(self) -> None:
        open = [id for id in self.ids if not self.station.execution(id).execution.over]
        if open:
            self.station.database.write(partial(executions.kill, id=self.random.choice(open), by="ann"))

    def let_in(self) -> None:
        if self.ids:
            self.crowded = True
            wanted: list[Event] = [Forced("ann"), Unqueued(State.RUNNING, "ann"), Unqueued(State.CANCELLED, "ann")]
            event = self.random.choice(wanted)
            self.station.database.write(partial(events.add, execution=self.random.choice(self.ids), task_run=None, event=event))

    def cut(self) -> None:
        """A batch that is heard, and never stored."""
        self._batch(store=False)

    def hear(self) -> None:
        """A batch of some of what waits; the events of one execution keep their order, as the executor has it."""
        self._batch(store=True)

    def _batch(self, *, store: bool) -> None:
        station = self.station
        with station.database.read() as session:
            waiting = list(events.waiting(session, station.clock.now.timestamp(), 50))
            order = list({entry.execution: None for entry in waiting})
            self.random.shuffle(order)
            batch = Batch(station.kit, session, station.clock.now, Kept())
            for entry in sorted(waiting, key=lambda entry: order.index(entry.execution))[: self.random.randint(1, 8)]:
                batch.hear(entry)
        if store:
            station.database.write(batch.store)

    def look(self) -> None:
        """With nothing left to be heard, nobody waits while there is a place, and those that wait came last of all that did not have to."""
        self.station.tick()
        found = [self.station.execution(id).execution for id in self.ids]
        held, queued = [each for each in found if each.state in HOLDS], [each for each in found if each.state is State.QUEUED]
        assert not [each for each in found if each.state is State.CREATED]
        if queued:
            assert self.limit is not None
            assert len(held) >= self.limit
        if not self.crowded and self.limit is not None:
            assert len(held) <= self.limit
            assert all(before.joined <= each.joined for before in held for each in queued)


@pytest.mark.parametrize("seed", range(6))
def test_nobody_waits_while_there_is_a_place_and_all_come_to_an_end(station: Station, seed: int) -> None:
    life = Life(station, Random(seed))
    for number in range(STEPS):
        life.random.choice(life.deeds())()
        if number % 10 == 9:
            life.look()
    for _ in range(len(life.ids) * 4):
        life.look()
        job = station.dispatch.try_claim(RUNNER)
        if job is None:
            break
        station.dispatch.finish(job.lease, Outcome(Result.SUCCESS))
    assert {State(station.state(id)).terminal for id in life.ids} == {True}
    with station.database.read() as session:
        assert session.exec_driver_sql("SELECT count(*) FROM event").scalar() == 0
