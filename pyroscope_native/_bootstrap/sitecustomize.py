# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The first code of ours in a program that `run` has started.

The interpreter imports it in place of the `sitecustomize` that there may be
otherwise: having begun to profile, it makes way for that one.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

_DIRECTORY = os.path.dirname(os.path.abspath(__file__))


def _begin() -> None:
    package_parent = os.path.dirname(os.path.dirname(_DIRECTORY))
    sys.path.insert(0, package_parent)
    try:
        from pyroscope_native import program

        program.begin()
    except Exception as error:
        print(f"pyroscope_native: nothing is profiled: {error!r}", file=sys.stderr)
    finally:
        sys.path.remove(package_parent)


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
