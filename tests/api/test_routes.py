"""The table of routes as a whole: each of them can be reached."""

from __future__ import annotations

import re

from tests.api.routes import Declared, declared
from tests.support.serving import app_of
from tests.support.station import Station


def example(route: Declared) -> str:
    return re.sub(r"{\w+}", "any", route.path)


def matches(route: Declared, method: str, path: str) -> bool:
    pattern = re.escape(route.path).replace(r"\{", "{").replace(r"\}", "}")
    return route.method == method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", pattern), path) is not None


def test_no_route_stands_behind_another_that_takes_its_calls(station: Station):
    routes = declared(app_of(station))
    taken = {str(route): str(next(one for one in routes if matches(one, route.method, example(route)))) for route in routes}
    assert {route: by for route, by in taken.items() if route != by} == {}


def test_a_flow_of_any_name_can_be_started(station: Station):
    found = next(route for route in declared(app_of(station)) if matches(route, "POST", "/api/v1/main/executions/x/kill"))
    assert found.path.endswith("/{namespace}/{id}")
