# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a profile says is what happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from math import sqrt
from pathlib import Path

import pytest

from tests.support import truth_programs
from tests.support.profiled import kernel_ns, profiled, total, weight_by_function

CLOCKS = pytest.mark.parametrize("clock", ["thread", "process"])


def assert_near(measured_ns: float, expected_ns: float, period_ns: float, share: float) -> None:
    """Within `share`, and three standard errors of so many samples."""
    tolerance_ns = share * expected_ns + 3 * sqrt(expected_ns * period_ns) + 2 * period_ns
    assert abs(measured_ns - expected_ns) <= tolerance_ns


@pytest.mark.parametrize("name", truth_programs.NAMES)
def test_the_sum_is_the_kernels_count(name: str, tmp_path: Path) -> None:
    found = truth_programs.claim(name, 1.5, "thread", tmp_path)
    assert found.is_true, found


@pytest.mark.parametrize("name", ["depth-30", "threads-16", "short-threads", "c-calls"])
def test_the_sum_by_the_process_clock(name: str, tmp_path: Path) -> None:
    found = truth_programs.claim(name, 1.5, "process", tmp_path)
    assert found.is_true, found


def split_program(cycle_s: float, seconds: float = 2.0) -> str:
    return f"""
        def a(): burn(0.5 * {cycle_s})
        def b(): burn(0.3 * {cycle_s})
        def c(): burn(0.2 * {cycle_s})
        for _ in range(int({seconds} / {cycle_s})): a(); b(); c()
        """


@pytest.mark.parametrize("cycle_s", [0.005, 0.01, 0.02])
def test_a_program_in_step_with_the_period(cycle_s: float, tmp_path: Path) -> None:
    weights = weight_by_function(profiled(split_program(cycle_s, 4.0), tmp_path))
    # Who always looks at the same phase sees one of the three, or two.
    whole = sum(weights[name] for name in "abc")
    for name, share in (("a", 0.5), ("b", 0.3), ("c", 0.2)):
        error = 0.04 + 3 * sqrt(share * (1 - share) / 400)
        assert abs(weights[name] / whole - share) < error


# Three functions that note what they have used by the thread's own clock.
NOTED = """
    import json, threading
    used = {}
    def noted(name, seconds):
        began = time.thread_time()
        burn(seconds)
        used[name] = used.get(name, 0) + time.thread_time() - began
    def a(seconds): noted("a", 0.5 * seconds)
    def b(seconds): noted("b", 0.3 * seconds)
    def c(seconds): noted("c", 0.2 * seconds)
"""
CYCLES = "    for _ in range(int({seconds} / 0.0137)): a(0.0137); b(0.0137); c(0.0137)"
SPLITS = {
    "one thread": CYCLES.format(seconds=4),
    "four threads": f"""
    def work(seconds):
    {CYCLES.format(seconds="seconds")}
    threads = [threading.Thread(target=work, args=(1.0,)) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
""",
    "unequal threads": """
    def each(function, seconds):
        for _ in range(int(seconds / 0.005)): function(0.01)
    threads = [threading.Thread(target=each, args=pair) for pair in ((a, 2.0), (b, 1.0), (c, 3.0))]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
""",
    "tasks": """
    import asyncio
    async def each(function):
        for _ in range(300):
            function(0.0137); await asyncio.sleep(0)
    async def main(): await asyncio.gather(each(a), each(b), each(c))
    asyncio.run(main())
""",
}


@pytest.mark.parametrize("ends", [True, False])
def test_threads_that_block_all_signals(ends: bool, tmp_path: Path) -> None:
    code = f"""
    import signal, threading
    used, done = [], threading.Event()
    def deaf():
        burn(1)
        used.append(time.thread_time())
        done.set()
        if not {ends}: threading.Event().wait()
    everything = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    thread = threading.Thread(target=deaf, daemon=True)
    thread.start()
    signal.pthread_sigmask(signal.SIG_SETMASK, everything)
    done.wait()
    if {ends}: thread.join()
    burn(0.5)
"""
    weights = weight_by_function(profiled(code, tmp_path))
    assert_near(weights["[unseen threads]"], 1e9, 4e6, 0.05)
    assert_near(weights["burn"], 0.5e9, 4e6, 0.05)


@CLOCKS
@pytest.mark.parametrize("kind", SPLITS)
def test_shares_of_functions(kind: str, clock: str, tmp_path: Path) -> None:
    """Within a point and three standard errors; the process clock's choice of thread
    is known to be off by more where there are several."""
    if clock == "process" and "threads" in kind:
        pytest.skip("by thread it is not exact")
    code = NOTED + SPLITS[kind] + '\n    open("used", "w").write(json.dumps(used))\n'
    weights = weight_by_function(profiled(code, tmp_path, "--clock", clock))
    used = json.loads((tmp_path / "used").read_text())
    whole_ns, whole_s = sum(weights[name] for name in "abc"), sum(used.values())
    for name in "abc":
        share = used[name] / whole_s
        error = 0.01 + 3 * sqrt(share * (1 - share) / (whole_ns / 10e6))
        assert abs(weights[name] / whole_ns - share) < error, (name, share, weights, used)


