# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What configure() makes of its arguments, with nothing profiled."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest

import pyroscope_native
from pyroscope_native import ConfigError, LineNo, ProfilerImplementation, api, log
from pyroscope_native.config import Config


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The configurations that profiling has begun with."""
    configs: list[Config] = []

    def begin(config: Config) -> bool:
        configs.append(config)
        return True

    monkeypatch.setattr(api, "_begin", begin)
    monkeypatch.setattr(log, "_said", set())
    for name in ("SERVER_ADDRESS", "APPLICATION_NAME", "FUSE", "SERVE_ADDRESS", "SERVE_TOKEN"):
        monkeypatch.delenv(f"PYROSCOPE_{name}", raising=False)
    return configs


def test_with_nothing_said_there_are_defaults(begun: list[Config]) -> None:
    assert pyroscope_native.configure() is True
    config = begun[0]
    assert config.application_name == api.program_name()
    assert config.server_address == "http://localhost:4040"
    assert (config.rate_hz, config.upload_interval_s) == (100, 10)
    assert config == Config(
        config.application_name, "http://localhost:4040", fuse="/dev/shm", tags={}, http_headers={}
    )


def test_all_options_at_once(begun: list[Config], caplog: pytest.LogCaptureFixture) -> None:
    assert pyroscope_native.configure(
        application_name="shop",
        server_address="https://profiles.example/prefix",
        basic_auth_username="12345",
        basic_auth_password="secret",
        enable_logging=False,
        sample_rate=50,
        oncpu=True,
        gil_only=False,
        report_pid=True,
        report_thread_id=True,
        report_thread_name=True,
        tags={"region": "eu", "shard.number": 7},
        tenant_id="team",
        http_headers={"X-Extra": "1"},
        line_no=LineNo.First,
        upload_interval=15,
        mem_enabled=False,
        mem_max_nframe=64,
        mem_heap_sample_size=1024 * 1024,
        mem_enable_mem_domain=False,
        cpu_enabled=True,
        cpu_implementation=ProfilerImplementation.PySpy,
        clock="process",
        overhead_budget=2,
        label_value_limit=50,
        replace_label_periods=True,
    )
    assert begun == [
        Config(
            application_name="shop",
            server_address="https://profiles.example/prefix",
            basic_auth=("12345", "secret"),
            rate_hz=50,
            pid_label=True,
            thread_id_label=True,
            thread_names=True,
            tags={"region": "eu", "shard_number": "7"},
            tenant_id="team",
            http_headers={"X-Extra": "1"},
            line_no="first",
            upload_interval_s=15,
            clock="process",
            overhead_budget=0.02,
            label_value_limit=50,
            replace_label_periods=True,
            fuse="/dev/shm",
        )
    ]
    assert caplog.messages == []


def test_the_order_of_positions(begun: list[Config]) -> None:
    with pytest.warns(DeprecationWarning, match="app_name"):
        pyroscope_native.configure("old", "new", "http://a", "user", "password", False, 20)
    config = begun[0]
    assert config.application_name == "old"
    assert config.server_address == "http://a"
    assert config.basic_auth == ("user", "password")
    assert config.rate_hz == 20


def test_what_is_deprecated_warns_where_it_is_said(begun: list[Config]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pyroscope_native.configure(application_name="new", native=False)
    assert [(each.category, each.filename) for each in caught] == [(DeprecationWarning, __file__)]


def test_none_is_as_not_said(begun: list[Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYROSCOPE_SERVER_ADDRESS", "http://from-environment:4040")
    monkeypatch.setenv("PYROSCOPE_APPLICATION_NAME", "from-environment")
    nothing: Any = None
    pyroscope_native.configure(
        application_name=None,
        server_address=None,
        basic_auth_username=nothing,
        basic_auth_password=nothing,
        tenant_id=nothing,
        http_headers=None,
        tags=None,
    )
    config = begun[0]
    assert config.server_address == "http://from-environment:4040"
    assert config.application_name == "from-environment"
    assert (config.basic_auth, config.tenant_id, config.http_headers) == (None, "", {})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mem_enabled": True}, "memory is not profiled, CPU time is"),
        ({"oncpu": False}, "waiting is not measured, CPU time is"),
        ({"cpu_implementation": ProfilerImplementation.Stack}, "one engine"),
        ({"tags": {"a.b": "c", "ok": "1"}}, "a label is left out: .*'a.b'"),
        ({"tags": {"service_name": "c", "ok": "1"}}, "a label is left out: .*service_name"),
        ({"tags": {"region": "", "ok": "1"}}, "a label is left out: .*region"),
        ({"tags": {"host": None, "ok": "1"}}, "a label is left out: .*host"),
    ],
)
def test_what_is_not_done_is_told_once(
    settings: dict[str, Any], words: str, begun: list[Config], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert pyroscope_native.configure(application_name="shop", **settings)
    assert len(begun) == 2
    assert len(caplog.messages) == 1
    assert re.search(words, caplog.text)
    if "tags" in settings:
        assert begun[0].tags == {"ok": "1"}


@pytest.mark.parametrize("mem_enabled", [False, True])
def test_without_cpu_there_is_nothing_to_profile(
    mem_enabled: bool, begun: list[Config], caplog: pytest.LogCaptureFixture
) -> None:
    assert pyroscope_native.configure(cpu_enabled=False, mem_enabled=mem_enabled) is False
    assert begun == []
    assert "nothing is profiled: cpu_enabled=False" in caplog.text
    assert ("memory is not profiled" in caplog.text) is mem_enabled


@pytest.mark.parametrize(
    "settings",
    [
        {"application_name": 5},
        {"server_address": 5},
        {"server_address": "localhost:4040"},
        {"basic_auth_username": 5, "basic_auth_password": "secret"},
        {"basic_auth_username": "user", "basic_auth_password": b"secret"},
        {"tenant_id": 5},
        {"http_headers": [("Authorization", "secret")]},
        {"http_headers": {"Authorization": b"secret"}},
        {"http_headers": {5: "secret"}},
        {"tags": [("a", "secret")]},
        {"tags": "secret"},
        {"sample_rate": "fast"},
        {"sample_rate": 0},
        {"sample_rate": None},
        {"upload_interval": 0},
        {"upload_interval": "often"},
        {"line_no": 1},
        {"line_no": None},
        {"cpu_implementation": 0},
        {"clock": "sun"},
        {"overhead_budget": -1},
        {"label_value_limit": 0},
        {"label_value_limit": "many"},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_without_secrets(
    settings: dict[str, Any], begun: list[Config]
) -> None:
    with pytest.raises(ConfigError) as caught:
        pyroscope_native.configure(**settings)
    assert isinstance(caught.value, ValueError)
    assert "secret" not in str(caught.value)
    assert begun == []


def test_serving_needs_no_server(begun: list[Config], monkeypatch: pytest.MonkeyPatch) -> None:
    pyroscope_native.configure(serve_address="6060-6069", serve_token="secret")
    assert (begun[0].serve_address, begun[0].serve_token) == ("6060-6069", "secret")
    assert begun[0].server_address is None
    assert "secret" not in repr(begun[0])
    monkeypatch.setenv("PYROSCOPE_SERVE_ADDRESS", "unix:/run/a.sock")
    monkeypatch.setenv("PYROSCOPE_SERVE_TOKEN", "other")
    pyroscope_native.configure(server_address="http://localhost:1")
    assert (begun[1].serve_address, begun[1].serve_token) == ("unix:/run/a.sock", "other")
    assert begun[1].server_address == "http://localhost:1"
    with pytest.raises(ConfigError, match="the address to serve at is"):
        pyroscope_native.configure(serve_address="http://localhost:6060")
