# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Stands in for pyroscope-io where others import it."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec

import pyroscope_native
from pyroscope_native.log import warn_once

NAME = "pyroscope"


def install_as_pyroscope() -> bool:
    """Have `import pyroscope` mean this package, from now on and in this process.

    What else is in a package of that name, such as `pyroscope.otel`, is still found.
    False, which is logged, if something else has been imported by that name before.
    """
    module = sys.modules.get(NAME)
    if module is not None:
        is_ours = getattr(module, "__getattr__", None) is _attribute
        if not is_ours:
            warn_once("stand-in", f"another {NAME} is imported: install_as_pyroscope() comes first")
        return is_ours
    found = find_spec(NAME)
    spec = ModuleSpec(NAME, None, is_package=True)
    spec.submodule_search_locations = list((found and found.submodule_search_locations) or ())
    module = module_from_spec(spec)
    module.__doc__ = pyroscope_native.__doc__
    vars(module).update(__all__=pyroscope_native.__all__, __getattr__=_attribute)
    sys.modules[NAME] = module
    return True


def _attribute(name: str) -> object:
    return getattr(pyroscope_native, name)
