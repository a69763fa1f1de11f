# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""`wheels/smoke.py` with a wheel, as it is installed on a machine of its kind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from wheels import debian, headers
from wheels.checkout import ROOT
from wheels.pythons import Python
from wheels.roots import debians, musl
from wheels.roots.outcome import Outcome, failed, not_tried, ran
from wheels.targets import Target

SMOKE = ROOT / "wheels" / "smoke.py"


def _wheel(of: Python, target: Target, dist: Path) -> Path | None:
    names = f"pyroscope_native-*-{of.tag}-{of.tag}-{target.platforms[0]}*.whl"
    return next(dist.glob(names), None)


def _pip(verb: str, of: Python, target: Target, wheel: Path, *to: str | Path) -> bool:
    """Have pip find what the wheel needs, and take it, for another machine than this."""
    platforms = [word for each in target.platforms for word in ("--platform", each)]
    command = [
        *(sys.executable, "-m", "pip", verb, "--quiet", "--disable-pip-version-check"),
        *("--only-binary=:all:", "--implementation", "cp", "--python-version", of.minor),
        *(*platforms, *to, wheel),
    ]
    return subprocess.run(command, check=False).returncode == 0


def on_this_machine(of: Python, dist: Path, work: Path) -> Outcome:
    """In a fresh environment, where no program is on the path: no compiler, for one.

    The interpreter is this machine's or, in a root, Debian's.
    """
    target, what = Target("x86_64", "gnu"), f"CPython {of.minor}"
    wheel = _wheel(of, target, dist)
    if wheel is None:
        return failed(what, f"no wheel in {dist}")
    here = next(headers.interpreters(of), None)
    if here is None and of.debian is None:
        return not_tried(what, "this machine has none, nor has any Debian")
    folder = work / of.minor
    folder.mkdir()
    shutil.copy(SMOKE, folder)
    if not _pip("download", of, target, wheel, "--dest", folder / "packages"):
        return failed(what, f"{wheel.name} was not taken")
    steps = [
        [here or f"/usr/bin/python{of.minor}", "-m", "venv", "venv"],
        ["venv/bin/pip", "install", "--quiet", "--no-index", "--find-links", "packages",
         "pyroscope_native"],
        ["venv/bin/python", "smoke.py"],
    ]  # fmt: skip
    for step in steps:
        words = ["/usr/bin/env", "-i", "PATH=/nowhere", *step]
        command = words if here else debians.command(of, "amd64", folder, words)
        outcome = ran(what, command, cwd=folder)
        if not outcome.is_well:
            break
    return outcome


def emulated(of: Python, dist: Path, work: Path) -> Outcome:
    """On aarch64, with Debian's interpreter. pip would take minutes there: it is run here."""
    target, what = Target("aarch64", "gnu"), f"aarch64, CPython {of.minor}"
    if of.debian is None:
        return not_tried(what, "no Debian has it")
    wheel, site = _wheel(of, target, dist), work / of.minor
    if wheel is None or not _pip("install", of, target, wheel, "--target", site):
        return failed(what, f"no wheel in {dist} that pip takes")
    shutil.copy(SMOKE, work)
    words = ["env", f"PYTHONPATH=/work/{site.name}", f"python{of.minor}", SMOKE.name]
    command = debians.command(of, "arm64", work, words)
    outcome = ran(what, command)
    if outcome.is_well:
        return outcome
    # Now and then the emulator never signals a thread.
    again = ran(what, command)
    return again._replace(words=f"{again.words}, at the second attempt; at the first:\n{outcome}")


def with_musl(of: Python, dist: Path, work: Path) -> Outcome:
    """With an interpreter that is built for musl."""
    target, what = Target("x86_64", "musl"), f"musl, CPython {of.minor}"
    wheel, site = _wheel(of, target, dist), work / of.minor
    if wheel is None or not _pip("install", of, target, wheel, "--target", site):
        return failed(what, f"no wheel in {dist} that pip takes")
    try:
        interpreter = musl.interpreter(of)
    except (debian.DownloadFailed, musl.BuildFailed) as error:
        return not_tried(what, str(error))
    return ran(what, ["env", f"PYTHONPATH={site}", interpreter, SMOKE])


def all_of(machine: str, minors: list[Python], dist: Path, work: Path) -> Iterator[Outcome]:
    """One for each CPython."""
    for each in minors:
        if machine == "x86_64":
            yield on_this_machine(each, dist, work)
        elif machine == "aarch64":
            yield emulated(each, dist, work)
        elif machine == "musl":
            yield with_musl(each, dist, work)
