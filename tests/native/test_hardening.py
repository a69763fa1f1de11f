# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The core as it is built has no fault that `wheels.hardening` finds, and each it can find."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyroscope_native import _core
from tests.support.python import ROOT

if sys.platform != "linux":
    pytest.skip("reads ELF files", allow_module_level=True)
pytest.importorskip("elftools")
if not (ROOT / "wheels").exists():
    pytest.skip("the release tooling is not beside these tests", allow_module_level=True)

from wheels.hardening import findings, main

COMPILER = shlex.split(os.environ.get("CC", "cc"))

PROGRAM = """
extern int PyOS_snprintf(char *, unsigned long, const char *, ...);
__attribute__((visibility("default"))) int PyInit__core(void)
{
    char text[64];
    PyOS_snprintf(text, sizeof text, "%d", 1);
    return text[0];
}
int inside(void) { return 1; }
"""

FLAGS = {
    "pic": "-fPIC",
    "visibility": "-fvisibility=hidden",
    "protector": "-fstack-protector-strong",
    "stack": "-Wl,-z,noexecstack",
    "relro": "-Wl,-z,relro",
    "now": "-Wl,-z,now",
    "layout": "",
    "run path": "",
    "debug": "-g0",
    "library": "",
}


def built(to: Path, program: str = PROGRAM, **others: str) -> Path:
    """Such a program as a library, with other flags than ours for something."""
    source, library = to / "core.c", to / "core.so"
    source.write_text(program)
    flags = {**FLAGS, **{name.replace("_", " "): flag for name, flag in others.items()}}
    words = shlex.split(" ".join(flags.values()))
    command = [*COMPILER, "-shared", "-O1", "-o", str(library), str(source), *words]
    subprocess.run(command, check=True, cwd=to)
    return library


def test_what_is_built_here_has_no_fault() -> None:
    assert findings(Path(_core.__file__), may_have_debug=True) == []


def test_what_is_stripped_has_none_for_a_release(tmp_path: Path) -> None:
    if shutil.which("strip") is None:
        pytest.skip("there is no strip")
    released = tmp_path / "core.so"
    command = ["strip", "--strip-debug", "-o", str(released), _core.__file__]
    subprocess.run(command, check=True)
    assert findings(released) == []


def test_a_library_with_our_flags_has_no_fault(tmp_path: Path) -> None:
    assert findings(built(tmp_path)) == []


@pytest.mark.parametrize(
    ("others", "fault"),
    [
        ({"stack": "-Wl,-z,execstack"}, "the stack is made executable"),
        ({"relro": "-Wl,-z,norelro"}, "no RELRO"),
        ({"now": "-Wl,-z,lazy"}, "(-z now)"),
        ({"layout": "-Wl,--omagic -nostdlib"}, "a segment is writable and executable"),
        ({"visibility": ""}, "inside can be seen"),
        ({"visibility": "-DPyInit__core=init"}, "no PyInit__core"),
        ({"protector": "-fno-stack-protector"}, "no stack protector"),
        ({"debug": "-g"}, "debug sections"),
        ({"run_path": "-Wl,-rpath,/home -Wl,--disable-new-dtags"}, "/home (DT_RPATH)"),
        ({"run_path": "-Wl,-rpath,/home -Wl,--enable-new-dtags"}, "/home (DT_RUNPATH)"),
        ({"library": "-Wl,--no-as-needed -lm"}, "it needs libm.so"),
    ],
)
def test_each_fault_is_found(tmp_path: Path, others: dict[str, str], fault: str) -> None:
    assert any(fault in found for found in findings(built(tmp_path, **others)))


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the linker allows none elsewhere")
def test_text_relocations_are_found(tmp_path: Path) -> None:
    program = PROGRAM + '__asm__(".text\\n .quad PyOS_snprintf\\n");'
    found = findings(built(tmp_path, program, layout="-Wl,-z,notext"))
    assert [each for each in found if "text relocations" in each]


def test_the_command_says_whose_fault_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    library = built(tmp_path, debug="-g")
    monkeypatch.setattr("sys.argv", ["hardening", str(library)])
    assert main() == 1
    assert capsys.readouterr().out.startswith(f"{library}: ")
    built(tmp_path)
    assert main() == 0
    assert capsys.readouterr().out == ""
