"""What every test shares: Hypothesis without deadlines, and the count of skips with their reasons at the end of a run."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import settings

from tests.require import required

# A machine that is busy with other things is no fault of the code under test.
settings.register_profile("headgate", deadline=None)
settings.load_profile("headgate")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: one more than processors, for tests of whole services wait as much as they work."""
    return min((os.cpu_count() or 1) + 1, 5)


def pytest_collection_finish() -> None:
    """What thousands of collected tests are made of stays to the end; no collection needs to walk it."""
    gc.collect()
    gc.freeze()


def reasons(skipped: Iterable[pytest.TestReport | pytest.CollectReport]) -> Counter[str]:
    """Counts skipped tests by the reason that they gave."""
    return Counter(reason_of(report) for report in skipped)


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The text behind `Skipped: ` of a report; pytest keeps it as (file, line, text)."""
    place = report.longrepr
    text = place[2] if isinstance(place, tuple) else str(place)
    return text.removeprefix("Skipped: ")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is required, a skip that went past `tests.require.need` fails the run too."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", ()) if reporter else ()
    if skipped and required("all") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Ends the run with one line for each reason to skip, the most frequent first."""
    counted = reasons(terminalreporter.stats.get("skipped", ()))
    if not counted:
        return
    terminalreporter.section(f"{counted.total()} skipped", yellow=True)
    for reason, count in counted.most_common():
        terminalreporter.write_line(f"{count:5}  {reason}")
    if required("all"):
        terminalreporter.write_line("every group is required here, so a skip is a failure", red=True)
