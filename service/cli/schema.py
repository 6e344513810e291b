"""`headgate flow schema`: the language for editors, as JSON Schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.stop import WRONG, Stop


def schema(
    type: Annotated[str, typer.Argument(show_default=False, help="A task, trigger, task runner, condition or input type. Without: the whole language.")] = "",
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", show_default=False, help="Write it there.")] = None,
) -> None:
    """Prints the JSON Schema of flow files, or of one type."""
    from runners.packages import Packages
    from service import discovery
    from service.cli.screen import document, say
    from service.flows.catalogue import Catalogue
    from service.flows.schema import flow_schema, named_schema

    catalogue = Catalogue(discovery.index(), discovery.load, Packages())
    found = named_schema(catalogue, type) if type else flow_schema(catalogue)
    if found is None:
        raise Stop(WRONG, f"there is no type `{type}`; {_hint(type, catalogue.names())}")
    if output is None:
        document(found)
        return
    _write(found, output)
    say(f"{output} written")


def whole_language() -> str:
    """The schema of flow files as a file has it that stands beside them."""
    import json

    from runners.packages import Packages
    from service import discovery
    from service.flows.catalogue import Catalogue
    from service.flows.schema import flow_schema

    return json.dumps(flow_schema(Catalogue(discovery.index(), discovery.load, Packages())), ensure_ascii=False, separators=(",", ":")) + "\n"


def _hint(name: str, types: tuple[str, ...]) -> str:
    from service.flows.conditions import condition_names
    from service.flows.inputs import INPUT_TYPES
    from service.flows.nearest import did_you_mean, nearest_type

    near = nearest_type(name, [*types, *condition_names()])
    return (f"did you mean `{near}`?" if near else did_you_mean(name, INPUT_TYPES)) or "the schema of the whole language names them all"


def _write(found: dict[str, Any], output: Path) -> None:
    import json

    try:
        output.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as failure:
        raise Stop(WRONG, f"{output} can't be written: {failure.strerror}") from failure
