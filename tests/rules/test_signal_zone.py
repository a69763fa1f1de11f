# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What code that runs in a signal handler may reach: the rules of handler.h.

The core is compiled with each function in a section of its own. The
relocations of a section are then all that the function can name, whether to
call it or to take its address, and so they give what is reachable from the
functions ending in `_sig`. They do not show calls through pointers, which are
looked for in the instructions.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files")

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "csrc"
COMPILER = shlex.split(os.environ.get("CC", "cc"))

STACK_LIMIT_BYTES = 1024

ALLOWED_SYMBOLS = {
    "PyGILState_GetThisThreadState": "reads a thread-specific value",
    "Py_IsFinalizing": "reads a flag",
    "_Py_IsFinalizing": "the same, before CPython 3.13",
    "PyGen_Type": "an address to compare with",
    "PyCoro_Type": "an address to compare with",
    "PyAsyncGen_Type": "an address to compare with",
    "_GLOBAL_OFFSET_TABLE_": "the linker's",
    "_PyRuntime": "its note of a signal is read",
    "__errno_location": "errno, to be put back",
    "__stack_chk_fail": "ends the process, where the stack is broken already",
    "__popcountdi2": "the compiler's own, where the processor may lack the instruction",
    "memcpy": "writes memory, bound when the library is loaded",
    "memset": "writes memory, bound when the library is loaded",
    "syscall": "futex, gettid and rt_sigprocmask, none of which waits",
    **dict.fromkeys(
        (
            "sigaction",
            "kill",
            "getpid",
            "alarm",
            "timer_settime",
            "timer_gettime",
            "clock_gettime",
            "sigpending",
        ),
        "on POSIX's list of what handlers may call",
    ),
}
"""What the zone may import, with the reason."""

ZONE_FILES = ("handler", "walk", "ring", "readable")
"""Of these even functions without `_sig` in their name may be reached."""

PYTHON_INLINE = re.compile(r"_?Py_?[A-Z]")
"""Inline functions of Python's headers: what they reach counts like the rest."""

INDIRECT_CALLERS = {"chain_sig": "the handler that ours has replaced"}

# Functions stay what they are in the source, and jump only to each other.
AS_WRITTEN = ["-std=gnu11", "-O2", "-DNDEBUG", "-fPIC", "-fno-inline", "-fno-jump-tables"]


