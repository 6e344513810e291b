"""What the executor decides on what people ask for, waited for no longer than somebody waits for an answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from service.api.parts import Parts, listening, pause
from service.errors import Conflict
from service.store import replies
from service.store.codec import new_id
from service.store.database import Session
from service.store.replies import Reply

PATIENCE = 10.0  #: seconds until an answer says that the executor has not come to it yet

#: What such an answer says.
TAKEN = "this is taken, and not done yet: the executor has not come to it; look at the execution again"


@dataclass(frozen=True, slots=True)
class Answered:
    """`asked`: how many executions were asked, `done`: how many have answered, `refused`: those that said no, of many the first thousand."""

    asked: int
    done: int
    refused: tuple[Reply, ...] = ()


async def ask(parts: Parts, send: Callable[[Session, str], int], patience: float | None = None) -> Answered:
    """Sends in one transaction what is asked for under a name that is made up here, to as many executions as `send` says, and waits for the answers."""
    name = new_id()
    with listening(parts, ("reply", name)) as woken:
        number = await parts.kit.database.awrite(lambda session: send(session, name))
        deadline = time.monotonic() + (PATIENCE if patience is None else patience)
        while (done := await run_in_threadpool(_done, parts, name)) < number:
            left = deadline - time.monotonic()
            if left <= 0 or parts.stopping.is_set():
                break
            await pause(parts, woken, left)
    return Answered(number, done, await run_in_threadpool(_refused, parts, name))


async def decided(parts: Parts, send: Callable[[Session, str], object]) -> bool:
    """The same for one execution: whether it is done. Raises Conflict with the executor's words where it is refused."""

    def one(session: Session, name: str) -> int:
        send(session, name)
        return 1

    answered = await ask(parts, one)
    if answered.refused:
        raise Conflict(answered.refused[0].refusal or "")
    return answered.done == 1


def _done(parts: Parts, name: str) -> int:
    with parts.kit.database.read() as session:
        return replies.count(session, name)


def _refused(parts: Parts, name: str) -> tuple[Reply, ...]:
    with parts.kit.database.read() as session:
        return tuple(each for each in replies.of(session, name) if each.refusal is not None)
