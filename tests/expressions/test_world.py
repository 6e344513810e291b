"""Functions that reach the world: what each gives for which arguments, and what it refuses."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, NoReturn

import pytest

from service.expressions import ExpressionError, Expressions, Ports
from service.expressions.errors import Refused
from service.expressions.ports import FlowAnswer, FlowCall, HttpAnswer, HttpCall

Typed = Callable[..., Any]

SECRETS = {"TOKEN": "s3cr3t", "JSON": '{"user": "admin", "port": 5432, "on": true, "none": null, "list": ["one", {"two": "deep"}]}', "EMPTY": ""}
KEYS: Mapping[tuple[str | None, str], Any] = {
    (None, "text"): "x",
    (None, "n"): 7,
    (None, "half"): 0.5,
    (None, "yes"): True,
    (None, "null"): None,
    (None, "day"): date(2024, 3, 5),
    (None, "long"): timedelta(hours=1),
    (None, "map"): {"a": [1]},
    ("other", "text"): "y",
}
FILES = {"a.txt": "content", "empty": "", "nsfile:///a.txt": "content"}


def run(template: str, scope: Mapping[str, Any] | None = None, **ports: Any) -> Any:
    """A template with types, in a world of these ports."""
    world: dict[str, Any] = {
        "secret": lambda key, _namespace: SECRETS[key],
        "kv": lambda key, namespace: KEYS[namespace, key],
        "read": lambda path, *_: FILES[path],
        "file_size": lambda path, *_: len(FILES[path]) if path in FILES else None,
        "file_uri": lambda path, *_: f"kestra:///t/_files/{path}",
    }
    return Expressions().typed(template, scope or {}, Ports(now=lambda: datetime(2024, 3, 5, tzinfo=UTC), **(world | ports)))


def refusal(template: str, scope: Mapping[str, Any] | None = None, **ports: Any) -> str:
    """What a template is refused with."""
    with pytest.raises(ExpressionError) as caught:
        run(template, scope, **ports)
    return caught.value.message


VALUES: Mapping[str, list[tuple[str, Any]]] = {
    "secret": [
        ("{{ secret('TOKEN') }}", "s3cr3t"),
        ("{{ secret(key='TOKEN') }}", "s3cr3t"),
        ("{{ secret('EMPTY') }}", ""),
        ("{{ secret('TOKEN', 'other.space') }}", "s3cr3t"),
        ("{{ secret('JSON', subkey='user') }}", "admin"),
        ("{{ secret('JSON', null, 'port') }}", "5432"),
        ("{{ secret('JSON', subkey='on') }}", "true"),
        ("{{ secret('JSON', subkey='none') }}", "null"),
        ("{{ secret('JSON', subkey='list') }}", '["one",{"two":"deep"}]'),
        ("{{ secret('TOKEN', subkey='') }}", "s3cr3t"),
        ("{{ secret('TOKEN', full=true) }}", {"value": "s3cr3t", "metadata": {}}),
        ("{{ secret('TOKEN', full=false) }}", "s3cr3t"),
        ("{{ secret('JSON', subkey='user', full=true).value }}", "admin"),
    ],
    "kv": [
        ("{{ kv('text') }}", "x"),
        ("{{ kv('text', 'other') }}", "y"),
        ("{{ kv('text', namespace='other') }}", "y"),
        ("{{ kv('n') + 1 }}", 8),
        ("{{ kv('half') }}", 0.5),
        ("{{ kv('yes') }}", True),
        ("{{ kv('null') }}", None),
        ("{{ kv('null') ?? 'none' }}", "none"),
        ("{{ kv('map').a[0] }}", 1),
        ("{{ kv('day') | date('yyyy') }}", "2024"),
        ("{{ kv('nothing', errorOnMissing=false) }}", None),
        ("{{ kv('nothing', null, false) ?? 'none' }}", "none"),
        ("{{ kv('n', errorOnMissing=false) }}", 7),
    ],
    "files": [
        ("{{ read('a.txt') }}", "content"),
        ("{{ read('nsfile:///a.txt') | length }}", 7),
        ("{{ read('empty') }}", ""),
        ("{{ fileExists('a.txt') }}", True),
        ("{{ fileExists('no') }}", False),
        ("{{ fileSize('a.txt') }}", 7),
        ("{{ fileSize('empty') }}", 0),
        ("{{ isFileEmpty('empty') }}", True),
        ("{{ fileEmpty('a.txt') }}", False),
        ("{{ fileURI('a.txt') }}", "kestra:///t/_files/a.txt"),
    ],
}


@pytest.mark.parametrize(("template", "wanted"), [pytest.param(*pair, id=pair[0]) for pairs in VALUES.values() for pair in pairs])
def test_a_function_gives(template: str, wanted: Any) -> None:
    found = run(template)
    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ secret('MISSING') }}", "the secret `MISSING` is not available"),
        ("{{ secret('MISSING', subkey='a') }}", "the secret `MISSING` is not available"),
        ("{{ secret('TOKEN', subkey='a') }}", "the secret `TOKEN` has no key `a`"),
        ("{{ secret('JSON', subkey='a') }}", "the secret `JSON` has no key `a`"),
        ("{{ secret(1) }}", "`secret` takes text, not a number"),
        ("{{ secret(null) }}", "`secret` takes text, not null"),
        ("{{ secret('TOKEN', 1) }}", "`secret` takes text, not a number"),
        ("{{ credential('crm') }}", "`credential()` belongs to Kestra's enterprise edition; there is nothing behind it here"),
        ("{{ assets() }}", "`assets()` belongs to Kestra's enterprise edition; there is nothing behind it here"),
        ("{{ appLink('x') }}", "`appLink()` belongs to Kestra's enterprise edition; there is nothing behind it here"),
        ("{{ kv('no') }}", "there is no key `no` in this namespace or one above it; `kv('no', errorOnMissing=false)` gives null then"),
        ("{{ kv('no', 'other') }}", "there is no key `no` in the namespace `other`; `kv('no', errorOnMissing=false)` gives null then"),
        ("{{ kv('no', errorOnMissing=null) }}", "there is no key `no` in this namespace or one above it; `kv('no', errorOnMissing=false)` gives null then"),
        ("{{ kv(1) }}", "`kv` takes text, not a number"),
        ("{{ read(1) }}", "`read` takes text, not a number"),
        ("{{ read(null) }}", "`read` takes text, not null"),
        ("{{ read('a.txt', revision=2) }}", "`read` takes a commit as its revision, not a number: the files of a namespace are those of a commit"),
        ("{{ fileSize('no') }}", "there is no file `no`"),
        ("{{ isFileEmpty('no') }}", "there is no file `no`"),
        ("{{ fileExists([]) }}", "`fileExists` takes text, not a list"),
        ("{{ errorLogs() }}", "`errorLogs()` is not available here"),
    ],
)
def test_a_function_refuses(template: str, message: str) -> None:
    assert refusal(template) == message


def test_no_message_holds_a_secret() -> None:
    for template in ("{{ secret('TOKEN', subkey='x') }}", "{{ secret('JSON', subkey='x') }}", "{{ secret('TOKEN').a }}"):
        message = refusal(template)
        assert "s3cr3t" not in message, template
        assert "admin" not in message, template


def test_every_part_of_a_secret_is_told_to_the_masking() -> None:
    hidden: list[str] = []
    run("{{ secret('JSON', subkey='list') }}{{ secret('JSON', subkey='port') }}{{ secret('JSON', subkey='user') }}", hide=hidden.append)
    assert hidden == ['["one",{"two":"deep"}]', "one", "deep", "5432", "admin", "admin"]


# --- loops

PARENTS = [{"taskrun": {"value": "i"}, "outputs": {"n": 1}}, {"outputs": {"x": 1}}, {"taskrun": {"value": "o"}}]
ROUNDS = {
    "outputs": {
        "t": {"o": {"i": {"a": {"value": "A"}, "b": {"value": "B"}}}},
        "flat": {"a": {"value": "FA"}, "b": {"value": "FB"}, "c": {"other": 1}},
    },
    "taskrun": {"value": "b", "iteration": 1},
    "task": {"id": "t"},
}
FIRST = {**ROUNDS, "taskrun": {"iteration": 0}}
NESTED = {**ROUNDS, "parents": PARENTS}
LOOP = {"list": [{"item": {"value": "x"}, "outputs": {"n": 1, "m": None}}, {"outputs": {}}, {"outputs": None}, {}, 3, {"outputs": {"n": [2]}}]}


@pytest.mark.parametrize(
    ("template", "scope", "wanted"),
    [
        ("{{ currentEachOutput(outputs.flat) }}", ROUNDS, {"value": "FB"}),
        ("{{ currentEachOutput(outputs=outputs.flat).value }}", ROUNDS, "FB"),
        ("{{ currentOutput(outputs.flat).value }}", ROUNDS, "FB"),
        ("{{ currentEachOutput(outputs.t).value }}", NESTED, "B"),
        ("{{ currentEachOutput({'a': 1}) }}", ROUNDS, None),
        ("{{ currentEachOutput({'o': {'i': {}}}) }}", NESTED, None),
        ("{{ iterationOutput('flat', 0) }}", ROUNDS, "FA"),
        ("{{ iterationOutput('flat') }}", ROUNDS, "FA"),
        ("{{ iterationOutput('flat', '1') }}", ROUNDS, "FB"),
        ("{{ iterationOutput('flat', 2) }}", ROUNDS, None),
        ("{{ iterationOutput('nothing', 0) }}", ROUNDS, None),
        ("{{ iterationOutput() }}", NESTED, "A"),
        ("{{ iterationOutput(taskId='t', iteration=1) }}", NESTED, "B"),
        ("{{ loopOutputs(list, 'n') }}", LOOP, [1, None, None, None, None, [2]]),
        ("{{ loopOutputs(outputs=list, name='m') }}", LOOP, [None] * 6),
        ("{{ loopOutputs([], 'n') }}", LOOP, []),
    ],
)
def test_what_loops_gave_is_found(template: str, scope: Mapping[str, Any], wanted: Any) -> None:
    assert run(template, scope) == wanted


@pytest.mark.parametrize(
    ("template", "scope", "message"),
    [
        ("{{ currentEachOutput('x') }}", ROUNDS, "`currentEachOutput` takes the outputs of a task, as in `currentEachOutput(outputs.task)`, not text"),
        ("{{ currentEachOutput(null) }}", ROUNDS, "`currentEachOutput` takes the outputs of a task, as in `currentEachOutput(outputs.task)`, not null"),
        ("{{ currentEachOutput({}) }}", {}, "`currentEachOutput` works inside of a loop: here is no `taskrun`"),
        ("{{ currentEachOutput(outputs.flat) }}", NESTED, "there are no outputs for the present round of the loops around"),
        ("{{ iterationOutput('flat', 3) }}", ROUNDS, "`iterationOutput`: there is no round 3 of `flat`; it has 3 so far, counted from 0"),
        (
            "{{ iterationOutput('flat') }}",
            FIRST,
            "`iterationOutput`: there is no round -1 of `flat`; it has 3 so far, counted from 0",
        ),
        ("{{ iterationOutput('flat', 'x') }}", ROUNDS, "`iterationOutput` takes a whole number of 0 or more, not text"),
        ("{{ iterationOutput('flat') }}", {"taskrun": {}}, "`iterationOutput` works inside of a loop: here is no `taskrun.iteration`"),
        ("{{ loopOutputs(null, 'n') }}", LOOP, "`loopOutputs` takes a list, not null"),
        ("{{ loopOutputs(list, null) }}", LOOP, "`loopOutputs` takes text, not null"),
        (
            "{{ loopOutputs({'uri': 'kestra:///x'}, 'n') }}",
            LOOP,
            "these outputs are stored in a file, `outputs.uri`: set `fetchType: FETCH` on the loop to have them here",
        ),
    ],
)
def test_what_loops_did_not_give_is_told(template: str, scope: Mapping[str, Any], message: str) -> None:
    assert refusal(template, scope) == message


# --- states, errors, all variables

STATES = {
    "a": {"state": "SUCCESS"},
    "b": {"state": "FAILED"},
    "each": {"1": {"state": "FAILED"}, "2": {"state": "SUCCESS"}},
    "deep": {"o": {"i": {"state": "FAILED"}}},
    "odd": {"state": {"state": "FAILED"}},
}


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (
            "FAILED",
            [
                {"taskId": "b", "state": "FAILED"},
                {"taskId": "each", "state": "FAILED", "value": "1"},
                {"taskId": "deep", "state": "FAILED", "value": "i"},
                {"taskId": "odd", "state": "FAILED", "value": "state"},
            ],
        ),
        ("success", [{"taskId": "a", "state": "SUCCESS"}, {"taskId": "each", "state": "SUCCESS", "value": "2"}]),
        ("KILLED", []),
        ("nonsense", []),
    ],
)
def test_tasks_are_found_by_state(state: str, wanted: list[Mapping[str, Any]]) -> None:
    assert run(f"{{{{ tasksWithState('{state}') }}}}", {"tasks": STATES}) == wanted


def test_tasks_with_a_state_need_text_and_may_be_none() -> None:
    assert run("{{ tasksWithState('FAILED') }}") == []
    assert refusal("{{ tasksWithState(null) }}") == "`tasksWithState` takes text, not null"


def test_error_logs_are_a_list_to_go_over() -> None:
    entries = [{"message": "one", "taskId": "a"}, {"message": "two"}]
    found = run("{% for each in errorLogs() %}{{ each.taskId ?? '-' }}: {{ each.message }};{% endfor %}", error_logs=lambda: entries)
    assert found == "a: one;-: two;"


def test_the_context_is_all_variables_with_what_is_secret_masked() -> None:
    scope = {"inputs": {"a": "s3cr3t text"}, "flow": {"id": "f"}}

    def masked(value: Any) -> Any:
        return {name: {key: str(held).replace("s3cr3t", "******") for key, held in values.items()} for name, values in value.items()}

    assert run("{{ fetchContext() }}", scope, masked=masked) == {"inputs": {"a": "****** text"}, "flow": {"id": "f"}}
    assert run("{{ printContext() }}", scope, masked=masked) == '{"inputs":{"a":"****** text"},"flow":{"id":"f"}}'
    assert run("{{ fetchContext() }}") == {}


class Sometimes(Mapping[str, Any]):
    """Variables of which one turns out not to be there."""

    def __getitem__(self, name: str) -> Any:
        if name == "parent":
            raise KeyError(name)
        return {"inputs": {"a": 1}}[name]

    def __iter__(self) -> Iterator[str]:
        return iter(("inputs", "parent"))

    def __len__(self) -> int:
        return 2


def test_the_context_leaves_out_what_is_not_there() -> None:
    assert run("{{ fetchContext() }}", Sometimes()) == {"inputs": {"a": 1}}


# --- http

CALLS = [
    ("{{ http('http://x/a') }}", HttpCall("GET", "http://x/a", {"accept": "application/json"})),
    ("{{ http(uri='http://x', method='delete') }}", HttpCall("DELETE", "http://x", {"accept": "application/json"})),
    ("{{ http('http://x?a=1#f', query={'b': 'ü &', 'c': [1, true], 'd': null}) }}", "http://x?a=1&b=%C3%BC%20%26&c=1&c=true&d=#f"),
    ("{{ http('http://x', query={}) }}", "http://x"),
    (
        "{{ http('http://x', 'POST', body={'a': [1, null]}) }}",
        HttpCall("POST", "http://x", {"accept": "application/json", "content-type": "application/json"}, '{"a":[1,null]}'),
    ),
    (
        "{{ http('http://x', 'POST', body='as it is') }}",
        HttpCall("POST", "http://x", {"accept": "application/json", "content-type": "application/json"}, "as it is"),
    ),
    (
        "{{ http('http://x', 'POST', body={'a': 'b c', 'd': [1, 2]}, contentType='application/x-www-form-urlencoded') }}",
        HttpCall("POST", "http://x", {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}, "a=b+c&d=1&d=2"),
    ),
    (
        "{{ http('http://x', headers={'X-A': 'b', 'Accept': 'text/csv'}) }}",
        HttpCall("GET", "http://x", {"x-a": "b", "accept": "text/csv"}),
    ),
    ("{{ http('http://x', headers={'Accept': 'text/csv'}, accept='text/html') }}", HttpCall("GET", "http://x", {"accept": "text/html"})),
    (
        "{{ http('http://x', options={'auth': {'type': 'basic', 'username': 'u', 'password': 'p'}, 'followRedirects': false}) }}",
        HttpCall("GET", "http://x", {"authorization": "Basic dTpw", "accept": "application/json"}, None, follow=False),
    ),
    (
        "{{ http('http://x', options={'auth': {'type': 'BEARER', 'token': 't'}}) }}",
        HttpCall("GET", "http://x", {"authorization": "Bearer t", "accept": "application/json"}),
    ),
]


@pytest.mark.parametrize(("template", "wanted"), [pytest.param(*pair, id=pair[0]) for pair in CALLS])
def test_a_call_is_what_was_asked_for(template: str, wanted: HttpCall | str) -> None:
    calls: list[HttpCall] = []

    def answer(call: HttpCall) -> HttpAnswer:
        calls.append(call)
        return HttpAnswer(200, "text/plain", "ok")

    assert run(template, http=answer) == "ok"
    assert calls == [wanted] if isinstance(wanted, HttpCall) else [call.url for call in calls] == [wanted]


@pytest.mark.parametrize(
    ("type", "body", "wanted"),
    [
        ("application/json", '{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        ("application/problem+json", "[true]", [True]),
        ("application/json", '"text"', "text"),
        ("application/json", "", None),
        ("text/plain", '{"a": 1}', '{"a": 1}'),
        ("", "bare", "bare"),
        ("text/html", "<p>", "<p>"),
    ],
)
def test_an_answer_is_read_by_its_type(type: str, body: str, wanted: Any) -> None:
    assert run("{{ http('http://x') }}", http=lambda _: HttpAnswer(200, type, body)) == wanted


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ http('ftp://x') }}", "`ftp://x` is not the address of a web page: http:// or https://, a host, and no user in it"),
        ("{{ http('http://u:p@x') }}", "`http://u:p@x` is not the address of a web page: http:// or https://, a host, and no user in it"),
        ("{{ http('http:///x') }}", "`http:///x` is not the address of a web page: http:// or https://, a host, and no user in it"),
        ("{{ http('http://[') }}", "`http://[` is not the address of a web page: http:// or https://, a host, and no user in it"),
        ("{{ http('') }}", "`` is not the address of a web page: http:// or https://, a host, and no user in it"),
        ("{{ http(1) }}", "`http` takes text, not a number"),
        ("{{ http('http://x', 'TRACE') }}", "`http` knows the methods GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS, not `TRACE`"),
        ("{{ http('http://x', query='a=1') }}", "`query` of `http` is a map, not text"),
        ("{{ http('http://x', headers=[1]) }}", "`headers` of `http` is a map, not a list"),
        ("{{ http('http://x', options={'proxy': 1}) }}", "`http` knows the options allowFailed, auth, followRedirects, not `proxy`"),
        ("{{ http('http://x', options='x') }}", "`options` of `http` is a map, not text"),
        (
            "{{ http('http://x', options={'auth': {'type': 'DIGEST'}}) }}",
            "`auth` of `http` is a map: `type` BASIC with `username` and `password`, or BEARER with `token`",
        ),
        (
            "{{ http('http://x', 'POST', body={'a': 1}, contentType='multipart/form-data') }}",
            "`http` sends no multipart bodies: use a task for that (io.kestra.plugin.core.http.Request)",
        ),
        ("{{ http('http://x/404') }}", "x answers 404: no such page"),
        ("{{ http('http://x/bad') }}", "the answer says that it is JSON, and is not"),
    ],
)
def test_a_call_is_refused(template: str, message: str) -> None:
    answers = {"http://x/404": HttpAnswer(404, "text/plain", "no such\npage\n"), "http://x/bad": HttpAnswer(200, "application/json", "{")}
    assert refusal(template, http=lambda call: answers[call.url]) == message


def test_a_failed_call_may_be_allowed() -> None:
    found = run("{{ http('http://x', options={'allowFailed': true}).detail }}", http=lambda _: HttpAnswer(404, "application/json", '{"detail": "no"}'))
    assert found == "no"


def test_http_says_where_it_works() -> None:
    assert refusal("{{ http('http://x') }}").startswith("`http()` waits for another server, so it works where a job is made ready for a runner")


# --- subflow


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("'t', 'f'", FlowCall("t", "f", {}, {})),
        ("id='f', namespace='t', inputs=null, labels=null, revision=null, timeout=null", FlowCall("t", "f", {}, {})),
        ("'t', 'f', {'a': [1, null], 2: true}", FlowCall("t", "f", {"a": [1, None], "2": True}, {})),
        ("'t', 'f', {}, 3, {'a': 1, 'b': null, 'c': true}, 'PT1M'", FlowCall("t", "f", {}, {"a": "1", "c": "true"}, 3, "PT1M")),
        ("'t', 'f', revision='12', labels=[{'key': 'a', 'value': 'b'}, {'key': 'c'}], timeout=1.5", FlowCall("t", "f", {}, {"a": "b"}, 12, 1.5)),
        ("'t', 'f', timeout=kv('long')", FlowCall("t", "f", {}, {}, None, timedelta(hours=1))),
    ],
)
def test_a_flow_is_called_as_it_is_asked_for(arguments: str, wanted: FlowCall) -> None:
    calls: list[FlowCall] = []

    def answer(call: FlowCall) -> FlowAnswer:
        calls.append(call)
        return FlowAnswer("1", "WARNING", {"n": [1]}, {"team": "data"})

    assert run(f"{{{{ subflow({arguments}) }}}}", subflow=answer) == {"id": "1", "state": "WARNING", "outputs": {"n": [1]}, "labels": {"team": "data"}}
    assert calls == [wanted]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("1, 'f'", "`subflow` takes text, not a number"),
        ("'t', null", "`subflow` takes text, not null"),
        ("'t', 'f', [1]", "`inputs` of `subflow` is a map, not a list"),
        ("'t', 'f', revision=0", "`revision` of `subflow` is a whole number from 1, not 0"),
        ("'t', 'f', revision='new'", "`revision` of `subflow` is a whole number from 1, not text"),
        ("'t', 'f', revision=1.5", "`revision` of `subflow` is a whole number from 1, not a number"),
        ("'t', 'f', labels='a:b'", "`labels` of `subflow` are a map, or a list of `{key, value}`"),
        ("'t', 'f', labels=[1]", "`labels` of `subflow` are a map, or a list of `{key, value}`"),
        ("'t', 'f', timeout=true", "`timeout` of `subflow` is a duration such as PT30S, or a number of seconds, not a boolean"),
    ],
)
def test_what_is_no_call_of_a_flow_is_refused(arguments: str, message: str) -> None:
    assert refusal(f"{{{{ subflow({arguments}) }}}}", subflow=lambda _: FlowAnswer("", "", {}, {})) == message


def test_subflow_says_where_it_works() -> None:
    assert refusal("{{ subflow('t', 'f') }}").startswith(
        "`subflow()` waits for the end of another flow, so it works only in the inputs of a flow that somebody"
    )


# --- people who are not trusted

OUTWARD = (
    "kv('a')",
    "kv('a', errorOnMissing=false)",
    "read('a')",
    "fileURI('a')",
    "fileExists('a')",
    "fileSize('a')",
    "isFileEmpty('a')",
    "http('http://x')",
    "subflow('t', 'f')",
    "errorLogs()",
    "credential('a')",
    "assets()",
    "appLink('a')",
    "env('region')",
    "env('region', 'default')",
)


@pytest.mark.parametrize("call", OUTWARD)
def test_nothing_is_reached_for_people_who_are_not_trusted(call: str) -> None:
    sealed = Ports.sealed("not for you", now=lambda: datetime(2024, 3, 5, tzinfo=UTC))
    with pytest.raises(ExpressionError) as caught:
        Expressions().typed(f"{{{{ {call} ?? 'x' }}}}", {}, sealed)
    assert caught.value.message == "not for you"


def test_a_secret_is_missing_in_the_same_words_for_everybody() -> None:
    def denied(key: str, _namespace: str | None) -> NoReturn:
        raise KeyError(key)

    open_ = Ports(now=lambda: datetime(2024, 3, 5, tzinfo=UTC), secret=denied)
    words = set()
    for ports in (open_, Ports.sealed("not for you", now=open_.now), replace(open_, secret=lambda key, _: SECRETS[key])):
        with pytest.raises(ExpressionError) as caught:
            Expressions().typed("{{ secret('A') }}", {}, ports)
        words.add(caught.value.message)
    assert words == {"the secret `A` is not available"}


def test_what_a_port_refuses_has_its_place() -> None:
    def read(*_: Any) -> NoReturn:
        raise Refused("no such file")

    with pytest.raises(ExpressionError) as caught:
        run("line\n  {{ 1 }} {{ read('a') }}", read=read)
    assert (caught.value.message, caught.value.line, caught.value.column) == ("no such file", 2, 14)


def test_arguments_may_have_the_names_that_the_engine_uses_itself() -> None:
    assert run("{{ env(name='region', default='none') }}", envs={"region": "eu"}) == "eu"


@pytest.mark.parametrize("call", ["read('empty')", "fileExists('no')", "fileURI('a.txt')", "kv('n')", "errorLogs()", "http('http://x')", "subflow('t', 'f')"])
def test_a_loop_can_not_keep_the_world_busy(call: str) -> None:
    calls = count()

    def counted(result: Any) -> Callable[..., Any]:
        return lambda *_: (next(calls), result)[1]

    answers: dict[str, Any] = {
        "read": "",
        "file_size": None,
        "file_uri": "",
        "kv": 1,
        "error_logs": [],
        "http": HttpAnswer(200, "", ""),
        "subflow": FlowAnswer("", "", {}, {}),
    }
    message = refusal(f"{{% for each in 1..99999 %}}{{{{ {call} }}}}{{% endfor %}}", None, **{name: counted(answer) for name, answer in answers.items()})
    assert message.startswith("this template needs too much work")
    assert next(calls) <= 2_000


@pytest.mark.parametrize(
    "call",
    [
        "fetchContext()",
        "printContext()",
        "tasksWithState('FAILED')",
        "iterationOutput('many', 1)",
        "currentEachOutput(outputs.many)",
        "loopOutputs(list, 'n')",
        "secret('LARGE', subkey='a')",
        "http('http://x', query=outputs.many)",
        "subflow('t', 'f', inputs=outputs.many)",
        "subflow('t', 'f', labels=outputs.many)",
        "subflow('t', 'f').outputs",
    ],
)
def test_large_values_can_not_be_looked_at_for_ever(call: str) -> None:
    many = {str(number): {"value": number, "state": "FAILED"} for number in range(10_000)}
    scope = {"outputs": {"many": many}, "tasks": {"each": many}, "taskrun": {"value": "7", "iteration": 3}, "list": [{"outputs": {"n": 1}}] * 10_000}
    ports = {
        "secret": lambda *_: f'{{"a": 1, "b": "{"x" * 500_000}"}}',
        "http": lambda _: HttpAnswer(200, "", ""),
        "subflow": lambda _: FlowAnswer("", "", many, {}),
        "masked": copy.deepcopy,
    }
    begun = time.process_time()
    message = refusal(f"{{% for each in 1..99999 %}}{{% set x = {call} %}}{{% endfor %}}", scope, **ports)
    assert message.startswith("this template needs too much work")
    assert time.process_time() - begun < 5


SEALED_VALUE = {"type": "io.kestra.datatype:aes_encrypted", "value": "sealed"}


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("{{ inputs.pw }}", "opened"),
        ("{{ inputs['pw'] }}", "opened"),
        ("{{ inputs.list[0] }}", "opened"),
        ("{% set key = 'pw' %}{{ inputs[key] | upper }}", "OPENED"),
        ("{{ inputs.pw == 'opened' }}", True),
        ("{{ inputs.map.pw ~ '!' }}", "opened!"),
        ("{{ inputs.plain.type }}", "io.kestra.datatype:aes_encrypted"),
    ],
)
def test_what_is_kept_encrypted_is_opened_where_it_is_named(template: str, found: Any):
    inputs = {"pw": SEALED_VALUE, "list": [SEALED_VALUE], "map": {"pw": SEALED_VALUE}, "plain": {**SEALED_VALUE, "more": 1}}
    assert run(template, {"inputs": inputs}, open=lambda sealed: {"sealed": "opened"}[sealed]) == found


def test_what_is_kept_encrypted_stays_hidden_where_nobody_is_to_see_it():
    assert run("{{ inputs.pw }}", {"inputs": {"pw": SEALED_VALUE}}) == "******"


def test_what_does_not_open_is_refused_with_its_place():
    def shut(sealed: str) -> str:
        raise Refused(f"{sealed} does not open")

    assert refusal("{{ inputs.pw }}", {"inputs": {"pw": SEALED_VALUE}}, open=shut).startswith("sealed does not open")
