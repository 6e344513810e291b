"""Files of executions that were deleted. Their rows go in the executor's transaction, which leaves a note of them; a crash in between loses nothing."""

from __future__ import annotations

from runners.crashpoints import crashpoint
from service.actions.kit import Kit
from service.store import copies
from service.store.database import Session


def clear(kit: Kit, most: int) -> int:
    """Deletes the files of some; how many. Takes as long as it takes: never in the writer."""
    with kit.database.read() as session:
        found = copies.leftovers(session, most)
    for namespace, flow, execution in found:
        crashpoint("deletion.before_files")
        kit.storage.remove(namespace, flow, execution)
        crashpoint("deletion.files_removed")

    def forget(session: Session) -> None:
        for _, _, execution in found:
            copies.cleared(session, execution)

    if found:
        kit.database.write(forget)
        crashpoint("deletion.forgotten")
    return len(found)
