"""What the walk for last good texts costs."""

from __future__ import annotations

from service.actions.winners import Text, Verdict, decide
from service.app import catalogue
from service.flows.flow import Reading
from service.flows.reading import read_flow
from service.git.values import Change, History, Step
from service.store.flows import File

GOOD = b"id: f\nnamespace: t\ntasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: hello}]\n"


class Counted(str):
    """A path that counts how often it is looked up."""

    looked_up = 0

    def __hash__(self) -> int:
        Counted.looked_up += 1
        return str.__hash__(self)


def test_many_flows_that_are_wrong_at_once_cost_as_much_as_there_are() -> None:
    many = 300
    names = [("t", f"f{number}") for number in range(many)]
    paths = {name: Counted(f".flows/{name[1]}.yml") for name in names}
    step = Step("2" * 40, "1" * 40, tuple(Change(path, "good", None) for path in paths.values()))

    flow = read_flow(GOOD, "f.yml", catalogue()).flow
    assert flow is not None

    def read(path: str, _: str) -> Reading:
        return Reading(flow, (), ("t", path.removeprefix(".flows/").removesuffix(".yml")))

    guesses = {name: [File(path, "", name, False, guessed=True)] for name, path in paths.items()}
    Counted.looked_up = 0
    assert decide(guesses, lambda: History((step,), whole=True), read) == {name: Verdict(name, Text(path, "good")) for name, path in paths.items()}
    assert Counted.looked_up < 20 * many
