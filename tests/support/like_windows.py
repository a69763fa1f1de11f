# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""As `sitecustomize`, makes a process as near to Windows as can be had on POSIX.

What of the standard library needs what is missing there is imported before that goes.
"""

import argparse  # noqa: F401
import asyncio  # noqa: F401
import gzip  # noqa: F401
import http.client  # noqa: F401
import importlib.metadata  # noqa: F401
import inspect  # noqa: F401
import logging  # noqa: F401
import multiprocessing.connection  # noqa: F401
import os
import platform  # noqa: F401
import runpy  # noqa: F401
import select
import shutil  # noqa: F401
import signal
import socket
import subprocess  # noqa: F401
import sys
import sysconfig  # noqa: F401
import tempfile  # noqa: F401
import time
import urllib.request  # noqa: F401
from contextlib import suppress

MODULES = """
    _posixshmem _posixsubprocess _uuid crypt fcntl grp posix pty pwd readline resource
    syslog termios tty
"""

ATTRIBUTES = {
    os: """
        O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_SYNC WNOHANG WIFEXITED WIFSIGNALED
        chown confstr fchown fork forkpty getegid geteuid getgid getgroups
        getloadavg getpgid getpgrp getpriority getresuid getsid getuid initgroups killpg lchown
        lockf memfd_create mkfifo mknod nice openpty pipe2 posix_fallocate posix_spawn
        posix_spawnp pread preadv pwrite readv register_at_fork sched_getaffinity
        sched_yield sendfile setegid seteuid setgid setsid setuid statvfs
        sync sysconf tcgetpgrp ttyname uname wait wait3 wait4 waitid writev
    """,
    select: "epoll poll kqueue",
    signal: """
        ITIMER_PROF ITIMER_REAL ITIMER_VIRTUAL SIGALRM SIGBUS SIGCHLD SIGCONT SIGHUP SIGIO SIGKILL
        SIGPIPE SIGPROF SIGQUIT SIGSTOP SIGTRAP SIGTSTP SIGUSR1 SIGUSR2 SIGVTALRM SIGXCPU
        SIG_BLOCK SIG_SETMASK SIG_UNBLOCK alarm getitimer pause pthread_kill pthread_sigmask
        setitimer siginterrupt sigpending sigtimedwait sigwait sigwaitinfo
    """,
    socket: """
        AF_NETLINK AF_PACKET AF_UNIX MSG_DONTWAIT MSG_NOSIGNAL SCM_RIGHTS SOCK_CLOEXEC SOCK_NONBLOCK
        SO_PEERCRED SO_REUSEPORT recv_fds send_fds
    """,
    sys: "abiflags getdlopenflags setdlopenflags",
    time: """
        CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID CLOCK_REALTIME CLOCK_THREAD_CPUTIME_ID
        clock_getres clock_gettime clock_gettime_ns pthread_getcpuclockid tzset
    """,
}

for module in MODULES.split():
    sys.modules[module] = None  # type: ignore[assignment]
for place, names in ATTRIBUTES.items():
    for name in names.split():
        with suppress(AttributeError):
            delattr(place, name)
sys.platform = "win32"
