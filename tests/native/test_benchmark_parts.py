# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The programs in which benchmarks look at our own parts do what they are said to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import installed, installed_wheel, labels, memory_churn, pipeline, start, ways
from benchmarks.environments import OURS as OUR_ENVIRONMENT
from benchmarks.environments import ROOT, Environment
from benchmarks.pipeline_holds import _Watch
from benchmarks.profilers import NONE, OURS, Recording
from benchmarks.runner import ProgramFailed, run_for_result
from benchmarks.sink import Sink
from benchmarks.windows import Size


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.mark.parametrize("size", [Size(100, False), Size(200, True)])
def test_windows_go_through_all_stages(sink: Sink, size: Size) -> None:
    (window,) = pipeline._program("pipeline_stages", size, sink.address, 1)
    assert {"drain", "fold", "encode", "upload", "reference"} <= window["spent"].keys()
    assert all(cpu > 0 and wall > 0 for cpu, wall in window["spent"].values())
    assert window["distinct"] == size.samples  # each stack has other labels in each turn
    assert 0 < window["pprof_bytes"] < window["sent_bytes"]


def test_holds_of_our_threads_are_seen(sink: Sink) -> None:
    ((as_it_is, piece),) = pipeline._program("pipeline_holds", Size(100, False), sink.address, 1)
    assert as_it_is[0] > 0
    assert piece[0] > 0
    assert ".py:" in as_it_is[1]


def test_a_thread_that_keeps_the_gil_is_seen() -> None:
    used: list[int] = []

    def keep() -> None:
        for _ in range(5):
            began = time.thread_time_ns()
            sum(range(1_000_000))  # one call into C
            used.append(time.thread_time_ns() - began)
            time.sleep(0.001)  # the other one has its turn

    keeper = threading.Thread(target=keep)
    with _Watch() as watch:
        with watch.counting():
            keeper.start()
            keeper.join()
        longest = watch.longest()
    assert 0.5 * min(used) < longest.ns < 1.5 * sum(used)


@pytest.mark.parametrize("things", memory_churn.BATCHES)
def test_what_comes_and_goes_is_sampled_and_pushed(things: str) -> None:
    with Sink() as sink:
        words = ["-m", "benchmarks.memory_churn", things, "3", sink.address]
        resident_kb = run_for_result(NONE, Recording(100, ""), words)
    assert len(resident_kb) == 3
    assert min(resident_kb) > 0
    assert len(sink.uploads) >= 3


@pytest.mark.parametrize("way", [ways.FILE, ways.PUSH])
def test_a_start_is_seen(way: str) -> None:
    with ways.recording(way) as recording:
        seen, none = start._pair(OURS, recording, OUR_ENVIRONMENT)
    assert seen.started.import_ns > 0
    assert seen.started.start_ns > none.started.start_ns
    assert seen.started.started_kb > 0
    assert seen.program_ns > seen.exit_ns > 0
    assert none.started.import_ns == 0


def test_labels_are_entered_and_left() -> None:
    with ways.recording(ways.PUSH) as recording:
        words = ["-m", "benchmarks.labels_program", OURS.name, labels.MODULES[OURS.name]]
        words.append(json.dumps(recording._asdict()))
        least = run_for_result(OURS, recording, words)
    assert least["one label"] < least["one within another"]
    assert least["reference"] > 0


@pytest.fixture(scope="module")
def in_a_wheel() -> Environment:
    if not (ROOT / "setup.py").exists():
        pytest.skip("no source tree is beside these tests")
    return installed_wheel.installed(installed_wheel.wheel())


@pytest.mark.parametrize("imports", installed.STATEMENTS)
def test_what_is_imported_is_the_installed_wheel(in_a_wheel: Environment, imports: str) -> None:
    seen = installed.imported(installed.STATEMENTS[imports], in_a_wheel)
    origin = Path(seen.origin)
    assert in_a_wheel.python.parents[1] in origin.parents
    assert list((origin.parent / "__pycache__").glob("api.*.pyc"))
    assert list(origin.parent.glob("_core.*.so"))
    assert seen.cpu_ns > 0
    assert seen.reference_ns > 0


def test_without_the_package_nothing_is_imported(in_a_wheel: Environment) -> None:
    nothing = installed.imported("pass", in_a_wheel)
    assert nothing.origin == ""
    assert nothing.cpu_ns < installed.imported("import typing", in_a_wheel).cpu_ns


def test_an_import_that_fails_says_why(in_a_wheel: Environment) -> None:
    with pytest.raises(ProgramFailed, match="no_such_module"):
        installed.imported("import no_such_module", in_a_wheel)
