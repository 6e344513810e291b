"""What the language has for where commands run: what is taken, what this version does not run, and what is refused where."""

from __future__ import annotations

import pytest

from service.flows.problems import Severity
from tests.flows.world import DOCKER, SHELL, flow, read, refusals, tasks


def around(properties: str) -> str:
    """A task whose commands run in a container with these options."""
    return tasks(f"- {{id: a, type: {SHELL}, commands: [ls], taskRunner: {{type: {DOCKER}, {properties}}}}}")


@pytest.mark.parametrize("properties", ["host: unix:///x"])
def test_an_option_that_this_version_lacks_is_a_warning(properties):
    (found,) = read(around(properties)).problems
    assert (found.code, found.severity) == ("HG-0206", Severity.WARNING)
    assert [part.what for part in flow(around(properties)).unready] == [f"`{properties.split(':')[0]}`"]


def test_it_stays_a_warning_beside_a_mistake():
    reading = read(around("host: unix:///x, pullPolicy: SOMETIMES"))
    assert [(problem.code, problem.severity) for problem in reading.problems] == [("HG-0206", Severity.WARNING), ("HG-0204", Severity.ERROR)]


@pytest.mark.parametrize(
    "properties",
    [
        "memory: {memory: 512MB, memorySwap: '-1', memoryReservation: 1.5GiB, memorySwappiness: 0}, cpu: {cpus: 0.5}, shmSize: 1024",
        "fileHandlingStrategy: MOUNT",
        "resume: true, delete: 'true', wait: '{{ vars.x ?? true }}'",
        "resume: false, delete: false, wait: false, portBindings: ['80:80', '{{ vars.x ?? 1 }}:80', '127.0.0.1:8080-8090:80/udp', '[::1]::53', '80']",
        "portBindings: '{{ vars.x ?? [] }}'",
        "killGracePeriod: '{{ vars.x ?? `PT1S` }}'",
    ],
)
def test_an_option_without_effect_is_taken(properties):
    assert refusals(around(properties.replace("`", '"'))) == []


@pytest.mark.parametrize(
    ("properties", "refused"),
    [
        ("killGracePeriod: 10s", "HG-0205 10s"),
        ("killGracePeriod: -PT1S", "HG-0205 -PT1S"),
        ("fileHandlingStrategy: COPY", "HG-0204 COPY"),
        ("wait: soon", "HG-0203 soon"),
        ("memory: {memory: lots}", "HG-0204 lots"),
        ("memory: {memorySwappiness: 200}", "HG-0204 200"),
        ("cpu: {cpus: -1}", "HG-0204 -1"),
        ("shmSize: 64 X", "HG-0204 64 X"),
    ],
)
def test_a_wrong_option_is_pointed_at(properties, refused):
    assert refusals(around(properties)) == [refused]
