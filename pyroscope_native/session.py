# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""One profiling life: from the first timer to the last profile.

The session owns the core, the thread that drains it, and what becomes of the
windows. It never raises into the program: what goes wrong is logged once and
ends the profiling at worst.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from pyroscope_native import _core, labels
from pyroscope_native.budget import Budget, Costs
from pyroscope_native.config import PROCESS_TAGS, SERIES_LABELS, Clock, Config
from pyroscope_native.deliver.backoff import random_share
from pyroscope_native.deliver.upload import Uploader
from pyroscope_native.figures import SIGNAL_NS, Deliveries, Stats
from pyroscope_native.fold import UNSEEN_THREADS, Fold
from pyroscope_native.fuse import Fuse
from pyroscope_native.log import warn_once
from pyroscope_native.model import Function, Profile
from pyroscope_native.recording import Cut, Moment, Recording, Scrape
from pyroscope_native.sample_labels import OTHER, SampleLabels
from pyroscope_native.selfcheck import find_mismatch

if TYPE_CHECKING:
    from pyroscope_native.serve.server import Server

_sleep = time.sleep
"""As it is before the program, whose hooks we run in, may put something in its place."""

_JOIN_LIMIT_S = 5.0
"""How long a thread of ours may take to end; microseconds, unless the GIL can't
be had."""

_ALONE_S = 0.5
"""How often to look for other threads when the main one has ended."""

_WANTED_S = 0.2
"""How often to ask whether the session is still wanted."""

_HEARING_S = 0.005
"""A main thread that has not come to run Python in this time waits for something."""

_FLUSH_PAUSE_S = 0.001
"""How often a flush looks whether its window has been closed."""

_WINDOW_LIMIT_S = 1800.0
"""The longest window that is pushed: the server refuses what began an hour ago."""

_FIRST_WINDOW = 0.2
"""The first window is as long as this part of the interval, or longer by chance: so
processes that have begun together don't push together."""

_CLOCKS: dict[Clock, int] = {"thread": _core.CLOCK_THREAD, "process": _core.CLOCK_PROCESS}


def _attaching(get_native_id: Callable[[], int]) -> Callable[[], int]:
    """The builtin `get_native_id`, but the thread that calls it is sampled from
    then on. What another library has put in its place is left alone."""
    try:
        return _core.preceded(_core.attach_thread, get_native_id)
    except TypeError:
        return get_native_id


_plain_get_native_id = _thread.get_native_id
_attaching_get_native_id = _attaching(_plain_get_native_id)
"""Every `threading.Thread` calls it when it begins to run: so new threads are
sampled from their beginning, and nothing of ours is in their stacks."""


def _put(function: Callable[[], int], *, in_place_of: Callable[[], int]) -> None:
    """In both modules: pickle looks for it in the one that it names."""
    modules: tuple[Any, ...] = (_thread, threading)
    for module in modules:
        if module.get_native_id is in_place_of:
            module.get_native_id = function


class StartError(Exception):
    """Why profiling could not begin."""


def _qualname_finder() -> Callable[[Function], str] | None:
    if sys.version_info >= (3, 11):
        return None
    from pyroscope_native.qualnames import QualnameFinder

    return QualnameFinder().find


_T = TypeVar("_T")


def _taken(notes: deque[_T]) -> list[_T]:
    """What others have left there up to now."""
    return [notes.popleft() for _ in range(len(notes))]


def _rouse_main_thread() -> None:
    """See to it that the main thread hears of a signal that another may have taken:
    unless it runs Python anyway, interrupt what it waits for."""
    heard: list[bool] = []
    _core.call_soon(partial(heard.append, True))
    until_s = time.monotonic() + _HEARING_S
    while not heard and time.monotonic() < until_s:
        _sleep(_HEARING_S / 5)
    if not heard:
        _core.nudge_main()


