# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Stacks of programs that switch between many of them are whole, or marked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import pprof_reader
from tests.support.pprof_reader import ReadProfile
from tests.support.python import python

CLOCKS = pytest.mark.parametrize("clock", ["thread", "process"])

PROGRAM = """
import os, sys, threading, time
sys.path.append(os.environ["PYTHONPATH"].split(":")[0])
{before}
import pyroscope_native
from tests.support.aimed import Storm
session = pyroscope_native.profile("p.pb.gz", sample_rate=10000, clock="{clock}")
session.__enter__()
end = time.monotonic() + 2
def going(): return time.monotonic() < end
def even_root(n):
    while going(): even_middle(n)
def even_middle(n):
    even_leaf(n)
    switch()
    sorted((3, 1, 2), key=even_key)
def even_leaf(n): switch(); sum(range(n))
def even_key(n): switch(); return n
def odd_root(n):
    while going(): odd_middle(n)
def odd_middle(n): odd_leaf(n); switch(); odd_leaf(n)
def odd_leaf(n):
    for _ in odd_numbers(n): pass
def odd_numbers(n):
    for i in range(2): switch(); yield i
{body}
storm = Storm().__enter__() if "{clock}" == "thread" else None
main()
if storm: storm.__exit__(None, None, None)
session.__exit__(None, None, None)
print("end")
sys.exit(7)
"""

CALLERS = {
    "even_middle": {"even_root"},
    "even_leaf": {"even_middle"},
    "even_key": {"even_middle"},
    "odd_middle": {"odd_root"},
    "odd_leaf": {"odd_middle"},
    "odd_numbers": {"odd_leaf"},
    "co_even_middle": {"co_even_root"},
    "co_even_leaf": {"co_even_middle"},
    "co_odd_middle": {"co_odd_root"},
    "co_odd_leaf": {"co_odd_middle"},
}
OURS = set(CALLERS) | {"even_root", "odd_root", "co_even_root", "co_odd_root"}


def judge(profile: ReadProfile, *roots: str) -> None:
    """No stack is made of two, and those of `roots` are there."""
    weights = dict.fromkeys((*roots, "[torn stack]"), 0)
    total = 0
    for sample in profile.samples:
        names = [frame.name.rpartition(".")[2] for frame in sample.stack]
        total += sample.values[0]
        for callee, caller in zip(names, [*names[1:], "nothing"]):
            if callee in CALLERS:
                assert caller in CALLERS[callee], names
        sides = {name.replace("co_", "")[:3] for name in names if name in OURS}
        assert len(sides) <= 1, names
        for name in weights:
            if name in names:
                weights[name] += sample.values[0]
    assert total > 0
    # Who does nothing but switch spends much in switches, where there is no whole stack.
    assert weights.pop("[torn stack]") < 0.75 * total
    assert all(weight > 0.005 * total for weight in weights.values()), (weights, total)


def check(clock: str, before: str, body: str, directory: Path, *roots: str) -> None:
    program = PROGRAM.format(clock=clock, before=before, body=body)
    (directory / "program.py").write_text(program)
    done = python("program.py", cwd=directory)
    assert (done.returncode, done.stdout, done.stderr) == (7, "end\n", "")
    data = (directory / "p.pb.gz").read_bytes()
    judge(pprof_reader.check(data, max_stack_frames=1025), *roots)


@CLOCKS
def test_greenlets(clock: str, tmp_path: Path) -> None:
    pytest.importorskip("greenlet")
    body = """
import greenlet
def switch(): hub.switch()
def main():
    global hub
    hub = greenlet.getcurrent()
    made = [greenlet.greenlet(even_root if i % 2 else odd_root) for i in range(20)]
    while made:
        for each in made: each.switch(3)
        made = [each for each in made if not each.dead]
"""
    check(clock, "", body, tmp_path, "even_root", "odd_root")


@CLOCKS
def test_greenlets_that_come_and_go_in_threads(clock: str, tmp_path: Path) -> None:
    pytest.importorskip("greenlet")
    body = """
import greenlet
local = threading.local()
def switch(): local.hub.switch()
def drive():
    local.hub = greenlet.getcurrent()
    while going():
        made = [greenlet.greenlet(even_root if i % 2 else odd_root) for i in range(10)]
        for _ in range(3):
            for each in made: each.switch(3)
        del made, each  # greenlets that nobody has are ended by an exception
def main():
    threads = [threading.Thread(target=drive) for _ in range(3)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""
    check(clock, "", body, tmp_path, "even_root", "odd_root")


@CLOCKS
def test_gevent_in_place_of_everything(clock: str, tmp_path: Path) -> None:
    pytest.importorskip("gevent")
    body = """
import gevent
def switch(): gevent.sleep(0)
def main():
    spawned = [gevent.spawn(even_root if i % 2 else odd_root, 3) for i in range(100)]
    spawned += [threading.Thread(target=even_root, args=(3,)) for _ in range(5)]
    for each in spawned[100:]: each.start()
    pool = gevent.get_hub().threadpool
    results = [pool.spawn(sum, range(300000)) for _ in range(10)]
    for each in spawned: each.join()
    for result in results: result.get()
"""
    before = "from gevent import monkey; monkey.patch_all()"
    check(clock, before, body, tmp_path, "even_root", "odd_root")


COROUTINES = """
import asyncio
async def pause(): await asyncio.sleep(0)
async def co_even_root():
    while going(): await co_even_middle()
async def co_even_middle(): await co_even_leaf(); await pause(); await co_even_leaf()
async def co_even_leaf():
    await pause()
    sum(range(30))
async def co_odd_root():
    while going(): await co_odd_middle()
async def co_odd_middle():
    async for _ in co_odd_leaf(): await pause()
async def co_odd_leaf():
    for i in range(3): await pause(); sum(range(30)); yield i
async def run_all(): await asyncio.gather(*[f() for f in (co_even_root, co_odd_root) * 50])
"""


@CLOCKS
def test_asyncio(clock: str, tmp_path: Path) -> None:
    body = COROUTINES + "def main(): asyncio.run(run_all())"
    check(clock, "", body, tmp_path, "co_even_root", "co_odd_root")


@CLOCKS
def test_uvloop(clock: str, tmp_path: Path) -> None:
    pytest.importorskip("uvloop")
    body = (
        COROUTINES
        + """
import uvloop
def main():
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(run_all())
    loop.close()
"""
    )
    check(clock, "", body, tmp_path, "co_even_root", "co_odd_root")
