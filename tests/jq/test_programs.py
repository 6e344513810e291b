"""jq programs in processes of their own: what they answer, and what they can't do to us."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from service.expressions.errors import Refused
from service.jq.programs import Programs


@pytest.fixture(scope="module")
def shared() -> Iterator[Programs]:
    with closing(Programs()) as programs:
        yield programs


@pytest.fixture
def own() -> Iterator[Programs]:
    with closing(Programs()) as programs:
        yield programs


def results(programs: Programs, program: str, text: str = "null") -> list[str]:
    return programs(program, text, 1.0)[0]


@pytest.mark.parametrize(
    ("program", "text", "wanted"),
    [
        (".", "1.0", ["1.0"]),
        (".", "1", ["1"]),
        (".", "100000000000000000000000", ["100000000000000000000000"]),
        (".[] + 1", "[1.0, 1.5, -1]", ["2", "2.5", "0"]),
        (".a, .b", '{"a": "é", "b": null}', ['"é"', "null"]),
        ("empty", "1", []),
        ("", "[1]", ["[1]"]),
        (". # the end", "1", ["1"]),
        ("def twice: . * 2; map(twice)", "[1,2]", ["[2,4]"]),
        ("1 as $x | $x, 2", "null", ["1", "2"]),
        ("keys", '{"b":1,"a":2}', ['["a","b"]']),
        ("{b, a}", '{"a":1,"b":2}', ['{"b":2,"a":1}']),
        ("env, $ENV", "null", ["{}", "{}"]),
        ("$__loc__.line, input_filename", "null", ["1", "null"]),
        ("get_search_list", "null", ["[]"]),
        ("localtime | mktime", "0", ["0"]),
        # What newer versions changed.
        ('ltrimstr(1), rtrimstr("b")', '"ab"', ['"ab"', '"a"']),
        ("limit(-1; 1, 2), limit(0; 3), limit(1; 4, 5)", "null", ["1", "2", "4"]),
        ("last(empty), last(1, 2), first(1, 2)", "null", ["null", "2", "1"]),
        ("[leaf_paths]", '{"a":[1]}', ['[["a",0]]']),
        ("ascii", "65", ['"A"']),
    ],
)
def test_a_program_gives_all_its_results(shared: Programs, program: str, text: str, wanted: list[str]) -> None:
    assert results(shared, program, text) == wanted


@pytest.mark.parametrize(
    ("program", "text", "message"),
    [
        (".a", "1", r'the jq program failed: Cannot index number with string \("a"\)'),
        ('1, error("no")', "1", "the jq program failed: no"),
        ("error({a: 1})", "1", 'the jq program failed: {"a": 1}'),
        ("foo", "1", "the jq program is wrong: foo/0 is not defined at line 1, column 1"),
        (".a\n| foo", "1", "the jq program is wrong: foo/0 is not defined at line 2, column 3"),
        (". |", "1", "syntax error, unexpected end of file at line 1, column 3"),
        ("1) | (2", "1", "syntax error, unexpected .* at line 1, column 2"),
        ("def f: 1;", "1", "Top-level program not given"),
        ('import "a" as a; .', "1", "unexpected import"),
        ('include "a"; .', "1", "unexpected include"),
        ("input", "1", "`input` is not available here"),
        ("[inputs]", "1", "`inputs` is not available here"),
        ("halt", "1", "`halt` is not available here"),
        ("halt_error", '"x"', "`halt_error` is not available here"),
        ("halt_error(1)", '"x"', "`halt_error` is not available here"),
        ("modulemeta", '"/etc/os-release"', "module not found"),
        ("range(1e6)", "1", "more than 100,000 results"),
        ('range(10) | "x" * 1e6', "1", "more than 4,194,304 characters|too much memory|longer than"),
        ("[range(1e9)]", "1", "longer than 1 s|too much memory"),
        ('"x" * 1e9', "1", "too much memory"),
        ("def f: f; f", "1", "longer than 1 s"),
        ("def f: [f]; f", "1", "longer than 1 s|too much memory"),
        ("def f: 1 + f; f", "1", "longer than 1 s|too much memory"),
        ("reduce range(1e7) as $i (0; [.])", "1", "longer than 1 s|too much memory"),
        ('test("(a+)+$")', '"' + "a" * 40 + 'b"', "longer than 1 s|retry-limit"),
        ("[" * 20_000 + "]" * 20_000, "1", "wrong|too much memory|longer"),
    ],
)
def test_what_is_wrong_with_a_program_is_said_in_time(shared: Programs, program: str, text: str, message: str) -> None:
    begun = time.monotonic()
    with pytest.raises(Refused, match=message):
        results(shared, program, text)
    assert time.monotonic() - begun < 10
    assert results(shared, ". + 1", "1") == ["2"]


def test_a_process_can_open_no_file(own: Programs) -> None:
    results(own, ".", "1")
    (pid,) = own.processes()
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert [line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files")] == [["3", "3"]]


def test_a_process_that_was_killed_between_calls_is_replaced(own: Programs) -> None:
    results(own, ".", "1")
    (before,) = own.processes()
    os.kill(before, signal.SIGKILL)
    assert results(own, ". + 1", "1") == ["2"]
    assert own.processes() != [before]


def test_a_process_that_has_used_much_memory_is_not_asked_again() -> None:
    with closing(Programs(memory=96 << 20, longest=20.0)) as programs:
        results(programs, ".", "1")
        (before,) = programs.processes()
        for _ in range(20):
            results(programs, ".", "1")
        assert programs.processes() == [before]
        assert programs("length", f"[{'1,' * 500_000}1]", 20.0)[0] == ["500001"]
        assert results(programs, ". + 1", "1") == ["2"]
        assert programs.processes() != [before]


def test_nothing_is_started_before_the_first_call_and_nothing_is_left(own: Programs) -> None:
    assert own.processes() == []
    results(own, ".", "1")
    (pid,) = own.processes()
    own.close()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(Refused, match="the service is ending"):
        results(own, ".", "1")


def test_a_process_ends_when_its_pipe_does(own: Programs) -> None:
    results(own, ".", "1")
    (pid,) = own.processes()
    # What happens to its end of the pipe when the service is killed.
    own._free[0]._child.stdin.close()
    assert own._free[0]._child.wait(10) == 0, pid


def test_closing_ends_what_is_at_work(own: Programs) -> None:
    threading.Timer(0.5, own.close).start()
    begun = time.monotonic()
    with pytest.raises(Refused):
        own("def f: f; f", "null", 60.0)
    assert time.monotonic() - begun < 5


def test_many_threads_get_their_own_answers(own: Programs) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: results(own, ". * 2", str(number)), range(200)))
    assert answers == [[str(2 * number)] for number in range(200)]
    assert len(own.processes()) <= 2


def test_slow_programs_hold_nobody_up_for_longer_than_their_limit() -> None:
    def slow() -> None:
        with pytest.raises(Refused, match="longer than"):
            programs("def f: f; f", "null", 1.0)

    with closing(Programs(longest=0.5)) as programs, ThreadPoolExecutor(2) as pool:
        results(programs, ".", "1")
        running = [pool.submit(slow) for _ in range(2)]
        while len(programs.processes()) < 2:
            time.sleep(0.01)
        begun = time.monotonic()
        assert results(programs, ". + 1", "1") == ["2"]
        assert time.monotonic() - begun < 0.5 + 2.0  # a busy machine starts a process slowly
        for each in running:
            each.result()


def test_who_asks_again_stands_behind_those_who_wait() -> None:
    answered: list[str] = []

    def ask(name: str) -> None:
        results(programs, ".", "1")
        answered.append(name)

    def slow() -> None:
        with pytest.raises(Refused, match="longer than"):
            programs("def f: f; f", "null", 1.0)
        ask("slow")

    with closing(Programs(size=1, longest=0.7)) as programs, ThreadPoolExecutor(5) as pool:
        results(programs, ".", "1")
        running = [pool.submit(slow)]
        for name in ("a", "b", "c"):
            time.sleep(0.1)
            running.append(pool.submit(ask, name))
        for each in running:
            each.result()
    assert answered == ["a", "b", "c", "slow"]
