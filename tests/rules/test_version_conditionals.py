# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What differs between versions of Python is kept in few places."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "csrc"
PACKAGE = ROOT / "pyroscope_native"

C_VERSION = re.compile(r"\b(PY_VERSION_HEX|PY_M[AI]\w+_VERSION|PY_MICRO_VERSION|Py_GIL_DISABLED)\b")

PYTHON_VERSION = {
    "sys.version_info",
    "sys.hexversion",
    "sys.version",
    "platform.python_version",
    "platform.python_version_tuple",
}

ALLOWED = {
    "target.py": "says which version goes with which",
    "doctor.py": "names the interpreter that it is about",
    "support.py": "says which versions are supported",
    "selfcheck.py": "compares with what each version's frames give",
    "session.py": "qualified names must be looked for before 3.11",
    "deliver/request.py": "names the runtime in the series' labels",
}
"""The modules that may ask for the version, with the reason."""


def test_c_versions_are_in_the_shims() -> None:
    sources = [*CSRC.glob("**/*.[ch]"), PACKAGE / "_core.pyx"]
    asking = [path for path in sources if C_VERSION.search(path.read_text())]
    assert CSRC / "frames" / "frames.h" in asking
    assert not [str(path) for path in asking if path.parent != CSRC / "frames"]


def version_uses(tree: ast.AST) -> set[str]:
    attributes = {ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return (attributes | imported) & PYTHON_VERSION


def test_python_versions_are_asked_for_in_few_modules() -> None:
    asking = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.glob("**/*.py")
        if version_uses(ast.parse(path.read_text()))
    }
    assert asking == set(ALLOWED)
