# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What building the native core needs, and what to say where something of it is missing.

Looked for before anything is compiled: the last lines of a build that can't succeed are then
what to install here, rather than what a compiler makes of it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
OS_RELEASE = Path("/etc/os-release")
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
IS_DEFAULT = os.path.realpath("/usr/bin/python3") == f"/usr/bin/python{PYTHON}"
"""Whether this is the minor version that the system itself uses."""


class System(NamedTuple):
    """What a family of systems installs packages with, and calls them."""

    install: str
    compiler: str
    """Packages, with the headers of the C library."""
    headers: str = ""
    """Of the system's own CPython 3.N; nothing, where they come with it."""
    other_headers: str = ""
    """Of another minor version, if that is called otherwise; `{minor}` and `{digits}` are its."""


SYSTEMS = {
    "debian": System("apt-get install", "gcc libc6-dev", "python{minor}-dev"),
    "fedora": System("dnf install", "gcc glibc-devel", "python3-devel", "python{minor}-devel"),
    "alpine": System("apk add", "gcc musl-dev", "python3-dev"),
    "suse": System("zypper install", "gcc glibc-devel", "python3-devel", "python{digits}-devel"),
    "arch": System("pacman -S", "gcc"),
}
"""By what ID or ID_LIKE of os-release says."""


class Missing(NamedTuple):
    """Something that is needed and not here."""

    what: str
    kind: str
    """Which packages have it: "compiler", "headers", or "newer compiler", which none has."""


def check_tools() -> None:
    """End the build, with a word, if pip was told not to provide its tools and they are
    missing or too old."""
    line = re.search("^requires = .*", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert line is not None
    for name, wanted in re.findall(r'"(\w+)>=([0-9.]+)"', line[0]):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = ""
        if _numbers(found) < _numbers(wanted):
            sys.exit(
                f"\npyroscope_native can't be built: it needs {name} {wanted} or later, "
                f"and {found or 'none'} is installed for {sys.executable}.\n"
                f"    {sys.executable} -m pip install --upgrade '{name}>={wanted}'\n"
                "or build without --no-build-isolation: pip then provides it by itself."
            )


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]


class Build(build_ext):
    """Builds the core, if all that it needs is here."""

    def build_extensions(self) -> None:
        """As setuptools does, but for paths of this machine in the result.

        Some CPythons link extensions with a run path to their own library, which the core
        does not need, and the C library would be looked for there first.
        """
        missing = list(lacking(self.compiler.compiler_so, self.include_dirs))
        if missing:
            sys.exit(told(missing, OS_RELEASE))
        linker = self.compiler.linker_so
        self.compiler.linker_so = [word for word in linker if not word.startswith("-Wl,-rpath")]
        super().build_extensions()


def lacking(compile_command: Sequence[str], include_dirs: Iterable[str]) -> Iterator[Missing]:
    """What a build with this command is going to miss."""
    compiler = compile_command[0]
    include = [f"-I{directory}" for directory in (*include_dirs, ROOT / "csrc")]

    def error(*lines: str) -> str:
        """What the compiler says of such a program; nothing if it compiles."""
        done = subprocess.run(
            [*compile_command, "-std=gnu11", *include, "-fsyntax-only", "-x", "c", "-"],
            input="\n".join([*lines, ""]),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode == 0:
            return ""
        errors = re.findall("error: (.*)", done.stdout)  # without the place in our program
        return (errors or done.stdout.splitlines() or [f"exit status {done.returncode}"])[0].strip()

    headers = f"the headers of CPython {PYTHON}"
    if shutil.which(compiler) is None:
        yield Missing(f"a C compiler: there is no `{compiler}` (CC may name another)", "compiler")
        # Nobody can say more of headers without a compiler.
        if not any(Path(directory, "Python.h").exists() for directory in include_dirs):
            yield Missing(f"{headers}: there is no Python.h", "headers")
    elif why := error("#include <stdio.h>"):
        yield Missing(f"a C compiler that finds the C library: {why}", "compiler")
    elif why := error("#include <stdatomic.h>", "_Atomic int number;"):
        what = f"a C compiler with C11's atomics, as gcc 5 or clang 3.6: {why}"
        yield Missing(what, "newer compiler")
    elif why := error("#include <Python.h>"):
        yield Missing(f"{headers}: {why}", "headers")
    elif why := error('#include "frames/frames.h"'):
        yield Missing(f"{headers}, the internal ones too: {why}", "headers")


def told(missing: Sequence[Missing], os_release: Path) -> str:
    """The message."""
    lines = [
        "",
        f"pyroscope_native can't be built for CPython {PYTHON} ({sys.executable}). It needs",
        *(f"  - {each.what}" for each in missing),
        *(f"    {line}" for line in remedies({each.kind for each in missing}, os_release)),
        "or install a wheel, for which no compiler is needed:",
        "    pip install --only-binary :all: pyroscope-native",
    ]
    return "\n".join(lines)


def remedies(kinds: set[str], os_release: Path) -> Iterator[str]:
    """What to do about it on this system, a line each."""
    if "newer compiler" in kinds:
        yield "install a newer one and name it with CC, as in: CC=gcc-12 pip install ..."
    system = None if sys.platform == "darwin" else _system(os_release)
    packages = []
    if "compiler" in kinds:
        if sys.platform == "darwin":
            yield "xcode-select --install"
        elif system is None:
            yield "install gcc or clang, and the C library's headers, with your system's packages"
        else:
            packages.append(system.compiler)
    if "headers" in kinds:
        # Elsewhere it was built by somebody, or unpacked, with headers of its own.
        if sys.base_prefix != "/usr":
            yield f"install this Python, which is not the system's, with headers: {sys.base_prefix}"
        elif system is None:
            yield f"install the development package of python{PYTHON} (python3-dev, python3-devel)"
        elif system.headers:
            packages.append(_header_package(system))
    if packages and system is not None:
        yield f"{system.install} {' '.join(packages)}"


def _system(os_release: Path) -> System | None:
    try:
        text = os_release.read_text(errors="replace")
    except OSError:
        return None
    values = dict(re.findall(r"^(ID|ID_LIKE)=[\"']?([^\"'\n]*)", text, re.MULTILINE))
    names = [values.get("ID", ""), *values.get("ID_LIKE", "").split()]
    return next((SYSTEMS[name] for name in names if name in SYSTEMS), None)


def _header_package(system: System) -> str:
    other = system.other_headers and not IS_DEFAULT
    name = system.other_headers if other else system.headers
    return name.format(minor=PYTHON, digits=PYTHON.replace(".", ""))
