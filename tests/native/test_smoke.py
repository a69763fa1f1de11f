# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What is tried with each wheel, tried with what is installed here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.python import ROOT, python
from tests.support.unsupported import INTERPRETERS, PACKAGE, install

SMOKE = str(ROOT / "wheels" / "smoke.py")


def test_where_it_profiles() -> None:
    done = python(SMOKE)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.startswith("smoke: CPython 3.")
    assert ": ok, CPU " in done.stdout


def test_where_it_does_not(tmp_path: Path) -> None:
    environment = install(INTERPRETERS["without a core"], tmp_path)
    done = python(SMOKE, "--unprofiled", env=environment)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert ": ok, unprofiled: there is no native core" in done.stdout
    done = python(SMOKE, env=environment)
    assert (done.returncode, done.stderr) == (1, "")
    assert ": failed: nothing can be profiled: there is no native core" in done.stdout


def test_a_profiler_where_none_is_expected() -> None:
    done = python(SMOKE, "--unprofiled")
    assert (done.returncode, done.stderr) == (1, "")
    assert ": failed: run said: pyroscope_native: " in done.stdout


@pytest.mark.parametrize(
    ("module", "right", "wrong", "fault"),
    [
        (
            "fold",
            "key, 0) + weight_ns\n\n    def _line",
            "key, 0) + 2 * weight_ns\n\n    def _line",
            "of CPU",
        ),
        ("fold", "line or function.start_line", "line + 2", "is in the lines"),
        ("labels", "def add_thread_tag(", "def add_thread_tag(*_): ...\ndef no(", "part=thread"),
        ("selfcheck", "\n    for size", '\n    return "all"\n    for size', "the self-check: all"),
        ("launch", "*words]", "*words[:-1]]", "the program's output was"),
    ],
)
def test_faults_are_found(module: str, right: str, wrong: str, fault: str, tmp_path: Path) -> None:
    package = tmp_path / "pyroscope_native"
    shutil.copytree(PACKAGE, package)
    path = package / f"{module}.py"
    assert path.read_text().count(right) == 1
    path.write_text(path.read_text().replace(right, wrong))
    done = python(SMOKE, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert ": failed: " in done.stdout, done.stderr
    assert fault in done.stdout