def test_rates_beyond_the_kernels_tick_keep_the_weights_true(tmp_path: Path) -> None:
    profile = profiled("burn(1)", tmp_path, "--rate", "5000")
    assert profile.period == 200_000
    assert_near(total(profile), kernel_ns(tmp_path), 4e6, 0.02)


THREADS = """
    import threading, zlib, hashlib, _thread
    def python_work(): burn(0.6)
    def c_work():
        end = time.thread_time() + 0.6
        data = b'x' * 1000000
        while time.thread_time() < end: hashlib.sha256(data).digest(); zlib.crc32(data)
    threads = [threading.Thread(target=python_work, name=f"py-{i}") for i in range(2)]
    threads += [threading.Thread(target=c_work, name=f"c-{i}") for i in range(2)]
    for thread in threads: thread.start()
    done = _thread.allocate_lock(); done.acquire()
    def bare_work(): burn(0.6); done.release()
    _thread.start_new_thread(bare_work, ())
    done.acquire()
    for thread in threads: thread.join()
"""


@CLOCKS
def test_all_kinds_of_threads(clock: str, tmp_path: Path) -> None:
    profile = profiled(THREADS, tmp_path, "--clock", clock)
    by_thread: dict[str, int] = {}
    for sample in profile.samples:
        # What threads used unseen belongs to no thread by name.
        name = dict(sample.labels).get("thread_name", "")
        by_thread[name] = by_thread.get(name, 0) + sample.values[0]
    weights = weight_by_function(profile)
    assert {"py-0", "py-1", "c-0", "c-1"} <= by_thread.keys()
    assert_near(weights["python_work"] + weights["c_work"] + weights["bare_work"], 3e9, 10e6, 0.1)
    if clock == "thread":  # the other's choice of thread is not exact
        for name in ("py-0", "py-1", "c-0", "c-1"):
            assert_near(by_thread[name], 0.6e9, 10e6, 0.1)
        # Found by the scan alone, but its first tick brings what it had used.
        assert_near(weights["bare_work"], 0.6e9, 10e6, 0.1)
        assert_near(weights["c_work"], 1.2e9, 10e6, 0.1)
    assert_near(total(profile), kernel_ns(tmp_path), 10e6, 0.1)


def test_threads_made_in_c(tmp_path: Path) -> None:
    source = tmp_path / "spin.c"
    source.write_text(
        """
        #include <pthread.h>
        #include <time.h>
        static void *spin(void *seconds) {
            struct timespec now;
            do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
            while (now.tv_sec * 1e9 + now.tv_nsec < *(double *)seconds * 1e9);
            return 0;
        }
        void spin_in_thread(double seconds) {
            pthread_t thread;
            pthread_create(&thread, 0, spin, &seconds);
            pthread_join(thread, 0);
        }
        """
    )
    library = tmp_path / "spin.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-pthread", "-o", str(library), str(source)], check=True
    )
    profile = profiled(
        f"""
        import ctypes
        spin = ctypes.CDLL({str(library)!r}).spin_in_thread
        spin.argtypes = (ctypes.c_double,)
        spin(1.0)
        """,
        tmp_path,
    )
    # The main thread waits; Python is what comes before and after.
    assert_near(weight_by_function(profile)["[no Python code]"], 1.0e9, 4e6, 0.02)


def test_what_a_thread_does_in_its_last_destructors_counts_once(tmp_path: Path) -> None:
    source = tmp_path / "late.c"
    source.write_text(
        """
        #include <pthread.h>
        #include <time.h>
        static pthread_key_t key;
        static void spin(void *unused) {
            struct timespec now;
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
            double end = now.tv_sec + now.tv_nsec / 1e9 + 0.3;
            do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
            while (now.tv_sec + now.tv_nsec / 1e9 < end);
        }
        void spin_at_end(void) {
            pthread_key_create(&key, spin);
            pthread_setspecific(key, &key);
        }
        """
    )
    library = tmp_path / "late.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-pthread", "-o", str(library), str(source)], check=True
    )
    profile = profiled(
        f"""
        import ctypes, threading
        spin_at_end = ctypes.CDLL({str(library)!r}).spin_at_end
        def work(): spin_at_end(); burn(0.5)
        for _ in range(3):
            thread = threading.Thread(target=work); thread.start(); thread.join()
        time.sleep(0.5)
        """,
        tmp_path,
    )
    assert abs(total(profile) - kernel_ns(tmp_path)) <= 0.02 * kernel_ns(tmp_path) + 60e6


