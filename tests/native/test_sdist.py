# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The sdist: what is in it, and what is said where it can't be built."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.python import ROOT, python

if not (ROOT / "setup.py").exists():
    pytest.skip("no source tree is beside these tests", allow_module_level=True)
setuptools = pytest.importorskip("setuptools")

import build_needs  # noqa: E402

PACKED = (
    "benchmarks", "csrc", "docs", "examples", "pyroscope_native", "tests", "wheels",
    "build_needs.py", "pyproject.toml", "setup.py", "MANIFEST.in", "Makefile",
    "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md",
)  # fmt: skip
COMPILER = os.environ.get("CC", "cc")
needs_compiler = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which(shlex.split(COMPILER)[0]) is None,
    reason="a C compiler is made to miss something",
)


def hook(call: str, tree: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Call a build backend's function, as pip does with --no-build-isolation."""
    code = f"from setuptools import build_meta; print(build_meta.{call})"
    variables = {"PYTHONPATH": "", **env}
    return python(*options, "-c", code, cwd=tree, env=variables)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a copy of this tree, in which nothing has been built."""
    tree = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("*.so", "__pycache__", "_core.c", "*.egg-info")
    for name in PACKED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=ignored)
        else:
            shutil.copy(source, tree / name)
    done = hook("build_sdist('dist')", tree)
    assert done.returncode == 0, done.stderr
    [path] = (tree / "dist").iterdir()
    return path


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["tar", "xf", sdist, "-C", directory], check=True)
    [tree] = directory.iterdir()
    return tree


def last_words(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Our message, with which a build that failed has ended."""
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    _, found, message = said.rpartition("pyroscope_native can't be built")
    assert found, said
    return message.splitlines()


# ---- what is in it ----


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no repository to compare with")
def test_all_that_is_kept_in_git_is_in_it(unpacked: Path) -> None:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    kept = [name for name in done.stdout.splitlines() if not name.startswith(".")]
    assert len(kept) > 100
    assert [name for name in kept if not (unpacked / name).exists()] == []


def test_a_wheel_without_the_core_is_for_any_python(unpacked: Path) -> None:
    done = hook("build_wheel('dist')", unpacked, PYROSCOPE_NATIVE_PURE="1")
    assert done.returncode == 0, done.stderr
    [wheel] = (unpacked / "dist").glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "pyroscope_native"
    modules = {str(path.relative_to(ROOT)) for path in package.rglob("*.py")}
    assert modules <= names
    assert not [name for name in names if name.endswith((".so", ".c", ".pyx"))]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="what makes releases wants a newer Python")
def test_it_is_the_same_whoever_packs_it(tmp_path: Path) -> None:
    from wheels import sdist

    def packed(name: str, owner: str, seconds: int, mode: int) -> Path:
        source, target = tmp_path / f"{name}.old.tar.gz", tmp_path / name
        names = ["x", "x/a", "x/run"]
        with tarfile.open(source, "w:gz") as archive:
            for path in names if owner == "me" else reversed(names):
                entry = tarfile.TarInfo(path)
                entry.uname, entry.mtime, entry.mode = owner, seconds, mode
                entry.type = tarfile.DIRTYPE if path == "x" else tarfile.REGTYPE
                if path == "x/run":
                    entry.mode |= 0o100
                archive.addfile(entry)
        sdist.repack(source, target, 1_000_000)
        return target

    one, other = packed("one", "me", 1, 0o600), packed("other", "you", 2, 0o664)
    assert one.read_bytes() == other.read_bytes()
    with tarfile.open(one) as archive:
        modes = {member.name: oct(member.mode) for member in archive}
    assert modes == {"x": "0o755", "x/a": "0o644", "x/run": "0o755"}


# ---- where it can't be built ----


