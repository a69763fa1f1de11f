# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Compares the core's lines with the interpreter's own, in the whole standard library.

    python tests/stress/stdlib_lines.py

Ends with status 0 if every instruction of every code object has the line that
the interpreter says. Prints one line of figures.
"""

from __future__ import annotations

import dis
import os
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from pyroscope_native.selfcheck import lines_of

UNIT_BYTES = 2


def sources() -> list[Path]:
    """The standard library's files, its tests too."""
    root = Path(sysconfig.get_path("stdlib"))
    return sorted(path for path in root.rglob("*.py") if "site-packages" not in path.parts)


def codes_of(path: Path) -> Iterator[CodeType]:
    """The code objects of a file; none of one that is not meant to compile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            waiting = [compile(path.read_bytes(), str(path), "exec", dont_inherit=True)]
    except (SyntaxError, ValueError, RecursionError):
        return
    while waiting:
        code = waiting.pop()
        yield code
        waiting.extend(const for const in code.co_consts if isinstance(const, CodeType))


def _spread(code: CodeType, ranges: Iterator[tuple[int, int, int | None]]) -> list[int]:
    lines = [0] * (len(code.co_code) // UNIT_BYTES)
    for start, end, line in ranges:
        units = range(start // UNIT_BYTES, min(end // UNIT_BYTES, len(lines)))
        lines[units.start : units.stop] = [line or 0] * len(units)
    return lines


def _starts_as_ranges(code: CodeType) -> Iterator[tuple[int, int, int]]:
    starts = list(dis.findlinestarts(code))
    ends = [offset for offset, _ in starts[1:]] + [len(code.co_code)]
    for (start, line), end in zip(starts, ends):
        yield start, end, line


def lines_by_interpreter(code: CodeType) -> list[list[int]]:
    """The line of each code unit, 0 for none, in each way that the interpreter tells it."""
    if sys.version_info < (3, 10):
        return [_spread(code, _starts_as_ranges(code))]
    told = [_spread(code, code.co_lines())]
    if sys.version_info >= (3, 11):
        told.append([line or 0 for line, _, _, _ in code.co_positions()])
    return told


def mismatches(path: Path) -> Iterator[str]:
    """What differs in a file; nothing, it is hoped."""
    for code in codes_of(path):
        found = lines_of(code)
        for told in lines_by_interpreter(code):
            if found != told:
                pairs = enumerate(zip(found, told))
                where = next((unit, pair) for unit, pair in pairs if pair[0] != pair[1])
                yield f"{path}: {code.co_name}, line {code.co_firstlineno}: {where}"


def main() -> int:
    """Returns the exit status."""
    paths = sources()
    found = [mismatch for path in paths for mismatch in mismatches(path)]
    print(f"{sys.version.split()[0]}: {len(paths)} files, {len(found)} mismatches")
    for mismatch in found[:20]:
        print(mismatch)
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
