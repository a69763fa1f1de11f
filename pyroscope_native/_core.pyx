# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False, binding=False, auto_pickle=False
"""The boundary to the C core: calls, error translation, nothing else.

`_core.pyi` documents what is here; `csrc/profiler.h` what stands behind it.
"""

import gc
import os
import sys

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int32_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free


cdef extern from "lines.h" nogil:
    ctypedef struct pn_line_run:
        uint32_t end_unit
        int32_t line
    enum pn_line_format:
        PN_LINES_LNOTAB
        PN_LINES_PEP626
        PN_LINES_PEP657
    size_t pn_lines_decode(pn_line_format format, const unsigned char *table, size_t table_bytes,
                           int32_t first_line, uint32_t units, pn_line_run *runs, size_t limit)
    int32_t pn_lines_find(const pn_line_run *runs, size_t count, uint32_t unit)


cdef extern from "<pthread.h>" nogil:
    # A number in one libc, a pointer in another: nothing may be made of it but copies.
    ctypedef struct pthread_t:
        pass


cdef extern from "Python.h":
    PyObject *PyThreadState_GetDict()
    void PyErr_Clear()


cdef extern from "<unistd.h>" nogil:
    int getpid()
    int usleep(unsigned int microseconds)


cdef extern from "<poll.h>" nogil:
    ctypedef unsigned long nfds_t
    struct pollfd:
        int fd
        short events
        short revents
    int c_poll "poll"(pollfd *descriptors, nfds_t count, int timeout_ms)
    enum: POLLIN, POLLOUT


cdef extern from "own_thread.h" nogil:
    int pn_own_thread_start(pthread_t *thread, void *(*work)(void *) noexcept nogil, void *argument)
    int pn_own_thread_tid(pthread_t thread)
    bint pn_own_thread_join(pthread_t thread, int tid, double timeout_s)
    void pn_own_thread_leave(pthread_t thread)
    void pn_own_thread_begin_turn_gil()
    bint pn_own_thread_turn_is_over_gil()
    void pn_own_thread_pause()


cdef extern from "fuse.h":
    enum: PN_FUSE_BYTES, PN_FUSE_TEXT_BYTES


cdef extern from "interrupt.h":
    bint pn_interrupt_is_noted_gil()
    void pn_interrupt_note_gil(bint ended_the_program)


cdef extern from "labels.h":
    ctypedef struct pn_label_scope
    int pn_labels_open_gil() except -1
    bint pn_labels_are_tracked_gil()
    pn_label_scope *pn_labels_scope_new_gil()
    void pn_labels_scope_release_gil(pn_label_scope *scope)
    bint pn_labels_enter_gil(PyObject *own, pn_label_scope *scope)
    bint pn_labels_leave_gil(pn_label_scope *scope, bint is_only_entry)
    void pn_labels_end_gil(pn_label_scope *scope)
    int pn_labels_set_thread_gil(PyObject *own) except -1
    PyObject *pn_labels_thread_gil()


cdef extern from "context.h":
    bint pn_context_check_gil()


cdef extern from "preceded.h":
    object pn_preceded_new_gil(object before, object original)


