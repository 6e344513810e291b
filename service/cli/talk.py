"""Where the log of a command that keeps running goes: to stderr, a line for each event."""

from __future__ import annotations

import logging
import sys

import structlog

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def log_to_stderr(level: str) -> None:
    """From this level on (DEBUG, INFO, WARNING, ERROR), for both the standard library's loggers and structlog's."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    logging.basicConfig(level=number, stream=sys.stderr, format=_FORMAT)
    # A line for each heartbeat would fill the disk; alembic tells of its plugins.
    for name in ("httpx2", "httpcore2", "alembic"):
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, structlog.processors.format_exc_info, _line],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _line(_logger: object, _method: str, event: structlog.typing.EventDict) -> str:
    """`job finished result=SUCCESS exit_code=0`."""
    event.pop("level", None)
    exception = event.pop("exception", None)
    head = " ".join([str(event.pop("event", "")), *(f"{key}={value}" for key, value in sorted(event.items()))])
    return f"{head}\n{exception}" if exception else head
