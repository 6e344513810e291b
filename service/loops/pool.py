"""Does the service's own tasks: a few at a time, each in a thread, none in the executor's way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from service.actions import serving
from service.actions.kit import Kit
from service.store.hub import Topic
from service.store.jobs import Job

_log = logging.getLogger("headgate.pool")

_THREADS = 2


class Pool:
    """A loop that hands out work to its threads, and never takes more than they can do."""

    name = "pool"
    topics: Sequence[Topic] = (("pool", ""),)

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pool")
        self._free = threading.Semaphore(_THREADS)
        self._ending = threading.Event()
        self._recovered = False

    def tick(self, moment: datetime) -> float:
        """Begins what its threads have room for."""
        if not self._recovered:
            self._kit.database.write(serving.recover)
            self._recovered = True
        while not self._ending.is_set() and self._free.acquire(blocking=False):
            job = self._kit.database.write(serving.claim)
            if job is None:
                self._free.release()
                break
            self._threads.submit(self._serve, job)
        return 60.0

    def close(self) -> None:
        """Hands back what is being done, as soon as its slice is over."""
        self._ending.set()
        self._threads.shutdown(wait=True)

    def _serve(self, job: Job) -> None:
        try:
            serving.serve(self._kit, job, self._ending)
        except Exception:  # noqa: BLE001 - a job's run: it is done again, and not for ever
            _log.exception("server task %s of execution %s has come to nothing", job.task_run_id, job.execution_id)
            self._kit.database.write(partial(serving.lose, job=job, message="the service could not store what came of it; its log has the error"))
        finally:
            self._free.release()
            self._kit.database.hub.publish([("pool", "")])
