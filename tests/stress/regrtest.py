# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Compares CPython's own tests with and without profiling.

    python tests/stress/regrtest.py [--clock thread|process] [--quick] [--logs DIR] [MODULE...]

Runs each module of the interpreter's `test` package in a process of its own,
plain and under `run`, and tells which cases fail only under profiling. Those
are run once more both ways, so that flaky ones are told apart. Ends with
status 1 if a case fails, or a process hangs, crashes or writes no profile, that
is not in EXPECTED; the logs are kept then. Prints a table and a line of JSON;
the interpreter must find the package installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

MODULES = (
    "test_threading", "test_signal", "test_subprocess", "test_asyncio", "test_generators",
    "test_coroutines", "test_gc", "test_fork1", "test_faulthandler", "test_concurrent_futures",
    "test_multiprocessing_fork", "test_multiprocessing_spawn", "test_multiprocessing_forkserver",
    "test_sys_settrace", "test_code", "test_descr", "test_exceptions", "test_socket",
    "test_select", "test_os", "test_posix",
)  # fmt: skip
QUICK = (
    "test_threading", "test_generators", "test_coroutines", "test_gc", "test_fork1",
    "test_sys_settrace", "test_code", "test_descr", "test_exceptions", "test_select", "test_posix",
)  # fmt: skip

EXPECTED: dict[str, str] = {
    "test_threading.ThreadJoinOnShutdown.test_clear_threads_states_after_fork": (
        "wants a child without another thread in sys._current_frames(): the drain is one"
    ),
}
"""Cases that can not pass under profiling, and why."""

LEFT_OUT = ("test.test_socket.*VSOCK*",)
"""Patterns of cases that are not run: on some machines they hang by themselves."""

TIMEOUT_S = 600
_GRACE_S = 30
"""How much later than the tests' own watchdog, which says where they hang, they
are killed."""

_FAILED = re.compile(r"^(?:ERROR|FAIL|UNEXPECTED SUCCESS): (\w+) \(([\w.]+)\)", re.MULTILINE)
_ENV_CHANGED = re.compile(r"altered the execution environment|env changed")
_TIMEOUT = re.compile(r"Timeout \(\d+:\d\d:\d\d\)!")
_STATUSES = (0, 2, 3, 4)
"""Of libregrtest: fine, failures, environment changed, nothing run."""


@dataclass(frozen=True)
class Outcome:
    """What came of a module, or of some of its cases."""

    problems: frozenset[str]
    """Cases that failed or were skipped, and what befell the process."""
    cases: frozenset[str]
    """All that were run; empty if that is not known."""
    seconds: float


@dataclass(frozen=True)
class Difference:
    """What a module does otherwise under profiling."""

    module: str
    plain_s: float
    profiled_s: float
    new: list[str]
    flaky: list[str]
    """Like new, but not so the second time."""
    expected: list[str]

    def counts(self) -> str:
        """In words."""
        kinds = {"new": self.new, "flaky": self.flaky, "expected": self.expected}
        return ", ".join(f"{len(c)} {kind}" for kind, c in kinds.items() if c) or "the same"

    def lines(self) -> list[str]:
        """A line for each problem."""
        return [
            *(f"new: {case}" for case in self.new),
            *(f"flaky: {case}" for case in self.flaky),
            *(f"expected: {case} ({EXPECTED[case]})" for case in self.expected),
        ]


def _case(method: str, owner: str) -> str:
    """`module.Class.method` from what unittest prints, which differs by version."""
    name = owner.removeprefix("test.")
    return name if name.endswith(f".{method}") else f"{name}.{method}"


def _process_problems(module: str, status: int | None, text: str) -> set[str]:
    problems = set()
    if status is None or (status == 1 and _TIMEOUT.search(text)):
        problems.add(f"{module}: timeout")
    elif status < 0:
        problems.add(f"{module}: {signal.Signals(-status).name}")
    elif status not in _STATUSES:
        problems.add(f"{module}: exit status {status}")
    if _ENV_CHANGED.search(text):
        problems.add(f"{module}: environment changed")
    return problems


