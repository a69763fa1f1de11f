# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What environment, file and arguments make together, and what is said of faults."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import pyroscope_native
from pyroscope_native import ConfigError, api, config_file, log, settings
from pyroscope_native.config import Config
from pyroscope_native.errors import SourceError
from pyroscope_native.settings_table import BY_NAME, VARIABLES

NAMED = Config(application_name="program")

try:
    config_file._parser()
    has_toml = True
except ImportError:
    has_toml = False
with_toml = pytest.mark.skipif(not has_toml, reason="no TOML parser")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("PYROSCOPE_", "OTEL_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(log, "_said", set())
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    configs: list[Config] = []
    monkeypatch.setattr(api, "_begin", lambda config: configs.append(config) or True)
    return configs


def resolve(file: str = "", *, tolerant: bool = False, **arguments: object) -> Config:
    if file:
        Path("settings.toml").write_text(file)
        file = os.path.abspath("settings.toml")
    return settings.resolve(arguments, defaults=NAMED, config_file=file, tolerant=tolerant)


# ---- the environment ----


@pytest.mark.parametrize(
    ("variables", "fields"),
    [
        ("APPLICATION_NAME=shop", {"application_name": "shop"}),
        ("SERVER_ADDRESS=http://a", {"server_address": "http://a"}),
        ("SERVER_ADDRESS=http://a ADHOC_SERVER_ADDRESS=http://b", {"server_address": "http://b"}),
        ("BASIC_AUTH_USER=u BASIC_AUTH_PASSWORD=p", {"basic_auth": ("u", "p")}),
        ("BASIC_AUTH_USER=u", {}),
        ("BEARER_TOKEN=t", {"bearer_token": "t"}),
        ("AUTH_TOKEN=old", {"bearer_token": "old"}),
        ("AUTH_TOKEN=old BEARER_TOKEN=t", {"bearer_token": "t"}),
        ("BEARER_TOKEN_FILE=/t", {"bearer_token_file": "/t"}),
        ("TENANT_ID=team", {"tenant_id": "team"}),
        ('HTTP_HEADERS={"X-A":"1"}', {"http_headers": {"X-A": "1"}}),
        ("LABELS=env=prod,region=eu", {"tags": {"env": "prod", "region": "eu"}}),
        ("LABELS=env:prod", {"tags": {"env": "prod"}}),
        ("LABELS=a.b=c REPLACE_LABEL_PERIODS=yes",
         {"tags": {"a_b": "c"}, "replace_label_periods": True}),
        ("CA_FILE=/ca", {"ca_file": "/ca"}),
        ("CLIENT_CERT_FILE=/c CLIENT_KEY_FILE=/k",
         {"client_cert_file": "/c", "client_key_file": "/k"}),
        ("UPLOAD_INTERVAL=1m", {"upload_interval_s": 60}),
        ("UPLOAD_TIMEOUT=500ms", {"upload_timeout_s": 0.5}),
        ("SHUTDOWN_TIMEOUT=2", {"shutdown_timeout_s": 2}),
        ("QUEUE_SIZE=1MB", {"queue_bytes": 1_000_000}),
        ("SPOOL_DIR=/spool SPOOL_SIZE=1GiB", {"spool_directory": "/spool", "spool_bytes": 1 << 30}),
        ("SERVE_ADDRESS=0.0.0.0:4041", {"serve_address": "0.0.0.0:4041"}),
        ("SERVE_TOKEN=t", {"serve_token": "t"}),
        ("SAMPLE_RATE=50", {"rate_hz": 50}),
        ("PROFILING_INTERVAL=20ms", {"rate_hz": 50}),
        ("PROFILING_INTERVAL=20ms SAMPLE_RATE=25", {"rate_hz": 25}),
        ("CLOCK=process", {"clock": "process"}),
        ("OVERHEAD_BUDGET=2", {"overhead_budget": 0.02}),
        ("REPORT_PID=1 REPORT_THREAD_ID=true REPORT_THREAD_NAME=on",
         {"pid_label": True, "thread_id_label": True, "thread_names": True}),
        ("LABEL_VALUE_LIMIT=5", {"label_value_limit": 5}),
        ("LINE_NO=first", {"line_no": "first"}),
        ("LOG_LEVEL=WARN", {"log_level": "warning"}),
        ("AGENT_ENABLED=false SAMPLE_RATE=nonsense", {"enabled": False}),
        ("FUSE=off", {"fuse": ""}),
        ("SERVER_ADDRESS= SAMPLE_RATE= LABELS=", {}),
    ],
)  # fmt: skip
def test_variables(variables: str, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in variables.split():
        name, _, value = variable.partition("=")
        monkeypatch.setenv(f"PYROSCOPE_{name}", value)
    assert resolve() == NAMED._replace(**{"tags": {}, "fuse": "/dev/shm", **fields})


def test_every_variable_is_tried() -> None:
    source = Path(__file__).read_text()
    untried = [name for name in VARIABLES if name[len("PYROSCOPE_") :] not in source]
    assert untried == []


def test_opentelemetry_is_the_weakest_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "OTEL_RESOURCE_ATTRIBUTES",
        "service.name=from%20attributes,service.version=1.2, deployment.environment.name = a%2Cb,"
        "service.instance.id=4711,process.pid=1,host.name=web",
    )
    config = resolve()
    assert config.application_name == "from attributes"
    tags = {"service_version": "1.2", "deployment_environment_name": "a,b", "host_name": "web"}
    assert config.tags == tags
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-name")
    assert resolve().application_name == "from-name"
    monkeypatch.setenv("PYROSCOPE_APPLICATION_NAME", "ours")
    monkeypatch.setenv("PYROSCOPE_LABELS", "host_name=db")
    assert resolve().application_name == "ours"
    assert resolve().tags == {**tags, "host_name": "db"}
    if has_toml:
        assert resolve('application-name = "file"').application_name == "ours"


@pytest.mark.parametrize("text", ["service.name", "=x", "service.name=a,b", "service.name=%ff,a=b"])
def test_attributes_with_a_fault_say_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", text)
    assert resolve() == NAMED._replace(tags={}, fuse="/dev/shm")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PYROSCOPE_UPLOAD_INTERVALL", "PYROSCOPE_UPLOAD_INTERVAL"),
        ("PYROSCOPE_SERVER_ADRESS", "PYROSCOPE_SERVER_ADDRESS"),
        ("PYROSCOPE_LABEL", "PYROSCOPE_LABELS"),
        # Of other SDKs, of Kubernetes for a service of that name, and ours for `run`.
        ("PYROSCOPE_PROFILING_ENABLED", None),
        ("PYROSCOPE_PROFILER_EVENT", None),
        ("PYROSCOPE_FLUSH_INTERVAL_MS", None),
        ("PYROSCOPE_WALL_SAMPLING_DURATION_MS", None),
        ("PYROSCOPE_LOG_STDERR", None),
        ("PYROSCOPE_SERVICE_HOST", None),
        ("PYROSCOPE_SERVER_PORT_4040_TCP_ADDR", None),
        ("PYROSCOPE_NATIVE_RUN", None),
    ],
)
def test_what_is_nearly_a_variable(
    name: str, meant: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(name, "secret")
    settings.warn_of_misspelt()
    settings.warn_of_misspelt()
    said = [f"pyroscope_native: {name} is no setting: is {meant} meant?"] if meant else []
    assert caplog.messages == said


# ---- files ----

FILE = """
[tool.other]
x = 1
[tool.pyroscope-native]
application-name = "shop"
sample_rate = 50
upload-interval = "1m"
report-pid = true
quiet = true
tags = { env = "prod", shard = 7, canary = true }
http-headers = { X-A = "1" }
spool-directory = "spool"
output = ["out/a.html"]
"""


@with_toml
def test_a_file() -> None:
    here = os.path.abspath(os.curdir)
    os.mkdir("out")
    expected = NAMED._replace(
        application_name="shop",
        rate_hz=50,
        upload_interval_s=60,
        pid_label=True,
        tags={"env": "prod", "shard": "7", "canary": "true"},
        http_headers={"X-A": "1"},
        spool_directory=f"{here}/spool",
        outputs=(f"{here}/out/a.html",),
        fuse="/dev/shm",
    )
    assert resolve(FILE) == expected
    assert resolve(FILE.replace("[tool.other]\nx = 1\n[tool.pyroscope-native]", "")) == expected


@with_toml
def test_paths_in_a_file_are_seen_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "p.toml").write_text('ca-file = "ca.pem"\nserve-address = "unix:s"')
    monkeypatch.setenv("PYROSCOPE_CLIENT_CERT_FILE", "cert.pem")
    path = settings.file_to_read("etc/p.toml")
    monkeypatch.setenv("PYROSCOPE_CONFIGURATION_FILE", "etc/p.toml")
    assert path == settings.file_to_read() == str(tmp_path / "etc" / "p.toml")
    config = settings.resolve({}, defaults=NAMED, config_file=path, tolerant=False)
    assert config.ca_file == str(tmp_path / "etc" / "ca.pem")
    assert config.serve_address == f"unix:{tmp_path}/etc/s"
    assert config.client_cert_file == str(tmp_path / "cert.pem")


