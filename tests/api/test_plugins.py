"""The flow language over HTTP."""

from __future__ import annotations

import pytest
from jsonschema import Draft7Validator
from starlette.testclient import TestClient

from tests.api.calling import problem

API = "/api/v1/plugins"
LOG = "io.kestra.plugin.core.log.Log"


@pytest.mark.parametrize(("kind", "title"), [("flow", "Headgate flow"), ("task", "Task"), ("trigger", "Trigger"), ("plugindefault", "Plugin defaults")])
def test_an_editor_gets_a_schema(client: TestClient, kind: str, title: str):
    answer = client.get(f"{API}/schemas/{kind}")
    assert (answer.status_code, answer.headers["content-type"], answer.json()["title"]) == (200, "application/json", title)
    Draft7Validator.check_schema(answer.json())


def test_a_task_and_a_trigger_are_looked_at_by_their_schemas(client: TestClient):
    task = Draft7Validator(client.get(f"{API}/schemas/task").json())
    assert task.is_valid({"id": "a", "type": LOG, "message": "m"})
    assert not task.is_valid({"id": "a", "type": LOG})
    trigger = Draft7Validator(client.get(f"{API}/schemas/trigger").json())
    assert trigger.is_valid({"id": "a", "type": "io.kestra.plugin.core.trigger.Schedule", "cron": "@daily"})
    assert not trigger.is_valid({"id": "a", "type": LOG, "message": "m"})


def test_who_has_the_schema_is_not_sent_it_again(client: TestClient):
    first = client.get(f"{API}/schemas/flow")
    again = client.get(f"{API}/schemas/flow", headers={"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert client.get(f"{API}/schemas/flow", headers={"if-none-match": '"other"'}).content == first.content


@pytest.mark.parametrize("path", ["schemas/dashboard", "schemas/Flow"])
def test_there_is_no_schema_of_what_is_no_part_of_a_flow(client: TestClient, path: str):
    problem(client.get(f"{API}/{path}"), 422)


def test_types_stand_in_groups(client: TestClient):
    groups = {group["group"]: group for group in client.get(API).json()}
    log = groups["io.kestra.plugin.core.log"]
    assert (log["name"], log["title"]) == ("core.log", "Core log")
    assert "io.kestra.core.tasks.log.Log" in log["aliases"]
    assert [one["title"] for one in log["tasks"]] == ["Fetch", "Log", "PurgeLogs"]
    assert [one for one in log["tasks"] if one["cls"] == LOG] == [
        {"cls": LOG, "title": "Log", "description": "Logs a message, or one entry for each of a list of messages.", "deprecated": False, "runs": True}
    ]
    assert [one["title"] for one in groups["headgate.git"]["triggers"]] == ["Push"]
    assert "Process" in [one["title"] for one in groups["io.kestra.plugin.core.runner"]["taskRunners"]]
    assert "Weekend" in [one["title"] for one in groups["io.kestra.plugin.core.condition"]["conditions"]]


def test_a_type_has_a_page_and_a_schema(client: TestClient):
    page = client.get(f"{API}/io.kestra.plugin.core.debug.Return").json()
    assert page["markdown"].startswith("# Return\n\nRenders `format` once;")
    assert "- **format** (text): The text to render." in page["markdown"]
    assert list(page["schema"]["properties"]["properties"]) == ["format", "type"]
    assert page["schema"]["outputs"]["properties"] == {"value": {"description": "The rendered text."}}
    whole = client.get(f"{API}/io.kestra.plugin.core.debug.Return", params={"all": "true"}).json()
    assert {"timeout", "retry", "format"} <= whole["schema"]["properties"]["properties"].keys()


def test_a_type_is_found_by_its_old_name_and_a_wrong_name_is_not(client: TestClient):
    assert client.get(f"{API}/io.kestra.core.tasks.log.Log").json() == client.get(f"{API}/{LOG}").json()
    assert "does not exist" not in problem(client.get(f"{API}/io.kestra.plugin.core.log.Lgo"), 404)["message"]
    problem(client.get(f"{API}/STRING"), 404)


def test_types_of_inputs_have_pages_too(client: TestClient):
    listed = client.get(f"{API}/inputs").json()
    assert {"type": "INT", "description": "A whole number."} in listed
    page = client.get(f"{API}/inputs/INT").json()
    assert {"id", "min", "max", "defaults"} <= page["schema"]["properties"]["properties"].keys()
    problem(client.get(f"{API}/inputs/{LOG}"), 404)


def test_an_example_of_each_page_is_what_its_schema_takes(client: TestClient):
    for group in client.get(API).json():
        for kind in ("tasks", "triggers"):
            for one in group[kind]:
                text = client.get(f"{API}/{one['cls']}").json()["markdown"].partition("```yaml\n")[2].partition("\n```")[0]
                answer = client.post(f"/api/v1/flows/validate/{kind[:-1]}", content=text.encode(), headers={"content-type": "application/x-yaml"})
                assert answer.json()["constraints"] is None, text
