"""What the templates of a running flow can use."""

from __future__ import annotations

from tests.support.station import Station


def test_a_flow_runs_jq(station: Station):
    message = "{{ '{\"a\": [1, 2.0]}' | jq('.a[]') }}"
    station.push({".flows/f.yml": f"id: f\nnamespace: t\ntasks:\n  - id: a\n    type: io.kestra.plugin.core.log.Log\n    message: |\n      {message}\n"})
    id = station.start("t", "f")
    station.tick()
    assert station.state(id) == "SUCCESS"
    assert [line.strip() for line in station.log(id)] == ["[1,2.0]"]
