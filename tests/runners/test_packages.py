"""Task types of other packages: found by their metadata, used only if they keep to the contract, and a danger to nobody else."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

import pytest

from runners import tasks
from runners.fields import Unfit
from runners.packages import Packages
from runners.tasks.shell import Commands
from service import discovery
from service.flows.catalogue import Catalogue
from service.flows.reading import read_flow
from tests.support.packages import TASK, greeting, install

_numbers = count()
HELLO = "com.example.Hello"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages that is on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.fixture
def module() -> str:
    """A name that no other test has imported."""
    return f"hello_{next(_numbers)}"


def reason(name: str) -> str:
    with pytest.raises(Unfit) as found:
        Packages().find(name)
    return str(found.value)


def catalogue() -> Catalogue:
    return Catalogue(discovery.index(), discovery.load, Packages())


def problems(type: str) -> list[str]:
    text = f"id: f\nnamespace: n\ntasks:\n  - {{id: a, type: {type}}}\n"
    return [f"{problem.code} {problem.message}" for problem in read_flow(text.encode(), "f.yml", catalogue()).problems]


def test_a_package_adds_a_type_with_its_old_names(site, module):
    greeting(site, HELLO, module=module)
    packages = Packages()
    assert packages.names() == (HELLO, f"{HELLO}Old")
    assert packages.package(HELLO) == "headgate-hello==1.0"
    assert packages.find(HELLO) is packages.find(f"{HELLO}Old")
    assert packages.find(HELLO).TYPE == HELLO
    assert problems(HELLO) == []
    assert problems(f"{HELLO}Old") == [f"HG-0222 `{HELLO}Old` is an old name of `{HELLO}`"]


def test_what_nobody_offers_is_not_there(site):
    assert Packages().find(HELLO) is None
    assert Packages().package(HELLO) is None
    assert problems(HELLO) == [f"HG-0220 unknown task type `{HELLO}`"]


def test_nothing_of_a_package_is_imported_before_a_flow_has_its_type(site, module):
    greeting(site, HELLO, module=module)
    found = catalogue()
    assert found.find("io.kestra.plugin.core.log.Log") is not None
    assert found.nearest("com.example.Helo", "task") == HELLO
    assert module not in sys.modules
    assert found.find(HELLO) is not None
    assert module in sys.modules


def test_a_type_of_ours_stays_ours(site, module):
    ours = "io.kestra.plugin.scripts.shell.Commands"
    greeting(site, ours, module=module)
    assert tasks.find(ours) is Commands
    assert catalogue().find(ours).cls is Commands
    assert catalogue().package(ours) is None
    assert catalogue().problems()[0] == f"the type `{ours}` of the package `headgate-hello==1.0` is not used: Headgate has one of this name"
    assert "stands for `io.kestra.plugin.scripts.shell.Commands`, which is Headgate's own" in problems(f"{ours}Old")[0]


def test_of_two_packages_with_one_name_neither_is_used(site, module):
    greeting(site, HELLO, module=module)
    greeting(site, HELLO, "headgate-other", f"{module}_other")
    assert reason(HELLO) == f"the type `{HELLO}` is offered by the packages `headgate-hello` and `headgate-other`: uninstall one" or reason(HELLO) == (
        f"the type `{HELLO}` is offered by the packages `headgate-other` and `headgate-hello`: uninstall one"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def (", "SyntaxError: invalid syntax"),
        ("", "has no task of this TYPE"),
        (TASK.format(type="com.example.Another"), "has no task of this TYPE"),
        (TASK.format(type=HELLO).replace("RunnerTask)", "Typed)").replace("import Dynamic", "import Typed, Dynamic"), "is no `runners.task.RunnerTask`"),
        (TASK.format(type=HELLO).replace('    """Says hello."""\n', ""), "the class `Hello` has no docstring"),
        (TASK.format(type=HELLO).replace(', description="Who is greeted."', ""), "the field `whom` has no description"),
    ],
)
def test_a_package_that_is_broken_says_why_and_takes_no_other_with_it(site, module, text, why):
    install(site, "headgate-broken", {HELLO: module}, {module: text}, "0.3")
    greeting(site, "com.example.Good", module=f"{module}_good")
    assert reason(HELLO).startswith(f"the type `{HELLO}` of the package `headgate-broken` 0.3 can't be used: ")
    assert why in reason(HELLO)
    found = catalogue()
    assert found.find("com.example.Good") is not None
    assert [name for name in found.names("task") if name.startswith("com.example.")] == ["com.example.Good"]
    (problem,) = problems(HELLO)
    assert why in problem


def test_a_name_that_is_no_type_is_refused(site, module):
    install(site, "headgate-odd", {"hello": module}, {module: TASK.format(type="hello")})
    assert "not the name of a type" in reason("hello")


def test_an_old_name_needs_its_new_one(site, module):
    install(site, "headgate-odd", {f"{HELLO}Old": module}, {module: TASK.format(type=HELLO)})
    assert f"an old name of `{HELLO}`, which the package does not offer" in reason(f"{HELLO}Old")
