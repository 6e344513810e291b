"""The grammar of container image names."""

from __future__ import annotations

import re

_COMPONENT = r"[a-z0-9]+(?:(?:\.|__|_|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]{1,5})?"
_NAME = re.compile(
    rf"(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::[\w][\w.-]{0,127})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,128})?",
    re.ASCII,
)
_LONGEST = 400


def image_mistake(name: str) -> str | None:
    """What is wrong with an image name; None when it is one."""
    if len(name) > _LONGEST:
        return f"longer than {_LONGEST} characters"
    if _NAME.fullmatch(name):
        return None
    if any(character.isspace() for character in name):
        return "it holds a space"
    if name.startswith("-"):
        return "it begins with `-`"
    lower = name.split("@", maxsplit=1)[0]
    if lower != lower.lower() and _NAME.fullmatch(lower.lower()):
        return "the name must be lower-case"
    return "it does not follow host/path:tag@digest"
