# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The program in which `installed` sees what an import statement costs.

    python -I benchmarks/installed_program.py STATEMENT CHECKOUT

Prints an `Imported`. Until the statement has run it imports what an interpreter has loaded
by then and no more.
"""

import os
import sys
import time

PAGE = os.sysconf("SC_PAGE_SIZE")


def _resident() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * PAGE


def main() -> None:
    """Import, and say what it took."""
    statement, checkout = sys.argv[1:]
    code = compile(statement, "<statement>", "exec")
    _resident()
    before = _resident()
    began_ns = time.process_time_ns()
    exec(code, {})
    cpu_ns = time.process_time_ns() - began_ns
    grown = _resident() - before

    package = sys.modules.get("pyroscope_native")
    sys.path.append(checkout)
    import json

    from benchmarks import reference

    seen = {
        "cpu_ns": cpu_ns,
        "resident_bytes": grown,
        "reference_ns": min(reference.spent().cpu for _ in range(3)),
        "origin": package.__file__ if package else "",
    }
    print(json.dumps(seen))


main()
