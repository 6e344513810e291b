"""What a task that tells of an execution gets to know of it with its job."""

from __future__ import annotations

from runners.protocol import Outcome, Result
from tests.support.station import RUNNER, Station

TELL = "type: io.kestra.plugin.slack.notifications.SlackExecution, url: 'https://hooks.example/x'"
FAILING = f"""
tasks:
  - id: group
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - {{id: bad, type: io.kestra.plugin.scripts.shell.Commands, commands: [x]}}
errors:
  - {{id: tell, {TELL}}}
"""


def pushed(station: Station, id: str, body: str, namespace: str = "team") -> None:
    station.push({f".flows/{id}.yml": f"id: {id}\nnamespace: {namespace}\n{body}"})


def claimed(station: Station):
    station.tick()
    job = station.dispatch.try_claim(RUNNER)
    station.tick()
    return job


def test_a_failed_execution_is_told_of_with_the_task_that_failed(station: Station):
    station.allow()
    pushed(station, "load", f"labels: {{env: prod}}\n{FAILING}")
    id = station.start("team", "load")
    bad = claimed(station)
    assert bad.facts is None
    station.dispatch.finish(bad.lease, Outcome(Result.FAILED, "exit code 1"))
    facts = claimed(station).facts
    assert (facts.execution, facts.namespace, facts.flow, facts.revision, facts.state) == (id, "team", "load", 1, "RUNNING")
    assert (facts.failed, facts.reason) == ("bad", "exit code 1")
    assert facts.labels == {"env": "prod"}
    assert facts.link == station.kit.page("executions", id)
    assert facts.seconds >= 0


def test_another_execution_is_told_of_by_its_id_and_a_foreign_one_is_not(station: Station):
    station.allow()
    pushed(station, "first", "tasks: [{id: a, type: io.kestra.plugin.core.debug.Return, format: x}]")
    tell = f"inputs: [{{id: which, type: STRING}}]\ntasks:\n  - {{id: tell, {TELL}, executionId: '{{{{ inputs.which }}}}'}}\n"
    pushed(station, "second", tell)
    first = station.start("team", "first")
    station.tick()
    station.start("team", "second", {"which": first})
    facts = claimed(station).facts
    assert (facts.execution, facts.flow, facts.state, facts.failed) == (first, "first", "SUCCESS", None)
    other = station.start("team", "second", {"which": "nobody"})
    assert claimed(station) is None
    assert station.state(other) == "FAILED"
    assert "there is no execution `nobody` that may be read from here" in "".join(station.log(other))
