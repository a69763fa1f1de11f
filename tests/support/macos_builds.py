# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Holds what cibuildwheel would build for macOS against the matrix of CPythons."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
ARCHITECTURES = ("x86_64", "arm64")


def output_of(*words: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.split()


def main() -> int:
    """Returns the exit status."""
    pins = set(re.findall(r"cibuildwheel==(\S+)", WORKFLOW.read_text()))
    if pins != {version("cibuildwheel")}:
        print(f"the workflow runs cibuildwheel {pins}, lint {version('cibuildwheel')}")
        return 1
    patterns = output_of("wheels.pythons", "--cibuildwheel")
    for architecture in ARCHITECTURES:
        built = output_of(
            *("cibuildwheel", "--platform", "macos", "--print-build-identifiers"),
            CIBW_BUILD=" ".join(patterns),
            CIBW_ARCHS=architecture,
        )
        wanted = [pattern.replace("*", f"macosx_{architecture}") for pattern in patterns]
        if built != wanted:
            print(f"cibuildwheel would build {built}, not {wanted}")
            return 1
    print(f"cibuildwheel builds {len(patterns)} minors for macOS, as wheels/pythons.toml has")
    return 0


if __name__ == "__main__":
    sys.exit(main())
