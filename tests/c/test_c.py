# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Compiles and runs the C tests of the core, under sanitizers."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CSRC = HERE.parents[1] / "csrc"

COMPILER = shlex.split(os.environ.get("CC", "cc"))
FLAGS = [
    *("-std=gnu11", "-O1", "-g", "-pthread", "-fno-omit-frame-pointer", "-fno-strict-aliasing"),
    *("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"),
    *("-I", str(CSRC), "-isystem", sysconfig.get_path("include")),
]

UNITS = {
    "ring": ["ring"],
    "lines": ["lines"],
    "threads": ["threads", "wake"],
    "wake": ["wake"],
    "readable": ["readable"],
    "walk": ["walk", "readable"],
    "c_stack": ["c_stack", "readable"],
    "context": [],
    "lifecycle": [
        *("profiler", "handler", "timer", "tasks", "threads", "ring", "wake", "barrier", "c_stack"),
        *("terminate", "fuse", "handler_time", "unseen", "stray"),
    ],
}
"""What each test is linked with."""
if sys.version_info[:2] in ((3, 11), (3, 12)):
    UNITS["walk_cframe"] = ["walk", "readable"]

ADDRESS = "address,undefined"
BUILDS = [(test, ADDRESS) for test in UNITS]
BUILDS += [(test, "thread") for test in ("ring", "wake", "lifecycle")]

WRAPPED = {("lifecycle", ADDRESS): ["pn_timer_tick_sig"]}
WRAPPED["lifecycle", "thread"] = ["pn_timer_tick_sig", "timer_settime", "pthread_setspecific"]
"""Functions that a test stands between (GNU ld and others' `--wrap`)."""


def run(command: list[str], timeout_s: float) -> None:
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"{shlex.join(command)}\n{done.stdout}", pytrace=False)


def build(
    source: str,
    units: list[str],
    sanitizer: str,
    compiler: list[str],
    to: Path,
    wrapped: Sequence[str] = (),
) -> str:
    program = str(to / source)
    sources = [str(HERE / f"{source}.c"), *(str(CSRC / f"{unit}.c") for unit in units)]
    sanitize = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"]
    wrap = [f"-Wl,--wrap={name}" for name in wrapped]
    run([*compiler, *FLAGS, *sanitize, *sources, *wrap, "-o", program], timeout_s=120)
    return program


@pytest.mark.parametrize(
    ("test", "sanitizer"), BUILDS, ids=[f"{test}-{kind.split(',')[0]}" for test, kind in BUILDS]
)
def test_unit(test: str, sanitizer: str, tmp_path: Path) -> None:
    wrapped = WRAPPED.get((test, sanitizer), []) if sys.platform == "linux" else []
    program = build(f"test_{test}", UNITS[test], sanitizer, COMPILER, tmp_path, wrapped)
    run([program], timeout_s=600)


def has_fuzzer() -> bool:
    """Whether there is a clang, and with its run-time libraries."""
    if shutil.which("clang") is None:
        return False
    found = subprocess.run(
        ["clang", "-print-runtime-dir"], capture_output=True, text=True, check=False
    )
    return bool(list(Path(found.stdout.strip()).glob("libclang_rt.fuzzer*")))


FUZZED = {"lines": ["lines"], "walk": ["walk", "readable"]}
CORPUS = HERE / "corpus"


@pytest.mark.skipif(not has_fuzzer(), reason="no clang with libFuzzer (libclang-rt-dev)")
@pytest.mark.parametrize("target", FUZZED)
def test_fuzz(target: str, tmp_path: Path) -> None:
    units = FUZZED[target]
    program = build(f"fuzz_{target}", units, f"fuzzer,{ADDRESS}", ["clang"], tmp_path)
    # What is found goes to the first directory.
    found, kept = tmp_path / "found", CORPUS / target
    found.mkdir()
    corpus = [str(found), *([str(kept)] if kept.is_dir() else [])]
    limits = ["-runs=100000", "-max_len=400", "-timeout=10", "-seed=1"]
    run([program, *limits, f"-artifact_prefix={tmp_path}/", *corpus], timeout_s=120)


def test_every_c_test_is_run() -> None:
    sources = {path.stem.replace("test_", "", 1) for path in HERE.glob("test_*.c")}
    assert sources == {*UNITS, "walk_cframe"}
    assert {path.stem for path in HERE.glob("fuzz_*.c")} == {f"fuzz_{name}" for name in FUZZED}