def test_without_a_compiler(
    unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CC", raising=False)
    words = ["-m", "pip", "wheel", "--no-build-isolation", "--no-index", "--no-deps", "."]
    done = python(*words, cwd=unpacked, env={"PATH": str(tmp_path), "PYTHONPATH": ""})
    if "No module named pip" in done.stderr:
        pytest.skip("there is no pip")
    first, *rest = last_words(done)
    assert f"CPython {build_needs.PYTHON} (" in first
    assert "there is no `" in rest[0]
    # What pip adds itself is all that follows.
    [end] = [number for number, line in enumerate(rest) if "pip install --only-binary" in line]
    assert "end of output" in rest[end + 1]


@needs_compiler
@pytest.mark.parametrize(
    ("kept", "missing"), [(False, "Python.h"), (True, "internal/")], ids=["all", "internal"]
)
def test_without_headers(unpacked: Path, tmp_path: Path, kept: bool, missing: str) -> None:
    include = tmp_path / "include"
    include.mkdir()
    if kept:
        for header in Path(setuptools.distutils.sysconfig.get_python_inc()).iterdir():
            if header.name != "internal":
                (include / header.name).symlink_to(header)
    compiler = tmp_path / "compiler"
    compiler.write_text(
        "#!/bin/sh\n"
        "for word do\n"
        "    shift\n"
        f"    case $word in -I*/include/*python3*) word=-I{include} ;; esac\n"
        '    set -- "$@" "$word"\n'
        "done\n"
        f'exec {COMPILER} "$@"\n'
    )
    compiler.chmod(0o755)
    done = hook("build_wheel('dist')", unpacked, CC=str(compiler))
    _, what, *_ = last_words(done)
    assert f"the headers of CPython {build_needs.PYTHON}" in what
    assert missing in what


@needs_compiler
def test_without_the_c_library(unpacked: Path) -> None:
    done = hook("build_wheel('dist')", unpacked, CC=f"{COMPILER} -nostdinc")
    _, what, *_ = last_words(done)
    assert "a C compiler that finds the C library: " in what
    assert "stdio.h" in what


@needs_compiler
def test_with_an_old_compiler(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "stdatomic.h").write_text('#error "C11 is not known here"\n')
    done = hook("build_wheel('dist')", unpacked, CC=COMPILER, CPATH=str(tmp_path))
    _, what, remedy, *_ = last_words(done)
    assert "C11 is not known here" in what
    assert "CC=" in remedy


@pytest.mark.parametrize(("tool", "old"), [("setuptools", "66.1.1"), ("Cython", "0.29.37")])
def test_with_old_tools(unpacked: Path, tmp_path: Path, tool: str, old: str) -> None:
    installed = tmp_path / f"{tool}-{old}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {tool}\nVersion: {old}\n")
    done = hook("build_wheel('dist')", unpacked, PYTHONPATH=str(tmp_path))
    message = " ".join(last_words(done))
    assert f"{tool} " in message
    assert f"{old} is installed" in message
    assert "--no-build-isolation" in message


def test_without_cython(unpacked: Path, tmp_path: Path) -> None:
    home = Path(setuptools.__file__).parents[1]
    for path in home.iterdir():
        if path.name.startswith(("setuptools", "_distutils_hack", "pkg_resources", "wheel")):
            (tmp_path / path.name).symlink_to(path)
    done = hook("build_wheel('dist')", unpacked, "-S", PYTHONPATH=str(tmp_path))
    message = " ".join(last_words(done))
    assert "Cython " in message
    assert "none is installed" in message


# ---- what to do about it, by system ----


@pytest.fixture
def of_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter is the system's, but not its default one."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(build_needs, "IS_DEFAULT", False)


def remedies(tmp_path: Path, os_release: str, *kinds: str) -> Iterator[str]:
    path = tmp_path / "os-release"
    path.write_text(os_release)
    return build_needs.remedies({*kinds}, path)


DIGITS = build_needs.PYTHON.replace(".", "")


@pytest.mark.parametrize(
    ("os_release", "command"),
    [
        ("ID=debian\n", "apt-get install gcc libc6-dev python{minor}-dev"),
        (
            "NAME=x\nID=pop\nID_LIKE='ubuntu debian'\n",
            "apt-get install gcc libc6-dev python{minor}-dev",
        ),
        ("ID=fedora\n", "dnf install gcc glibc-devel python{minor}-devel"),
        (
            'ID="rocky"\nID_LIKE="rhel centos fedora"\n',
            "dnf install gcc glibc-devel python{minor}-devel",
        ),
        ("ID=alpine\n", "apk add gcc musl-dev python3-dev"),
        ('ID="sles"\nID_LIKE="suse"\n', "zypper install gcc glibc-devel python{digits}-devel"),
        ("ID=arch\n", "pacman -S gcc"),
    ],
)
@pytest.mark.usefixtures("of_system")
def test_the_command_is_that_of_the_system(tmp_path: Path, os_release: str, command: str) -> None:
    wanted = command.format(minor=build_needs.PYTHON, digits=DIGITS)
    assert list(remedies(tmp_path, os_release, "compiler", "headers")) == [wanted]


@pytest.mark.usefixtures("of_system")
def test_headers_of_the_default_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_needs, "IS_DEFAULT", True)
    assert list(remedies(tmp_path, "ID=fedora", "headers")) == ["dnf install python3-devel"]


@pytest.mark.usefixtures("of_system")
def test_systems_that_nobody_knows(tmp_path: Path) -> None:
    compiler, headers = remedies(tmp_path, "ID=haiku", "compiler", "headers")
    assert "gcc or clang" in compiler
    assert f"python{build_needs.PYTHON}" in headers


@pytest.mark.usefixtures("of_system")
def test_a_python_that_is_not_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/opt/python")
    advice, command = remedies(tmp_path, "ID=debian", "compiler", "headers")
    assert "/opt/python" in advice
    assert command == "apt-get install gcc libc6-dev"


@pytest.mark.usefixtures("of_system")
def test_on_macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert list(remedies(tmp_path, "", "compiler")) == ["xcode-select --install"]
