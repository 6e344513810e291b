"""What `headgate up` says once it answers."""

from __future__ import annotations

import sys

from service.app import Ready
from service.cli.screen import paint, say, show


def announce(ready: Ready) -> None:
    """Where it is, where its data is, where to push."""
    show(f"Headgate {paint(ready.url, '1', sys.stdout)} (ready in {ready.seconds:.1f} s)")
    show(f"data     {ready.data}")
    show(f"push to  {ready.git_url()}")
    if ready.admin_token:
        show(f"token    {ready.admin_token}")
        say("The token is shown this once. Give it with --token or HEADGATE_TOKEN; git asks for it as the password.")
