"""GitHub's statuses API, and how it may fail, as far as GitHub's own documentation and error messages describe it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.repo import git

STATES = ("error", "failure", "pending", "success")
MOST_STATUSES = 1000
LONGEST_DESCRIPTION = 140
LONGEST_CONTEXT = 255

_STATUS = re.compile(r"/repos/(?P<path>[^/]+/[^/]+)/statuses/(?P<sha>[^/?]+)")
_READ = re.compile(r"/repos/(?P<path>[^/]+/[^/]+)/commits/(?P<sha>[^/?]+)/(?P<what>status|statuses)(?:\?.*)?")


@dataclass(frozen=True)
class Answer:
    """A status and what is said with it, as JSON."""

    status: int
    content: Any


@dataclass(frozen=True)
class Failure:
    """What happens to one status call instead of its answer. `stored` ones happen after the status was taken: the answer is lost, not the call."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    hang: float = 0.0
    stored: bool = False


BAD_GATEWAY = Failure(502, message="Server Error")
RESET = Failure()
LOST_ANSWER = Failure(stored=True)


def hanging(seconds: float = 60.0) -> Failure:
    """No answer for so long, then the end of the connection."""
    return Failure(hang=seconds)


def limited(seconds: int, status: int = 429) -> Failure:
    """GitHub's secondary limit."""
    return Failure(status, {"retry-after": str(seconds)}, "You have exceeded a secondary rate limit.")


def now_text() -> str:
    """The time in GitHub's form."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class StatusesApi:
    """Statuses of commits of the repositories below a folder. `tokens` says of each whether it may write."""

    def __init__(self, root: Path, tokens: Mapping[str, bool]) -> None:
        self._root = root
        self._tokens = tokens
        self._private: dict[str, bool] = {}
        self._statuses: list[tuple[str, str, dict[str, Any]]] = []
        self._lock = threading.Lock()

    def add(self, path: str, private: bool) -> None:
        self._private[path] = private

    def public(self, path: str) -> bool:
        return self._private.get(path) is False

    def may(self, token: str, path: str, write: bool) -> bool:
        """Whether a token may read or write a repository."""
        return token in self._tokens and path in self._private and (self._tokens[token] or not write)

    def describe(self, path: str, url: str) -> dict[str, Any]:
        """A repository as payloads show it."""
        owner, name = path.split("/")
        return {
            "id": 1_000_000 + list(self._private).index(path),
            "name": name,
            "full_name": path,
            "private": self._private[path],
            "fork": False,
            "archived": False,
            "owner": {"login": owner, "type": "Organization"},
            "default_branch": "main",
            "html_url": f"{url}/{path}",
            "clone_url": f"{url}/{path}.git",
        }

    def history(self, sha: str) -> list[dict[str, Any]]:
        """Every status of a commit, oldest first."""
        with self._lock:
            return [status for _, commit, status in self._statuses if commit == sha]

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One call."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if not headers.get("user-agent"):
            return _no(403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")
        if token and (scheme.lower() not in ("bearer", "token") or token not in self._tokens):
            return _no(401, "Bad credentials")
        if method == "POST" and (found := _STATUS.fullmatch(target)):
            return self._create(found["path"], found["sha"], token, body)
        if method == "GET" and (found := _READ.fullmatch(target)):
            return self._show(found["path"], found["sha"], found["what"], token)
        return _no(404, "Not Found")

    def _create(self, path: str, sha: str, token: str, body: bytes) -> Answer:
        if not token:
            return _no(401, "Requires authentication")
        if not self.may(token, path, write=False):
            return _no(404, "Not Found")
        if not self.may(token, path, write=True):
            return _no(403, "Resource not accessible by personal access token")
        try:
            given = json.loads(body)
        except ValueError:
            return _no(400, "Problems parsing JSON")
        if problem := _wrong(given):
            return _no(422, f"Validation Failed: {problem}")
        if not re.fullmatch(r"[0-9a-f]{40}", sha) or git("cat-file", "-e", f"{sha}^{{commit}}", cwd=self._root / f"{path}.git", check=False).returncode:
            return _no(422, f"No commit found for SHA: {sha}")
        return self._store(path, sha, given)

    def _store(self, path: str, sha: str, given: Mapping[str, Any]) -> Answer:
        context = given.get("context") or "default"
        with self._lock:
            same = [s for where, commit, s in self._statuses if (where, commit) == (path, sha) and s["context"].lower() == context.lower()]
            if len(same) >= MOST_STATUSES:
                return _no(422, "Validation Failed: This SHA and context has reached the maximum number of statuses.")
            status = {
                "id": len(self._statuses) + 1,
                "state": given["state"],
                "description": given.get("description"),
                "target_url": given.get("target_url"),
                "context": context,
                "created_at": now_text(),
                "updated_at": now_text(),
            }
            self._statuses.append((path, sha, status))
        return Answer(201, status)

    def _show(self, path: str, sha: str, what: str, token: str) -> Answer:
        if not self.public(path) and not self.may(token, path, write=False):
            return _no(404, "Not Found")
        with self._lock:
            found = [status for where, commit, status in self._statuses if (where, commit) == (path, sha)]
        if what == "statuses":
            return Answer(200, found[::-1])
        newest = {status["context"].lower(): status for status in found}
        return Answer(200, {"state": _combined(newest), "sha": sha, "total_count": len(newest), "statuses": list(newest.values())})


def _combined(newest: Mapping[str, Mapping[str, Any]]) -> str:
    states = {status["state"] for status in newest.values()}
    if states & {"error", "failure"}:
        return "failure"
    return "pending" if not states or "pending" in states else "success"


def _wrong(given: Any) -> str | None:
    if not isinstance(given, dict):
        return "not an object"
    if given.get("state") not in STATES:
        return f"state is not one of {', '.join(STATES)}"
    for name, longest in (("description", LONGEST_DESCRIPTION), ("context", LONGEST_CONTEXT)):
        if not isinstance(given.get(name) or "", str) or len(given.get(name) or "") > longest:
            return f"{name} is too long (maximum is {longest} characters)"
    if not str(given.get("target_url") or "http://").startswith(("http://", "https://")):
        return "target_url must use http(s) scheme"
    return None


def _no(status: int, message: str) -> Answer:
    return Answer(status, {"message": message, "documentation_url": "https://docs.github.com/rest/commits/statuses"})
