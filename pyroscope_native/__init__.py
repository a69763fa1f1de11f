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
    from pyroscope_native.api import configure, profile, shutdown, stats
    from pyroscope_native.errors import ConfigError
    from pyroscope_native.figures import Stats
    from pyroscope_native.labels import add_thread_tag, remove_thread_tag, tag_wrapper

__all__ = [
    "ConfigError",
    "Stats",
    "__version__",
    "add_thread_tag",
    "configure",
    "profile",
    "remove_thread_tag",
    "shutdown",
    "stats",
    "tag_wrapper",
]


def __getattr__(name: str) -> object:
    # On first use: `python -m pyroscope_native` imports this before it can keep
    # the modules of the directory that it is called in out of its way.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pyroscope_native import api, errors, figures, labels

    homes = {"ConfigError": errors, "Stats": figures}
    for tags in ("add_thread_tag", "remove_thread_tag", "tag_wrapper"):
        homes[tags] = labels
    found: object = getattr(homes.get(name, api), name)
    globals()[name] = found
    return found
