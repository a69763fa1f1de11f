# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a run was made on."""

from __future__ import annotations

import os
import platform
import sys

from pyroscope_native.version import VERSION


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            names = [
                line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def describe() -> dict[str, str]:
    """Processor, kernel and versions, for the report."""
    return {
        "processor": _processor(),
        "processors": str(os.cpu_count()),
        "architecture": platform.machine(),
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": sys.version.split()[0],
        "pyroscope_native": VERSION,
    }
