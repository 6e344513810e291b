"""`flow explain`: what the codes of problems mean."""

from __future__ import annotations

from textwrap import fill

from service.cli.options import Output
from service.cli.screen import document, show
from service.cli.stop import WRONG, Stop
from service.flows.codes import CODES
from service.flows.nearest import did_you_mean


def explain_all(output: Output) -> None:
    """Prints all codes with their titles, or a list of objects."""
    if output is Output.JSON:
        document([_as_json(code) for code in CODES])
        return
    for code, meaning in CODES.items():
        show(f"{code}  {meaning.title}")


def explain_one(text: str, output: Output) -> None:
    """Prints what one code means, however it is written: `HG-0104`, `hg-104`, `104`. Raises Stop for one that there is not."""
    digits = "".join(character for character in text if character in "0123456789")
    code = f"HG-{digits:0>4}"
    if code not in CODES:
        hint = did_you_mean(text.upper(), CODES) or "`headgate flow explain` lists them"
        raise Stop(WRONG, f"there is no code `{text}`; {hint}")
    if output is Output.JSON:
        document(_as_json(code))
        return
    show(f"{code}: {CODES[code].title}\n\n{fill(CODES[code].explanation, 100)}")


def _as_json(code: str) -> dict[str, str]:
    return {"code": code, "title": CODES[code].title, "explanation": CODES[code].explanation}
