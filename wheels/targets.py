# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What wheels are built for: a machine and a C library."""

from __future__ import annotations

from typing import NamedTuple

from wheels.pythons import Python


class Target(NamedTuple):
    """A Linux machine with one of its C libraries."""

    machine: str
    libc: str

    @property
    def name(self) -> str:
        return f"{self.machine}-{self.libc}"

    @property
    def triple(self) -> str:
        """As zig names it, with the oldest glibc that is promised."""
        libc = "gnu.2.17" if self.libc == "gnu" else self.libc
        return f"{self.machine}-linux-{libc}"

    @property
    def link_flags(self) -> tuple[str, ...]:
        """musl's library is in every process that it runs, and has another name on each
        system: so it is not asked for by name.
        """
        return ("-nostdlib",) if self.libc == "musl" else ()

    @property
    def platforms(self) -> tuple[str, ...]:
        """Platform tags of a wheel, the one with the most to prove first.

        manylinux2014 is glibc 2.17 by an older name, which pip before 20.3 knows.
        """
        if self.libc == "gnu":
            return (f"manylinux_2_17_{self.machine}", f"manylinux2014_{self.machine}")
        return (f"musllinux_1_2_{self.machine}",)

    def extension(self, python: Python) -> str:
        """The file that this CPython imports as `_core`."""
        # Before 3.11 CPython takes musl for glibc.
        libc = "gnu" if python.minor in ("3.9", "3.10") else self.libc
        return f"_core.cpython-{python.tag[2:]}-{self.machine}-linux-{libc}.so"


TARGETS = [Target(machine, libc) for libc in ("gnu", "musl") for machine in ("x86_64", "aarch64")]
