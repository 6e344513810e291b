"""A forge for tests, shaped like GitHub and really there: HTTP on loopback, bare repositories behind smart HTTP, the statuses API, webhooks.

    with Forge(tmp_path) as forge:
        forge.create("acme/demo")
        forge.add_hook("acme/demo", hook_url, secret)
        forge.push(repo, "acme/demo")                    # a real git push, then the signed webhook
        forge.fail_next(BAD_GATEWAY, limited(2))         # for the next two statuses; see forge_api
        assert forge.statuses(repo.head)["headgate/flows"]["state"] == "success"

Whoever pushes causes webhooks, the service included. Deliveries go out in order, from a thread, as a forge does it.
"""

from __future__ import annotations

import base64
import json
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from tests.support import git_http
from tests.support.forge_api import Answer, Failure, StatusesApi
from tests.support.forge_hooks import Delivery, Hook, post, push_payload, signed
from tests.support.loopback import Handler, Server
from tests.support.repo import ZERO, Pushed, Repo

# GitHub tells of no tag when more than three are pushed at once.
_MOST_TAGS = 3


@dataclass(frozen=True)
class Call:
    """One call of the API: when (seconds since 1970), what, and what was answered (0: nothing)."""

    at: float
    method: str
    path: str
    token: str | None
    body: Any
    status: int
    agent: str = ""


@dataclass(frozen=True)
class Manner:
    """How the deliveries of a push go out."""

    drop: bool = False
    times: int = 1
    secret: str | None = None
    delay: float = 0.0


@dataclass(frozen=True)
class ForgePush:
    """A push and what came of it: the deliveries, and the status of every time one was sent (0: nobody answered)."""

    pushed: Pushed
    deliveries: tuple[Delivery, ...]
    answers: tuple[int, ...]


