"""Purging goes slice by slice, and takes only what has ended."""

from __future__ import annotations

from pathlib import Path

from runners.protocol import Metric
from service.store import metrics, purge
from service.store.metrics import Source
from service.store.purge import SLICE, Range
from tests.support.station import Station

LOG = "io.kestra.plugin.core.log.Log"


def test_what_an_execution_has_left_goes_in_slices(station: Station, tmp_path: Path):
    id = station.flow(f"  - {{id: a, type: {LOG}, message: x}}\n")
    station.tick()
    execution = station.execution(id).execution
    numbers = [(Source("a", "run", 1), Metric("n", "counter", float(number))) for number in range(2 * SLICE + 5)]
    station.database.write(lambda session: metrics.add(session, execution, numbers, 0.0))
    gone = [station.database.write(lambda session: purge.forget_left(session, "metric", [id])) for _ in range(4)]
    assert gone == [(SLICE, SLICE), (SLICE, SLICE), (5, 5), (0, 0)]


def test_old_executions_are_found_page_by_page_and_only_those_that_have_ended(station: Station):
    ids = [station.flow(f"  - {{id: a, type: {LOG}, message: x}}\n"), station.start("t", "f"), station.start("t", "f")]
    station.tick()
    waits = station.start("t", "f")
    with station.database.read() as session:
        first = purge.ended(session, Range("main"), None, 2)
        rest = purge.ended(session, Range("main"), first[-1], 2)
        assert purge.counts(session, Range("main", "t", states=(station.execution(waits).execution.state,))) == {("t", "f"): 1}
    assert [one.id for one in (*first, *rest)] == ids
    assert station.database.write(lambda session: purge.forget_executions(session, [*ids, waits])) == 3