def flags_of_setup() -> list[str]:
    """As setuptools compiles the core."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COMPILE_FLAGS":
            flags_of_python = shlex.split(sysconfig.get_config_var("CFLAGS"))
            return [*flags_of_python, *ast.literal_eval(node.value), "-fPIC", "-fstack-usage"]
    raise AssertionError("setup.py has no COMPILE_FLAGS")


@dataclass(eq=False)
class Section:
    """A function of an object file."""

    file: str
    names: list[str] = field(default_factory=list)
    symbols: set[str] = field(default_factory=set)
    relocation_types: set[str] = field(default_factory=set)
    calls_pointers: bool = False
    calls_itself: bool = False
    stack_bytes: int = 0
    stack_kinds: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """As in the source: without what the compiler adds to parts and clones."""
        return self.names[0].split(".")[0]


SECTION = re.compile(r"Disassembly of section (\S+):")
LABEL = re.compile(r"[0-9a-f]+ <(\S+)>:")
RELOCATION = re.compile(r"\s+[0-9a-f]+: (R_\S+)\s+(\S+?)(?:[-+]0x[0-9a-f]+)?$")
POINTER_CALL = re.compile(r"\t(?:notrack )?(?:call|jmp)\w*\s+\*|\t(?:blr|br)\w*\s+x")
CALL = re.compile(r"\t(?:call|bl)\w*\s+[0-9a-f]")


def tool(*command: str | Path) -> list[str]:
    done = subprocess.run(
        [str(word) for word in command], check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def read_sections(path: Path) -> dict[str, Section]:
    sections: dict[str, Section] = {}
    section = Section(path.stem)
    call_pending = False
    for line in tool("objdump", "-dr", "--no-show-raw-insn", path):
        relocation, label = RELOCATION.match(line), LABEL.match(line)
        # Only a call within the section needs no relocation.
        section.calls_itself |= call_pending and relocation is None
        call_pending = CALL.search(line) is not None
        section.calls_pointers |= POINTER_CALL.search(line) is not None
        heading = SECTION.match(line)
        if heading:
            section = sections.setdefault(heading[1], Section(path.stem))
        elif label:
            section.names.append(label[1])
        elif relocation:
            section.relocation_types.add(relocation[1])
            section.symbols.add(relocation[2].split("@")[0])
    return sections


def read_stack_usage(path: Path, sections: Iterable[Section]) -> None:
    """Take what the compiler says of each function.

    It may call parts and clones by the function's name: the largest counts.
    """
    usage: dict[str, int] = {}
    kinds: dict[str, set[str]] = {}
    for line in path.read_text().splitlines():
        place, size, kind = line.split("\t")
        name = place.rsplit(":", 1)[1].split(".")[0]
        usage[name] = max(usage.get(name, 0), int(size))
        kinds.setdefault(name, set()).add(kind)
    for section in sections:
        # The rare parts of a function, jumped to, are in its own frame.
        if not section.names[0].endswith(".cold"):
            section.stack_bytes = usage[section.name]
            section.stack_kinds = kinds[section.name]


def names_of_symbols(path: Path, which: str) -> set[str]:
    return {line.split()[0] for line in tool("nm", "-P", which, path)}


class Core:
    """The core's object files, and who names whom in them."""

    def __init__(self, flags: list[str], to: Path) -> None:
        sources = sorted(CSRC.glob("*.c"))
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda source: self._compile(source, flags, to), sources))
        self.sections: list[Section] = []
        self._places: dict[tuple[str, str], Section] = {}
        self._exported: dict[str, Section] = {}
        self._undefined: set[tuple[str, str]] = set()
        for source in sources:
            self._read(to / f"{source.stem}.o")

    @staticmethod
    def _compile(source: Path, flags: list[str], to: Path) -> None:
        include = ["-I", str(CSRC), "-isystem", sysconfig.get_path("include")]
        output = ["-ffunction-sections", "-c", str(source), "-o", str(to / f"{source.stem}.o")]
        done = subprocess.run(
            [*COMPILER, *flags, *include, *output], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def _read(self, path: Path) -> None:
        sections = read_sections(path)
        usage = path.with_suffix(".su")
        if usage.exists():
            read_stack_usage(usage, sections.values())
        exported = names_of_symbols(path, "-g")
        for heading, section in sections.items():
            self.sections.append(section)
            for name in [heading, *section.names]:
                self._places[path.stem, name] = section
            self._exported.update((name, section) for name in exported & set(section.names))
        self._undefined |= {(path.stem, name) for name in names_of_symbols(path, "-u")}

    def named_by(self, section: Section) -> Iterator[Section]:
        """The functions of the core whose address or call is in `section`."""
        for symbol in sorted(section.symbols):
            named = self._places.get((section.file, symbol)) or self._exported.get(symbol)
            if named:
                yield named

    def imported_by(self, section: Section) -> set[str]:
        return {
            symbol
            for symbol in section.symbols
            if (section.file, symbol) in self._undefined and symbol not in self._exported
        }

    def reachable(self) -> list[Section]:
        """The zone: all that the functions ending in `_sig` lead to."""
        waiting = [section for section in self.sections if section.name.endswith("_sig")]
        found = dict.fromkeys(waiting)
        while waiting:
            for named in self.named_by(waiting.pop()):
                if named not in found:
                    found[named] = None
                    waiting.append(named)
        return list(found)

    def deepest(self, section: Section, path: tuple[Section, ...] = ()) -> int:
        """Bytes of stack from `section` down, along the worst path."""
        assert section not in path, f"{section.name} leads to itself"
        callees = [named for named in self.named_by(section) if named is not section]
        below = (self.deepest(callee, (*path, section)) for callee in callees)
        return section.stack_bytes + max(below, default=0)


@pytest.fixture(scope="module")
def as_written(tmp_path_factory: pytest.TempPathFactory) -> Core:
    return Core(AS_WRITTEN, tmp_path_factory.mktemp("as_written"))


@pytest.fixture(scope="module")
def as_built(tmp_path_factory: pytest.TempPathFactory) -> Core:
    return Core(flags_of_setup(), tmp_path_factory.mktemp("as_built"))


@pytest.fixture(params=["as_written", "as_built"])
def core(request: pytest.FixtureRequest) -> Core:
    core: Core = request.getfixturevalue(request.param)
    return core


def handlers(core: Core) -> list[Section]:
    found = [s for s in core.sections if s.name in ("on_signal_sig", "on_terminate_sig")]
    assert len(found) == 2
    return found


def test_zone_is_found(as_written: Core) -> None:
    names = {section.name for section in as_written.reachable()}
    assert names >= {
        "on_signal_sig",
        "pn_walk_sig",
        "pn_ring_push_sig",
        "pn_wake_post_sig",
        "pn_timer_tick_sig",
        "pn_thread_from_pointer_sig",
    }
    assert not any(name.endswith("_gil") for name in names)


def test_imports(core: Core) -> None:
    imports = {
        symbol: section.name
        for section in core.reachable()
        for symbol in core.imported_by(section)
        if symbol not in ALLOWED_SYMBOLS
    }
    assert not imports, "symbols that a signal handler may not use, and by whom"


def test_names(as_written: Core) -> None:
    misnamed = {
        f"{section.file}.c: {section.name}"
        for section in as_written.reachable()
        if not section.name.endswith("_sig")
        and section.file not in ZONE_FILES
        and not PYTHON_INLINE.match(section.name)
    }
    assert not misnamed, "called in a signal handler without saying so"


def test_calls_through_pointers(as_written: Core) -> None:
    callers = {section.name for section in as_written.reachable() if section.calls_pointers}
    assert callers <= set(INDIRECT_CALLERS)


def test_thread_locals_need_no_call(core: Core) -> None:
    types = {kind for section in core.reachable() for kind in section.relocation_types}
    assert not {kind for kind in types if re.search("TLSGD|TLSLD|TLSDESC", kind)}
    assert {kind for kind in types if re.search("GOTTPOFF|TLSIE", kind)}, "none was found at all"


def test_stack_use(as_built: Core) -> None:
    unbounded = [s.name for s in as_built.reachable() if "dynamic" in s.stack_kinds]
    assert not unbounded
    for handler in handlers(as_built):
        assert handler.stack_bytes > 0
        assert as_built.deepest(handler) < STACK_LIMIT_BYTES


def test_nothing_recurses(core: Core) -> None:
    for handler in handlers(core):
        core.deepest(handler)
    assert not [section.name for section in core.reachable() if section.calls_itself]
