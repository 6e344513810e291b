"""`flow triggers`: what starts flows, in words, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.conftest import Command
from tests.cli.test_validate import GOOD, write

SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"
BOTH = f"""{GOOD}triggers:
  - {{id: daily, type: {SCHEDULE}, cron: "0 6 * * *", timezone: Europe/Paris}}
  - {{id: off, type: {SCHEDULE}, cron: "@hourly", disabled: true}}
  - {{id: push, type: headgate.git.Push}}
"""


def test_schedules_are_said_in_words_with_their_next_times(headgate: Command, tmp_path: Path) -> None:
    write(tmp_path / "one.yml", BOTH)
    daily, off, push = headgate("flow", "triggers", tmp_path, "-o", "json").json
    assert (daily["flow"], daily["trigger"], daily["words"], daily["zone"]) == ("good", "daily", "at 06:00 every day", "Europe/Paris")
    times = [datetime.fromisoformat(moment) for moment in daily["next"]]
    assert times == sorted(set(times))
    assert len(times) == 5
    assert datetime.now(UTC) < times[0] <= datetime.now(UTC) + timedelta(hours=25)
    assert (off["words"], off["disabled"], off["next"]) == ("every hour", True, [])
    assert (push["type"], push["words"], push["next"]) == ("headgate.git.Push", None, [])


def test_people_get_a_table(headgate: Command, tmp_path: Path) -> None:
    write(tmp_path / "one.yml", BOTH)
    done = headgate("flow", "triggers", tmp_path)
    assert done.code == 0
    lines = [line.split("  ") for line in done.out.splitlines()]
    assert [line[0] for line in lines] == ["FLOW", "dev.good", "dev.good", "dev.good"]
    assert "at 06:00 every day" in done.out
    assert "every hour (disabled)" in done.out
    assert "Push" in done.out


def test_flows_without_triggers_and_files_with_errors_are_told(headgate: Command, tmp_path: Path) -> None:
    write(tmp_path / "one.yml", GOOD)
    assert headgate("flow", "triggers", tmp_path).err == "no triggers\n"
    write(tmp_path / "two.yml", GOOD.replace("message", "mesage"))
    done = headgate("flow", "triggers", tmp_path)
    assert done.code == 2
    assert "two.yml has errors; `headgate flow validate` shows them" in done.err
