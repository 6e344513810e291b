"""The picture in the documentation is that of the flow above it."""

from __future__ import annotations

import re
from pathlib import Path

from service.flows.graph import graph_of
from service.flows.mermaid import mermaid
from tests.flows.pictures import check_mermaid
from tests.flows.world import flow

DOCS = Path(__file__).parents[2] / "docs" / "flows.md"
_PICTURE = re.compile(r"```yaml\n(?P<flow>(?:(?!```).)*)```(?:(?!```).)*```mermaid\n(?P<picture>.*?)```", re.DOTALL)


def test_the_picture_is_of_the_flow():
    shown = _PICTURE.search(DOCS.read_text("utf-8"))
    assert shown is not None
    assert shown["picture"] == mermaid(graph_of(flow(shown["flow"]))), "replace the picture by this"
    check_mermaid(shown["picture"])
