"""One HTTP request, whose answer is an output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import httpx2
from pydantic import Field

from runners.connections import TooMany
from runners.fields import Dynamic
from runners.http import LARGEST, Call, HttpTask, header_lists
from runners.protocol import Outcome, Result
from runners.task import Work


class Request(HttpTask):
    """Asks a server over HTTP; the answer is text, up to 900,000 bytes. A code of 400 or more is a failure, unless `options` allow it."""

    TYPE = "io.kestra.plugin.core.http.Request"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.fs.http.Request",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "uri": "Whom it has asked.",
        "code": "The code of the answer.",
        "headers": "The headers of the answer: name → values.",
        "body": "The body of the answer as text; JSON is not read.",
        "encryptedBody": "The same, kept encrypted, where `encryptBody` wants that.",
        "formData": "Nothing: a form is not told again.",
    }

    encrypt_body: Dynamic[bool] = Field(False, description="Keep the body encrypted: `encryptedBody` in the place of `body`.")

    def read(self, call: Call, response: httpx2.Response, work: Work) -> Outcome:
        """All of the answer is an output, of one that is a failure, too."""
        fails = not call.options.takes(response.status_code)
        try:
            text = call.text(response, cut=fails)
        except TooMany:
            return Outcome.failed(
                f"the answer of {call.url.host} is larger than {LARGEST:,} bytes, too large for an output: "
                "io.kestra.plugin.core.http.Download stores it as a file"
            )
        finally:
            response.close()
        outputs = self._outputs(call, response, text)
        if fails:
            return Outcome.failed(call.failure(response, None if self.encrypt_body else text), outputs=outputs, seals=self._seals(text))
        return Outcome(Result.SUCCESS, outputs=outputs, seals=self._seals(text))

    def _outputs(self, call: Call, response: httpx2.Response, text: str | None) -> dict[str, Any]:
        sealed = self.encrypt_body
        return {
            "uri": str(call.url),
            "code": response.status_code,
            "headers": header_lists(response),
            "body": None if sealed else text,
            "encryptedBody": text if sealed else None,
            "formData": None,
        }

    def _seals(self, text: str | None) -> tuple[str, ...]:
        return ("encryptedBody",) if self.encrypt_body and text is not None else ()
