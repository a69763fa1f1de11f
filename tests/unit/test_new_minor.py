# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The tree is prepared for a new CPython minor, in a copy of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tomllib", reason="the release is made with Python 3.11 or later")
pytest.importorskip("wheels", reason="there is no checkout")

from pyroscope_native.support import NEWEST

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW, TOO_NEW = (f"3.{NEWEST[1] + further}" for further in (0, 1, 2))
OLD_SHIM, NEW_SHIM = (f"csrc/frames/v3_{minor}.h" for minor in (NEWEST[1], NEWEST[1] + 1))

COPIED = ("csrc", "docs", "pyroscope_native", "tests/rules", "tests/conftest.py", "wheels")
COPIED += ("README.md", "pyproject.toml", "setup.py")
RULES = "tests/rules/test_minors.py"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the command may change, and of the rules."""
    root = tmp_path / "tree"
    for name in COPIED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            unwanted = shutil.ignore_patterns("__pycache__", "*.so", "_core.c", "*.png", "*.html")
            shutil.copytree(ROOT / name, root / name, ignore=unwanted)
        else:
            shutil.copy(ROOT / name, root / name)
    return root


def new_minor(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wheels.new_minor", *words],
        cwd=tree,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def texts(tree: Path) -> dict[str, bytes]:
    files = (path for path in tree.rglob("*") if path.is_file())
    return {path.relative_to(tree).as_posix(): path.read_bytes() for path in files}


def rules(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", RULES],
        cwd=tree,
        env={
            **os.environ,
            "PYTHONPATH": str(tree),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_all_places_know_the_new_minor(tree: Path) -> None:
    before = texts(tree)
    done = new_minor(tree, NEW)
    assert done.returncode == 0, done.stderr
    after = texts(tree)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {line.split()[1] for line in re.findall("^changed .*", done.stdout, re.M)}
    assert changed >= {NEW_SHIM, "csrc/frames/frames.h", "wheels/pythons.toml"}
    held = rules(tree)
    assert held.returncode == 0, held.stdout
    # The rules are not blind: each place alone would be found out.
    for name in sorted(changed - {NEW_SHIM}):
        if not name.startswith("docs/"):
            (tree / name).write_bytes(before[name])
            assert rules(tree).returncode == 1, name
            (tree / name).write_bytes(after[name])
    (tree / NEW_SHIM).unlink()
    assert rules(tree).returncode == 1


def test_the_new_shim_is_the_newest_by_another_name(tree: Path) -> None:
    new_minor(tree, NEW)
    made = (tree / NEW_SHIM).read_text()
    as_old = made.replace(f"V3_{NEWEST[1] + 1}", f"V3_{NEWEST[1]}")
    as_old = as_old.replace(f"CPython {NEW}: as {OLD}. */", "")
    comment = re.compile(rf"CPython {re.escape(OLD)}: .*?\*/", re.DOTALL)
    assert as_old == comment.sub("", (ROOT / OLD_SHIM).read_text(), count=1)


def test_again_it_changes_nothing_and_says_so(tree: Path) -> None:
    new_minor(tree, NEW)
    before = texts(tree)
    done = new_minor(tree, NEW)
    assert done.returncode == 0
    assert f"{NEW} is there already: nothing was changed" in done.stdout
    assert texts(tree) == before


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([TOO_NEW], f"the next one is {NEW}"),
        (["3.9"], f"the next one is {NEW}"),
        (["4.0"], "no minor version such as 3.16"),
        (["3.16.1"], "no minor version such as 3.16"),
        ([NEW, "--headers", "csrc", "csrc"], "csrc has no folder internal"),
    ],
)
def test_what_is_refused(tree: Path, words: list[str], reason: str) -> None:
    before = texts(tree)
    done = new_minor(tree, *words)
    assert done.returncode != 0
    assert reason in done.stderr
    assert texts(tree) == before


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("pyproject.toml", f'    "Programming Language :: Python :: {OLD}",\n'),
        ("csrc/frames/frames.h", f'#include "v3_{NEWEST[1]}.h"\n'),
        (OLD_SHIM, f"CPython {OLD}: "),
        ("wheels/pythons.toml", f'minor = "{OLD}"\n'),
        ("pyroscope_native/support.py", f"NEWEST = (3, {NEWEST[1]})\n"),
        ("README.md", f" to {OLD}"),
    ],
)
def test_a_place_that_is_gone_is_named_before_anything_is_changed(
    tree: Path, name: str, line: str
) -> None:
    text = (tree / name).read_text()
    assert line in text
    (tree / name).write_text(text.replace(line, line.replace("3", "4")))
    before = texts(tree)
    done = new_minor(tree, NEW)
    assert done.returncode == 1
    assert name in done.stderr
    assert "nothing was changed" in done.stderr
    assert texts(tree) == before


def test_what_has_moved_is_shown(tree: Path, tmp_path: Path) -> None:
    for name, member in (("old", "owner"), ("new", "kind")):
        internal = tmp_path / name / "internal"
        internal.mkdir(parents=True)
        (internal / "pycore_interpframe_structs.h").write_text(
            f"struct _PyInterpreterFrame {{\n    char {member};\n}};\n"
        )
    done = new_minor(tree, NEW, "--headers", str(tmp_path / "old"), str(tmp_path / "new"))
    assert "-    char owner;\n+    char kind;\n" in done.stdout
    assert "internal/pycore_runtime.h is gone" in done.stdout


def test_other_places_that_name_the_newest_are_told(tree: Path) -> None:
    (tree / "docs" / "odd.md").write_text(f"As of {OLD}, and only {OLD}.\n\nNot of {OLD}.1.\n")
    done = new_minor(tree, NEW)
    told = [line.strip() for line in done.stdout.splitlines() if "docs/odd.md" in line]
    assert told == [f"docs/odd.md:1: As of {OLD}, and only {OLD}."]
