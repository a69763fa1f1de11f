# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The native core: counts CPU time by stack.

One per process. Calls come from one thread at a time, except `wake`, `poll`,
`attach_thread` and `walk_self`, which any may make.
"""

from collections.abc import Callable, Mapping
from typing import TypedDict, TypeVar

_T = TypeVar("_T")

CLOCK_THREAD: int
"""One CPU timer per thread."""
CLOCK_PROCESS: int
"""One timer for the process (setitimer)."""
POLL_IN: int
"""Bit in what `poll` takes and returns: there is something to read."""
POLL_OUT: int
"""The same: there is room to write."""
WAKE_TERMINATE: int
"""Bit in what `wait` returns: SIGTERM has come."""
WAKE_SIGNALS: int
"""The same: the main thread may have missed a signal."""
WAKE_LEADER: int
"""The same: the main thread has ended, the process has not."""
FUSE_BYTES: int
FUSE_TEXT_BYTES: int
"""Of them, what Python writes: see `arm_fuse`."""

class Counters(TypedDict):
    """Sums since the library was loaded, and peaks since the last start; `_ns` is
    CPU nanoseconds, of handlers wall nanoseconds. See `csrc/profiler.h`."""

    seen_ns: int
    samples: int
    overruns: int
    torn: int
    retried: int
    ring_full_ns: int
    ring_contended_ns: int
    no_slot_ns: int
    window_lost_ns: int
    unlabelled_ns: int
    truncated_ns: int
    torn_ns: int
    no_python_ns: int
    subinterpreter_ns: int
    unresolved_ns: int
    table_full_ns: int
    unseen_ns: int
    own_cpu_ns: int
    drain_ns: int
    unattached: int
    deaf: int
    drain_longest_ns: int
    ring_peak: float
    handler_p50_ns: int
    handler_p99_ns: int
    handler_longest_ns: int

class Window:
    """The folded weights of one span of time."""

    @property
    def weight_ns(self) -> int: ...
    @property
    def sample_count(self) -> int:
        """Distinct (stack, thread, label set)s."""

    def functions(self) -> list[tuple[str, str, int]]:
        """(qualified name, file name, first line) by function number."""

    def threads(self) -> list[tuple[int, str | None]]:
        """(kernel id, name if known from its start) by thread number."""

    def label_sets(self) -> list[tuple[str, ...]]:
        """Names and values in turn, inner scopes first, by label set; the first is
        empty."""

    def samples(self, start: int, stop: int) -> list[tuple[tuple[int, ...], int, int, int]]:
        """(stack, weight in ns, thread number, label set) of samples start to stop.

        A stack is frame numbers, leaf first.
        """

    def frames(self) -> list[tuple[int, int]]:
        """(function number, line) by frame number, of the stacks handed out so far.

        Line 0: the instruction has none.
        """

def start(clock: int, period_ns: int) -> None:
    """Begin sampling each `period_ns` of CPU time.

    Raises OSError when the timers can't be had, RuntimeError when all of the
    interpreter's code watchers are taken; nothing is armed then.
    """

def arm_fuse(descriptor: int) -> None:
    """Keep marks of where the profiler is in that file, after the start: bytes from
    FUSE_TEXT_BYTES to FUSE_BYTES, the first of the drain, the others of threads'
    handlers, not 0 inside. The file may be closed then. Raises OSError."""

def disarm_fuse() -> None:
    """Do so no longer."""

def set_period(period_ns: int) -> None:
    """Sample with another period from now on; weights stay right."""

def stop() -> None:
    """End sampling. What was seen can be drained and cut afterwards."""

class OwnThread:
    """A thread that serves the profiler: it takes no signals and is not sampled.

    Neither `threading` nor `_thread` knows it: a program that waits for all
    threads that it finds must not find it, and a library that makes threads
    into something else must not make it so.
    """

    def __init__(self, work: Callable[[], None], is_drain: bool = False) -> None:
        """Begin to run `work`. One such thread is the drain.

        Raises OSError.
        """

    def join(self, timeout_s: float) -> bool:
        """Wait until the thread is gone; False if it is still there."""

def wait_for_births() -> None:
    """Wait until each OwnThread that was made has a thread state.

    Before CPython 3.12 a fork at the moment when one is made hangs the child; and
    where the program has come to have no memory for one, it is a fatal error.
    """

def give_way() -> None:
    """In an OwnThread that has had the GIL for 200 µs: leave it to others. They would have
    to wait for 5 ms before the interpreter asks for it.
    """

def poll(wanted: list[tuple[int, int]], timeout_s: float) -> list[tuple[int, int]]:
    """Wait, without the GIL, for one of the (descriptor, bits) `wanted`; those that are
    ready, with bits that may say of an error, too. Interrupted by a signal: none.

    `select` and `selectors` may have been replaced by another library's. Raises
    MemoryError.
    """

def call_soon(call: Callable[[], None]) -> None:
    """Have the main thread do it before it goes on with the program."""

def wait(timeout_s: float) -> int:
    """Wait for a reason to drain, without the GIL. 0 when the time is up."""

def wake() -> None:
    """Make `wait` return."""

def is_single_threaded() -> bool:
    """Whether the process has one thread; False where that can't be found out."""

