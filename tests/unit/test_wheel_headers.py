# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Which headers wheels are compiled with."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

pytest.importorskip("tomllib", reason="wheels are built with Python 3.11 or later")
pytest.importorskip("wheels", reason="there is no checkout")

from wheels import debian, headers
from wheels.pythons import Python, python

NOBODYS = Python("3.99", "core")


def _include(folder: Path, version: str = "3.99.0", config: str = "") -> Path:
    include = folder / "python3.99"
    (include / "internal").mkdir(parents=True)
    (include / "internal" / "pycore_interp.h").touch()
    (include / "patchlevel.h").write_text(f'#define PY_VERSION  "{version}"\n')
    (include / "pyconfig.h").write_text(config)
    return include


def _find(include: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHON_INCLUDES", str(include))
    return headers.find(NOBODYS, include.parent / "work")


@pytest.fixture(autouse=True)
def _work(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()


def test_those_of_this_interpreter_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    include = sysconfig.get_path("include")
    monkeypatch.setenv("PYTHON_INCLUDES", include)
    found = headers.find(python(sysconfig.get_python_version()), tmp_path / "work")
    assert (found / "Python.h").read_text() == (Path(include) / "Python.h").read_text()


def test_debians_pyconfig_is_that_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    include = _include(tmp_path, config="#error which machine?\n")
    of_machine = tmp_path / "x86_64-linux-gnu" / "python3.99"
    of_machine.mkdir(parents=True)
    (of_machine / "pyconfig.h").write_text("#define OF_THE_MACHINE 1\n")
    found = _find(include, monkeypatch)
    assert (found / "pyconfig.h").read_text() == "#define OF_THE_MACHINE 1\n"


@pytest.mark.parametrize(
    ("version", "config"),
    [
        ("3.98.1", ""),
        ("3.9.18", ""),
        ("3.99.0", "#define Py_DEBUG 1\n"),
        ("3.99.0", "#define WITH_X 1\n#define Py_GIL_DISABLED 1\n"),
    ],
)
def test_those_of_another_cpython_are_passed_over(
    version: str, config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(headers.NoHeaders, match=r"3\.99.*PYTHON_INCLUDES"):
        _find(_include(tmp_path, version, config), monkeypatch)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("sources.list", "deb http://one.invalid/debian bookworm main\n"),
        ("sources.list", "# x\ndeb [signed-by=/k] http://one.invalid/debian/ sid main\n"),
        ("sources.list.d/a.sources", "Types: deb\nURIs: http://one.invalid/debian\nSuites: x\n"),
    ],
)
def test_the_mirror_is_that_of_this_machine(
    file: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "SOURCES", tmp_path)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "other.list").write_text("deb http://two.invalid/x stable y\n")
    (tmp_path / file).write_text(text)
    assert debian._mirror() in ("http://one.invalid/debian", "http://one.invalid/debian/")
