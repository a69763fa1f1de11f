# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What has no work left to do."""

from __future__ import annotations

import logging
import platform
from typing import Any

import pytest

import pyroscope_native
from pyroscope_native import compatibility, log


def test_all_names_are_found_where_they_are_said_to_be() -> None:
    assert sorted(pyroscope_native.__all__) == sorted(["__version__", *pyroscope_native._HOMES])
    for name in pyroscope_native.__all__:
        assert hasattr(pyroscope_native, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        pyroscope_native.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    ("name", "arguments", "instead"),
    [
        ("stop", (), "shutdown"),
        ("change_name", ("shop",), "application_name"),
        ("tag", ({"a": "b"},), "tag_wrapper"),
        ("remove_tags", ("a", "b"), "tag_wrapper"),
        ("build_summary", (), "stats"),
        ("test_logger", (), "enable_logging"),
    ],
)
def test_deprecated_calls_say_what_to_use(
    name: str, arguments: tuple[Any, ...], instead: str
) -> None:
    with pytest.warns(DeprecationWarning, match=rf"{name}\(\) does nothing: .*{instead}") as caught:
        assert getattr(pyroscope_native, name)(*arguments) is None
    assert [each.filename for each in caught] == [__file__]


def test_only_the_first_call_sets_the_options_of_the_stack_profiler(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compatibility, "_unset", [True])
    monkeypatch.setattr(log, "_said", set())
    configure = pyroscope_native.configure_experimental_stack_profiler
    assert [configure(64, max_threads=10), configure(), configure()] == [True, False, False]
    assert len(caplog.messages) == 1
    assert "changes nothing" in caplog.text


def test_the_runtime() -> None:
    assert pyroscope_native.runtime_name() == "cpython"
    assert pyroscope_native.runtime_version().startswith(platform.python_version()[:4])


def test_the_logger() -> None:
    assert logging.getLogger("pyroscope_native") is pyroscope_native.LOGGER
