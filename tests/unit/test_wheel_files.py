# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What is packed into wheels, and what is found when they are checked."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

pytest.importorskip("tomllib", reason="wheels are built with Python 3.11 or later")
pytest.importorskip("auditwheel", reason="not on this machine")
pytest.importorskip("wheels", reason="there is no checkout")

from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename
from wheel.wheelfile import WheelFile

from pyroscope_native import _core
from wheels import check, pack
from wheels.pythons import Python, python, pythons
from wheels.targets import TARGETS, Target

ABOUT = "pyroscope_native-9.9.dist-info/WHEEL"
PURE = pack.Pure(
    "9.9",
    {
        "pyroscope_native/__init__.py": b"# nothing\n",
        "pyroscope_native-9.9.dist-info/METADATA": b"Name: pyroscope-native\nVersion: 9.9\n",
        ABOUT: b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n\n",
    },
)
HERE = next(each for each in TARGETS if each.name == "x86_64-gnu")


@pytest.fixture(autouse=True)
def _date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


def _text(wheel: Path, name: str) -> str:
    with WheelFile(wheel) as files:  # which holds each file against RECORD
        return files.read(name).decode()


@pytest.mark.parametrize("of", pythons(), ids=lambda each: each.minor)
@pytest.mark.parametrize("target", TARGETS, ids=lambda each: each.name)
def test_its_name_and_its_tags_say_the_same(of: Python, target: Target, tmp_path: Path) -> None:
    wheel = pack.write_native(PURE, b"core", of, target, tmp_path)
    named = {str(tag) for tag in parse_wheel_filename(wheel.name)[3]}
    lines = _text(wheel, ABOUT).splitlines()
    assert {line[5:] for line in lines if line.startswith("Tag: ")} == named
    assert "Root-Is-Purelib: false" in lines


def test_the_wheel_without_a_core_is_for_all(tmp_path: Path) -> None:
    wheel = pack.write_pure(PURE, tmp_path)
    assert wheel.name == "pyroscope_native-9.9-py3-none-any.whl"
    assert _text(wheel, ABOUT).splitlines()[2:4] == ["Root-Is-Purelib: true", "Tag: py3-none-any"]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    first = pack.write_native(PURE, b"core", python("3.12"), HERE, tmp_path).read_bytes()
    old = os.umask(0o077)
    try:
        in_another_order = pack.Pure("9.9", dict(reversed(PURE.files.items())))
        again = pack.write_native(in_another_order, b"core", python("3.12"), HERE, tmp_path)
    finally:
        os.umask(old)
    assert again.read_bytes() == first


@pytest.mark.skipif(
    sysconfig.get_config_var("MULTIARCH") != "x86_64-linux-gnu", reason="another machine"
)
def test_this_interpreter_would_import_the_core_of_its_wheel(tmp_path: Path) -> None:
    of = python(sysconfig.get_python_version())
    wheel = pack.write_native(PURE, b"core", of, HERE, tmp_path)
    assert parse_wheel_filename(wheel.name)[3] & set(sys_tags())
    with ZipFile(wheel) as files:
        core = f"pyroscope_native/_core{sysconfig.get_config_var('EXT_SUFFIX')}"
        assert core in files.namelist()


def _checked(core: bytes, target: Target, folder: Path) -> str:
    return check.checked(pack.write_native(PURE, core, python("3.12"), target, folder))


def test_a_symbol_newer_than_the_tag_promises_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = Path(_core.__file__).read_bytes()
    if b"GLIBC_2.34" not in built:
        pytest.skip("this system's libc is not newer than wheels promise")
    monkeypatch.setattr(check, "SIZE_MAX", 10 * len(built))  # it is not stripped
    with pytest.raises(check.Broken, match="manylinux_2_34_x86_64 only"):
        _checked(built, HERE, tmp_path)


def test_too_large_a_wheel_is_found(tmp_path: Path) -> None:
    with pytest.raises(check.Broken, match="more than 300000"):
        _checked(os.urandom(check.SIZE_MAX), HERE, tmp_path)


def test_a_wheel_without_a_core_need_only_be_small(tmp_path: Path) -> None:
    assert check.checked(pack.write_pure(PURE, tmp_path)).startswith("pyroscope_native-9.9-py3")
