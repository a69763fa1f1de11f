# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of the package pyperformance, which has them as data files."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any


def directory(name: str) -> Path:
    """Where the benchmark and its data are.

    Raises:
        ModuleNotFoundError: pyperformance is not installed
    """
    found = importlib.util.find_spec("pyperformance")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("pyperformance is not installed")
    return Path(found.origin).parent / "data-files" / "benchmarks" / f"bm_{name}"


def load(name: str) -> Any:
    """The benchmark's module.

    Raises:
        ModuleNotFoundError: as `directory`
    """
    path = directory(name) / "run_benchmark.py"
    spec = importlib.util.spec_from_file_location(f"bm_{name}", path)
    assert spec, path
    assert spec.loader, path
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
