# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The gate, with its own budgets: it lets a copy of this tree pass, and stops one whose
handler or fold has become worse."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.figures import Run
from benchmarks.handler import RUNNING
from tests.support.python import ROOT, python

pytestmark = pytest.mark.skipif(
    shutil.which("valgrind") is None, reason="counting instructions takes valgrind"
)

NEEDED = ("benchmarks", "build_needs.py", "csrc", "pyroscope_native", "pyproject.toml", "setup.py")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what is built and measured, built."""
    for name in NEEDED:
        source, target = ROOT / name, tmp_path / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    assert list(tmp_path.glob("pyroscope_native/_core*.so")), "built in place, as `make` does it"
    return tmp_path


def insert(path: Path, before: str, text: str) -> None:
    """Put a text in front of the only place where a regular expression matches."""
    source = path.read_text()
    assert len(re.findall(before, source)) == 1
    path.write_text(re.sub(f"({before})", lambda match: text + match[1], source))


def judged(tree: Path, benchmark: str) -> subprocess.CompletedProcess[str]:
    words = ("-m", "benchmarks.gate", "--only", benchmark, "--rounds", "1", "--once")
    return python(*words, cwd=tree, env={"PYTHONPATH": str(tree)})


def verdicts(done: subprocess.CompletedProcess[str], word: str) -> list[str]:
    """The table's lines that end in the word."""
    return [line for line in done.stdout.splitlines() if line.endswith(word)]


def test_ten_percent_more_in_the_handler_are_stopped(tree: Path) -> None:
    done = judged(tree, "handler")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdicts(done, "EXCEEDED") == []
    of = {"python": RUNNING, "depth": "30"}
    run = Run.read(tree / "build" / "benchmarks" / "gate.json")
    [before] = run.select("handler", "instructions", **of)

    more = math.ceil(before.value / 10)
    work = f'    __asm__ volatile(".rept {more}\\n nop\\n .endr");\n'
    insert(tree / "csrc" / "handler.c", r"(?<=\n)    record\.kind = take_sig\(", work)
    built = python("setup.py", "-q", "build_ext", "--inplace", cwd=tree)
    assert built.returncode == 0, built.stderr
    done = judged(tree, "handler")
    assert done.returncode == 1, done.stdout + done.stderr
    name = f"handler: instructions, python {RUNNING}, depth 30 "
    assert [line for line in verdicts(done, "EXCEEDED") if line.startswith(name)]
    assert "benchmarks/budgets.toml" in done.stderr
    [after] = Run.read(tree / "build" / "benchmarks" / "gate.json").select(
        "handler", "instructions", **of
    )
    assert after.value == pytest.approx(before.value + more, rel=0.01)


def test_a_fold_that_sleeps_is_stopped(tree: Path) -> None:
    fold = tree / "pyroscope_native" / "fold.py"
    insert(fold, r"(?<=\n)            stack = tuple\(", "            sleep(50e-6)\n")
    insert(fold, r"(?<=\n)from collections\.abc", "from time import sleep\n")
    done = judged(tree, "pipeline")
    assert done.returncode == 1, done.stdout + done.stderr
    assert [line for line in verdicts(done, "EXCEEDED") if "relative wall, stage fold" in line]
    for stage in ("drain", "encode"):
        assert [line for line in verdicts(done, "kept") if f"stage {stage}" in line]
