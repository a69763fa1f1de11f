# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the core's lock-free code under a model checker (weak_memory.h), with mutants.

A mutant is the same code with a memory order that is too weak, or steps in the wrong
order: each has to be found, or a test that passes would say nothing. Machines that
reorder little can't show any of that themselves.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CSRC = HERE.parents[1] / "csrc"

FLAGS = ["-std=gnu11", "-g", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-I", str(HERE)]
CHECKER_FLAGS = ["-O2", "-fno-builtin"]
"""The sanitizer's functions are builtins to some compilers."""
MODEL_FLAGS = [
    *("-O1", "-fsanitize=thread", "-fno-strict-aliasing", "-Wno-unused-function"),
    "-ffunction-sections",
    *("-Dmemcpy=model_memcpy", "-Dmemset=model_memset"),
    *("-isystem", sysconfig.get_path("include")),
]


@dataclass(frozen=True)
class Change:
    """Of a file of the core, where the text is once."""

    file: str
    old: str
    new: str


SMALL = {
    "ring": [
        Change("ring.h", "UINT64_C(1) << 17", "UINT64_C(1) << 4"),
        Change("ring.h", "PN_RING_TRIES = 64", "PN_RING_TRIES = 3"),
    ],
    "handler": [
        Change("ring.h", "UINT64_C(1) << 17", "UINT64_C(1) << 5"),
        Change("ring.h", "PN_RING_TRIES = 64", "PN_RING_TRIES = 3"),
        Change("threads.h", "PN_THREADS_PER_BLOCK = 32", "PN_THREADS_PER_BLOCK = 2"),
        Change("threads.h", "PN_STARTS_APART = 8", "PN_STARTS_APART = 2"),
        Change("profiler.c", "STOP_TRIES = 10000", "STOP_TRIES = 1"),
    ],
}
"""By model: what is made smaller, lest there be too many executions."""


@dataclass(frozen=True)
class Mutant:
    model: str
    name: str
    found_as: str
    changes: tuple[Change, ...]


def weaker(model: str, name: str, found_as: str, file: str, old: str, new: str) -> Mutant:
    return Mutant(model, name, found_as, (Change(file, old, new),))


RACE = "data race"
LOST = "data race|popped_ns|tid|record|timer != NULL|self_start"
NUMBER = "    atomic_fetch_add_explicit(&timers.starts, 1, memory_order_release);\n"
LOOKS = (
    "PyInterpreterState *interp = atomic_load_explicit(&handler.interp, memory_order_acquire);\n"
)
MUTANTS = [
    weaker("ring", "header-relaxed", RACE, "ring.c", "__ATOMIC_RELEASE", "__ATOMIC_RELAXED"),
    weaker("ring", "header-read-relaxed", RACE, "ring.c", "__ATOMIC_ACQUIRE", "__ATOMIC_RELAXED"),
    weaker(
        *("ring", "tail-relaxed", RACE, "ring.c"),
        "tail + length, memory_order_release",
        "tail + length, memory_order_relaxed",
    ),
    weaker(
        *("ring", "tail-read-relaxed", RACE, "ring.c"),
        "tail = atomic_load_explicit(&ring.tail, memory_order_acquire)",
        "tail = atomic_load_explicit(&ring.tail, memory_order_relaxed)",
    ),
    weaker("ring", "no-zeroes", "record|copies|ring.words", "ring.c", "clear(tail, length);", ""),
    weaker(
        *("ring", "header-not-zeroed", "record|copies|ring.words", "ring.c"),
        "clear(tail, length);",
        "clear(tail + 1, length - 1);",
    ),
    Mutant(
        *("ring", "tail-before-zeroes", f"{RACE}|record|seen"),
        (
            Change("ring.c", "    clear(tail, length);\n", ""),
            Change(
                "ring.c",
                "tail + length, memory_order_release);\n",
                "tail + length, memory_order_release);\n    clear(tail, length);\n",
            ),
        ),
    ),
    weaker(
        *("ring", "header-first", RACE, "ring.c"),
        "    *word_at(head + 1) = record->weight_ns;\n",
        "    __atomic_store_n(word_at(head), COMPLETE | (uint64_t)record->kind << KIND_SHIFT |"
        " record->depth, __ATOMIC_RELEASE);\n    *word_at(head + 1) = record->weight_ns;\n",
    ),
    weaker("ring", "one-word-too-many", f"{RACE}|record|seen", "ring.c", "> PN_RING_WORDS", "> 17"),
    weaker(
        *("ring", "old-head-is-full", "FULL", "ring.c"),
        "if (head >= tail && head + length",
        "if (head + length",
    ),
    weaker("handler", "no-barrier", LOST, "profiler.c", "    pn_barrier_all();\n", ""),
    Mutant(
        *("handler", "looks-before-it-enters", LOST),
        (
            Change("handler.c", "        enter_sig(&tick);\n", ""),
            Change("handler.c", LOOKS, LOOKS + "        enter_sig(&tick);\n"),
        ),
    ),
    weaker(
        *("handler", "leaves-relaxed", LOST, "handler.c"),
        "                          memory_order_release",
        "                          memory_order_relaxed",
    ),
    weaker(
        *("handler", "seen-leaving-relaxed", LOST, "threads.c"),
        "&thread->in_handler[i], memory_order_acquire",
        "&thread->in_handler[i], memory_order_relaxed",
    ),
    weaker(
        *("handler", "any-start", LOST, "handler.c"),
        "interp != NULL && tick.start == pn_timer_starts_sig()",
        "interp != NULL",
    ),
    weaker(
        *("handler", "start-read-relaxed", LOST, "handler.c"),
        "&handler.interp, memory_order_acquire",
        "&handler.interp, memory_order_relaxed",
    ),
    weaker(
        *("handler", "recycle-in-handler", LOST, "threads.c"),
        "    if (count_handlers(thread) > 0)\n        return true;\n",
        "",
    ),
    weaker(
        *("handler", "claims-known-at-the-stop", LOST, "threads.c"),
        "thread->claimed_until = NOT_KNOWN;",
        "thread->claimed_until = pn_ring_head();",
    ),
    Mutant(
        *("handler", "number-before-what-is-prepared", LOST),
        (
            Change("timer.c", NUMBER, ""),
            Change(
                "timer.c",
                "    atomic_store(&timers.clock, (int)clock);\n",
                NUMBER + "    atomic_store(&timers.clock, (int)clock);\n",
            ),
        ),
    ),
    weaker(
        "handler", "number-relaxed", LOST, "timer.c", NUMBER, NUMBER.replace("release", "relaxed")
    ),
    weaker(
        *("handler", "number-read-relaxed", LOST, "timer.c"),
        "atomic_load_explicit(&timers.starts, memory_order_acquire)",
        "atomic_load_explicit(&timers.starts, memory_order_relaxed)",
    ),
    weaker(
        *("handler", "engine-read-twice", LOST, "timer.c"),
        "return tick->clock == PN_CLOCK_THREAD ?",
        "return is_thread_engine_sig() ?",
    ),
]


def compilers() -> list[str]:
    return [name for name in ("gcc", "clang") if shutil.which(name)]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=300, check=False
    )


