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

__all__ = ["ConfigError", "Stats", "__version__", "configure", "profile", "shutdown", "stats"]


def __getattr__(name: str) -> object:
    # On first use: `python -m pyroscope_native` imports this before it can keep
    # the modules of the directory that it is called in out of its way.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pyroscope_native import api, errors, figures

    home = {"ConfigError": errors, "Stats": figures}.get(name, api)
    found: object = getattr(home, name)
    globals()[name] = found
    return found
