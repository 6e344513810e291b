"""What notifications share, whatever they are sent to: the call, and the facts of an execution in words.

A webhook's address is a secret in itself, so no message names more of it than its host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import httpx2
from pydantic import Field

from runners.connections import GuardedTransport, bounded
from runners.egress import Barred, Unknown, checked
from runners.fields import Dynamic, Length, Model, Text, format_duration
from runners.protocol import Egress, Facts, Outcome, Result, Unusable
from runners.task import RunnerTask, Work

#: The largest message, and how much of an answer is told, in bytes.
MESSAGE_CAP, ANSWER_CAP = 1_000_000, 2_000

COLOURS: Mapping[str, str] = {"SUCCESS": "good", "WARNING": "warning", "FAILED": "danger", "KILLED": "danger", "CANCELLED": "warning"}


class PostOptions(Model):
    """How the call is made."""

    connect_timeout: Dynamic[Length] = Field(timedelta(seconds=10), description="How long the connection may take.")
    read_timeout: Dynamic[Length] = Field(timedelta(seconds=10), description="How long the answer may take.")
    read_idle_timeout: Dynamic[Length] | None = Field(None, description="Without effect.")
    connection_pool_idle_timeout: Dynamic[Length] | None = Field(None, description="Without effect.")
    max_content_length: Dynamic[int] | None = Field(None, description="Without effect: only the beginning of an answer is read.")
    default_charset: Dynamic[Text] = Field("UTF-8", description="The encoding of the message.")
    headers: Dynamic[dict[str, Text]] | None = Field(None, description="Further headers of the call.")


class WebhookTask(RunnerTask):
    """Base of tasks that post a message to an address."""

    url: Dynamic[Text] = Field(description="The webhook's address; best a secret.")
    options: PostOptions | None = Field(None, description="How the call is made.")

    def post(self, work: Work, message: Mapping[str, Any]) -> Outcome:
        """Sends a message as JSON. Whatever is not 2xx is a failure."""
        host, options = _host(self.url), self.options or PostOptions()
        content = json.dumps(message, ensure_ascii=False).encode(_charset(options), "replace")
        if len(content) > MESSAGE_CAP:
            raise Unusable(f"the message is {len(content):,} bytes; {MESSAGE_CAP:,} are the most that is sent")
        headers = {"Content-Type": f"application/json; charset={_charset(options)}", **(options.headers or {})}
        try:
            with bounded((options.connect_timeout + options.read_timeout).total_seconds(), work.check):
                answer = send(self.url.strip(), content, headers, options, work.job.egress)
        except httpx2.InvalidURL as problem:
            raise Unusable(f"url: not an address: {problem}") from problem
        except (Barred, Unknown) as problem:
            raise Unusable(f"url: {problem}") from problem
        except (httpx2.HTTPError, ValueError) as problem:
            return Outcome.failed(f"{host} can't be reached: {_said(problem)}")
        if not 200 <= answer.status < 300:
            return Outcome.failed(f"{host} answered {answer.status}{f': {answer.text}' if answer.text else ''}")
        work.log("DEBUG", f"{host} answered {answer.status}{f': {answer.text}' if answer.text else ''}")
        return Outcome(Result.SUCCESS)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, and the beginning of the text."""

    status: int
    text: str


def send(url: str, content: bytes, headers: Mapping[str, str], options: PostOptions, egress: Egress) -> Answer:
    """The one place where notifications touch the network. Follows no redirect: the message is for this address alone. Raises Barred and Unknown."""
    limits = httpx2.Timeout(options.read_timeout.total_seconds(), connect=options.connect_timeout.total_seconds())
    sent = {"Accept-Encoding": "identity", **headers}
    transport = GuardedTransport(lambda host, port: checked(host, port, egress))
    with (
        httpx2.Client(transport=transport, timeout=limits, follow_redirects=False, trust_env=False) as client,
        client.stream("POST", url, content=content, headers=sent) as response,
    ):
        held = b""
        with suppress(httpx2.TimeoutException):  # the beginning of an answer is enough
            for piece in response.iter_raw():
                held += piece
                if len(held) >= ANSWER_CAP:
                    break
        return Answer(response.status_code, held[:ANSWER_CAP].decode("utf-8", "replace").strip())


