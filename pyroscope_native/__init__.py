# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Continuous CPU profiler for CPython.

`configure()` keeps a Pyroscope server supplied until `shutdown()`;
`with profile("out.html"):` profiles a block to a file. Without a change to
the program: `python -m pyroscope_native run app.py`.
"""

from __future__ import annotations

from pyroscope_native.version import VERSION as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyroscope_native.api import configure, flush, profile, shutdown, stats
    from pyroscope_native.choices import LineNo, ProfilerImplementation
    from pyroscope_native.compatibility import (
        LOGGER,
        build_summary,
        change_name,
        configure_experimental_stack_profiler,
        remove_tags,
        runtime_name,
        runtime_version,
        stop,
        tag,
        test_logger,
    )
    from pyroscope_native.errors import ConfigError
    from pyroscope_native.figures import Stats
    from pyroscope_native.labels import add_thread_tag, remove_thread_tag, tag_wrapper
    from pyroscope_native.stand_in import install_as_pyroscope

__all__ = [
    "LOGGER",
    "ConfigError",
    "LineNo",
    "ProfilerImplementation",
    "Stats",
    "__version__",
    "add_thread_tag",
    "build_summary",
    "change_name",
    "configure",
    "configure_experimental_stack_profiler",
    "flush",
    "install_as_pyroscope",
    "profile",
    "remove_tags",
    "remove_thread_tag",
    "runtime_name",
    "runtime_version",
    "shutdown",
    "stats",
    "stop",
    "tag",
    "tag_wrapper",
    "test_logger",
]

_HOMES = {
    "configure": "api",
    "flush": "api",
    "profile": "api",
    "shutdown": "api",
    "stats": "api",
    "LineNo": "choices",
    "ProfilerImplementation": "choices",
    "LOGGER": "compatibility",
    "build_summary": "compatibility",
    "change_name": "compatibility",
    "configure_experimental_stack_profiler": "compatibility",
    "remove_tags": "compatibility",
    "runtime_name": "compatibility",
    "runtime_version": "compatibility",
    "stop": "compatibility",
    "tag": "compatibility",
    "test_logger": "compatibility",
    "ConfigError": "errors",
    "Stats": "figures",
    "add_thread_tag": "labels",
    "remove_thread_tag": "labels",
    "tag_wrapper": "labels",
    "install_as_pyroscope": "stand_in",
}
"""The module that each name comes from."""


def __getattr__(name: str) -> object:
    # On first use: `python -m pyroscope_native` imports this before it can keep
    # the modules of the directory that it is called in out of its way.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = __import__(f"{__name__}.{_HOMES[name]}", fromlist=[name])
    found: object = getattr(home, name)
    globals()[name] = found
    return found
