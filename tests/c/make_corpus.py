# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the corpus of the line tables' fuzz target, for the running interpreter's format.

    python tests/c/make_corpus.py

Takes small tables from the standard library, each of which has an entry that
none before it had. CPython 3.9, 3.10 and any later one make the whole corpus.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

CORPUS = Path(__file__).resolve().parent / "corpus" / "lines"
FORMAT = 0 if sys.version_info < (3, 10) else 1 if sys.version_info < (3, 11) else 2
"""As in enum pn_line_format: the first byte of what fuzz_lines.c reads."""
NAME = ("lnotab", "pep626", "pep657")[FORMAT]
KEPT, LARGEST = 16, 160


def codes_of(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from codes_of(const)


def tables() -> Iterator[bytes]:
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for code in codes_of(compile(path.read_bytes(), path.name, "exec", dont_inherit=True)):
            yield code.co_lnotab if FORMAT == 0 else code.co_linetable


def traits(table: bytes) -> set[int]:
    """What a decoder may treat in a way of its own."""
    if FORMAT == 2:
        return {byte >> 3 for byte in table if byte >= 128}
    return {step if step > 120 else step // 40 for step in table[1::2]}


def main() -> None:
    """Replace what there is of this format."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    for former in CORPUS.glob(f"{NAME}-*"):
        former.unlink()
    known: set[int] = set()
    kept = 0
    for table in tables():
        if len(table) <= LARGEST and not traits(table) <= known and kept < KEPT:
            known |= traits(table)
            (CORPUS / f"{NAME}-{kept:02}").write_bytes(bytes([FORMAT]) + table)
            kept += 1


if __name__ == "__main__":
    main()
