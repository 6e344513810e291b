"""Inputs whose values are text, with or without a form of its own."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from runners.fields import STORED_FILES, Older, Text
from service.flows.inputs.definition import Input
from service.flows.patterns import BadPattern, check_pattern, matches_whole
from service.flows.problems import escaped
from service.flows.values import BadValue, as_text

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s.]{1,63}(?:\.[^@\s.]{1,63})+")


def _checked_pattern(pattern: str) -> str:
    try:
        check_pattern(pattern)
    except BadPattern as bad:
        raise PydanticCustomError(
            "regex", "not a pattern that RE2 takes: {reason}", {"reason": str(bad), "hint": "no look-around, no back references"}
        ) from None
    return pattern


Pattern = Annotated[Text, AfterValidator(_checked_pattern)]


class StringInput(Input):
    """Text, that may have to match a pattern as a whole."""

    TYPES = ("STRING",)

    validator: Pattern | None = Field(None, description="An RE2 pattern for the whole text.")

    def parse(self, value: Any) -> str:
        text = as_text(value)
        if self.validator is not None and not matches_whole(self.validator, text):
            raise BadValue(f"must match the pattern `{escaped(self.validator)}`")
        return text


class SecretInput(StringInput):
    """Text that is kept encrypted and shown to nobody."""

    TYPES = ("SECRET",)

    @property
    def secret(self) -> bool:
        return True


class UriInput(Input):
    """Text that names something: any URI, absolute or relative."""

    TYPES = ("URI",)

    def parse(self, value: Any) -> str:
        text = as_text(value).strip()
        if not text or any(character.isspace() or not character.isprintable() for character in text):
            raise BadValue("must be a URI, without spaces")
        return text


class EmailInput(Input):
    """An e-mail address."""

    TYPES = ("EMAIL",)

    def parse(self, value: Any) -> str:
        text = as_text(value).strip()
        if len(text) > 254 or not _EMAIL.fullmatch(text):
            raise BadValue("must be an e-mail address")
        return text


class FileInput(Input):
    """A file that is stored with the execution; its value is the URI."""

    TYPES = ("FILE",)
    RUN = False

    allowed_file_extensions: list[Text] | None = Field(
        None, validation_alias=Older("allowedFileExtensions", "accept", "extension"), description="Endings that its name may have, such as `.csv`."
    )

    @field_validator("allowed_file_extensions", mode="before", json_schema_input_type=str | list[Text] | None)
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    def parse(self, value: Any) -> str:
        text = as_text(value).strip()
        if not text.startswith(STORED_FILES):
            raise BadValue(f"must be a file, or the URI of one ({', '.join(f'{start}/…' for start in STORED_FILES)})")
        allowed = self.allowed_file_extensions
        if allowed and not text.lower().endswith(tuple(f".{ending.lower().lstrip('.')}" for ending in allowed)):
            raise BadValue(f"must be a file whose name ends with {' or '.join(escaped(ending, 20) for ending in allowed[:10])}")
        return text
