"""`python -m bench [NAME…]`: runs the modules of this folder that have a `run`, prints a table, and keeps the figures for the next comparison."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from bench.figure import Figure

HERE = Path(__file__).parent
RESULTS = HERE / "results"
WIDTH = 120  # where no terminal says how wide it is
Run: TypeAlias = Callable[[], Iterable[Figure]]


def discover(chosen: Sequence[str] = ()) -> Iterator[tuple[str, Run]]:
    """The modules of this folder with a `run`, by name; all of them unless some are chosen."""
    for found in iter_modules([str(HERE)]):
        if found.name == "__main__" or (chosen and found.name not in chosen):
            continue
        run = getattr(import_module(f"bench.{found.name}"), "run", None)
        if run is not None:
            yield found.name, run


def measure(benches: Iterable[tuple[str, Run]]) -> dict[str, Figure]:
    """Runs the benches and names each figure `module: figure`; says on stderr what runs now."""
    figures = {}
    for name, run in benches:
        print(f"{name} ...", file=sys.stderr)
        figures.update({f"{name}: {figure.name}": figure for figure in run()})
    return figures


def previous(results: Path) -> dict[str, float]:
    """The value of every figure when it was last measured here; empty before the first run."""
    values: dict[str, float] = {}
    for path in sorted(results.glob("*.json")):
        values.update({name: figure["value"] for name, figure in json.loads(path.read_text())["figures"].items()})
    return values


def table(figures: Mapping[str, Figure], before: Mapping[str, float]) -> Table:
    """The figures as a table, each beside its floor and its last value."""
    shown = Table("figure", "value", "unit", "floor", "ratio", "before", "change")
    for column in shown.columns[1:]:
        column.justify = "right"
    for name, figure in figures.items():
        old = before.get(name)
        change = f"{(figure.value / old - 1) * 100:+.0f} %" if old else ""
        shown.add_row(name, number(figure.value), figure.unit, number(figure.floor), number(figure.ratio), number(old), change)
    return shown


def number(value: float | None) -> str:
    """Three significant digits, and never an exponent."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def keep(figures: Mapping[str, Figure], results: Path, now: datetime) -> Path:
    """Writes the figures with the machine they were measured on; returns the file."""
    results.mkdir(exist_ok=True)
    path = results / f"{now:%Y%m%dT%H%M%S}.json"
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version(), "system": platform.system()}
    content = {"at": now.isoformat(), "machine": machine, "figures": {name: asdict(figure) for name, figure in figures.items()}}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path


def main(chosen: Sequence[str]) -> int:
    """Runs what was chosen; 2 when a chosen name is no bench."""
    benches = list(discover(chosen))
    unknown = set(chosen) - {name for name, _ in benches}
    if unknown:
        print(f"no such bench: {', '.join(sorted(unknown))}; there are: {', '.join(name for name, _ in discover())}", file=sys.stderr)
        return 2
    before = previous(RESULTS)
    figures = measure(benches)
    path = keep(figures, RESULTS, datetime.now(UTC))
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table(figures, before))
    print(f"kept in {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