def is_alone() -> bool:
    """Whether only threads of the profiler are left; after WAKE_LEADER."""

def nudge_main() -> None:
    """Interrupt what the main thread waits for; after WAKE_SIGNALS."""

def drain() -> bool:
    """Fold one burst of samples; True if there may be more."""

def window_is_large() -> bool:
    """Whether it is time to cut, lest there be no room."""

def cut() -> Window:
    """Take what was folded since the last cut. Raises MemoryError."""

def take_unseen() -> int:
    """CPU nanoseconds of threads that no tick has seen: part of what was just cut."""

def counters() -> Counters: ...
def threads() -> list[tuple[int, int]]:
    """(kernel id, value that its timer sends) of the threads that have a timer."""

def has_signal() -> bool:
    """Whether SIGPROF still comes to the core."""

def return_signal() -> None:
    """Give SIGPROF back to whom it was taken from, after `stop`, and when no tick is on
    its way to any thread: at the default action it would be death."""

def before_exec() -> None:
    """Disarm what would outlive this program; the next `wait` re-arms it."""

def reset_after_fork() -> None:
    """In the child of a fork: as if never started."""

def watch_terminate(limit_s: int) -> None:
    """Stand in for SIGTERM's default action, see `WAKE_TERMINATE`."""

def unwatch_terminate() -> None:
    """Leave it to the default action again; die of a SIGTERM that has come meanwhile."""

def terminate() -> None:
    """Die of SIGTERM."""

def dies_of_interrupt() -> bool:
    """Whether a KeyboardInterrupt ended the program and the process is to die of it."""

def set_dies_of_interrupt(ended_the_program: bool) -> None:
    """Put back what `dies_of_interrupt` said: executing text makes it forgotten."""

def undisturbed(call: Callable[..., _T], *args: object, **keywords: object) -> _T:
    """Call without leaving a trace with the program's tracers, without collecting
    its garbage, and with room for calls, whatever limit it has set."""

def keeping_errno(call: Callable[[], object]) -> None:
    """Call, and leave C's errno as it was: after a fork that has failed some
    interpreters look at it when the hooks have run."""

def preceded(before: Callable[..., object], original: _T) -> _T:
    """A builtin like the builtin `original`, before which `before` is called.

    It gets the same arguments. What it returns, unless None, is called afterwards, if
    `original` has not raised; what the two raise is ignored. Raises TypeError for what
    is no builtin.
    """

def attach_thread() -> None:
    """The calling thread is sampled from now on. Called by a method of a Thread, it
    bears that one's name."""

class Scope:
    """The labels of a block, for the context that it runs in. Any thread may call,
    and it never raises. A subclass says which `tags` can be labels.

    What is entered while nothing is profiled is no scope. One that is left in another
    context than it was entered in ends everywhere.
    """

    def __init__(self, tags: Mapping[str, object]) -> None: ...

    _known_names: dict[object, str]
    """Names, as the program has them and as labels have them, that are good."""
    _plain_limit: int
    """Up to this many characters of ASCII are a good value."""

    @staticmethod
    def _checked(tags: Mapping[str, object]) -> tuple[str, ...]:
        """The tags as names and values in turn, exactly str."""

    def again(self) -> Scope:
        """Another of the same labels."""

    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...
    def end(self) -> None:
        """End it for good, in all contexts that it has come to."""

def labels_are_tracked() -> bool:
    """Whether a scope that is entered now has an effect."""

def thread_labels() -> tuple[str, ...]:
    """What `set_thread_labels` has set in the calling thread."""

def set_thread_labels(labels: tuple[str, ...]) -> None:
    """Label the calling thread, beneath scopes: names and values in turn, exactly str,
    of which the last of a name counts."""

def labels_are_read_right() -> bool:
    """Whether a handler sees the current context's labels as Python does. There are
    none in it afterwards."""

def walk_self() -> tuple[bool, list[tuple[int, int]]]:
    """Walk the caller's stack as the signal handler does.

    Returns whether the walk was accepted, and (id of the code object,
    instruction offset in code units or -1) from the leaf.
    """

def decode_lines(table_format: str, table: bytes, first_line: int, units: int) -> list[int]:
    """The line of each code unit, 0 where there is none.

    `table_format` is "lnotab" (3.9), "pep626" (3.10) or "pep657".
    """
