"""Events that a server sends, taken to their end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import httpx2
from pydantic import Field

from runners.connections import unpacked
from runners.fields import Dynamic, Text
from runners.http import LARGEST, Call, HttpTask
from runners.protocol import Outcome, Result, Unusable
from runners.sse import LONGEST, Event, TooLong, events
from runners.task import Work

_STREAM = "text/event-stream"
_MOST = 1 << 30  #: bytes of a stream, most of which may be comments


class SseRequest(HttpTask):
    """Asks a server for events and takes them until it ends the stream. `concatJqExpression` picks a part of each event's data, which are JSON then."""

    TYPE = "io.kestra.plugin.core.http.SseRequest"
    #: jq is C code that can loop for ever.
    APART: ClassVar[bool] = True
    SENDS: ClassVar[Mapping[str, str]] = {**HttpTask.SENDS, "accept": _STREAM, "cache-control": "no-cache"}
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "uri": "Whom it has asked.",
        "events": "The events: `id`, `name`, `data` (text), `comment`, `retry` (milliseconds).",
        "size": "How many events came.",
        "result": "What `concatJqExpression` picked, one after the other.",
    }

    concat_jq_expression: Dynamic[Text] | None = Field(None, description="A jq program that picks a part of each event's data.")
    failed_on_missing_jq: Dynamic[bool] = Field(True, description="Fail where it finds nothing in an event, or the data are no JSON.")

    def read(self, call: Call, response: httpx2.Response, work: Work) -> Outcome:
        """Event by event."""
        try:
            if not call.options.takes(response.status_code):
                return Outcome.failed(call.failure(response, call.text(response, cut=True)))
            type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if type != _STREAM:
                return Outcome.failed(f"{call.url.host} answers with {type or 'no type'}, not with events ({_STREAM})")
            return self._taken(call, response)
        finally:
            response.close()

    def _taken(self, call: Call, response: httpx2.Response) -> Outcome:
        found: list[dict[str, Any]] = []
        picked: list[str] = []
        pick, size = self._picker(), 0
        for event in _events(response):
            shown = _shown(event)
            found.append(shown)
            size += len(json.dumps(shown, ensure_ascii=False).encode("utf-8", "replace")) + 2
            if pick is not None:
                parts = pick(shown["data"])
                if not parts and self.failed_on_missing_jq:
                    return Outcome.failed(f"concatJqExpression finds nothing in the data of event {len(found)} (`failedOnMissingJq`)")
                picked += parts
                size += sum(len(part.encode("utf-8", "replace")) for part in parts)
            if size > LARGEST:
                return Outcome.failed(f"the events of {call.url.host} are more than {LARGEST:,} bytes, too many for an output")
        result = "".join(picked) if pick is not None else None
        return Outcome(Result.SUCCESS, outputs={"uri": str(call.url), "events": found, "size": len(found), "result": result})

    def _picker(self) -> Any:
        if self.concat_jq_expression is None:
            return None
        import jq

        try:
            program = jq.compile(self.concat_jq_expression)
        except ValueError as problem:
            raise Unusable(f"concatJqExpression: the jq program is wrong: {str(problem)[:300]}") from None
        return lambda text: _picked(program, text)


def _picked(program: Any, text: str) -> Sequence[str]:
    """What a program finds in data: texts as they are, other values as JSON; nothing where that is null, or the data no JSON."""
    try:
        values = program.input_text(text).all()
    except ValueError:
        return ()
    return [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values if value is not None]


def _events(response: httpx2.Response) -> Iterator[Event]:
    try:
        yield from events(unpacked(response, _MOST))
    except TooLong:
        raise Unusable(f"an event of {response.url.host} is longer than {LONGEST:,} characters") from None


def _shown(event: Event) -> dict[str, Any]:
    comment = "\n".join(event.comments) if event.comments else None
    return {"id": event.id, "name": event.name, "data": "\n".join(event.data), "comment": comment, "retry": event.retry}
