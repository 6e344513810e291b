"""Edits from the request to the end of their sync. The waits hold no thread: however many people wait for a sync, the sync itself goes on."""

from __future__ import annotations

import time
from functools import partial

from anyio import to_thread
from starlette.concurrency import run_in_threadpool

from service.actions import edits, pushes
from service.actions.edits import Attempt, Edit
from service.api.parts import Parts, listening, pause
from service.errors import Conflict

PATIENCE = 30.0  #: seconds for the branch to stand still, and then for the sync of our commit


async def carry_out(parts: Parts, edit: Edit) -> Attempt:
    """Commits the edit and waits until that is synced. Raises Conflict or Unavailable with what the sync says."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        attempt = await to_thread.run_sync(edits.attempt, parts.kit, edit, limiter=parts.edit_threads)
        passed = await _passed(parts, attempt, time.monotonic() + PATIENCE if attempt.made else deadline)
        await run_in_threadpool(partial(edits.check_outcome, parts.kit, attempt, passed=passed))
        if attempt.made:
            return attempt
    raise Conflict("others have changed the branch again and again; nothing is changed, try once more")


async def _passed(parts: Parts, attempt: Attempt, deadline: float) -> bool:
    with listening(parts, *pushes.news_of(attempt.sha or "")) as woken:
        while not await run_in_threadpool(pushes.passed, parts.kit, attempt.repository, attempt.ref, attempt.sha):
            left = deadline - time.monotonic()
            if left <= 0 or parts.stopping.is_set():
                return False
            await pause(parts, woken, min(left, 0.5))
    return True