@with_toml
@pytest.mark.parametrize(
    ("content", "is_ours"),
    [
        (FILE, True),
        ('[project]\nname = "pyroscope-native"\n', False),
        ("[tool.pyroscope-native", False),
        (None, False),
    ],
)
def test_the_directorys_own_file(content: str | None, is_ours: bool, tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    if content is not None:
        project.write_text(content)
    assert config_file.find_in_directory() == (str(project) if is_ours else "")


@with_toml
def test_what_is_at_the_top_of_a_projects_file_is_others() -> None:
    Path("pyproject.toml").write_text("[project]\nname = 'x'")
    path = os.path.abspath("pyproject.toml")
    assert settings.resolve({}, defaults=NAMED, config_file=path, tolerant=False).rate_hz == 100


def test_no_parser_is_loaded_for_a_file_without_our_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.other]\n")
    before = sys.modules.copy()
    for name in ("tomllib", "tomli"):
        sys.modules.pop(name, None)
    assert config_file.find_in_directory() == ""
    assert not sys.modules.keys() & {"tomllib", "tomli"}
    sys.modules.update(before)


def test_without_a_parser(monkeypatch: pytest.MonkeyPatch, caplog: Any, tmp_path: Path) -> None:
    for name in ("tomllib", "tomli"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SourceError, match=r"settings.toml: to read TOML.*pip install tomli"):
        resolve(FILE)
    (tmp_path / "pyproject.toml").write_text(FILE)
    assert config_file.find_in_directory() == ""
    assert len(caplog.messages) == 1
    assert "pyproject.toml is left alone: to read TOML" in caplog.text


