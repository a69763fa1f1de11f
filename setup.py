# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Builds the native core; everything else is in pyproject.toml.

With PYROSCOPE_NATIVE_PURE=1 in the environment the core is left out: the wheel is then for
any Python that has none of its own.
"""

import os
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # build backends leave it out

import build_needs  # noqa: E402

build_needs.check_tools()

SHIM = ROOT / "csrc" / "frames" / "v{}_{}.h".format(*sys.version_info[:2])

# Where the core cannot work the package is installed without it: importing
# it, and running programs unprofiled, still works.
SUPPORTED = (
    sys.implementation.name == "cpython"
    and SHIM.exists()
    and sys.platform in ("linux", "darwin")
    and not sysconfig.get_config_var("Py_GIL_DISABLED")
)
PURE = os.environ.get("PYROSCOPE_NATIVE_PURE") == "1"

SOURCES = [
    "pyroscope_native/_core.pyx",
    "csrc/barrier.c",
    "csrc/c_stack.c",
    "csrc/codes.c",
    "csrc/context.c",
    "csrc/drain.c",
    "csrc/fuse.c",
    "csrc/handler.c",
    "csrc/handler_time.c",
    "csrc/interrupt.c",
    "csrc/labels.c",
    "csrc/lines.c",
    "csrc/own_thread.c",
    "csrc/preceded.c",
    "csrc/profiler.c",
    "csrc/readable.c",
    "csrc/ring.c",
    "csrc/stray.c",
    "csrc/tasks.c",
    "csrc/terminate.c",
    "csrc/threads.c",
    "csrc/timer.c",
    "csrc/unseen.c",
    "csrc/wake.c",
    "csrc/walk.c",
    "csrc/window.c",
]

COMPILE_FLAGS = [
    "-std=gnu11",
    "-O2",
    "-g",
    "-fvisibility=hidden",
    "-fstack-protector-strong",
    # The handler is reached from any instruction and may be walked by others.
    "-fno-omit-frame-pointer",
    # Types are told apart by what the interpreter put there, not by C's rules.
    "-fno-strict-aliasing",
]

LINK_FLAGS = {
    # Symbols are bound when the library is loaded: in a signal handler the
    # loader must not be called. What else holds for the file is in wheels/hardening.py.
    "linux": ["-Wl,-z,now", "-Wl,-z,relro", "-Wl,-z,noexecstack"],
    "darwin": ["-Wl,-bind_at_load"],
}

setup(
    cmdclass={"build_ext": build_needs.Build},
    ext_modules=[
        Extension(
            "pyroscope_native._core",
            sources=SOURCES,
            include_dirs=["csrc"],
            depends=["pyroscope_native/_core.pyi"],
            extra_compile_args=COMPILE_FLAGS,
            extra_link_args=LINK_FLAGS[sys.platform],
        )
    ]
    if SUPPORTED and not PURE
    else [],
)
