# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""All places that say which minor versions of CPython there are say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pyroscope_native.support import NEWEST, OLDEST

ROOT = Path(__file__).resolve().parents[2]
MINORS = range(OLDEST[1], NEWEST[1] + 1)
RANGE = f"3.{OLDEST[1]} to 3.{NEWEST[1]}"


def numbers(pattern: str, file: str) -> list[int]:
    """What the pattern's group finds in a file, in order."""
    return [int(found) for found in re.findall(pattern, (ROOT / file).read_text(), re.MULTILINE)]


def test_versions_are_of_python_3() -> None:
    assert (OLDEST[0], NEWEST[0]) == (3, 3)


def test_shims() -> None:
    names = [path.stem for path in (ROOT / "csrc" / "frames").glob("v3_*.h")]
    assert sorted(int(name[len("v3_") :]) for name in names) == list(MINORS)


@pytest.mark.parametrize("minor", MINORS)
def test_a_shim_is_of_one_version(minor: int) -> None:
    text = (ROOT / "csrc" / "frames" / f"v3_{minor}.h").read_text()
    assert set(re.findall(r"\bPN_FRAMES_V3_(\d+)", text)) == {str(minor)}
    assert f"/* CPython 3.{minor}:" in text


def test_each_shim_is_selected_for_its_version() -> None:
    selected = re.findall(
        r'PY_VERSION_HEX >> 16 == 0x03([0-9A-F]{2})\n#include "v3_(\d+)\.h"',
        (ROOT / "csrc" / "frames" / "frames.h").read_text(),
    )
    assert [int(hexadecimal, 16) for hexadecimal, _ in selected] == list(MINORS)
    assert [int(shim) for _, shim in selected] == list(MINORS)


def test_classifiers() -> None:
    assert numbers(r'^ *"Programming Language :: Python :: 3\.(\d+)",$', "pyproject.toml") == list(
        MINORS
    )
    assert f'requires-python = ">=3.{OLDEST[1]}"' in (ROOT / "pyproject.toml").read_text()


def test_matrix_of_wheels() -> None:
    assert numbers(r'^minor = "3\.(\d+)"$', "wheels/pythons.toml") == list(MINORS)


def test_documents() -> None:
    said_as = re.compile(rf"\b3\.{OLDEST[1]}\s*(?:to|[-–…])\s*3\.\d+")
    said = {
        str(page.relative_to(ROOT)): set(said_as.findall(page.read_text()))
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    }
    assert said["README.md"] == {RANGE}
    assert not {page: ranges for page, ranges in said.items() if ranges - {RANGE}}