cdef extern from "profiler.h" nogil:
    const uint32_t PN_MARKER_COUNT
    enum: PN_DEPTH_MAX, PN_UNIT_BITS, PN_ROOT_NODE
    enum: PN_WAKE_TERMINATE, PN_WAKE_SIGNALS, PN_WAKE_LEADER
    enum pn_clock:
        PN_CLOCK_THREAD
        PN_CLOCK_PROCESS
    enum pn_walk_result:
        PN_WALK_WHOLE
        PN_WALK_TRUNCATED
        PN_WALK_TORN
        PN_WALK_NONE
    ctypedef struct pn_walk:
        pn_walk_result result
        bint retried
        uint32_t depth
    ctypedef struct pn_function:
        PyObject *qualname
        PyObject *filename
        int32_t first_line
    ctypedef struct pn_functions:
        pn_function *items
        uint32_t count
    ctypedef struct pn_node:
        uint64_t word
        uint32_t parent
    ctypedef struct pn_sample:
        uint64_t weight_ns
        uint32_t node
        uint32_t thread
        uint32_t labels
    ctypedef struct pn_window_thread:
        PyObject *name
        int tid
    ctypedef struct pn_window:
        pn_functions functions
        pn_node *nodes
        uint32_t node_count
        pn_sample *samples
        uint32_t sample_count
        pn_window_thread *threads
        uint32_t thread_count
        PyObject *label_sets
        uint64_t weight_ns
    ctypedef struct pn_thread:
        uint32_t index
        int tid
        bint has_timer
    pn_thread *pn_thread_at(uint32_t index)
    uint32_t pn_threads_mapped()
    void *pn_timer_cookie(pn_thread *thread)
    ctypedef struct pn_counters:
        uint64_t seen_ns
        uint64_t samples
        uint64_t overruns
        uint64_t torn
        uint64_t retried
        uint64_t ring_full_ns
        uint64_t ring_contended_ns
        uint64_t no_slot_ns
        uint64_t window_lost_ns
        uint64_t unlabelled_ns
        uint64_t truncated_ns
        uint64_t torn_ns
        uint64_t no_python_ns
        uint64_t subinterpreter_ns
        uint64_t unresolved_ns
        uint64_t table_full_ns
        uint64_t unseen_ns
        uint64_t own_cpu_ns
        uint64_t drain_ns
        uint32_t unattached
        uint32_t deaf
        uint64_t drain_longest_ns
        double ring_peak
        uint64_t handler_p50_ns
        uint64_t handler_p99_ns
        uint64_t handler_longest_ns
    const char *pn_marker_name(uint32_t marker)
    int pn_profiler_arm_fuse(int descriptor)
    void pn_profiler_disarm_fuse()
    void pn_profiler_set_period(uint64_t period_ns)
    void pn_profiler_stop_gil() with gil
    void pn_profiler_enlist_thread(bint is_drain)
    void pn_profiler_discharge_thread(bint is_drain)
    uint32_t pn_profiler_wait(double timeout_s)
    void pn_profiler_wake()
    bint pn_profiler_is_alone()
    uint32_t pn_timer_count_threads()
    void pn_profiler_nudge_main()
    void pn_profiler_attach_thread_gil(PyObject *name) with gil
    bint pn_profiler_drain_gil() with gil
    pn_window *pn_profiler_cut_gil() with gil
    uint64_t pn_profiler_take_unseen_gil() with gil
    bint pn_profiler_window_is_large_gil() with gil
    pn_walk pn_profiler_walk_self_gil(uint64_t *stack) with gil
    bint pn_profiler_has_signal()
    void pn_profiler_return_signal()
    void pn_profiler_before_exec()
    void pn_profiler_reset_after_fork_gil() with gil
    pn_counters pn_profiler_counters_gil() with gil
    void pn_window_free_gil(pn_window *window) with gil
    int32_t pn_function_line_gil(pn_function *function, uint32_t unit) with gil
    void pn_terminate_watch(unsigned limit_s)
    void pn_terminate_unwatch()
    void pn_terminate_now()


cdef extern from "profiler.h":
    int pn_profiler_start_gil(pn_clock clock, uint64_t period_ns) except -1


CLOCK_THREAD = <int>PN_CLOCK_THREAD
CLOCK_PROCESS = <int>PN_CLOCK_PROCESS
POLL_IN = <int>POLLIN
POLL_OUT = <int>POLLOUT
WAKE_TERMINATE = <int>PN_WAKE_TERMINATE
WAKE_SIGNALS = <int>PN_WAKE_SIGNALS
WAKE_LEADER = <int>PN_WAKE_LEADER
FUSE_BYTES = <int>PN_FUSE_BYTES
FUSE_TEXT_BYTES = <int>PN_FUSE_TEXT_BYTES


def start(int clock, uint64_t period_ns):
    cdef int error = pn_profiler_start_gil(<pn_clock>clock, period_ns)
    if error != 0:
        raise OSError(error, os.strerror(error))


def arm_fuse(int descriptor):
    cdef int error = pn_profiler_arm_fuse(descriptor)
    if error != 0:
        raise OSError(error, os.strerror(error))


def disarm_fuse():
    pn_profiler_disarm_fuse()


def set_period(uint64_t period_ns):
    pn_profiler_set_period(period_ns)


def stop():
    pn_profiler_stop_gil()


# Threads of ours that have been created and do not have a thread state yet.
cdef int births = 0


cdef void *thread_begin(void *argument) noexcept nogil:
    thread_work(<PyObject *>argument)
    return NULL


