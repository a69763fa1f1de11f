# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Names, parameters and defaults are those of pyroscope-io, which is imported to be
compared and does nothing else."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import pytest

import pyroscope_native as ours

OTHER_DEFAULTS = {("configure", "server_address")}
"""Ours is None: the environment is asked before http://localhost:4040."""

FUNCTIONS = [
    "add_thread_tag",
    "build_summary",
    "change_name",
    "configure",
    "configure_experimental_stack_profiler",
    "remove_tags",
    "remove_thread_tag",
    "runtime_name",
    "runtime_version",
    "shutdown",
    "stop",
    "tag",
    "test_logger",
]
ENUMERATIONS = ["LineNo", "ProfilerImplementation"]


@pytest.fixture(scope="module")
def theirs() -> ModuleType:
    pytest.importorskip("pyroscope_io")
    import pyroscope

    module: ModuleType = pyroscope
    return module


def test_every_public_name_is_here(theirs: ModuleType) -> None:
    public = {
        name
        for name, value in vars(theirs).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "") != "contextlib"
    }
    assert public >= {*FUNCTIONS, *ENUMERATIONS, "LOGGER"}
    assert sorted(public - set(ours.__all__)) == []
    assert [name for name in public if not hasattr(ours, name)] == []


def parameters(module: ModuleType, name: str) -> list[tuple[Any, ...]]:
    """Name, kind and default of what the function takes, our own additions left out."""
    found = inspect.signature(getattr(module, name)).parameters.values()
    return [
        (each.name, each.kind, None if (name, each.name) in OTHER_DEFAULTS else str(each.default))
        for each in found
        if each.kind is not each.KEYWORD_ONLY
    ]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_the_same(theirs: ModuleType, name: str) -> None:
    assert parameters(ours, name) == parameters(theirs, name)


def test_tags_are_wrapped_alike(theirs: ModuleType) -> None:
    """Ours is a class, whose signature cannot be had."""
    for module in (ours, theirs):
        for tags in (module.tag_wrapper({"a": "b"}), module.tag_wrapper(tags={"a": "b"})):
            assert hasattr(tags, "__enter__")
        with pytest.raises(TypeError):
            module.tag_wrapper()


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_enumerations_have_the_same_members(theirs: ModuleType, name: str) -> None:
    members = {each for each in dir(getattr(theirs, name)) if not each.startswith("_")}
    assert set(getattr(ours, name).__members__) == members


def test_the_runtime_is_called_the_same(theirs: ModuleType) -> None:
    assert ours.runtime_name() == theirs.runtime_name()
    assert ours.runtime_version() == theirs.runtime_version()
