# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Whoever says what, the strongest has the say; and values mean what they were made of."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from unittest import mock
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyroscope_native import config_file, environment, settings, tags, values
from pyroscope_native.address import ServeAddress, parse_serve_address
from pyroscope_native.config import Config
from pyroscope_native.settings_table import BY_NAME, SETTINGS

try:
    config_file._parser()
except ImportError:
    pytest.skip("no TOML parser", allow_module_level=True)

NAMED = Config(application_name="program")

VALUES: dict[str, tuple[list[object], str]] = {
    "application_name": (["a", "b", "c"], "application_name"),
    "sample_rate": ([10, 20, 30], "rate_hz"),
    "upload_interval": ([1, 2.5, 3600], "upload_interval_s"),
    "queue_size": ([1, 2, 3], "queue_bytes"),
    "report_pid": ([True, False, True], "pid_label"),
    "clock": (["thread", "process", "thread"], "clock"),
    "line_no": (["last", "first", "none"], "line_no"),
    "server_address": (["http://a", "http://b", "http://c"], "server_address"),
    "serve_address": (["1", "h:2", "unix:/c"], "serve_address"),
    "tenant_id": (["a", "b", "c"], "tenant_id"),
    "spool_directory": (["/a", "/b", "/c"], "spool_directory"),
}
SOURCES = ("file", "environment", "arguments")
"""The weakest first."""
names = st.from_regex("[a-z]{1,3}", fullmatch=True)
label_values = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=5)
labels = st.dictionaries(names, label_values, max_size=4)


def resolve(
    file: Mapping[str, object],
    variables: Mapping[str, str],
    arguments: Mapping[str, object],
    *,
    tolerant: bool = False,
) -> Config:
    with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as written:
        for name, value in file.items():
            shown = (
                "{"
                + ", ".join(f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in value.items())
                + "}"
                if isinstance(value, Mapping)
                else json.dumps(value)
            )
            written.write(f"{name.replace('_', '-')} = {shown}\n")
        written.flush()
        with mock.patch.dict(os.environ, variables, clear=True):
            return settings.resolve(
                arguments, defaults=NAMED, config_file=written.name, tolerant=tolerant
            )


@given(
    st.dictionaries(
        st.sampled_from(sorted(VALUES)), st.sets(st.sampled_from(SOURCES), min_size=1), max_size=5
    ),
    st.booleans(),
)
def test_the_strongest_has_the_say(said: dict[str, set[str]], tolerant: bool) -> None:
    file: dict[str, object] = {}
    variables: dict[str, str] = {}
    arguments: dict[str, object] = {}
    expected = NAMED._replace(fuse="/dev/shm", tags={})
    for name, sources in said.items():
        choices, field = VALUES[name]
        (variable, *_) = BY_NAME[name].variables
        if "file" in sources:
            file[name] = choices[0]
        if "environment" in sources:
            variables[variable] = str(choices[1])
        if "arguments" in sources:
            arguments[name] = choices[2]
        strongest = max(SOURCES.index(source) for source in sources)
        expected = expected._replace(**{field: choices[strongest]})
    assert resolve(file, variables, arguments, tolerant=tolerant) == expected


@given(labels, labels, labels, labels, st.booleans())
def test_tags_and_headers_are_merged(
    in_file: dict[str, str],
    in_environment: dict[str, str],
    by_opentelemetry: dict[str, str],
    in_arguments: dict[str, str],
    tolerant: bool,
) -> None:
    variables = {
        "PYROSCOPE_LABELS": ",".join(f"{name}={value}" for name, value in in_environment.items()),
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(
            f"{name}={quote(value)}" for name, value in by_opentelemetry.items()
        ),
        "PYROSCOPE_HTTP_HEADERS": json.dumps(in_environment),
    }
    with mock.patch.object(environment, "OPENTELEMETRY_TAGS", frozenset(by_opentelemetry)):
        config = resolve(
            {"tags": in_file, "http_headers": in_file},
            variables,
            {"tags": in_arguments, "http_headers": in_arguments},
            tolerant=tolerant,
        )
    assert config.tags == {**in_file, **by_opentelemetry, **in_environment, **in_arguments}
    assert config.http_headers == {**in_file, **in_environment, **in_arguments}


@given(st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_durations(minutes: int, seconds: int, milliseconds: int) -> None:
    length_s = minutes * 60 + seconds + milliseconds / 1000
    assert values.seconds(f"{minutes}m{seconds}s{milliseconds}ms") == pytest.approx(length_s)
    assert values.seconds(f"{length_s}s") == pytest.approx(length_s)
    assert values.seconds(str(length_s)) == length_s


@given(st.integers(1, 10**6), st.sampled_from("kmgt"), st.booleans(), st.booleans(), st.booleans())
def test_sizes(count: int, prefix: str, is_binary: bool, has_b: bool, is_upper: bool) -> None:
    unit = prefix + "i" * is_binary + "b" * has_b
    exponent = "kmgt".index(prefix) + 1
    expected = count * (1024 if is_binary else 1000) ** exponent
    assert values.size("it", f"{count}{unit.upper() if is_upper else unit}") == expected
    assert values.size("it", expected) == values.size("it", str(expected)) == expected


@given(st.one_of(st.text(max_size=12), st.integers(), st.floats(), st.booleans(), st.none()))
def test_what_means_nothing_is_refused_and_no_more(value: object) -> None:
    for setting in SETTINGS:
        try:
            setting.parse(setting.name, value)
        except ValueError:  # of which ConfigError is one
            continue


@given(st.dictionaries(names, label_values, max_size=6), st.sampled_from("=:"))
def test_labels(given_labels: dict[str, str], sign: str) -> None:
    text = ", ".join(f"{name}{sign}{value}" for name, value in given_labels.items())
    assert tags.parse("tags", text) == given_labels


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=5))
def test_attributes_of_opentelemetry(attributes: dict[str, str]) -> None:
    text = ",".join(f"{quote(name, '')}={quote(value, '')}" for name, value in attributes.items())
    assert environment._resource_attributes(text) == attributes


@given(
    st.integers(1, 65535), st.integers(0, 100), st.sampled_from(["localhost", "10.0.0.1", "::1"])
)
def test_addresses_to_serve_at(first: int, more: int, host: str) -> None:
    last = min(first + more, 65535)
    shown = f"[{host}]" if ":" in host else host
    address = ServeAddress(host, first, last, "")
    assert parse_serve_address(f"{shown}:{first}-{last}") == address
    assert values.serve_address("it", f"{shown}:{first}") == f"{shown}:{first}"
