# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What holds for a built core, read off the file itself.

    python -m wheels.hardening CORE.so...    a line for each fault; the exit status

The flags are in `setup.py`; an environment's own come on top, and another linker has other
defaults, so it is the file that is looked at. The core reads nothing that comes from outside,
so what costs nothing is on, and the rest is left out on purpose:

- `_FORTIFY_SOURCE` would check one call in `csrc`, an `snprintf` whose bound is evident.
- `-fcf-protection` is for shadow stacks, which have to be asked for when a program is started,
  and then want all its files marked. `-mbranch-protection` adds instructions to each function,
  those of the handler too.
- `-fno-plt` makes each call one through a pointer, which the rules of the signal zone could
  not tell from others; where symbols are bound at once it gains nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

EXPORTED = "PyInit__core"

LIBRARIES = re.compile(
    r"(libc|libpthread|librt|libdl)\.so(\.[0-9]+)?"  # glibc's parts, and zig's name of musl
    r"|libc\.musl-\w+\.so\.1"
    r"|ld-linux-[\w-]+\.so\.[0-9]"
)
"""What may be loaded with the core: the C library, which is there already."""

_EXECUTE, _WRITE = 1, 2
_BIND_NOW, _NOW, _TEXTREL = 0x8, 0x1, 0x4
_TEXTS = {"DT_NEEDED": "needed", "DT_RPATH": "rpath", "DT_RUNPATH": "runpath"}


def findings(path: Path, *, may_have_debug: bool = False) -> list[str]:
    """The faults of an ELF file, a line each. Where somebody builds for himself it may have
    debug sections; where it is released, not."""
    with path.open("rb") as stream:
        file = ELFFile(stream)
        found = [*_of_segments(file), *_of_dynamic(file), *_of_symbols(file)]
        if not may_have_debug:
            found += _of_sections(file)
    return found


def _of_segments(file: ELFFile) -> Iterator[str]:
    segments = list(file.iter_segments())
    stacks = [each for each in segments if each["p_type"] == "PT_GNU_STACK"]
    if not stacks or stacks[0]["p_flags"] & _EXECUTE:
        yield "the stack is made executable (-z noexecstack)"
    if not any(each["p_type"] == "PT_GNU_RELRO" for each in segments):
        yield "what is relocated stays writable: no RELRO (-z relro)"
    for each in segments:
        if each["p_type"] == "PT_LOAD" and each["p_flags"] & _EXECUTE and each["p_flags"] & _WRITE:
            yield "a segment is writable and executable"


def _of_dynamic(file: ELFFile) -> Iterator[str]:
    section = file.get_section_by_name(".dynamic")
    assert isinstance(section, DynamicSection), "a library has one"
    tags = list(section.iter_tags())
    value = {each["d_tag"]: each["d_val"] for each in tags}
    flags, more = value.get("DT_FLAGS", 0), value.get("DT_FLAGS_1", 0)
    if not (flags & _BIND_NOW or more & _NOW or "DT_BIND_NOW" in value):
        yield "symbols are bound when they are first called, in a signal handler (-z now)"
    if flags & _TEXTREL or "DT_TEXTREL" in value:
        yield "code has to be written to when it is loaded: text relocations (-fPIC)"
    for each in tags:
        tag = each["d_tag"]
        text = getattr(each, _TEXTS.get(tag, ""), "")
        if tag == "DT_NEEDED" and not LIBRARIES.fullmatch(text):
            yield f"it needs {text}"
        elif tag in ("DT_RPATH", "DT_RUNPATH"):
            yield f"libraries are looked for in {text} ({tag})"


def _of_symbols(file: ELFFile) -> Iterator[str]:
    section = file.get_section_by_name(".dynsym")
    assert isinstance(section, SymbolTableSection), "a library has one"
    symbols = list(section.iter_symbols())
    undefined = {each.name for each in symbols if each["st_shndx"] == "SHN_UNDEF"}
    defined = {each.name for each in symbols} - undefined
    if EXPORTED not in defined:
        yield f"no {EXPORTED}: it can't be imported"
    for name in sorted(defined - {EXPORTED}):
        yield f"{name} can be seen from outside (-fvisibility=hidden)"
    if "__stack_chk_fail" not in undefined:
        yield "no stack protector: nothing calls __stack_chk_fail (-fstack-protector-strong)"


def _of_sections(file: ELFFile) -> Iterator[str]:
    debug = [each.name for each in file.iter_sections() if re.match(r"\.z?debug_", each.name)]
    if debug:
        yield f"{len(debug)} debug sections, as {debug[0]} (-Wl,--strip-debug)"


def main() -> int:
    """The exit status, 1 if a file has a fault."""
    faults = [f"{path}: {fault}" for path in sys.argv[1:] for fault in findings(Path(path))]
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