def compiled(command: list[str]) -> None:
    done = run(command)
    if done.returncode != 0:
        pytest.fail(f"{shlex.join(command)}\n{done.stderr}", pytrace=False)


@pytest.fixture(scope="module")
def checker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checker as compiled by the compiler that is asked for."""
    compiler: str = request.param
    to = tmp_path_factory.mktemp(compiler)
    probe = to / "probe.c"
    probe.write_text("#include <ucontext.h>\nint main(void) { return getcontext(0) & 0; }\n")
    linked = run([compiler, str(probe), "-o", str(to / "probe")])
    instrumented = run([compiler, "-fsanitize=thread", "-c", str(probe), "-o", str(to / "probe.o")])
    if linked.returncode != 0 or instrumented.returncode != 0:
        pytest.skip(f"{compiler} has no -fsanitize=thread, or the libc no getcontext()")
    source = str(HERE / "weak_memory.c")
    compiled([compiler, *FLAGS, *CHECKER_FLAGS, "-c", source, "-o", str(to / "weak_memory.o")])
    return to


def modelled(model: str, changes: tuple[Change, ...], checker: Path, to: Path) -> list[str]:
    """A program that explores what is left of the core after the changes."""
    core = to / "csrc"
    shutil.copytree(CSRC, core)
    for change in (*SMALL[model], *changes):
        text = (core / change.file).read_text()
        assert text.count(change.old) == 1, f"{change.file}: {change.old}"
        (core / change.file).write_text(text.replace(change.old, change.new))
    program = str(to / model)
    parts = [str(HERE / f"model_{model}.c"), str(checker / "weak_memory.o")]
    compiler = re.sub(r"\d+$", "", checker.name)
    compiled(
        [compiler, *FLAGS, *MODEL_FLAGS, "-c", "-I", str(core), parts[0], "-o", f"{program}.o"]
    )
    # Without the sanitizer's library, and without what nothing calls.
    compiled([compiler, "-Wl,--gc-sections", f"{program}.o", parts[1], "-o", program])
    return [program]


@pytest.mark.parametrize("checker", compilers(), indirect=True)
@pytest.mark.parametrize("model", SMALL)
def test_every_order(model: str, checker: Path, tmp_path: Path) -> None:
    done = run(modelled(model, (), checker, tmp_path))
    assert done.returncode == 0, done.stderr
    print(done.stdout)


@pytest.mark.parametrize("checker", compilers()[:1], indirect=True)
@pytest.mark.parametrize("mutant", MUTANTS, ids=[f"{m.model}-{m.name}" for m in MUTANTS])
def test_mutant_is_found(mutant: Mutant, checker: Path, tmp_path: Path) -> None:
    done = run(modelled(mutant.model, mutant.changes, checker, tmp_path))
    assert done.returncode == 1, done.stdout
    assert re.search(mutant.found_as, done.stderr.splitlines()[-1]), done.stderr
