# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Continuous CPU profiler for CPython.

`configure()` keeps a Pyroscope server supplied until `shutdown()`;
`with profile("out.html"):` profiles a block to a file. Without a change to
the program: `python -m pyroscope_native run app.py`.
"""

from pyroscope_native.api import configure, profile, shutdown
from pyroscope_native.errors import ConfigError
from pyroscope_native.version import VERSION as __version__

__all__ = ["ConfigError", "__version__", "configure", "profile", "shutdown"]
