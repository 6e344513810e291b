"""Starting: one flow validated offline, a service that answers, and the demo until it is green. The floor is the bare import of the libraries it needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.figure import Figure, best, interleaved
from bench.station import serving

FLOW = "id: one\nnamespace: bench\ntasks:\n  - id: log\n    type: io.kestra.plugin.core.log.Log\n    message: hi\n"
COMMAND_LINE = "import jinja2, pydantic, ruamel.yaml, typer; pydantic.BaseModel"
SERVICE = f"{COMMAND_LINE}, fastapi, httpx2, pygit2, sqlmodel, structlog, uvicorn".replace("; pydantic.BaseModel, ", "; import ")


def run() -> Iterator[Figure]:
    """The cost of one `flow validate`, and of the time between `up` and its first answer, on a data folder that exists."""
    with TemporaryDirectory(prefix="headgate-bench-") as folder:
        path = Path(folder) / "one.yml"
        path.write_text(FLOW)
        validate = partial(_python, "-m", "service", "flow", "validate", str(path))
        validate()
        took = interleaved({"floor": (1, partial(_python, "-c", COMMAND_LINE)), "validate": (1, validate)})
        yield Figure("flow validate of one flow", took["validate"] * 1e3, "ms", took["floor"] * 1e3)
    floor = best(partial(_python, "-c", SERVICE))
    with TemporaryDirectory(prefix="headgate-bench-") as folder:
        _up(folder)
        yield Figure("up until it answers", min(_up(folder) for _ in range(3)) * 1e3, "ms", floor * 1e3)
    with TemporaryDirectory(prefix="headgate-bench-") as folder:
        _demo(folder)
        yield Figure("demo until its commit is green, the second time", min(_demo(folder) for _ in range(2)) * 1e3, "ms", floor * 1e3)


def _python(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def _demo(folder: str) -> float:
    """Seconds until green, as the demo prints them."""
    environment = {**os.environ, "DEMO": "once", "HEADGATE_DEMO_DATA": str(Path(folder) / "data")}
    done = subprocess.run([sys.executable, "-m", "service", "demo"], check=True, capture_output=True, text=True, env=environment, cwd=folder)
    return float(re.findall(r"== green \((\d+\.\d) s\)", done.stdout)[0])


def _up(folder: str) -> float:
    begun = perf_counter()
    with serving(data=str(Path(folder) / "data")):
        return perf_counter() - begun