class Forge:
    """Starts when entered, stops when left; a fault in a handler fails the test at that point."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "forge"
        self.token = "ghp_" + "t" * 36
        self.read_token = "ghp_" + "r" * 36
        self.latency = 0.0
        self.calls: list[Call] = []
        self.deliveries: list[Delivery] = []
        self.answers: list[tuple[str, int]] = []
        self._api = StatusesApi(self.root, {self.token: True, self.read_token: False})
        self._failures: deque[Failure] = deque()
        self._failing = ""
        self._hooks: dict[str, list[Hook]] = {}
        self._manner = Manner()
        self._lock = threading.RLock()
        self._outgoing: queue.Queue[Delivery | None] = queue.Queue()
        self._server = Server(type("ForgeHandler", (_ForgeHandler,), {"forge": self}))
        self._held_back: list[threading.Timer] = []
        self._courier = threading.Thread(target=self._carry, name="courier", daemon=True)

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True, exist_ok=True)
        self._server.start()
        self._courier.start()
        return self

    def __exit__(self, *error: object) -> None:
        for timer in self._held_back:
            timer.cancel()
        self._outgoing.put(None)
        self._courier.join()
        self._server.stop()
        if self._server.faults and error == (None, None, None):
            raise self._server.faults[0]

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/v3"

    def create(self, path: str, private: bool = True) -> str:
        """A new empty repository `owner/name`. Gives its clone URL; a private one asks for the token."""
        git_http.create(self.bare(path))
        self._api.add(path, private)
        return self.clone_url(path)

    def bare(self, path: str) -> Path:
        """Where a repository lies on disk."""
        return self.root / f"{path}.git"

    def clone_url(self, path: str, token: str | None = None) -> str:
        """The URL to clone from, with a token in it if one is given."""
        user = f"x-access-token:{token}@" if token else ""
        return f"{self.url.replace('://', f'://{user}')}/{path}.git"

    def refs(self, path: str) -> dict[str, str]:
        """Branches and tags of a repository."""
        return git_http.refs(self.bare(path))

    # Webhooks

    def add_hook(self, path: str, url: str, secret: str, form: bool = False) -> Delivery:
        """Sends the repository's pushes there, and a ping now, as GitHub does."""
        hooks = self._hooks.setdefault(path, [])
        hook = Hook(len(hooks) + 1, url, secret, form)
        hooks.append(hook)
        ping = self.event(path, "ping", {"zen": "Keep it logically awesome.", "hook_id": hook.id, "repository": self._api.describe(path, self.url)}, hook)
        self.deliver(ping)
        return ping

    def push(
        self,
        repo: Repo,
        path: str,
        branch: str = "main",
        *,
        tag: str | None = None,
        delete: bool = False,
        force: bool = False,
        drop: bool = False,
        times: int = 1,
        secret: str | None = None,
        delay: float = 0.0,
    ) -> ForgePush:
        """Pushes HEAD (or a tag, or a deletion), then waits until the webhooks have gone out.

        `drop` loses them, `times` doubles them, `secret` signs with another one, `delay` (seconds) holds them back without waiting: later ones overtake them.
        """
        ref = f"refs/tags/{tag}" if tag else f"refs/heads/{branch}"
        source = "" if delete else (ref if tag else "HEAD")
        with self._lock:
            seen, answered = len(self.deliveries), len(self.answers)
            self._manner = Manner(drop, times, secret, delay)
        pushed = repo.push_refs(self.clone_url(path, self.token), f"{source}:{ref}", force=force)
        with self._lock:
            self._manner = Manner()
        if not delay:
            self._outgoing.join()
        return ForgePush(pushed, tuple(self.deliveries[seen:]), tuple(status for _, status in self.answers[answered:]))

    def redeliver(self, delivery: Delivery) -> int:
        """Sends the same again, under the same id, as "redeliver" on GitHub's page does. Gives the status of the answer."""
        return self.deliver(delivery)

    def replay(self, delivery: Delivery) -> int:
        """Sends the same bytes and signature under a new id: what somebody who once listened can do."""
        return self.deliver(replace(delivery, headers={**delivery.headers, "X-GitHub-Delivery": str(uuid.uuid4())}))

    def deliver(self, delivery: Delivery) -> int:
        """Sends now. Gives the status of the answer, 0 where nobody answered."""
        status = post(delivery)
        self.answers.append((delivery.id, status))
        return status

    def event(self, path: str, event: str, payload: Mapping[str, Any], hook: Hook | None = None, secret: str | None = None) -> Delivery:
        """A delivery of any kind, signed but not sent."""
        return signed(hook or self._hooks[path][0], event, payload, secret)

    def moved(self, path: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Somebody has pushed: queues what the hooks are told."""
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        tags = sum(name.startswith("refs/tags/") for name in changed)
        for name in changed:
            if tags <= _MOST_TAGS or not name.startswith("refs/tags/"):
                self._tell(path, name, before.get(name, ZERO), after.get(name, ZERO))

    # Statuses

    def fail_next(self, *failures: Failure, of: str = "") -> None:
        """The next status calls, in order, go wrong; only those of a repository (`owner/name`) where `of` says which: others may still be owed some."""
        self._failing = f"/{of}/" if of else ""
        self._failures.extend(failures)

    def statuses(self, sha: str) -> dict[str, dict[str, Any]]:
        """The newest status of each context of a commit."""
        return {status["context"]: status for status in self._api.history(sha)}

    def history(self, sha: str, context: str | None = None) -> list[dict[str, Any]]:
        """Every status of a commit, oldest first."""
        return [status for status in self._api.history(sha) if context in (None, status["context"])]

    def wait_for(self, sha: str, context: str, *states: str, seconds: float = 20.0) -> dict[str, Any]:
        """Waits until a context's newest status has one of these states. Fails with what there is instead."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            found = self.statuses(sha).get(context)
            if found and found["state"] in states:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{context} of {sha[:8]} is not {' or '.join(states)}: {[(s['context'], s['state']) for s in self._api.history(sha)]}")

    def answer_call(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | Failure:
        """One call of the API; recorded."""
        time.sleep(self.latency)
        meant = method == "POST" and "/statuses/" in path and self._failing in path
        failure = self._failures.popleft() if meant and self._failures else None
        answer = None
        if failure is None or failure.stored:
            answer = self._api.answer(method, path, headers, body)
        status = failure.status if failure else answer.status if answer else 0
        scheme, _, token = headers.get("authorization", "").partition(" ")
        self.calls.append(Call(time.time(), method, path, token if scheme else None, _json(body), status, headers.get("user-agent", "")))
        if failure is not None:
            return failure
        assert answer is not None
        return answer

    def lets(self, path: str, headers: Mapping[str, str], write: bool) -> str | None:
        """The user behind a Git request, `""` for an anonymous reader; None for nobody."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        token = base64.b64decode(given).decode().partition(":")[2] if scheme.lower() == "basic" else given
        if self._api.may(token, path, write):
            return "x-access-token"
        return "" if not write and not token and self._api.public(path) else None

    def _tell(self, path: str, ref: str, before: str, after: str) -> None:
        with self._lock:
            manner = self._manner
        for hook in self._hooks.get(path, ()):
            delivery = self.event(path, "push", push_payload(self.bare(path), self._api.describe(path, self.url), ref, before, after), hook, manner.secret)
            self.deliveries.append(delivery)
            for _ in range(0 if manner.drop else manner.times):
                self._send_after(manner.delay, delivery)

    def _send_after(self, seconds: float, delivery: Delivery) -> None:
        if not seconds:
            self._outgoing.put(delivery)
            return
        timer = threading.Timer(seconds, self._outgoing.put, [delivery])
        timer.daemon = True
        self._held_back.append(timer)
        timer.start()

    def _carry(self) -> None:
        while (delivery := self._outgoing.get()) is not None:
            self.deliver(delivery)
            self._outgoing.task_done()


class _ForgeHandler(Handler):
    forge: Forge

    def respond(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.body() as body:
            if self.path.startswith("/api/v3/"):
                self._api(self.path.removeprefix("/api/v3"), headers, body.read())
            else:
                self._git(headers, body)

    def _api(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        answer = self.forge.answer_call(self.command, path, headers, body)
        if isinstance(answer, Answer):
            self._say(answer.status, {}, answer.content)
        elif answer.hang:
            self.hang(answer.hang)
        elif answer.status:
            self._say(answer.status, answer.headers, {"message": answer.message})
        else:
            self.reset()

    def _say(self, status: int, headers: Mapping[str, str], content: Any) -> None:
        given = {"Content-Type": "application/json; charset=utf-8", "X-RateLimit-Remaining": "4999", "X-GitHub-Request-Id": uuid.uuid4().hex[:16], **headers}
        self.answer(status, given.items(), json.dumps(content).encode())

    def _git(self, headers: Mapping[str, str], body: Any) -> None:
        path = self.path.partition("?")[0].partition(".git/")[0].strip("/")
        write = "git-receive-pack" in self.path
        user = self.forge.lets(path, headers, write)
        if user is None:
            self.answer(401, (("WWW-Authenticate", 'Basic realm="GitHub"'),), b"")
        elif not self.forge.bare(path).exists():
            self.answer(404, (), b"")
        else:
            before = self.forge.refs(path)
            answer = git_http.serve(self.forge.root, self.command, self.path, headers, body, user)
            self.forge.moved(path, before, self.forge.refs(path))
            self.answer(*answer)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body or None
