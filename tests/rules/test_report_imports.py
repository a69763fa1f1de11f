# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The report of the benchmarks knows figures, and nobody who measures knows the report."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
REPORT = BENCHMARKS / "report"

ORDER = (
    "quantity",
    "svg",
    "scale",
    "tables",
    "goals",
    "rows",
    "curves",
    "charts",
    "sections",
    "markdown",
    "page",
    "documents",
    "__main__",
)
"""A module imports only what stands before it."""


def imports_of(path: Path) -> set[str]:
    """The modules of benchmarks that a file imports, without that name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    found |= {name.rpartition(".")[0] for name in found}  # a package comes with its modules
    modules = {name[len("benchmarks.") :] for name in found if name.startswith("benchmarks.")}
    return {
        name
        for name in modules
        if (BENCHMARKS / f"{name.replace('.', '/')}.py").exists()
        or (BENCHMARKS / name.replace(".", "/") / "__init__.py").exists()
    }


def test_all_modules_are_in_the_order() -> None:
    assert {path.stem for path in REPORT.glob("*.py")} == {*ORDER, "__init__"}


@pytest.mark.parametrize("module", ORDER)
def test_imports_go_one_way(module: str) -> None:
    before = {f"report.{each}" for each in ORDER[: ORDER.index(module)]}
    found = imports_of(REPORT / f"{module}.py")
    assert found <= {"report", "figures", "profilers", *before}
    assert found or module == "svg"


def test_who_measures_does_not_know_the_report() -> None:
    measuring = [path for path in BENCHMARKS.rglob("*.py") if REPORT not in path.parents]
    assert len(measuring) > 10
    assert not [path.name for path in measuring if "report" in imports_of(path)]
