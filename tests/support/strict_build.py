# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Compiles the core with every warning an error, for the running interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror")


def main() -> int:
    """Returns the exit status."""
    with tempfile.TemporaryDirectory() as directory:
        for source in sorted((ROOT / "csrc").glob("*.c")):
            command = [
                os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-fPIC", *WARNINGS,
                "-isystem", sysconfig.get_path("include"),
                "-c", str(source), "-o", str(Path(directory) / "out.o"),
            ]  # fmt: skip
            if subprocess.run(command, check=False).returncode != 0:
                return 1
    print(f"csrc compiles without a warning for CPython {sys.version.split()[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
