"""Optional groups of tests: skipped where their engine is missing, required where we say so.

A group is something that a machine may lack: `docker`, `compose`, `checkout`. On a user's machine its absence is a skip with a reason, which
the end of the run counts. `HEADGATE_TEST_REQUIRE` (names with commas, or `all`) turns such a skip into a failure; `.ci/run` requires all.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def required(group: str) -> bool:
    """Says whether a missing `group` is a failure here."""
    named = {name.strip() for name in os.environ.get("HEADGATE_TEST_REQUIRE", "").split(",")}
    return bool(named & {group, "all"})


def need(group: str, reason: str) -> NoReturn:
    """Ends the test that calls it, because `group` is missing: `reason` says what did not answer, in words for the person who runs the tests."""
    if required(group):
        pytest.fail(f"{group} is required here: {reason}", pytrace=False)
    pytest.skip(f"{group}: {reason}")
