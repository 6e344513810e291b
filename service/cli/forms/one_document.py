"""For programs: one JSON document over all files."""

from __future__ import annotations

import json
from collections.abc import Sequence

from service.cli.checked import Checked


def text(checked: Sequence[Checked]) -> str:
    """`{"valid", "files": [{"path", "namespace", "id", "valid", "problems": […]}]}`."""
    document = {"valid": all(found.valid for found in checked), "files": [found.as_json() for found in checked]}
    return json.dumps(document, indent=2, ensure_ascii=False)