def run_module(
    module: str, scratch: Path, clock: str | None, cases: frozenset[str] = frozenset()
) -> Outcome:
    """Run `module`, or `cases` of it; profiled by `clock`, plain if that is None."""
    directory = Path(tempfile.mkdtemp(prefix=f"{module}-{clock or 'plain'}-", dir=scratch))
    work = Path(tempfile.mkdtemp(prefix="work-", dir=scratch))  # sockets want short paths
    log, report, profile = directory / "log", directory / "report.xml", directory / "p.pb.gz"
    words = [sys.executable]
    if clock is not None:
        words += ["-m", "pyroscope_native", "run", "--quiet", "--rate", "10000"]
        words += ["--clock", clock, "-o", str(profile)]
    words += ["-m", "test", "-v", "--timeout", str(TIMEOUT_S), "--junit-xml", str(report)]
    for pattern in LEFT_OUT:
        words += ["--ignore", pattern]
    for case in sorted(cases):
        words += ["--match", f"test.{case}"]
    words.append(module)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYROSCOPE_", "PYTHON"))
    }
    environment["TMPDIR"] = str(work)
    began_s = time.monotonic()
    status: int | None = None
    with log.open("wb") as output:
        child = subprocess.Popen(
            words, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            status = child.wait(TIMEOUT_S + _GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    seconds = time.monotonic() - began_s
    shutil.rmtree(work, ignore_errors=True)
    text = log.read_text(errors="replace")
    problems = {_case(*found) for found in _FAILED.findall(text)}
    problems |= _process_problems(module, status, text)
    if clock is not None and not profile.exists():
        problems.add(f"{module}: no profile")
    ran = set()
    if report.exists():
        for element in ElementTree.parse(report).iter("testcase"):
            name = element.get("name", "").removeprefix("test.")
            ran.add(name)
            if element.get("result") == "skipped" or element.find("skipped") is not None:
                problems.add(f"{name}: skipped")
    return Outcome(frozenset(problems), frozenset(ran), seconds)


def _new_problems(
    module: str, scratch: Path, clock: str, cases: frozenset[str] = frozenset()
) -> tuple[set[str], Outcome, Outcome]:
    """What befalls `module` under profiling only, and both outcomes."""
    plain = run_module(module, scratch, None, cases)
    profiled = run_module(module, scratch, clock, cases)
    problems = set(profiled.problems - plain.problems)
    problems |= {f"{case}: not run" for case in plain.cases - profiled.cases if profiled.cases}
    return problems, plain, profiled


def compare(module: str, scratch: Path, clock: str) -> Difference:
    """What differs in `module` under profiling."""
    problems, plain, profiled = _new_problems(module, scratch, clock)
    new = problems - EXPECTED.keys()
    flaky: set[str] = set()
    if new:
        names = frozenset(problem.partition(":")[0] for problem in new)
        # What is not a case of its own is tried again with the whole module.
        alone = all(re.fullmatch(r"[\w.]+\.test\w*", name) for name in names)
        again, _, _ = _new_problems(module, scratch, clock, names if alone else frozenset())
        flaky = new - again
    return Difference(
        module,
        round(plain.seconds, 1),
        round(profiled.seconds, 1),
        sorted(new - flaky),
        sorted(flaky),
        sorted(problems & EXPECTED.keys()),
    )


def _table(differences: list[Difference]) -> str:
    rows = [("module", "plain", "profiled", "difference")]
    for it in differences:
        first, *others = it.lines() or ["-"]
        rows.append((it.module, f"{it.plain_s} s", f"{it.profiled_s} s", first))
        rows += [("", "", "", line) for line in others]
    return "\n".join(f"{a:34}{b:>9}{c:>10}  {d}" for a, b, c, d in rows)


def main(words: list[str]) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description="CPython's own tests under profiling")
    parser.add_argument("--clock", choices=("thread", "process"), default="thread")
    parser.add_argument("--quick", action="store_true", help="a minute's worth of modules")
    parser.add_argument("--logs", type=Path, metavar="DIR", help="keep all logs, below DIR")
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    options = parser.parse_args(words)
    python = sys.version.split()[0]
    wanted = options.modules or (QUICK if options.quick else MODULES)
    # Debian has a `test` package with nothing but its support in it.
    found = importlib.util.find_spec("test") is not None
    modules = [name for name in wanted if found and importlib.util.find_spec(f"test.{name}")]
    if not modules:
        print("CPython's `test` package is not installed", file=sys.stderr)
        print(json.dumps({"python": python, "status": "skipped"}))
        return 0
    # A shell's background job ignores it, and so would the tests, which send it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    scratch = Path(tempfile.mkdtemp(prefix="regrtest-", dir=options.logs))
    differences = []
    for at, module in enumerate(modules, 1):
        it = compare(module, scratch, options.clock)
        differences.append(it)
        print(
            f"[{at}/{len(modules)}] {module}: {it.plain_s} s plain, "
            f"{it.profiled_s} s profiled, {it.counts()}",
            file=sys.stderr,
            flush=True,
        )
    failed = any(it.new for it in differences)
    print(_table(differences), flush=True)
    if failed or options.logs:
        print(f"logs are in {scratch}", file=sys.stderr)
    else:
        shutil.rmtree(scratch, ignore_errors=True)
    print(
        json.dumps(
            {
                "python": python,
                "status": "failed" if failed else "passed",
                "clock": options.clock,
                "absent": sorted(set(wanted) - set(modules)),
                "modules": [asdict(it) for it in differences],
            }
        )
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