class ExecutionMessage(RunnerTask):
    """Properties of the tasks that tell how an execution stands or has ended."""

    TELLS: ClassVar[bool] = True

    execution_id: Dynamic[Text] = Field("{{ execution.id }}", description="The execution that is told of; its own when absent.")
    custom_fields: Dynamic[dict[str, Any]] | None = Field(None, description="Further lines of the message: title → text.")
    custom_message: Dynamic[Text] | None = Field(None, description="What the message says before the facts.")

    def facts(self, work: Work) -> Facts:
        """What the service knows of the execution; raises Unusable."""
        if work.job.facts is None:
            raise Unusable("the service told nothing of the execution; it is older than this runner")
        return work.job.facts

    def lines(self, facts: Facts) -> list[tuple[str, str]]:
        """The facts in words, title and text, those of the flow's author last."""
        lines = [("Namespace", facts.namespace), ("Flow", facts.flow), ("Execution", facts.execution), ("State", facts.state)]
        lines += [("Duration", duration(facts)), ("Started", facts.started.isoformat(timespec="seconds"))]
        lines += [("Failed task", facts.failed + (f": {facts.reason}" if facts.reason else ""))] if facts.failed else []
        lines += [("Labels", ", ".join(f"{name}: {value}" for name, value in sorted(facts.labels.items())))] if facts.labels else []
        return [*lines, *((str(title), text_of(value)) for title, value in (self.custom_fields or {}).items())]


def headline(facts: Facts) -> str:
    """One sentence: how it stands."""
    name = f"{facts.namespace}.{facts.flow}"
    if facts.state in COLOURS:
        return f"{name} ended {facts.state} after {duration(facts)}"
    # The state of an execution whose error handlers run is RUNNING.
    return f"{name} has a failed task after {duration(facts)}" if facts.failed else f"{name} is {facts.state} since {duration(facts)}"


def colour(facts: Facts) -> str:
    """Slack's word for it, or a colour."""
    return COLOURS.get(facts.state) or ("danger" if facts.failed else "#439FE0")


def duration(facts: Facts) -> str:
    """How long it took."""
    return format_duration(timedelta(seconds=round(facts.seconds, 3)))


def text_of(value: Any) -> str:
    """A value as a message shows it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def message_of(payload: Mapping[str, Any] | str | None, name: str = "payload") -> dict[str, Any]:
    """A payload, which is JSON text or a map; raises Unusable."""
    if payload is None or isinstance(payload, Mapping):
        return dict(payload or {})
    try:
        read = json.loads(payload)
    except ValueError as problem:
        place = f"line {problem.lineno}, column {problem.colno}: {problem.msg}" if isinstance(problem, json.JSONDecodeError) else str(problem)
        raise Unusable(f"{name} is not JSON ({place}); a value with quotes or line breaks in it needs the filter toJson") from problem
    if not isinstance(read, dict):
        raise Unusable(f"{name} must be a JSON object")
    return read


def _host(url: str) -> str:
    try:
        address = httpx2.URL(url.strip())
    except httpx2.InvalidURL as problem:
        raise Unusable("url: not an address") from problem
    if address.scheme not in ("http", "https") or not address.host:
        raise Unusable("url: not an address of the web; it begins with https://")
    return str(address.host)


def _charset(options: PostOptions) -> str:
    try:
        "".encode(options.default_charset)
    except LookupError as problem:
        raise Unusable(f"options.defaultCharset: there is no encoding {options.default_charset[:40]!r}") from problem
    return options.default_charset


def _said(problem: Exception) -> str:
    if isinstance(problem, httpx2.TimeoutException):
        return "it took too long"
    return str(problem) or type(problem).__name__
