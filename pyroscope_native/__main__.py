# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""`python -m pyroscope_native`."""

import os
import sys


def _leave_out_current_directory() -> None:
    """Import nothing from the directory we are called in: it is the program's,
    whose modules may be called as those of the standard library."""
    here = os.path.realpath(sys.path[0] or os.curdir)
    package_parent = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    is_left_out = sys.flags.isolated or getattr(sys.flags, "safe_path", False)  # CPython 3.11
    if not is_left_out and here != package_parent:
        del sys.path[0]


if __name__ == "__main__":
    _leave_out_current_directory()
    from pyroscope_native.cli import main

    sys.exit(main())
