"""What a flow file costs to read: YAML with places, and everything that is checked, beside what YAML readers in use need for the same text.

The floor is PyYAML's C loader, which gives neither places nor checks. A sync reads only files that changed; a first sync, and a new version of the
service, read all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from multiprocessing import get_context

import yaml
from ruamel.yaml import YAML

from bench.figure import Figure, best, interleaved
from service.app import catalogue
from service.flows.findings import Findings
from service.flows.loading import read_source
from service.flows.reading import read_flow

EACH = 40
MANY, MEASURED, PROCESSES = 100_000, 10_000, 2

#: Sixty lines of what flows are made of.
FLOW = """\
# Loads the orders of a day, checks them, and tells the team.
id: orders-daily
namespace: company.shop
description: Loads the orders of a day, checks them, and tells the team.
labels:
  team: data
  env: prod
inputs:
  - id: day
    type: DATE
    defaults: "2026-01-31"
  - id: limit
    type: INT
    min: 1
    max: 1000
    defaults: 100
  - id: region
    type: SELECT
    values: [eu, us, ap]
    defaults: eu
variables:
  bucket: orders-{{ inputs.region }}
  table: public.orders
tasks:
  - id: extract
    type: io.kestra.plugin.scripts.python.Script
    containerImage: python:3.13-slim
    env:
      DAY: "{{ inputs.day }}"
      BUCKET: "{{ vars.bucket }}"
    outputFiles: ["out/*.csv"]
    script: |
      import os
      print("extract", os.environ["DAY"])
      open("out/orders.csv", "w").write("a,b")
  - id: checks
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - id: count
        type: io.kestra.plugin.scripts.shell.Commands
        timeout: PT10M
        commands:
          - wc -l out.csv
          - echo "{{ outputs.extract.outputFiles }}"
      - id: say
        type: io.kestra.plugin.core.log.Log
        message: "{{ inputs.region }}: {{ outputs.extract.exitCode }}"
    errors:
      - id: tell
        type: io.kestra.plugin.core.log.Log
        level: ERROR
        message: "{{ flow.id }} failed"
triggers:
  - id: daily
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 6 * * *"
    timezone: Europe/Paris
    inputs:
      limit: 500
      region: us
"""


def run() -> Iterator[Figure]:
    """Milliseconds per flow, by reader; and the minute that a hundred thousand flows may take."""
    text, types = FLOW.encode(), catalogue()
    found = interleaved(
        {
            "YAML with places": (EACH, lambda: read_source(text, Findings("x"))),
            "read and checked": (EACH, lambda: read_flow(text, "x", types)),
            "PyYAML, C loader": (EACH, lambda: yaml.load(text, yaml.CSafeLoader)),
            "ruamel.yaml, round trip": (2, lambda: YAML().load(BytesIO(text))),
        }
    )
    times = {name: each * 1e3 for name, each in found.items()}
    floor = times["PyYAML, C loader"]
    for name, milliseconds in times.items():
        yield Figure(f"{len(FLOW.splitlines())} lines: {name}", milliseconds, "ms", floor)
    yield Figure(f"{MANY:,} flows, {PROCESSES} processes ({MEASURED:,} measured)", best(read_many, 2) * MANY / MEASURED, "s", floor * MANY / PROCESSES / 1e3)


def read_many() -> None:
    """Reads flows that all differ, in as many processes as there are said to be cores."""
    with get_context("fork").Pool(PROCESSES) as pool:
        pool.map(_read_part, [range(number, MEASURED, PROCESSES) for number in range(PROCESSES)])


def _read_part(numbers: range) -> None:
    types = catalogue()
    for number in numbers:
        reading = read_flow(FLOW.replace("orders-daily", f"orders-{number}").replace("company.shop", f"company.shop{number % 50}").encode(), "x", types)
        assert reading.valid
