# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The C tests of the core on aarch64, emulated."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.c import test_c
from wheels.build import zig_cc
from wheels.roots import emulator
from wheels.roots.outcome import Outcome, failed, ran
from wheels.targets import Target


def outcomes(work: Path) -> Iterator[Outcome]:
    """One for each test. It is compiled to be static: no libc of the machine is needed."""
    compiler = [*zig_cc(Target("aarch64", "musl")), "-static"]
    for test, units in test_c.UNITS.items():
        wrapped = test_c.WRAPPED.get((test, test_c.ADDRESS), [])
        sources = [test_c.HERE / f"test_{test}.c", *(test_c.CSRC / f"{unit}.c" for unit in units)]
        program = work / test
        compile_it = [*compiler, *test_c.FLAGS, "-w", *map(str, sources)]
        link = [f"-Wl,--wrap={name}" for name in wrapped]
        what = f"aarch64, C test of {test}"
        built = subprocess.run([*compile_it, *link, "-o", program], check=False).returncode == 0
        yield ran(what, [emulator.program(), program]) if built else failed(what, "not built")