class _Drain:
    """A thread that drains until it is told to end."""

    def __init__(self, session: Session) -> None:
        """Raises OSError."""
        self._session = session
        self._end_asked = False
        self._thread = _core.OwnThread(self._work, is_drain=True)

    def _work(self) -> None:
        try:
            while not self._end_asked:
                self._session.drain_turn()
        except Exception as error:
            _core.stop()
            warn_once("drain", f"profiling has ended: {error!r}")

    def leave(self) -> None:
        """Have it end after its turn."""
        self._end_asked = True

    def end(self) -> None:
        """Have it end, and wait for that."""
        self.leave()
        _core.wake()
        self._thread.join(_JOIN_LIMIT_S)


def _is_below(caller: FrameType, instruction: int, frame: FrameType | None) -> bool:
    """Whether `frame` runs in a call that `caller` makes at `instruction`."""
    if frame is caller or caller.f_lasti != instruction:
        return False
    while frame is not None and frame is not caller:
        frame = frame.f_back
    return frame is caller


class Session:
    """Profiles this process from `start` to `stop`."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock: Clock = config.clock or "thread"
        self.clock_reason = ""
        """Why it is not the clock that was to be."""
        self._ended: Stats | None = None
        """The last figures, after `stop`."""
        self._fuse = Fuse(config.application_name, config.fuse) if config.fuse else None
        self._budget = Budget(config.overhead_budget, config.rate_hz)
        self._qualname = _qualname_finder()
        self._pid = os.getpid()
        self._to_stop = [self]
        """Emptied by whoever stops: taking from a list is atomic, and a lock may
        be another library's by the time it is needed."""
        self._drain: _Drain | None = None
        self._stepped_back = False
        """Sampling has ended before the session."""
        self._window_s = min(config.upload_interval_s, _WINDOW_LIMIT_S)
        self._labels_dropped = self._label_values_other = 0
        self._pauses = 0
        """Forks under way."""
        self._endings = 0
        """Threads that wait for threads of ours to end."""
        self._flushes: deque[list[bool]] = deque()
        """Of each thread that waits for its window to be closed, where to say so."""
        self._forking: tuple[FrameType, int] | None = None
        """Who forks, and the instruction that does it."""
        self.on_terminate: Callable[[], None] | None = None
        """Called in the drain's thread when SIGTERM has come."""
        self.on_over: Callable[[], None] | None = None
        """Called there when only threads of ours are left, or the session is not wanted
        any more."""
        self.is_wanted: Callable[[], bool] | None = None
        """Asked there, several times a second."""
        self._leaderless = False
        """The main thread has ended before the process."""
        self.uploader = Uploader(config) if config.server_address else None
        self.server = self._make_server() if config.serve_address else None
        self._whole: Recording | None = None
        """Of the session, where there are outputs."""
        self._pushed: Recording | None = None
        """Of what the server is sent next, where there is one."""
        self._scrapes: list[Scrape] = []
        """Those under way."""
        self._asked_scrapes: deque[Scrape] = deque()

    def _make_server(self) -> Server:
        # Here and not above: most have none.
        from pyroscope_native.address import parse_serve_address
        from pyroscope_native.serve.server import Server

        address = parse_serve_address(self.config.serve_address)
        return Server(self.config, address, scrape=self.scrape, stats=self.stats)

    # -- beginning --

    def start(self) -> None:
        """Raises StartError, and then nothing is armed."""
        mismatch = find_mismatch()
        if mismatch is not None:
            raise StartError(f"this interpreter's frames are not as expected: {mismatch}")
        if signal.SIGPROF in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            warn_once(
                "blocked",
                "SIGPROF is blocked, by whoever started this program: threads that don't "
                "unblock it are not sampled",
            )
        blown = self._fuse.blown() if self._fuse is not None else None
        if blown is not None:
            raise StartError(blown)
        began = Moment.now()
        self._began_s = began.monotonic_s
        self._kernel_began_ns = time.process_time_ns()
        self._counters_began = _core.counters()
        labels.replace_periods(self.config.replace_label_periods)
        self._labels_refused_before = labels.refused()
        self._lost_told_ns = 0
        share = _FIRST_WINDOW + (1 - _FIRST_WINDOW) * random_share()
        self._due_s = self._began_s + share * self._window_s
        if self.config.outputs:
            limit = self.config.label_value_limit
            self._whole = self._record(SampleLabels(thread_name=True, value_limit=limit), began)
        if self.uploader is not None:
            self._pushed = self._record(self._server_labels(), began)
        try:
            self._start_clock()
            self._watch_new_threads()
            self._drain = _Drain(self)
        except (OSError, RuntimeError) as error:
            self._unwatch_new_threads()
            _core.stop()
            raise StartError(str(error)) from None
        if self.server is not None:
            self.server.start()
        _core.wait_for_births()
        if self._fuse is not None:
            self._fuse.arm()
        self._budget.begin(self._costs())

    def _start_clock(self) -> None:
        try:
            _core.start(_CLOCKS[self.clock], self.config.period_ns)
        except OSError as error:
            if self.clock != "thread":
                raise
            self.clock = "process"
            self.clock_reason = f"no per-thread timers: {error.strerror}"
            if sys.platform == "linux":
                warn_once(
                    "clock",
                    f"per-thread timers can't be had ({error.strerror}; see ulimit -i): "
                    "using one timer for the process, which is less exact",
                )
            self._start_clock()

    @staticmethod
    def _watch_new_threads() -> None:
        _put(_attaching_get_native_id, in_place_of=_plain_get_native_id)

    @staticmethod
    def _unwatch_new_threads() -> None:
        _put(_plain_get_native_id, in_place_of=_attaching_get_native_id)

    # -- the drain's thread --

    def _end_threads(self) -> None:
        """Several threads may want this at once; all come back when it is done."""
        drain, self._drain = self._drain, None
        if drain is not None:
            self._endings += 1
            drain.end()
            if self.server is not None:
                self.server.pause(_JOIN_LIMIT_S)
            self._endings -= 1
        until_s = time.monotonic() + _JOIN_LIMIT_S
        while self._endings > 0 and time.monotonic() < until_s:
            _sleep(0.0005)

    def drain_turn(self) -> None:
        """Wait for something to do, and do it."""
        reasons = _core.wait(self._idle_s())
        flushes = _taken(self._flushes)  # before draining: what was sampled by then is in it
        while _core.drain():
            _core.give_way()
        if reasons & _core.WAKE_SIGNALS:
            _rouse_main_thread()
        if reasons & _core.WAKE_TERMINATE and self.on_terminate is not None:
            self._drain = None  # nobody waits for the thread that stops
            self.on_terminate()
        self._leaderless |= bool(reasons & _core.WAKE_LEADER)
        if self.on_over is not None and self._is_over():
            drain, self._drain = self._drain, None
            self.on_over()
            if drain is not None:
                drain.leave()
        if self._to_stop and not self._stepped_back and not _core.has_signal():
            self.step_back()
        if self._to_stop and not self._stepped_back:
            self._keep_to_budget()
        if self._to_stop:
            self._attend_recordings(flush=bool(flushes))
        if self._to_stop and self.uploader is not None:
            self.uploader.resume(at_once=bool(flushes))
        for flushed in flushes:
            flushed.append(True)

    def _idle_s(self) -> float:
        """How long there is nothing to do but drain."""
        if self._flushes or self._asked_scrapes:
            return 0.0
        until_s = min([self._due_s, *(scrape.until_s for scrape in self._scrapes)])
        if self.uploader is not None:
            until_s = min(until_s, self.uploader.due_s)
        idle_s = max(0.0, until_s - time.monotonic())
        if self._leaderless:
            idle_s = min(idle_s, _ALONE_S)
        if self.is_wanted is not None:
            idle_s = min(idle_s, _WANTED_S)
        return idle_s

    def _is_over(self) -> bool:
        if self._leaderless and _core.is_alone():
            return True
        return self.is_wanted is not None and not self.is_wanted()

    def flush(self, timeout_s: float) -> bool:
        """Close the window and wait until the server has it, and those before it, or
        `timeout_s` is over. Any thread may. False if not all was taken."""
        uploader = self.uploader
        if uploader is None:
            return False
        until_s = time.monotonic() + timeout_s
        lost = uploader.figures().lost
        flushed: list[bool] = []
        self._flushes.append(flushed)
        _core.wake()
        while not flushed and self._ended is None:
            if time.monotonic() >= until_s:
                return False
            _sleep(_FLUSH_PAUSE_S)
        if not uploader.wait_until_idle(until_s):
            return False
        figures = uploader.figures()
        return figures.waiting + figures.spooled == 0 and figures.lost == lost

    def _costs(self) -> Costs:
        counters = _core.counters()
        own_ns = counters["own_cpu_ns"]
        own_ns += counters["samples"] * (counters["handler_p50_ns"] + SIGNAL_NS)
        if self.uploader is not None:
            own_ns -= self.uploader.loading_ns  # once, whatever the rate
        if self.server is not None:
            own_ns -= self.server.loading_ns
        return Costs(time.monotonic(), time.process_time_ns(), own_ns, counters["samples"])

    def _keep_to_budget(self) -> None:
        former_hz = self._budget.rate_hz
        rate_hz = self._budget.judge(self._costs())
        if rate_hz != former_hz:
            _core.set_period(1_000_000_000 // rate_hz)

    def step_back(self) -> None:
        """Somebody else wants SIGPROF: end sampling, keep what there is."""
        self._stepped_back = True
        _core.stop()
        warn_once(
            "signal",
            "something else handles SIGPROF now: profiling has ended. Let one of the two "
            "be, or call configure() after the other has been set up",
        )

    # -- forks --

    def pause(self, forking: FrameType | None) -> None:
        """Before a fork, which the frame `forking` has called.

        A thread of ours would make the program multi-threaded in the
        interpreter's eyes, and hold locks in the child.
        """
        self._pauses += 1
        if forking is not None:
            self._forking = (forking, forking.f_lasti)
        self._end_threads()
        if self.uploader is not None:
            self.uploader.wait_until_loaded(_JOIN_LIMIT_S)
        _core.wait_for_births()

    def resume(self) -> None:
        """After the fork, in the parent.

        Some interpreters count threads only after this has been called. So in
        a program of one thread ours begins when that thread is back from the
        fork; in others the count is above one anyway.
        """
        self._pauses -= 1
        if _core.is_single_threaded() and self._forking is not None:
            _core.call_soon(self._resume_when_back)
        else:
            self._resume_now()

    def abandon(self) -> None:
        """After the fork, in the child: the session is the parent's. Let go of the
        frame that forked, which would live on here."""
        self._forking = None
        self._to_stop.clear()
        if self.server is not None:
            self.server.abandon()
        if self.uploader is not None:
            self.uploader.abandon()

    def _resume_when_back(self) -> None:
        if self._forking is not None and _is_below(*self._forking, sys._getframe(1)):
            _core.call_soon(self._resume_when_back)
        else:
            self._resume_now()

    def _resume_now(self) -> None:
        self._forking = None
        if not self._to_stop or self._pauses > 0 or self._drain is not None:
            return
        try:
            self._drain = _Drain(self)
        except OSError as error:
            _core.stop()
            warn_once("drain", f"profiling has ended: no thread to be had: {error.strerror}")
        if self.server is not None:
            self.server.resume()
        _core.wait_for_births()

    # -- recordings --

    def scrape(self, scrape: Scrape) -> None:
        """Begin it soon. Any thread may, before the session's stop."""
        self._asked_scrapes.append(scrape)
        _core.wake()

    def _record(self, sample_labels: SampleLabels, began: Moment) -> Recording:
        fold = Fold(
            sample_labels=sample_labels,
            qualname=self._qualname,
            line_no=self.config.line_no,
        )
        return Recording(fold, began, self.config.period_ns)

    def _server_labels(self) -> SampleLabels:
        return SampleLabels(
            thread_name=self.config.thread_names,
            thread_id=self.config.thread_id_label,
            pid=self.config.pid_label,
            room=PROCESS_TAGS - len(self.config.tags),
            value_limit=self.config.label_value_limit,
        )

    def _attend_recordings(self, *, flush: bool) -> None:
        """Cut if it is time to, hand over what is over, begin what is asked for.

        Where only files are written, a window stays open as long as it has room.
        """
        now_s = time.monotonic()
        is_due = now_s >= self._due_s
        if is_due:
            self._due_s = now_s + self._window_s
        push = flush or _core.window_is_large() or (is_due and not self._only_writes())
        if is_due or push:
            self._warn_of_unattached()
        self._scrapes = [scrape for scrape in self._scrapes if not scrape.given_up]
        over = [scrape for scrape in self._scrapes if scrape.until_s <= now_s]
        if not (push or over or self._asked_scrapes):
            return
        at = self._cut()
        for scrape in over:
            self._scrapes.remove(scrape)
            scrape.end()
        self._begin_scrapes(at)
        if push:
            self._push(at)

    def _begin_scrapes(self, at: Moment) -> None:
        for scrape in _taken(self._asked_scrapes):
            scrape.begin(self._record(self._server_labels(), at), at)
            self._scrapes.append(scrape)

    def _only_writes(self) -> bool:
        return self._whole is not None and self._pushed is None

    def _push(self, at: Moment) -> None:
        """Send what has come together for the server, if there is anything."""
        if self._pushed is None or self.uploader is None:
            return
        pushed, self._pushed = self._pushed, self._record(self._server_labels(), at)
        self._due_s = at.monotonic_s + self._window_s
        if not pushed.fold.is_empty:
            self.uploader.submit(pushed.profile())

    @staticmethod
    def _warn_of_unattached() -> None:
        counters = _core.counters()
        unattached = counters["unattached"]
        if counters["deaf"] > 0:
            warn_once(
                "deaf",
                f"{counters['deaf']} threads block SIGPROF, and what they use is under "
                f"{UNSEEN_THREADS.name}: whoever started them has blocked all signals (uWSGI's do, "
                "beside the first: use processes)",
            )
        if unattached > 0:
            warn_once(
                "unattached",
                f"{unattached} threads are not profiled: no timer to be had (see ulimit -i), "
                'clock="process" needs only one',
            )

    def _cut(self) -> Moment:
        """Add what has come together to all recordings that are open."""
        at = Moment.now()
        window = _core.cut()
        lost_ns = self._count().lost_ns - self._lost_told_ns
        self._lost_told_ns += lost_ns
        cut = Cut(at, window, lost_ns, _core.take_unseen())
        scraped = [scrape.recording for scrape in self._scrapes]
        recordings = [*filter(None, [self._pushed, self._whole]), *scraped]
        for recording in recordings:
            recording.add(cut)
        self._count_labels([recording.fold.sample_labels for recording in recordings])
        return at

    def _count_labels(self, folded: list[SampleLabels]) -> None:
        """Of several recordings the first one counts."""
        dropped = other_values = 0
        for sample_labels in reversed(folded):
            dropped, sample_labels.dropped = sample_labels.dropped, 0
            other_values, sample_labels.other_values = sample_labels.other_values, 0
        self._labels_dropped += dropped
        self._label_values_other += other_values
        if dropped:
            warn_once(
                "labels-dropped",
                f"samples have more labels than a server takes ({SERIES_LABELS} with those of "
                "the process): those of outer scopes are left out",
            )
        if other_values:
            warn_once(
                "label-values",
                f"a label has more than {self.config.label_value_limit} values in a window: "
                f"further ones are {OTHER}",
            )

    # -- the end --

    def stop(self) -> bool:
        """End profiling and deliver what is left; False if that has been done, or
        in a process other than the one that started."""
        try:
            self._to_stop.pop()
        except IndexError:
            return False
        if os.getpid() != self._pid:
            return False
        _core.stop()
        self._end_threads()
        while _core.drain():
            pass
        if self._fuse is not None:
            self._fuse.disarm()
        ended = self._count()
        self._unwatch_new_threads()
        at = self._cut()
        self._begin_scrapes(at)
        for scrape in self._scrapes:
            scrape.end()
        self._push(at)
        # What no tick has seen, and what became of labels, is told by the cut.
        last = self._count()
        self._ended = ended._replace(
            running=False,
            unseen_ns=last.unseen_ns,
            labels_dropped=last.labels_dropped,
            label_values_other=last.label_values_other,
        )
        timeout_s = self.config.shutdown_timeout_s
        if self.server is not None:
            began_s = time.monotonic()
            self.server.finish(timeout_s / 2)
            timeout_s -= time.monotonic() - began_s
        if self.uploader is not None:
            self.uploader.finish(timeout_s)
        return True

    def stats(self) -> Stats:
        """The figures so far, or, after `stop`, the last ones."""
        stats = self._ended or self._count()
        if self.uploader is not None:
            stats = stats._replace(deliveries=self.uploader.figures())
        if self.server is not None:
            stats = stats._replace(
                serve_address=self.serve_url, profiles_served=self.server.answered
            )
        return stats

    @property
    def serve_url(self) -> str:
        """Where profiles are served now; empty for nowhere."""
        return self.server.url if self.server is not None else ""

    def _count(self) -> Stats:
        counters = _core.counters()
        began = self._counters_began

        def since(name: str) -> int:
            grown: int = counters[name] - began[name]  # type: ignore[literal-required]
            return grown

        return Stats(
            running=not self._stepped_back,
            clock=self.clock,
            rate_hz=self.config.rate_hz,
            current_rate_hz=self._budget.rate_hz,
            duration_s=time.monotonic() - self._began_s,
            kernel_ns=time.process_time_ns() - self._kernel_began_ns,
            samples=since("samples"),
            seen_ns=since("seen_ns"),
            unseen_ns=since("unseen_ns"),
            overruns=since("overruns"),
            ring_full_ns=since("ring_full_ns"),
            ring_contended_ns=since("ring_contended_ns"),
            no_slot_ns=since("no_slot_ns"),
            window_lost_ns=since("window_lost_ns"),
            truncated_ns=since("truncated_ns"),
            torn=since("torn"),
            torn_ns=since("torn_ns"),
            retried=since("retried"),
            unresolved_ns=since("unresolved_ns"),
            unlabelled_ns=since("unlabelled_ns"),
            labels_refused=labels.refused() - self._labels_refused_before,
            labels_dropped=self._labels_dropped,
            label_values_other=self._label_values_other,
            no_python_ns=since("no_python_ns"),
            subinterpreter_ns=since("subinterpreter_ns"),
            table_full_ns=since("table_full_ns"),
            unattached_threads=counters["unattached"],
            deaf_threads=counters["deaf"],
            handler_p50_ns=counters["handler_p50_ns"],
            handler_p99_ns=counters["handler_p99_ns"],
            handler_max_ns=counters["handler_longest_ns"],
            ring_peak=counters["ring_peak"],
            drain_ns=since("drain_ns"),
            drain_max_ns=counters["drain_longest_ns"],
            own_ns=since("own_cpu_ns"),
            deliveries=Deliveries(),
        )

    def whole_profile(self) -> Profile:
        """All that was profiled; after `stop`, where there are outputs."""
        assert self._whole is not None
        return self._whole.profile()