cdef void thread_work(PyObject *argument) noexcept with gil:
    global births
    births -= 1
    work, is_drain = <object>argument
    Py_DECREF(<object>argument)
    pn_profiler_enlist_thread(is_drain)
    pn_own_thread_begin_turn_gil()
    try:
        work()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    # Thread-locals go now: before CPython 3.12.4 one whose destructor asks for
    # the GIL crashes when it goes with the thread state (gevent's loop does).
    cdef PyObject *thread_locals = PyThreadState_GetDict()
    if thread_locals != NULL:
        (<dict>thread_locals).clear()
    pn_profiler_discharge_thread(is_drain)


def wait_for_births():
    while births > 0:
        with nogil:
            usleep(50)


cdef class OwnThread:
    cdef pthread_t thread
    cdef bint joined
    cdef int tid
    cdef int pid

    def __init__(self, work, bint is_drain=False):
        global births
        cdef object argument = (work, is_drain)
        self.joined = True
        Py_INCREF(argument)
        births += 1
        cdef int error = pn_own_thread_start(&self.thread, thread_begin, <void *>argument)
        if error != 0:
            births -= 1
            Py_DECREF(argument)
            raise OSError(error, os.strerror(error))
        self.joined = False
        self.tid = pn_own_thread_tid(self.thread)
        self.pid = getpid()

    def join(self, double timeout_s):
        cdef bint ended = self.joined
        if not ended and self.pid == getpid():
            with nogil:
                ended = pn_own_thread_join(self.thread, self.tid, timeout_s)
            self.joined = ended
        return ended

    def __dealloc__(self):
        # In the child of a fork the thread is not there.
        if not self.joined and self.pid == getpid():
            pn_own_thread_leave(self.thread)


cdef extern from "Python.h":
    int Py_AddPendingCall(int (*function)(void *) noexcept, void *argument)


cdef int run_pending(void *argument) noexcept:
    call = <object><PyObject *>argument
    Py_DECREF(call)
    try:
        call()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    return 0


def poll(wanted, double timeout_s):
    cdef nfds_t i, count = len(wanted)
    cdef pollfd *descriptors = <pollfd *>calloc(count + 1, sizeof(pollfd))
    if descriptors == NULL:
        raise MemoryError("no memory to wait for descriptors")
    try:
        for i in range(count):
            descriptors[i].fd, descriptors[i].events = wanted[i]
        with nogil:
            # Rounded up: who waits for a moment is not to come before it.
            c_poll(descriptors, count, <int>(timeout_s * 1000) + 1)
        return [
            (descriptors[i].fd, descriptors[i].revents)
            for i in range(count)
            if descriptors[i].revents != 0
        ]
    finally:
        free(descriptors)


def call_soon(call):
    Py_INCREF(call)
    if Py_AddPendingCall(run_pending, <void *>call) != 0:
        run_pending(<void *>call)


def give_way():
    if pn_own_thread_turn_is_over_gil():
        with nogil:
            pn_own_thread_pause()
        pn_own_thread_begin_turn_gil()


def wait(double timeout_s):
    cdef uint32_t reasons
    with nogil:
        reasons = pn_profiler_wait(timeout_s)
    return reasons


def wake():
    pn_profiler_wake()


def is_single_threaded():
    return pn_timer_count_threads() == 1


def is_alone():
    return pn_profiler_is_alone()


def nudge_main():
    with nogil:
        pn_profiler_nudge_main()


def drain():
    return pn_profiler_drain_gil()


def window_is_large():
    return pn_profiler_window_is_large_gil()


def cut():
    cdef Window window = Window.__new__(Window)
    window.c = pn_profiler_cut_gil()
    if window.c == NULL:
        raise MemoryError("no memory for another window")
    window.node_frames = <uint32_t *>calloc(window.c.node_count, sizeof(uint32_t))
    if window.node_frames == NULL:
        raise MemoryError("no memory to name the frames of a window")
    window.frame_numbers = {}
    window.numbers = []
    return window


def take_unseen():
    return pn_profiler_take_unseen_gil()


def counters():
    return pn_profiler_counters_gil()


def threads():
    cdef uint32_t i
    cdef pn_thread *thread
    result = []
    for i in range(pn_threads_mapped()):
        thread = pn_thread_at(i)
        if thread.has_timer:
            result.append((thread.tid, <uintptr_t>pn_timer_cookie(thread)))
    return result


def has_signal():
    return pn_profiler_has_signal()


def return_signal():
    pn_profiler_return_signal()


def before_exec():
    pn_profiler_before_exec()


