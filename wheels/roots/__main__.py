# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Tries out wheels for what this machine is not: `python -m wheels.roots --help`.

On aarch64, emulated: the C tests of the core, and `wheels/smoke.py` with each CPython that
Debian has. With musl: the latter, with CPythons that are built for it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from wheels.build import ROOT
from wheels.pythons import Python, pythons
from wheels.roots import arm64, musl

SMOKE = ROOT / "wheels" / "smoke.py"


def _ran(what: str, command: Sequence[str | Path]) -> bool:
    """Whether it ended well. Its words are shown if not, or else the last of them."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    words = done.stdout.strip()
    if done.returncode == 0:
        words = words.rpartition("\n")[2]
    print(f"{'ok    ' if done.returncode == 0 else 'FAILED'} {what}: {words}", flush=True)
    return done.returncode == 0


def _c_tests(work: Path) -> Iterator[bool]:
    """The C tests, compiled to be static: no libc of the machine is needed."""
    # Here, for it wants pytest, which wheels do not.
    from tests.c import test_c

    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-musl", "-static"]
    for test, units in test_c.UNITS.items():
        wrapped = test_c.WRAPPED.get((test, test_c.ADDRESS), [])
        sources = [test_c.HERE / f"test_{test}.c", *(test_c.CSRC / f"{unit}.c" for unit in units)]
        program = work / test
        build = [
            *compiler, *test_c.FLAGS, "-w", *sources,
            *(f"-Wl,--wrap={name}" for name in wrapped), "-o", program,
        ]  # fmt: skip
        what = f"aarch64, C test of {test}"
        built = subprocess.run(build, check=False).returncode == 0
        yield _ran(what, [arm64.emulator(), program]) if built else _failed(what, "not built")


def _failed(what: str, step: str) -> bool:
    print(f"FAILED {what}: {step}")
    return False


def _installed(of: Python, platform: str, dist: Path, site: Path) -> bool:
    """Whether pip takes a wheel with a core from `dist` for such a CPython."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--target", site),
            *("--only-binary=:all:", "--implementation", "cp", "--python-version", of.minor),
            *("--platform", platform, "--find-links", dist, "pyroscope_native"),
        ],
        check=False,
    )
    return done.returncode == 0 and any(site.glob("pyroscope_native/_core*.so"))


def _wheel(machine: str, of: Python, dist: Path, work: Path) -> bool:
    """Whether the smoke test of a wheel is passed."""
    site = work / f"{machine}-{of.minor}"
    libc = {"aarch64": "manylinux_2_17_aarch64", "musl": "musllinux_1_2_x86_64"}[machine]
    what = f"{machine}, CPython {of.minor}"
    if not _installed(of, libc, dist, site):
        return _failed(what, f"no wheel in {dist}")
    shutil.copy(SMOKE, work)
    if machine == "musl":
        program: str | Path = musl.interpreter(of)
        return _ran(what, ["env", f"PYTHONPATH={site}", program, work / SMOKE.name])
    words = ["env", f"PYTHONPATH=/work/{site.name}", f"python{of.minor}", SMOKE.name]
    return _ran(what, arm64.command(of, work, words))


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m wheels.roots", description=__doc__.partition("\n")[2]
    )
    parser.add_argument("machine", choices=["aarch64", "musl"])
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", metavar="FOLDER")
    debians = [each for each in pythons() if each.debian is not None]
    parser.add_argument(
        "--minor", action="append", choices=[each.minor for each in debians], metavar="3.N",
        help="for this CPython only; may be repeated",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        results = list(_c_tests(work)) if options.machine == "aarch64" else []
        for each in debians:
            if options.machine == "musl" and not musl.is_buildable(each):
                continue
            if not options.minor or each.minor in options.minor:
                results.append(_wheel(options.machine, each, options.dist, work))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
