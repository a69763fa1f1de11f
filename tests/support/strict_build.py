# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Compiles the core with every warning an error, for the running interpreter.

Where there is the package ziglang, also for macOS, whose headers it brings along: those
of the interpreter are then this system's, which are near enough.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror")


def compiles(*compiler: str) -> bool:
    """Whether this compiler has nothing to say of any file."""
    with tempfile.TemporaryDirectory() as directory:
        for source in sorted((ROOT / "csrc").glob("*.c")):
            command = [
                *compiler, "-std=gnu11", "-O2", "-fPIC", *WARNINGS,
                "-isystem", sysconfig.get_path("include"),
                "-c", str(source), "-o", str(Path(directory) / "out.o"),
            ]  # fmt: skip
            if subprocess.run(command, check=False).returncode != 0:
                return False
    return True


def main() -> int:
    """Returns the exit status."""
    if not compiles(os.environ.get("CC", "cc")):
        return 1
    print(f"csrc compiles without a warning for CPython {sys.version.split()[0]}")
    if importlib.util.find_spec("ziglang") is not None:
        if not compiles(sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-macos"):
            return 1
        print("and for macOS")
    return 0


if __name__ == "__main__":
    sys.exit(main())
