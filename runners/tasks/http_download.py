"""A file, downloaded over HTTP and stored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.message import Message
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote

import httpx2
from pydantic import Field

from runners.connections import unpacked
from runners.fields import Dynamic, Text
from runners.http import Call, HttpTask, header_lists
from runners.protocol import Outcome, Result
from runners.task import Work
from runners.workspace import OWN, write

LARGEST = 4 << 30  #: bytes of a file
_LONGEST = 200


class Download(HttpTask):
    """Downloads a file, of 4 GiB at most, and stores it. Its name is `saveAs`, else what the server calls it, else the last part of the `uri`."""

    TYPE = "io.kestra.plugin.core.http.Download"
    ALIASES: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.fs.http.Download",)
    OUTPUTS: ClassVar[Mapping[str, str]] = {
        "uri": "The stored file.",
        "code": "The code of the answer.",
        "length": "Bytes of the file.",
        "headers": "The headers of the answer: name → values.",
    }

    fail_on_empty_response: Dynamic[bool] = Field(True, description="An empty file is a failure.")
    save_as: Dynamic[Text] | None = Field(None, description="The name of the stored file.")

    def read(self, call: Call, response: httpx2.Response, work: Work) -> Outcome:
        """Through the disk into the storage."""
        code, headers = response.status_code, header_lists(response)
        if not call.options.takes(code):
            return Outcome.failed(
                call.failure(response, call.text(response, cut=True)), outputs={"uri": None, "code": code, "length": None, "headers": headers}
            )
        path = work.folder(f"{OWN}files") / f"{work.job.lease.key}-download"
        try:
            length = _save(work, path, unpacked(response, LARGEST))
            if not length and self.fail_on_empty_response:
                return Outcome.failed(
                    f"{call.url.host} answers with an empty file (`failOnEmptyResponse`)",
                    outputs={"uri": None, "code": code, "length": 0, "headers": headers},
                )
            if not length:
                work.log("WARN", f"{call.url.host} answers with an empty file")
            uri = work.store(self._name(call, response), path)
        finally:
            response.close()
            path.unlink(missing_ok=True)
        return Outcome(Result.SUCCESS, outputs={"uri": uri, "code": code, "length": length, "headers": headers})

    def _name(self, call: Call, response: httpx2.Response) -> str:
        if self.save_as:
            return self.save_as
        named = _safe(_disposed(response.headers.get("content-disposition", "")))
        return named or _safe(unquote(call.url.path.rpartition("/")[2])) or "download"


def _save(work: Work, path: Path, pieces: Iterator[bytes]) -> int:
    write(work.directory, str(path.relative_to(work.directory)), pieces)
    return path.stat().st_size


def _disposed(header: str) -> str:
    """The name in a Content-Disposition, also in the form of RFC 5987."""
    message = Message()
    message["content-disposition"] = header
    try:
        return message.get_filename("") or ""
    except (LookupError, UnicodeError, ValueError):
        return ""


def _safe(name: str) -> str:
    """The last part of a path, without what is no part of a name; empty where nothing is left."""
    last = re.split(r"[/\\]", name)[-1]
    plain = re.sub(r"[\x00-\x1f\x7f]", "", last).strip()
    return "" if plain in (".", "..") else plain.encode("utf-8", "replace")[-_LONGEST:].decode("utf-8", "ignore")
