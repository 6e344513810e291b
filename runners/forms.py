"""Forms that are sent over HTTP, with files among their fields. Files are read from the disk while they are sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from runners.fields import STORED_FILES
from runners.protocol import Unusable
from runners.task import Work
from runners.workspace import OWN

_MULTIPART = "multipart/form-data"


class Form:
    """The fields of a form; its files are downloaded into the working directory, and gone when it is closed."""

    def __init__(self, work: Work, fields: Mapping[str, Any]) -> None:
        self._work = work
        self._open = ExitStack()
        self._texts: dict[str, list[str]] = {}
        self._files: list[tuple[str, tuple[str, Any]]] = []
        try:
            for name, values in fields.items():
                for value in values if isinstance(values, list) else (values,):
                    self._add(name, value)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Removes what was downloaded."""
        self._open.close()

    def content(self, content_type: str) -> dict[str, Any]:
        """What makes a request with it: urlencoded, unless it holds a file or is meant to be in parts."""
        if self._files or content_type.partition(";")[0].strip().lower() == _MULTIPART:
            # Texts as parts without a name of a file: a form without any file is sent in parts, too.
            texts = [(name, (None, text)) for name, several in self._texts.items() for text in several]
            return {"files": [*texts, *self._files]}
        return {"data": self._texts}

    def _add(self, name: str, value: Any) -> None:
        if isinstance(value, Mapping) and {"name", "content"} <= value.keys():
            self._add_file(name, str(value["name"]), str(value["content"]))
        elif isinstance(value, str) and value.startswith(STORED_FILES):
            self._add_file(name, unquote(value.strip().rpartition("/")[2]), value)
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            self._texts.setdefault(name, []).append(text)

    def _add_file(self, field: str, name: str, content: str) -> None:
        if content.startswith("file://"):
            raise Unusable("formData: file:// is part of the language, but this version does not run it yet")
        if not content.startswith(STORED_FILES):
            self._files.append((field, (name, content.encode())))
            return
        path = self._place()
        self._work.fetch(content.strip(), path)
        self._open.callback(path.unlink, missing_ok=True)
        self._files.append((field, (name, self._open.enter_context(path.open("rb")))))

    def _place(self) -> Path:
        return self._work.folder(f"{OWN}files") / f"{self._work.job.lease.key}-{len(self._files)}"