def reset_after_fork():
    global births
    births = 0
    pn_profiler_reset_after_fork_gil()


def watch_terminate(unsigned limit_s):
    pn_terminate_watch(limit_s)


def unwatch_terminate():
    pn_terminate_unwatch()


def terminate():
    pn_terminate_now()


def dies_of_interrupt():
    return pn_interrupt_is_noted_gil()


def set_dies_of_interrupt(bint ended_the_program):
    pn_interrupt_note_gil(ended_the_program)


def undisturbed(call, *args, **keywords):
    trace, profile = sys.gettrace(), sys.getprofile()
    limit = sys.getrecursionlimit()
    collects = gc.isenabled()
    gc.disable()
    sys.settrace(None)
    sys.setprofile(None)
    sys.setrecursionlimit(limit + 1000)
    try:
        return call(*args, **keywords)
    finally:
        sys.setrecursionlimit(limit)
        sys.setprofile(profile)
        sys.settrace(trace)
        if collects:
            gc.enable()


cdef extern from *:
    """
    #include <errno.h>
    static int pn_errno(void) { return errno; }
    static void pn_set_errno(int value) { errno = value; }
    """
    int pn_errno()
    void pn_set_errno(int value)


def keeping_errno(call):
    cdef int former = pn_errno()
    try:
        call()
    finally:
        pn_set_errno(former)


def preceded(before, original):
    if type(original) is not type(len):
        raise TypeError("only a builtin can be preceded")
    return pn_preceded_new_gil(before, original)


def attach_thread():
    name = None
    try:
        name = sys._getframe().f_locals["self"]._name
    except Exception:
        pass  # not called by a Thread: whoever it is has no name yet
    pn_profiler_attach_thread_gil(<PyObject *>name if type(name) is str else NULL)


cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)


cdef tuple plain_labels(dict tags, dict names, Py_ssize_t limit):
    cdef list labels = []
    for name, value in tags.items():
        known = names.get(name)
        if known is None or type(value) is not str or not PyUnicode_IS_ASCII(value):
            return None
        if not 0 < len(<str>value) <= limit:
            return None
        labels.append(known)
        labels.append(value)
    return tuple(labels)


cdef class Scope:
    cdef object tags
    cdef tuple own  # None until it is needed
    cdef pn_label_scope *scope  # the same, NULL
    cdef uint32_t open_count  # entries, those that have done nothing too
    cdef bint is_over

    def __cinit__(self, tags):
        self.tags = tags

    def __dealloc__(self):
        pn_labels_scope_release_gil(self.scope)

    cdef check(self):
        try:
            if type(self.tags) is dict:
                self.own = plain_labels(self.tags, self._known_names, self._plain_limit)
        except Exception:
            pass  # a name that can't be looked up, or a change by another thread
        if self.own is None:
            self.own = self._checked(self.tags)

    def again(self):
        cdef Scope other = Scope.__new__(type(self), self.tags)
        if self.own is None and pn_labels_are_tracked_gil():
            self.check()
        other.own = self.own
        return other

    def __enter__(self):
        self.open_count += 1
        if self.is_over or not pn_labels_are_tracked_gil():
            return
        if self.own is None:
            self.check()
        if len(self.own) == 0:
            return
        if self.scope == NULL:
            self.scope = pn_labels_scope_new_gil()
        if self.scope != NULL:
            pn_labels_enter_gil(<PyObject *>self.own, self.scope)
        PyErr_Clear()

    def __exit__(self, *_):
        if self.open_count == 0:
            return
        self.open_count -= 1
        if self.scope == NULL:
            return  # nothing was profiled
        if not pn_labels_leave_gil(self.scope, self.open_count == 0) and self.open_count == 0:
            # It has ended, and may be entered anew.
            pn_labels_scope_release_gil(self.scope)
            self.scope = NULL

    def end(self):
        self.is_over = True
        if self.scope != NULL:
            pn_labels_end_gil(self.scope)


def thread_labels():
    cdef PyObject *own = pn_labels_thread_gil()
    return <tuple>own if own != NULL else ()


def set_thread_labels(tuple own not None):
    pn_labels_open_gil()
    pn_labels_set_thread_gil(<PyObject *>own if len(own) > 0 else NULL)


def labels_are_tracked():
    return pn_labels_are_tracked_gil()


def labels_are_read_right():
    cdef bint is_right
    pn_labels_open_gil()
    is_right = pn_context_check_gil()
    PyErr_Clear()
    return is_right


