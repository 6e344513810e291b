"""What can go wrong on our side. A user's mistake is a Problem (`flows.problems`), a failed task an Outcome; neither is here.

    ServiceError
      |- NotFound       404
      |- Conflict       409   somebody was first, or the state does not allow it
      |- Forbidden      403
      |- Unauthorized   401
      |- Invalid        422   parsed, but wrong; `errors` has the places
      |- Malformed      400   can't be read at all
      |- TooLarge       413
      |- Unavailable    503   try again
      '- Bug            500

Mapped to HTTP in `api/errors.py` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class ServiceError(Exception):
    """Base. The message is for the person who reads it: what happened, where, what to do."""

    status: ClassVar[int] = 500

    def __init__(self, message: str, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.errors = tuple(errors)


class NotFound(ServiceError):
    """Absent, or not visible to the caller."""

    status = 404


class Conflict(ServiceError):
    """Somebody was first, or the state does not allow it."""

    status = 409


class Forbidden(ServiceError):
    """Known, but not allowed."""

    status = 403


class Unauthorized(ServiceError):
    """No credentials, or wrong ones."""

    status = 401


class Invalid(ServiceError):
    """Read, but wrong."""

    status = 422


class Malformed(ServiceError):
    """Can't be read."""

    status = 400


class TooLarge(ServiceError):
    """Over a size cap."""

    status = 413


class Unavailable(ServiceError):
    """Something we need does not answer."""

    status = 503


class Bug(ServiceError):
    """Our fault."""

    status = 500
