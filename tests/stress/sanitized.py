# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Soaks the core as compiled with AddressSanitizer and UBSan.

    python tests/stress/sanitized.py [SECONDS]

Builds the extension for this interpreter in a directory of its own, and runs
tests/stress/soak.py there. Ends with status 0 if the soak does and nothing was
reported. Wants gcc with libasan and libubsan, and a package index for Cython.

The interpreter is not instrumented, but has its memory from malloc, so what
the core reads or writes of a freed object is seen. Two functions do so on
purpose, having asked the kernel first: on 3.11 and 3.12 the walk, of what may
be a generator (is_running_generator_sig), and the drain, of a code object whose
tombstone is missing (meet_code). Reports of heap memory there are no fault.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMPILER = os.environ.get("CC", "gcc")
FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fsanitize-recover=address"
FLAGS += " -fno-omit-frame-pointer -O1"
LIBRARIES = ("libasan.so", "libubsan.so")

ASAN_OPTIONS = {
    "detect_leaks": 0,  # the interpreter's own
    "handle_segv": 1,
    "halt_on_error": 0,
    # The walk looks for cframes on the thread's stack: locals stay there.
    "detect_stack_use_after_return": 0,
}
ON_PURPOSE = re.compile(
    r" heap-(?:use-after-free|buffer-overflow) .*\n"
    r"(?:.*\n){0,3}.* in (?:is_running_generator_sig|meet_code) "
)
"""What begins the report of a read that is no fault, after "AddressSanitizer:"."""


def _copy_sources(to: Path) -> None:
    """Without extensions that were built before: they would be found first."""
    for name in ("csrc", "pyroscope_native", "tests"):
        ignored = shutil.ignore_patterns("*.so", "__pycache__", "_core.c")
        shutil.copytree(ROOT / name, to / name, ignore=ignored)
    for name in ("setup.py", "build_needs.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, to / name)


def _build(source: Path, environment: Path) -> Path:
    """Returns the interpreter that the extension is built for."""
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "setuptools>=77", "Cython>=3.1"], check=True)
    flags = {
        "CC": COMPILER,
        "CFLAGS": f"{os.environ.get('CFLAGS', '')} {FLAGS}",
        "LDFLAGS": f"{os.environ.get('LDFLAGS', '')} {FLAGS}",
    }
    built = subprocess.run(
        [python, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=source,
        env={**os.environ, **flags},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        sys.exit(built.stdout)
    return python


def _library(name: str) -> str:
    command = [*shlex.split(COMPILER), f"-print-file-name={name}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _soak(source: Path, python: Path, seconds: float) -> int:
    environment = {
        **os.environ,
        "LD_PRELOAD": ":".join(map(_library, LIBRARIES)),
        "ASAN_OPTIONS": ":".join(f"{name}={value}" for name, value in ASAN_OPTIONS.items()),
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    }
    done = subprocess.run(
        [python, "tests/stress/soak.py", str(seconds)],
        cwd=source,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    print(done.stdout, end="")
    reports = done.stdout.split("ERROR: AddressSanitizer:")[1:]
    faults = [report for report in reports if not ON_PURPOSE.match(report)]
    faults += done.stdout.split("runtime error:")[1:]
    print(f"{len(reports)} reports, {len(faults)} faults, exit status {done.returncode}")
    return 1 if faults or done.returncode != 0 else 0


def main(seconds: float) -> int:
    """Returns the exit status."""
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "source"
        source.mkdir()
        _copy_sources(source)
        return _soak(source, _build(source, Path(directory) / "venv"), seconds)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0))
