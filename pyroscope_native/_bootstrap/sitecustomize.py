# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The first code of ours in a program that `run` has started, and in its children.

The interpreter imports it in place of the `sitecustomize` that there may be
otherwise: having begun to profile, it makes way for that one.
"""

import _signal  # type: ignore[import-not-found]
import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

_NOTE = "PYROSCOPE_NATIVE_RUN"  # as in note.py, which may not be importable yet
_DIRECTORY = os.path.dirname(os.path.abspath(__file__))


def _begin() -> None:
    # A child may be any Python, to which the rest of the package means nothing.
    if os.environ.get(_NOTE, "").split(" ")[0] != sys.implementation.cache_tag:
        return
    try:
        _signal.set_wakeup_fd(-1)  # as it is at this time
    except ValueError:
        return  # a subinterpreter, for which this is imported too
    package_parent = os.path.dirname(os.path.dirname(_DIRECTORY))
    sys.path.append(package_parent)
    try:
        from pyroscope_native import program

        program.begin()
    except Exception as error:
        print(f"pyroscope_native: nothing is profiled: {error!r}", file=sys.stderr)
    finally:
        # The last one: it may be there for another reason, too.
        del sys.path[-1 - sys.path[::-1].index(package_parent)]


def _make_way() -> None:
    """Let the program's own sitecustomize, or none, be what was imported."""
    spec = PathFinder.find_spec("sitecustomize")
    if spec is None or spec.loader is None:
        # What the interpreter expects where there is none.
        raise ImportError("No module named 'sitecustomize'", name="sitecustomize")
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _DIRECTORY]
_begin()
_make_way()
