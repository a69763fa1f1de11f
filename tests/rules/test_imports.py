# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Who may import whom, who reads the environment, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "pyroscope_native"
NAME = PACKAGE.name

MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", "."): path
    for path in PACKAGE.glob("**/*.py")
}
TREES = {module: ast.parse(path.read_text()) for module, path in MODULES.items()}


def package_of(module: str, level: int) -> list[str]:
    """The package that a relative import of `level` dots in `module` begins at."""
    parts = [NAME, *module.split(".")]
    return parts[: len(parts) - level]


def imports_of(module: str) -> set[str]:
    """The modules of ours that `module` imports, anywhere in it, without our name."""
    found = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package_of(module, node.level) if node.level else []
            base = ".".join([*start, *filter(None, [node.module])])
            found |= {f"{base}.{alias.name}" for alias in node.names} | {base}
    ours = {name[len(NAME) + 1 :] for name in found if name.startswith(f"{NAME}.")}
    return {name for name in ours if name in MODULES or name == "_core"}


def test_imports_are_seen() -> None:
    assert imports_of("session") >= {"_core", "config", "deliver.upload"}
    assert imports_of("report.page") == {"model", "selection"}
    assert imports_of("launch") == {"errors", "note"}
    assert imports_of("integrations.rq") == {"labels"}


def test_core_imports_nothing_of_ours() -> None:
    lines = (PACKAGE / "_core.pyx").read_text().splitlines()
    imports = [line for line in lines if line.lstrip().startswith(("import ", "from ", "cimport "))]
    assert imports
    assert not [line for line in imports if NAME in line or "from ." in line]


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("model", {"errors", "version"}),
        ("selection", {"errors", "model"}),
        ("errors", set()),
        ("version", set()),
        ("choices", set()),
    ],
)
def test_lowest_modules(module: str, allowed: set[str]) -> None:
    assert imports_of(module) <= allowed


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name.startswith(("report.", "deliver.", "serve."))]
)
def test_delivery_knows_no_session(module: str) -> None:
    assert not imports_of(module) & {"session", "process", "api", "cli"}


INTEGRATIONS = {name for name in MODULES if name.startswith("integrations.")}


@pytest.mark.parametrize("module", sorted(INTEGRATIONS))
def test_integrations_know_labels_only(module: str) -> None:
    assert imports_of(module) - INTEGRATIONS <= {"labels", "log"}


@pytest.mark.parametrize("module", sorted(MODULES.keys() - INTEGRATIONS))
def test_integrations_are_imported_by_programs_only(module: str) -> None:
    assert not imports_of(module) & INTEGRATIONS


# ---- the environment ----

READERS = {
    "_bootstrap.sitecustomize": "whether there is a note",
    "deliver.connection": "whether there is a proxy",
    "environment": "the settings",
    "launch": "hands its own to the program",
    "note": "the note",
    "program": "takes the note out where children are not to find it",
    "report.summary": "NO_COLOR, which is about the terminal",
}
"""The modules that may read the environment, with what they read."""

ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.getenvb"}


def reads_environment(tree: ast.AST) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ENVIRONMENT:
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            return any(f"os.{alias.name}" in ENVIRONMENT for alias in node.names)
    return False


def test_environment_is_read_in_few_modules() -> None:
    assert {module for module, tree in TREES.items() if reads_environment(tree)} == set(READERS)


# ---- what importing costs ----


def imported_with(statement: str) -> list[str]:
    code = f"{statement}\nimport sys, _thread\nprint(_thread._count(), *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def test_importing_is_cheap() -> None:
    # A .pth file of somebody else may import what it likes.
    others = set(imported_with(""))
    threads, *modules = imported_with(f"from {NAME} import configure, profile, stats, tag_wrapper")
    assert {f"{NAME}.api", f"{NAME}.labels"} <= {*modules}
    assert threads == "0"
    heavy = ("google", "asyncio", "http", "ssl", "opentelemetry", "typing", "re", "threading")
    assert not [m for m in modules if m.split(".")[0] in heavy and m not in others]


def has_named_tuple(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ClassDef) and "NamedTuple" in map(ast.unparse, node.bases)
        for node in ast.walk(tree)
    )


def postpones_annotations(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body
    )


def test_no_annotation_is_compiled_on_import() -> None:
    statement = f"import {NAME}.address, {NAME}.settings"  # what each configure() takes
    _, *modules = imported_with(statement)
    ours = [name[len(NAME) + 1 :] for name in modules if name.startswith(f"{NAME}.")]
    with_tuples = [name for name in ours if name in TREES and has_named_tuple(TREES[name])]
    assert {"address", "config", "settings_table"} <= {*with_tuples}
    assert [name for name in with_tuples if postpones_annotations(TREES[name])] == []
