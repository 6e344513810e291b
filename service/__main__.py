"""`python -m service`: the same as the `headgate` command."""

from __future__ import annotations

from service.cli import main

main()