def walk_self():
    cdef uint64_t stack[PN_DEPTH_MAX]
    cdef pn_walk walk = pn_profiler_walk_self_gil(stack)
    cdef uint32_t i
    frames = [
        (<uintptr_t>(stack[i] >> PN_UNIT_BITS << 3),
         <int>(stack[i] & ((<uint64_t>1 << PN_UNIT_BITS) - 1)) - 1)
        for i in range(walk.depth)
    ]
    return <int>walk.result == PN_WALK_WHOLE or <int>walk.result == PN_WALK_TRUNCATED, frames


def decode_lines(str table_format, bytes table not None, int32_t first_line, uint32_t units):
    cdef pn_line_format wanted = {
        "lnotab": PN_LINES_LNOTAB, "pep626": PN_LINES_PEP626, "pep657": PN_LINES_PEP657,
    }[table_format]
    cdef size_t size = len(table)
    cdef const unsigned char *start = table
    cdef size_t count = pn_lines_decode(wanted, start, size, first_line, units, NULL, 0)
    cdef pn_line_run *runs = <pn_line_run *>calloc(count + 1, sizeof(pn_line_run))
    if runs == NULL:
        raise MemoryError
    try:
        pn_lines_decode(wanted, start, size, first_line, units, runs, count)
        return [pn_lines_find(runs, count, unit) for unit in range(units)]
    finally:
        free(runs)


cdef class Window:
    cdef pn_window *c
    cdef uint32_t *node_frames  # frame number + 1 by node, 0: not named yet
    cdef dict frame_numbers  # (function, line) -> frame number
    cdef list numbers  # the frame numbers as objects, to be shared by all stacks

    def __dealloc__(self):
        free(self.node_frames)
        if self.c != NULL:
            pn_window_free_gil(self.c)

    @property
    def weight_ns(self):
        return self.c.weight_ns

    @property
    def sample_count(self):
        return self.c.sample_count

    def functions(self):
        cdef uint32_t i
        cdef pn_function *function
        result = [(pn_marker_name(i).decode("ascii"), "", 0) for i in range(PN_MARKER_COUNT)]
        for i in range(self.c.functions.count):
            function = &self.c.functions.items[i]
            result.append((<object>function.qualname, <object>function.filename,
                           function.first_line))
        return result

    def threads(self):
        cdef uint32_t i
        return [
            (self.c.threads[i].tid,
             <object>self.c.threads[i].name if self.c.threads[i].name != NULL else None)
            for i in range(self.c.thread_count)
        ]

    def label_sets(self):
        if self.c.label_sets == NULL:
            return [()]
        return [(), *<list>self.c.label_sets]

    cdef uint32_t frame_of(self, uint32_t node):
        cdef uint64_t word = self.c.nodes[node].word
        cdef uint32_t function = <uint32_t>(word >> PN_UNIT_BITS)
        cdef uint32_t unit = <uint32_t>(word & ((<uint64_t>1 << PN_UNIT_BITS) - 1))
        cdef int32_t line = 0
        if function >= PN_MARKER_COUNT:
            line = pn_function_line_gil(&self.c.functions.items[function - PN_MARKER_COUNT], unit)
        key = (function, line)
        number = self.frame_numbers.get(key)
        if number is None:
            number = len(self.numbers)
            self.frame_numbers[key] = number
            self.numbers.append(number)
        return number

    def samples(self, uint32_t start, uint32_t stop):
        cdef uint32_t i, node, depth, at, frame
        cdef pn_sample *sample
        cdef tuple stack
        cdef object number
        result = []
        for i in range(start, min(stop, self.c.sample_count)):
            sample = &self.c.samples[i]
            depth = 0
            node = sample.node
            while node != PN_ROOT_NODE:
                depth += 1
                node = self.c.nodes[node].parent
            stack = PyTuple_New(depth)
            node = sample.node
            for at in range(depth):
                frame = self.node_frames[node]
                if frame == 0:
                    frame = self.frame_of(node) + 1
                    self.node_frames[node] = frame
                number = self.numbers[frame - 1]
                Py_INCREF(number)
                PyTuple_SET_ITEM(stack, at, number)
                node = self.c.nodes[node].parent
            result.append((stack, sample.weight_ns, sample.thread, sample.labels))
        return result

    def frames(self):
        return list(self.frame_numbers)