# ---- faults ----


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("UPLOAD_INTERVAL", "0", "upload interval must be 1 to 3600 seconds, not 0"),
        ("SAMPLE_RATE", "fast", "sample rate must be a whole number from 1 to 10000 Hz, not fast"),
        ("LABELS", "service_name=x", "the tag name service_name is reserved"),
        ("LABELS", "a.b=x", "a tag's name is letters, digits and _, not beginning with a digit"),
        ("REPORT_PID", "maybe", "report pid must be true or false, not maybe"),
        ("HTTP_HEADERS", "X: secret", 'http headers must be a JSON object such as {"X-Name": "1"}'),
        ("SERVER_ADDRESS", "user:secret@host", "server address does not begin with http"),
        ("SERVE_ADDRESS", "here", "[HOST:]PORT, [HOST:]FIRST-LAST or unix:PATH, not here"),
        ("BEARER_TOKEN", "secret\n", "bearer token has a control character in it"),
    ],
)
def test_a_fault_is_named_with_its_variable(
    variable: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PYROSCOPE_{variable}", value)
    with pytest.raises(SourceError) as caught:
        resolve()
    assert str(caught.value).startswith(f"PYROSCOPE_{variable}: ")
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


@with_toml
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("sample-rate = 0", "settings.toml: sample-rate: sample rate must be a whole number"),
        ("sample-rate = 2026-01-01", "settings.toml: sample-rate: sample rate must be"),
        ("sampel-rate = 1", "settings.toml: there is no setting sampel-rate: is sample-rate meant"),
        ("zzz = 1", "settings.toml: there is no setting zzz"),
        ("bearer-token = 5", "bearer token must be a string, not of type int"),
        ("tags = 5", "settings.toml: tags: tags must be a dict"),
        ("tags = { a = { b = 1 } }", "settings.toml: tags: the value of tag a must be text"),
        ("[tool]\npyroscope-native = 5", "[tool.pyroscope-native] must be a table"),
        ("bearer-token = secret", "settings.toml: not valid TOML at line 1, column 16"),
    ],
)
def test_a_fault_is_named_with_its_file(content: str, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        resolve(content)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


@with_toml
def test_a_file_that_is_not_there() -> None:
    with pytest.raises(SourceError, match=r"settings.toml: No such file or directory"):
        settings.resolve(
            {}, defaults=NAMED, config_file=os.path.abspath("settings.toml"), tolerant=True
        )


def test_a_fault_in_an_argument_is_the_callers_own() -> None:
    with pytest.raises(ConfigError, match=r"^upload interval must be") as caught:
        resolve(upload_interval=0, tolerant=True)
    assert not isinstance(caught.value, SourceError)


@with_toml
def test_tolerant_the_next_weaker_has_the_say(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYROSCOPE_SAMPLE_RATE", "fast")
    monkeypatch.setenv("PYROSCOPE_LABELS", "ok=1,a.b=2")
    for _ in range(2):
        config = resolve("sample-rate = 50\nno-such = 1", tolerant=True)
    assert (config.rate_hz, config.tags) == (50, {"ok": "1"})
    assert [message.split(": ")[1:3] for message in caplog.messages] == [
        ["settings.toml", "there is no setting no-such"],
        ["a setting is left out", "PYROSCOPE_SAMPLE_RATE"],
        ["a setting is left out", "PYROSCOPE_LABELS"],
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SERVER_ADDRESS", "pyroscope:4040"),
        ("SERVE_ADDRESS", "here"),
        ("HTTP_HEADERS", "{"),
        ("TENANT_ID", "a\nb"),
        ("AGENT_ENABLED", "nope"),
    ],
)
def test_where_profiles_go_is_not_guessed(
    variable: str,
    value: str,
    begun: list[Config],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(f"PYROSCOPE_{variable}", value)
    assert [pyroscope_native.configure(), pyroscope_native.configure()] == [False, False]
    assert begun == []
    assert len(caplog.messages) == 1
    assert f"nothing is profiled: PYROSCOPE_{variable}: " in caplog.text


# ---- configure() and run ----


@with_toml
def test_what_run_writes_is_no_business_of_configure(
    begun: list[Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("settings.toml").write_text('output = "x.html"\ngroup-by = "pid"\nsample-rate = 50')
    monkeypatch.setenv("PYROSCOPE_CONFIGURATION_FILE", "settings.toml")
    pyroscope_native.configure()
    assert (begun[0].outputs, begun[0].group_by, begun[0].rate_hz) == ((), "", 50)


def test_what_has_its_default_is_left_to_the_environment(
    begun: list[Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYROSCOPE_SAMPLE_RATE", "50")
    monkeypatch.setenv("PYROSCOPE_UPLOAD_INTERVAL", "20")
    monkeypatch.setenv("PYROSCOPE_REPORT_PID", "true")
    monkeypatch.setenv("PYROSCOPE_QUEUE_SIZE", "1MB")
    monkeypatch.setenv("PYROSCOPE_LABELS", "env=prod,region=eu")
    pyroscope_native.configure(
        sample_rate=100, upload_interval=30, report_pid=False, queue_size="32MB",
        tags={"env": "test"},
    )  # fmt: skip
    config = begun[0]
    assert (config.rate_hz, config.upload_interval_s, config.pid_label) == (50, 30, True)
    assert config.queue_bytes == 1_000_000
    assert config.tags == {"env": "test", "region": "eu"}


def test_a_token_is_not_outdone_by_a_weaker_file(
    begun: list[Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYROSCOPE_BEARER_TOKEN_FILE", "/run/token")
    pyroscope_native.configure(bearer_token="mine")
    assert (begun[0].bearer_token, begun[0].bearer_token_file) == ("mine", "")


def test_a_password_is_not_outdone_by_a_weaker_token(
    begun: list[Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYROSCOPE_BEARER_TOKEN", "theirs")
    monkeypatch.setenv("PYROSCOPE_BEARER_TOKEN_FILE", "/run/token")
    pyroscope_native.configure(basic_auth_username="user", basic_auth_password="mine")
    assert begun[0].basic_auth == ("user", "mine")
    assert (begun[0].bearer_token, begun[0].bearer_token_file) == ("", "")


def test_headers_are_one_whatever_their_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYROSCOPE_HTTP_HEADERS", '{"x-a": "weak", "X-B": "2"}')
    assert resolve(http_headers={"X-A": "1"}).http_headers == {"X-B": "2", "X-A": "1"}


def test_disabled_nothing_begins(
    begun: list[Config], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYROSCOPE_AGENT_ENABLED", "false")
    with caplog.at_level(logging.INFO, "pyroscope_native"):
        assert pyroscope_native.configure(application_name="shop") is False
    assert begun == []
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "PYROSCOPE_AGENT_ENABLED" in caplog.text


def test_who_serves_need_not_push(begun: list[Config]) -> None:
    pyroscope_native.configure(serve_address="0")
    pyroscope_native.configure(serve_address="0", server_address="http://a")
    pyroscope_native.configure()
    assert [config.server_address for config in begun] == [
        None,
        "http://a",
        "http://localhost:4040",
    ]


@pytest.mark.parametrize(("level", "number"), [("debug", 10), ("Info", 20), ("off", 100)])
def test_the_level_of_the_logger(
    level: str, number: int, begun: list[Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("pyroscope_native")
    monkeypatch.setattr(logger, "level", logger.level)
    monkeypatch.setenv("PYROSCOPE_LOG_LEVEL", level)
    pyroscope_native.configure()
    assert logger.level == number
    logger.setLevel(logging.NOTSET)


def test_arguments_survive_json_and_another_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"tags": ["a=1"], "output": ["x.html"], "spool_directory": "s", "report_pid": True,
             "serve_address": "unix:sock", "upload_interval": "1m"}  # fmt: skip
    here = resolve(**given)
    told = json.loads(json.dumps(settings.absolute(given)))
    monkeypatch.chdir("/")
    assert resolve(**told) == here
    assert here.outputs == (str(tmp_path / "x.html"),)


def test_who_says_nothing_leaves_it_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYROSCOPE_APPLICATION_NAME", "shop")
    monkeypatch.setenv("PYROSCOPE_TENANT_ID", "")
    config = resolve(application_name="", tenant_id="team", clock="")
    assert (config.application_name, config.tenant_id, config.clock) == ("shop", "team", None)


def test_secrets_have_no_option() -> None:
    secrets = {"basic_auth_username", "basic_auth_password", "bearer_token", "http_headers",
               "serve_token"}  # fmt: skip
    assert [name for name in secrets if BY_NAME[name].options] == []
