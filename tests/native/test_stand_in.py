# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Under the name `pyroscope`."""

from __future__ import annotations

from pathlib import Path

import pytest

import pyroscope_native
from tests.support.python import python


def test_the_name_is_not_ours_by_default() -> None:
    code = """
import sys, pyroscope_native
pyroscope_native.configure
print("pyroscope" in sys.modules)
"""
    assert python("-c", code).stdout == "False\n"


def test_import_pyroscope_finds_us_when_asked_to() -> None:
    code = """
import importlib.util, pyroscope_native
print(pyroscope_native.install_as_pyroscope(), pyroscope_native.install_as_pyroscope())
import pyroscope
from pyroscope import configure
print(pyroscope.configure is configure is pyroscope_native.configure)
print(importlib.util.find_spec("pyroscope").name)
exec("from pyroscope import *", names := {})
print(sorted(set(names) - {"__builtins__"}) == sorted(pyroscope_native.__all__))
try:
    pyroscope.nonsense
except AttributeError as error:
    print(error)
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:4] == ["True True", "True", "pyroscope", "True"]
    assert "nonsense" in done.stdout.splitlines()[4]
    assert done.stderr == ""


@pytest.mark.parametrize("real", [True, False], ids=["with pyroscope-io", "without"])
def test_what_else_is_in_the_package_is_found(real: bool, tmp_path: Path) -> None:
    """As pyroscope-otel lays itself out, beside pyroscope-io or alone."""
    package = tmp_path / "pyroscope"
    (package / "otel").mkdir(parents=True)
    (package / "otel" / "__init__.py").write_text(
        "import pyroscope\nname = pyroscope.runtime_name\n"
    )
    ours = Path(pyroscope_native.__file__).parent
    (tmp_path / ours.name).symlink_to(ours)
    if real:
        (package / "__init__.py").write_text("raise AssertionError('imported')\n")
    code = """
import pyroscope_native
pyroscope_native.install_as_pyroscope()
import pyroscope.otel
from pyroscope.otel import name
print(name(), pyroscope.otel.__file__)
"""
    done = python("-S", "-c", code, cwd=tmp_path)  # without site-packages
    assert (done.stdout, done.stderr) == (
        f"cpython {package / 'otel' / '__init__.py'}\n", "",
    )  # fmt: skip


def test_who_has_the_name_already_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "pyroscope.py").write_text("mine = True\n")
    code = """
import pyroscope, pyroscope_native
for _ in range(2): print(pyroscope_native.install_as_pyroscope())
print(pyroscope.mine)
"""
    done = python("-c", code, cwd=tmp_path)
    assert done.stdout == "False\nFalse\nTrue\n"
    assert done.stderr.count("another pyroscope is imported") == 1