@pytest.mark.parametrize("life_ms", [1, 5])
def test_short_lived_threads_on_contended_processors(life_ms: int, tmp_path: Path) -> None:
    """Where others want the processors, the kernel switches threads when it looks
    at clocks, and few looks meet a short life."""
    spin = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(spin) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        profile = profiled(
            f"""
            import threading
            def work(): burn({life_ms / 1000})
            for _ in range({1000 // life_ms}):
                thread = threading.Thread(target=work); thread.start(); thread.join()
            """,
            tmp_path,
        )
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert abs(total(profile) - kernel_ns(tmp_path)) <= 0.02 * kernel_ns(tmp_path) + 40e6
    assert weight_by_function(profile)["work"] > 0.5 * total(profile)


@pytest.mark.parametrize("depth", [30, 256, 900])
def test_deep_stacks_are_whole(depth: int, tmp_path: Path) -> None:
    profile = profiled(
        f"""
        def recurse(n):
            if n: return recurse(n - 1)
            burn(0.5)
        recurse({depth})
        """,
        tmp_path,
    )
    stacks = [s.stack for s in profile.samples if any(f.name == "burn" for f in s.stack)]
    assert stacks
    for stack in stacks:
        assert [frame.name for frame in stack].count("recurse") == depth + 1
        assert stack[-1].name == "<module>"


def test_deeper_stacks_keep_their_leaves(tmp_path: Path) -> None:
    profile = profiled(
        """
        import sys, threading
        sys.setrecursionlimit(20000)
        threading.stack_size(512 * 1024 * 1024)
        def recurse(n):
            if n: return recurse(n - 1)
            burn(0.5)
        thread = threading.Thread(target=recurse, args=(5000,)); thread.start(); thread.join()
        """,
        tmp_path,
    )
    cut = [s for s in profile.samples if s.stack[-1].name == "[truncated]"]
    assert sum(s.values[0] for s in cut) > 0.4e9
    deep = [s.stack for s in cut if any(frame.name == "burn" for frame in s.stack)]
    assert deep
    assert all(len(stack) >= 1000 for stack in deep)
    assert all("burn" in [frame.name for frame in stack[:3]] for stack in deep)


def test_lines_and_names(tmp_path: Path) -> None:
    profile = profiled(
        """
        class Outer:
            class Inner:
                def method(self):
                    x = 0
                    for i in range(6000000):
                        x += i
                    return x
        Outer.Inner().method()
        """,
        tmp_path,
    )
    frames = {f for s in profile.samples for f in s.stack if f.name == "Outer.Inner.method"}
    source = (tmp_path / "program.py").read_text().splitlines()
    assert frames
    for frame in frames:
        assert frame.filename == str(tmp_path / "program.py")
        assert "def method" in source[frame.start_line - 1]
        assert source[frame.line - 1].strip() in ("for i in range(6000000):", "x += i")


def test_code_that_dies_keeps_its_name(tmp_path: Path) -> None:
    profile = profiled(
        """
        end = time.thread_time() + 1.5
        i = 0
        while time.thread_time() < end:
            i += 1
            space = {}
            source = f"def f_{i}():\\n for _ in range(2000): pass\\nf_{i}()"
            exec(compile(source, f"<src_{i}>", "exec"), space)
        """,
        tmp_path,
        "--rate",
        "1000",
    )
    seen = 0
    for sample in profile.samples:
        for frame in sample.stack:
            assert frame.name != "[unresolved code]"
            if frame.name.startswith("f_"):
                seen += 1
                assert frame.filename == f"<src_{frame.name[2:]}>"
    assert seen > 50


def test_nothing_polls(tmp_path: Path) -> None:
    script = """
        import os, threading
        threads = [threading.Thread(target=time.sleep, args=(2.5,)) for _ in range(20)]
        for thread in threads: thread.start()
        before = {}
        def switches():
            total = 0
            for tid in os.listdir('/proc/self/task'):
                for line in open(f'/proc/self/task/{tid}/status'):
                    if line.startswith(('voluntary', 'nonvoluntary')):
                        total += int(line.split()[1])
            return total
        time.sleep(0.5)
        first = switches(); time.sleep(1.5); second = switches()
        open('switches', 'w').write(str(second - first))
        for thread in threads: thread.join()
    """
    profiled(script, tmp_path)
    # The main thread's own, and what reading them takes.
    assert int((tmp_path / "switches").read_text()) <= 15
    assert sys.platform == "linux"
