"""Types that are read and never run say why, and what to write instead."""

from __future__ import annotations

import pytest

from service import discovery
from service.flows.catalogue import Catalogue
from service.flows.reading import read_flow

FLOW = """
id: f
namespace: n
tasks:
  - id: a
    type: io.kestra.plugin.{type}
    {properties}
"""


@pytest.mark.parametrize(
    ("type", "properties", "why", "instead"),
    [
        ("git.SyncFlows", "targetNamespace: n", "Headgate syncs flows and files from Git by itself", "headgate repo add"),
        ("git.SyncNamespaceFiles", "namespace: n", "Headgate syncs flows and files from Git by itself", "headgate repo add"),
        ("git.PushFlows", "sourceNamespace: n", "Headgate keeps flows and files in Git by itself", "leave the task out"),
        ("git.PushExecutionFiles", "files: '*.csv'", "is not run by this version", "io.kestra.plugin.git.Clone"),
        ("core.flow.Template", "{namespace: n, templateId: t}", "was removed from the flow language", "Subflow"),
    ],
)
def test_what_is_never_run_says_why_and_what_to_write_instead(type, properties, why, instead):
    text = FLOW.format(type=type, properties=properties.strip("{}").replace(", ", "\n    "))
    reading = read_flow(text.encode(), "f.yml", Catalogue(discovery.index(), discovery.load))
    (problem,) = reading.problems
    assert problem.code == "HG-0206"
    assert why in problem.message
    assert instead in str(problem.hint)
    assert reading.flow is not None
    refusal = str(reading.flow.refusal())
    assert why in refusal
    assert instead in refusal
