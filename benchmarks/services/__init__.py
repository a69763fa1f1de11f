# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Programs that answer requests, a module each.

A module has three functions, and knows nothing of profilers:

    application                     WSGI's or ASGI's
    labelled(application, scope)    the application with each request in a context
                                    manager, which `scope` makes of its labels
    serve(application, listener)    serve it by a server of other people's, in this
                                    process, until a handler of SIGTERM raises SystemExit
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

Scope = Callable[[Mapping[str, str]], AbstractContextManager[Any]]
"""A profiler's labels, for as long as the context manager is entered."""
