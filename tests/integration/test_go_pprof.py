# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Go wrote the format: it reads what we write, and we read what it writes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pyroscope_native import pprof
from pyroscope_native.model import Frame, Function, Profile, Sample
from tests.support.serving import Serving

GO = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")

pytestmark = pytest.mark.skipif(GO is None, reason="go is not installed")

PROGRAM = """
package main

import (
	"context"
	"os"
	"runtime/pprof"
	"time"
)

func spin(until time.Time) (n int) {
	for time.Now().Before(until) {
		n++
	}
	return n
}

func main() {
	pprof.StartCPUProfile(os.Stdout)
	pprof.Do(context.Background(), pprof.Labels("endpoint", "/spin"), func(context.Context) {
		spin(time.Now().Add(300 * time.Millisecond))
	})
	pprof.StopCPUProfile()
}
"""


def go(*arguments: str, cwd: Path) -> bytes:
    assert GO is not None
    # Nothing may be downloaded, and no settings of the user's count.
    environment = {
        **os.environ,
        "GOENV": "off",
        "GOFLAGS": "",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
    }
    done = subprocess.run(
        [GO, *arguments], cwd=cwd, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    profile = Profile(
        functions=[
            Function("main", "/srv/app/main.py", 10),
            Function("Worker.run", "/srv/app/worker.py", 20),
        ],
        frames=[Frame(0, 12), Frame(1, 21)],
        samples=[
            Sample((1, 0), 30_000_000, (("endpoint", "/a"),)),
            Sample((0,), 10_000_000, ()),
        ],
        period=10_000_000,
        time_ns=1_700_000_000_000_000_000,
        duration_ns=15_000_000_000,
        comments=["a comment of ours"],
    )
    path = tmp_path / "ours.pprof"
    path.write_bytes(pprof.encode(profile))
    return path


def test_go_ranks_our_functions(ours: Path) -> None:
    lines = go("tool", "pprof", "-top", str(ours), cwd=ours.parent).decode().splitlines()
    assert "Type: cpu" in lines
    assert "Duration: 15s, Total samples = 40ms ( 0.27%)" in lines
    ranks = {line.split()[-1]: line.split()[:-1] for line in lines if "%" in line}
    assert ranks["Worker.run"] == ["30ms", "75.00%", "75.00%", "30ms", "75.00%"]
    assert ranks["main"] == ["10ms", "25.00%", "100%", "40ms", "100%"]


def test_go_sees_all_that_we_wrote(ours: Path) -> None:
    raw = go("tool", "pprof", "-raw", str(ours), cwd=ours.parent).decode()
    assert "a comment of ours" in raw
    assert "PeriodType: cpu nanoseconds" in raw
    assert "Period: 10000000" in raw
    assert "cpu/nanoseconds" in raw
    assert "endpoint:[/a]" in raw
    assert "Worker.run /srv/app/worker.py:21" in raw
    assert "[FN][FL][LN][IN]" in raw


def test_go_adds_up_as_we_do(ours: Path) -> None:
    other = ours.with_name("other.pprof")
    profile = pprof.decode(ours.read_bytes())
    worker, *_ = profile.samples
    other.write_bytes(pprof.encode(profile._replace(samples=[worker, worker._replace(labels=())])))
    go("tool", "pprof", "-proto", "-output=sum", str(ours), str(other), cwd=ours.parent)
    sums = [
        pprof.decode((ours.parent / "sum").read_bytes()),
        Profile.merged(pprof.decode(path.read_bytes()) for path in (ours, other)),
    ]
    by_go, by_us = (
        {
            (tuple(profile.functions[profile.frames[f].function] for f in stack), labels): value
            for stack, value, labels in profile.samples
        }
        for profile in sums
    )
    assert by_us == by_go
    assert sorted(by_us.values()) == [10_000_000, 30_000_000, 60_000_000]
    assert sums[0].period == sums[1].period


def test_we_read_what_go_wrote(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text(PROGRAM)
    profile = pprof.decode(go("run", "main.go", cwd=tmp_path))
    assert profile.sample_type == ("cpu", "nanoseconds")
    assert profile.period_type == ("cpu", "nanoseconds")
    assert profile.period == 10_000_000
    assert profile.total > 0
    assert profile.total % profile.period == 0
    assert profile.time_ns > 0
    labelled = [sample for sample in profile.samples if sample.labels == (("endpoint", "/spin"),)]
    assert labelled
    names = {
        profile.functions[profile.frames[index].function].name
        for sample in labelled
        for index in sample.stack
    }
    assert {"main.spin", "main.main"} <= names


def test_go_pulls_from_a_program(tmp_path: Path) -> None:
    code = """
pyroscope_native.configure(serve_address="0")
def busy(): burn(0.01)
burning = Burning(busy)
say(url())
hear()
burning.end()
"""
    with Serving(code, cwd=tmp_path) as program:
        address = f"{program.url}/debug/pprof/profile"
        top = go("tool", "pprof", "-top", "-cum", "-seconds", "2", address, cwd=tmp_path).decode()
        base = go("tool", "pprof", "-raw", f"{address}?seconds=1", cwd=tmp_path).decode()
        program.say()
    ranks = {line.split()[-1]: line.split()[4] for line in top.splitlines() if "%" in line}
    assert float(ranks["busy"].rstrip("%")) > 90
    assert "Duration: 2" in top
    assert "busy" in base
    assert program.errors == ""
