"""Python packages that a task asks for, as lines of shell that stand before its own.

A plain process finds `headgate-python`, which keeps environments; a container has only what its image has, and is gone afterwards.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from runners.environments import PROGRAM
from runners.protocol import Unusable
from runners.task import Work
from runners.workspace import OWN

#: How many dependencies a task may have, and how long each may be.
COUNT_CAP, LENGTH_CAP = 1000, 2000

_FILE = f"{OWN}requirements.txt"

_KEPT = """if command -v {program} >/dev/null 2>&1; then
  _hg_env=$({program} --requirements "$WORKING_DIR/{file}" --user $$ {options}) || exit $?
  export VIRTUAL_ENV="$_hg_env" PATH="$_hg_env/bin:$PATH"
else"""

#: In a container, whose files nobody else sees: packages go to a folder that Python looks into first, so that those of the image stay to be had.
_IN_CONTAINER = """
  _hg_version={version}
  _hg_env=$(mktemp -d) && mkdir "$_hg_env/bin" || exit 1
  _hg_python=
  for _hg_one in ${{_hg_version:+python$_hg_version}} python python3; do
    command -v "$_hg_one" >/dev/null 2>&1 || continue
    if "$_hg_one" -c 'import platform, sys; sys.exit(not (platform.python_version() + ".").startswith(sys.argv[1]))' "${{_hg_version:+$_hg_version.}}"; then
      _hg_python=$(command -v "$_hg_one")
      break
    fi
  done
  if [ -z "$_hg_python" ] && [ -n "$_hg_version" ] && command -v uv >/dev/null 2>&1; then
    uv python install "$_hg_version" >&2 && _hg_python=$(uv python find "$_hg_version") || exit $?
  fi
  if [ -z "$_hg_python" ]; then
    echo "the image has no Python${{_hg_version:+ $_hg_version}}: name another one in containerImage, for example python:${{_hg_version:-3.13}}-slim" >&2
    exit 1
  fi
  ln -s "$_hg_python" "$_hg_env/bin/python" || exit 1
  if [ ! -s "$WORKING_DIR/{file}" ]; then
    :
  elif [ {manager} = UV ] && command -v uv >/dev/null 2>&1; then
    uv pip install --python "$_hg_python" --target "$_hg_env/packages" -r "$WORKING_DIR/{file}" >&2 || exit $?
  elif "$_hg_python" -m pip --version >/dev/null 2>&1; then
    "$_hg_python" -m pip install --no-input --disable-pip-version-check --progress-bar off --root-user-action ignore \\
      --target "$_hg_env/packages" -r "$WORKING_DIR/{file}" >&2 || exit $?
  else
    echo "the image has neither uv nor pip to install dependencies with: name another one in containerImage" >&2
    exit 1
  fi
  rm -f "$WORKING_DIR/{file}"
  export PATH="$_hg_env/bin:$_hg_env/packages/bin:$PATH" PYTHONPATH="$_hg_env/packages${{PYTHONPATH:+:$PYTHONPATH}}"
fi"""


@dataclass(frozen=True, slots=True)
class Packages:
    """What is to be installed, for which Python, with what (`UV` or `PIP`), and whether it may be kept for the next task."""

    requirements: Sequence[str]
    version: str | None = None
    manager: str = "UV"
    cached: bool = True

    def __bool__(self) -> bool:
        return bool(self.requirements or self.version)

    def shell(self, work: Work) -> list[str]:
        """Lines of shell after which `python` is one that has the packages. Writes a file into the working directory; raises Unusable."""
        wanted = [one.strip() for one in self.requirements if one.strip()]
        _check(wanted)
        work.write(_FILE, "".join(f"{one}\n" for one in wanted))
        options = ["--scope", work.job.environment, "--manager", self.manager, *(() if self.cached else ("--no-cache",))]
        options += ["--python", self.version] if self.version else []
        kept = _KEPT.format(program=PROGRAM, file=_FILE, options=shlex.join(options))
        return [kept + _IN_CONTAINER.format(version=shlex.quote(self.version or ""), file=_FILE, manager=self.manager)]


def _check(wanted: Sequence[str]) -> None:
    if len(wanted) > COUNT_CAP:
        raise Unusable(f"dependencies: {len(wanted):,} of them; more than {COUNT_CAP:,} are not installed for a task")
    for one in wanted:
        if "\n" in one or "\r" in one or len(one) > LENGTH_CAP:
            raise Unusable(f"dependencies: {one[:60]!r} is not one requirement of at most {LENGTH_CAP:,} characters in one line")
