"""What the operator sets, from four places, the later ones winning."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import Invalid
from service.settings import Settings, read


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.yml"
    path.write_text(text)
    return path


def test_nothing_set_means_the_defaults():
    assert read({}) == Settings()


def test_later_sources_win(tmp_path: Path):
    environ = {"KESTRA_CONFIGURATION": "kestra: {url: http://kestra}"}
    assert read(environ).url == "http://kestra"
    config = file(tmp_path, "url: http://file\nport: 1\nslots: 2\n")
    assert read(environ, config).url == "http://file"
    environ |= {"HEADGATE_URL": "http://environment", "HEADGATE_PORT": "3"}
    found = read(environ, config, port=4, host=None)
    assert (found.url, found.port, found.slots, found.host) == ("http://environment", 4, 2, "127.0.0.1")


def test_the_file_may_be_named_by_the_environment(tmp_path: Path):
    assert read({"HEADGATE_CONFIG": str(file(tmp_path, "slots: 7"))}).slots == 7


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PORT", "9090", 9090),
        ("RUNNER", "no", False),
        ("RUNNER", "ON", True),
        ("BEAT", "0.5", 0.5),
        ("DATA", "/srv/x", Path("/srv/x")),
        ("TIMEZONE", "Europe/Paris", "Europe/Paris"),
        ("IMAGE_DIGESTS", "error", "error"),
    ],
)
def test_the_environment_is_read_by_type(name: str, text: str, value: object):
    assert getattr(read({f"HEADGATE_{name}": text}), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("PORT", "x", "whole number"),
        ("RUNNER", "maybe", "yes or no"),
        ("LEASE", "long", "a number"),
        ("PORT", "", "whole"),
        ("PORT", "65536", "0 to 65535"),
        ("BACKEND", "foo", "auto, process or docker"),
        ("SLOTS", "0", "1 to 1000"),
        ("LIBRARY_MEMORY", "64", "a number of MiB from 128 to 16,777,216, or 0 for half of the machine's memory"),
        ("LIBRARY_MEMORY", "much", "a whole number"),
        ("IMAGE_DIGESTS", "yes", "off, warning or error"),
        ("BEAT", "0", "above 0"),
        ("LEASE", "inf", "above 0"),
        ("LEASE", "nan", "above 0"),
        ("FETCH_INTERVAL", "-1", "above 0"),
        ("LOG_LEVEL", "zzz", "DEBUG, INFO"),
        ("PLUGIN_DEFAULTS", "x", "a list of mappings"),
        ("GLOBALS", "1", "a mapping"),
    ],
)
def test_a_value_that_can_not_be_read_names_its_source(name: str, text: str, said: str):
    with pytest.raises(Invalid, match=f"HEADGATE_{name} is `{text}`.*{said}"):
        read({f"HEADGATE_{name}": text})


@pytest.mark.parametrize("text", ['{"a": {"b": 1}}', "a: {b: 1}"])
def test_globals_of_the_environment_are_yaml_or_json(text: str):
    assert read({"HEADGATE_GLOBALS": text}).globals == {"a": {"b": 1}}


def test_a_lease_outlasts_its_beats():
    with pytest.raises(Invalid, match="a lease of 1 s is too short for a beat of 10 s"):
        read({"HEADGATE_LEASE": "1"})


@pytest.mark.parametrize("text", ["kestra: {variables: {globals: {a: 1}}}", "kestra.variables.globals: {a: 1}", "kestra.variables: {globals: {a: 1}}\nport: 3"])
def test_a_file_may_hold_kestras_form_nested_or_with_dots(tmp_path: Path, text: str):
    assert read({}, file(tmp_path, text)).globals == {"a": 1}


def test_a_file_is_yaml_or_json_with_either_spelling(tmp_path: Path):
    for text in ("fetch-interval: 5\nplugin_defaults: [{type: a}]\n", '{"fetch_interval": 5, "plugin-defaults": [{"type": "a"}]}'):
        found = read({}, file(tmp_path, text))
        assert (found.fetch_interval, found.plugin_defaults) == (5.0, ({"type": "a"},))


@pytest.mark.parametrize("text", ["[1]", "a: [", "nonsense: 1", "port: [1]", "globals: [1]", "plugin_defaults: {a: 1}", "word"])
def test_a_file_that_is_wrong_is_refused_by_name(tmp_path: Path, text: str):
    with pytest.raises(Invalid, match=r"config\.yml"):
        read({}, file(tmp_path, text))


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path):
    with pytest.raises(Invalid, match="none.yml can't be read"):
        read({}, tmp_path / "none.yml")


def test_an_empty_file_sets_nothing(tmp_path: Path):
    assert read({}, file(tmp_path, "")) == Settings()


def test_kestras_form_is_read_where_it_means_something():
    nested = """
kestra:
  encryption: {secret-key: c2VjcmV0}
  variables: {globals: {a: 1}, env-vars-prefix: MY_}
  plugins: {defaults: [{type: x, values: {a: b}}]}
  queue: {type: postgres}
datasources: {}
"""
    dotted = """
kestra.encryption.secret-key: c2VjcmV0
kestra: {variables.globals: {a: 1}, variables: {env-vars-prefix: MY_}, plugins.defaults: [{type: x, values: {a: b}}]}
"""
    found = [read({"KESTRA_CONFIGURATION": text}) for text in (nested, dotted)]
    assert found[1].globals == {"a": 1}
    assert (found[0].encryption_key, found[0].environment_prefix, found[0].plugin_defaults) == ("c2VjcmV0", "MY_", ({"type": "x", "values": {"a": "b"}},))
    assert found[0] == found[1]


def test_the_file_takes_kestras_form_too(tmp_path: Path):
    assert read({}, file(tmp_path, "kestra: {url: http://x}\nport: 2\n")).url == "http://x"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.1", False), ("127.evil.com", False)],
)
def test_only_this_machine_or_everybody(host: str, loopback: bool):
    assert Settings(host=host).loopback is loopback


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (Settings(), "http://127.0.0.1:8080"),
        (Settings(host="0.0.0.0"), "http://127.0.0.1:8080"),
        (Settings(host="::1"), "http://[::1]:8080"),
        (Settings(url="https://flows.example.com/"), "https://flows.example.com"),
    ],
)
def test_people_find_the_service_by_its_url(settings: Settings, url: str):
    assert settings.base_url() == url
