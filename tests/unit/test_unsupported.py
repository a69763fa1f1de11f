# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Where nothing can be profiled: all is accepted, programs run, and the reason is told once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from pyroscope_native.deliver.file import write_outputs
from pyroscope_native.model import Frame, Function, Profile, Sample
from tests.support.python import ROOT, TIMEOUT_S, python
from tests.support.unsupported import INTERPRETERS, Interpreter, install

ACCEPTED = ROOT / "tests" / "support" / "accepted.py"

PROFILE = Profile(
    samples=[Sample((0,), 10_000_000, (("tenant", "ünï"),))],
    frames=[Frame(0, 1)],
    functions=[Function("名_f", "app.py", 1)],
    period=10_000_000,
    time_ns=1,
)


class Installed:
    """The package in a directory of its own, for one interpreter."""

    def __init__(self, interpreter: Interpreter, directory: Path) -> None:
        self.reason = interpreter.reason
        self.cwd = directory / "cwd"
        self.cwd.mkdir()
        self.environment = install(interpreter, directory)

    def python(
        self, *words: str, env: dict[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        return python(*words, cwd=self.cwd, env={**self.environment, **(env or {})}, prefix=prefix)

    def command(
        self, *words: str, env: dict[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        return self.python("-m", "pyroscope_native", *words, env=env, prefix=prefix)

    def check_told(self, words: str) -> None:
        """One line, with the reason in it."""
        assert words.startswith("pyroscope_native: nothing is profiled: ")
        assert self.reason in words
        assert words.index("\n") == len(words) - 1


@pytest.fixture(params=INTERPRETERS)
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Installed:
    return Installed(INTERPRETERS[request.param], tmp_path)


one_and_the_strangest = pytest.mark.parametrize(
    "installed", ["without a core", "Windows"], indirect=True
)
"""For what takes many processes."""


def test_everything_is_accepted(installed: Installed) -> None:
    done = installed.python(str(ACCEPTED))
    assert done.stdout == "accepted\n", done.stderr
    assert done.returncode == 0
    installed.check_told(done.stderr)
    assert os.listdir(installed.cwd) == []


def test_a_program_is_run(installed: Installed) -> None:
    (installed.cwd / "app.py").write_text(
        "import os, sys\n"
        "print(sys.argv, __name__, sys.flags.optimize, sys.platform)\n"
        "print('PYROSCOPE_NATIVE_RUN' in os.environ, file=sys.stderr)\n"
        "sys.exit(7)\n"
    )
    options = ("-o", "out.html", "--rate", "1000", "--tag", "a=b", "--serve", "unix:s", "--quiet")
    done = installed.python("-O", "-m", "pyroscope_native", "run", *options, "app.py", "-x", "ü")
    plain = installed.python("-O", "app.py", "-x", "ü")
    assert done.returncode == plain.returncode == 7
    assert done.stdout == plain.stdout
    assert done.stderr.endswith("\nFalse\n")
    installed.check_told(done.stderr[: -len("False\n")])
    assert os.listdir(installed.cwd) == ["app.py"]


@one_and_the_strangest
@pytest.mark.parametrize("words", [("-m", "app"), ("-c", "import app"), ("--", "app.py")])
def test_ways_to_name_a_program(installed: Installed, words: tuple[str, ...]) -> None:
    (installed.cwd / "app.py").write_text("import sys; print('ran'); sys.exit('failed')")
    done = installed.command("run", "--server-address", "http://127.0.0.1:9", *words)
    assert (done.returncode, done.stdout) == (1, "ran\n")
    assert done.stderr.endswith("\nfailed\n")


def test_without_profiling_nothing_is_told(installed: Installed) -> None:
    done = installed.command("run", "-c", "pass", env={"PYROSCOPE_AGENT_ENABLED": "false"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_doctor_tells_the_reason(installed: Installed) -> None:
    words = ("--json", "--server-address", "http://127.0.0.1:9")
    done = installed.command("doctor", *words)
    [finding] = json.loads(done.stdout)
    assert (finding["subject"], finding["status"]) == ("interpreter", "problem")
    assert installed.reason in finding["words"]
    assert (done.returncode, done.stderr) == (1, "")
    text = installed.command("doctor").stdout
    assert installed.reason in text
    assert text.endswith("\n1 problem\n")


@pytest.mark.parametrize(
    "words",
    [("attach", str(os.getpid())), ("doctor", "--reset-fuse", "--application-name", "shop")],
    ids=" ".join,
)
def test_what_can_not_be_done(installed: Installed, words: tuple[str, ...]) -> None:
    done = installed.command(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"pyroscope-native {words[0]}: nothing can be profiled: ")
    assert installed.reason in done.stderr
    assert done.stderr.count("\n") == 1


@one_and_the_strangest
def test_help_and_version(installed: Installed) -> None:
    for words in ([], ["--help"], ["--version"], ["run", "--help"], ["attach", "--help"]):
        done = installed.command(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert "pyroscope-native" in done.stdout


@one_and_the_strangest
def test_profiles_of_others_are_shown_and_merged(installed: Installed) -> None:
    one, other = (str(installed.cwd / name) for name in ("one.pb.gz", "other.pb.gz"))
    assert write_outputs(PROFILE, [one, other], "app") == [one, other]
    done = installed.command("view", one)
    assert (done.returncode, done.stderr) == (0, "")
    assert "名_f" in done.stdout
    for suffix in ("html", "collapsed", "speedscope.json", "pb.gz"):
        words = ("view", one, "--filter", "tenant=ünï", "-o", f"view.{suffix}")
        assert installed.command(*words).returncode == 0
        merged = ("merge", one, other, "--label-files", "file", "-o", f"merged.{suffix}")
        assert installed.command(*merged).returncode == 0
    text = (installed.cwd / "merged.collapsed").read_text(encoding="utf-8")
    assert text.endswith("名_f 20000000\n")
    assert len(list(installed.cwd.iterdir())) == 2 + 2 * 4


def test_settings_from_outside_are_taken(installed: Installed) -> None:
    (installed.cwd / "settings.toml").write_text('application-name = "shop"\nsample-rate = "?"\n')
    code = "import pyroscope_native as p; p.configure(server_address='http://127.0.0.1:9')"
    (installed.cwd / "tomllib.py").write_text(
        "def loads(text): return {'application-name': 'shop', 'sample-rate': '?'}"
    )
    env = {"PYROSCOPE_CONFIGURATION_FILE": "settings.toml", "PYROSCOPE_UPLOAD_INTERVAL": "?"}
    done = installed.python("-c", code, env=env)
    assert done.returncode == 0
    *faults, told = done.stderr.splitlines(keepends=True)
    assert len(faults) == 2
    assert all("a setting is left out: " in fault for fault in faults)
    installed.check_told(told)


# ---- what depends on the interpreter ----


def test_a_signal_ends_run_as_the_program(tmp_path: Path) -> None:
    installed = Installed(INTERPRETERS["without a core"], tmp_path)
    done = installed.command("run", "-c", "import os; os.kill(os.getpid(), 15)")
    assert done.returncode == -signal.SIGTERM


def test_where_exec_does_not_wait_run_does(tmp_path: Path) -> None:
    """On Windows a process that calls exec ends at once, and its caller goes on."""
    installed = Installed(INTERPRETERS["Windows"], tmp_path)
    code = "import os; print(os.getppid(), os.getpid(), sep='\\n')"
    shell = 'echo $$; "$@"; echo ended'
    done = installed.command("run", "-c", code, prefix=("bash", "-c", shell, "bash"))
    bash, run, program, ended = done.stdout.split()
    assert len({bash, run, program}) == 3
    assert ended == "ended"


def test_ctrl_c_is_the_programs(tmp_path: Path) -> None:
    """On Windows it comes to both; the program here obeys by a status of its own."""
    installed = Installed(INTERPRETERS["Windows"], tmp_path)
    code = (
        "import os, signal\n"
        "os.kill(os.getppid(), signal.SIGINT)\n"
        "try: signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt: os._exit(9)\n"
    )
    assert installed.command("run", "-c", code).returncode == 9


def test_a_status_above_what_exit_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a crash on Windows, which comes out as the same 32 bits."""
    from pyroscope_native import launch

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: 0xC0000005)
    former = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as ended:
            launch.exec_program(["app.py"], None)
    finally:
        signal.signal(signal.SIGINT, former)
    assert ended.value.code == 0xC0000005 - (1 << 32)


def test_a_core_for_another_python(tmp_path: Path) -> None:
    installed = Installed(INTERPRETERS["without a core"], tmp_path)
    (tmp_path / "pyroscope_native" / "_core.cpython-38-x86_64-linux-gnu.so").touch()
    done = installed.command("run", "-c", "pass")
    assert "it was installed for another Python (_core.cpython-38-" in done.stderr
    assert f"{sys.executable} -m pip install --force-reinstall" in done.stderr


@pytest.mark.parametrize("others", [[], ["_core.cpython-38-x86_64-linux-gnu.so"]])
def test_the_remedy_moves_no_other_package(tmp_path: Path, others: list[str]) -> None:
    """pip would reinstall protobuf, too, and take the newest for one that is pinned."""
    installed = Installed(INTERPRETERS["without a core"], tmp_path)
    for name in others:
        (tmp_path / "pyroscope_native" / name).touch()
    done = installed.command("run", "-c", "pass")
    assert "--force-reinstall --no-deps" in done.stderr


def test_in_a_zip_file(tmp_path: Path) -> None:
    """As of zipapp, where the loader of libraries can't look."""
    installed = Installed(INTERPRETERS["without a core"], tmp_path)
    archive = shutil.make_archive(
        str(tmp_path / "packages"), "zip", tmp_path, base_dir="pyroscope_native"
    )
    shutil.rmtree(tmp_path / "pyroscope_native")
    places = {"PYTHONPATH": f"{archive}:{installed.environment['PYTHONPATH']}"}
    done = installed.command("run", "-c", "print('ran')", env=places)
    assert done.stdout == "ran\n"
    assert f"no native core can be loaded from {archive}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_kept_back_is_said(tmp_path: Path) -> None:
    """stderr may have a buffer, as PyPy's has with -I, and exec leaves that behind."""
    installed = Installed(INTERPRETERS["without a core"], tmp_path)
    code = (
        "import sys\n"
        "sys.stderr = open(2, 'w', closefd=False)\n"
        "from pyroscope_native.cli import main\n"
        "main(['run', '-c', 'pass'])\n"
    )
    installed.check_told(installed.python("-c", code).stderr)


def test_isolated() -> None:
    """`-I` has no directory of the program's on the path that could be left out: what is
    first there may be the standard library."""
    code = (
        "import runpy, sys\n"
        "before = list(sys.path)\n"
        "sys.argv = ['pyroscope_native', '--version']\n"
        "try: runpy.run_module('pyroscope_native', run_name='__main__', alter_sys=True)\n"
        "except SystemExit: print(sys.path == before)\n"
    )
    assert python("-I", "-c", code).stdout.endswith("True\n")


def test_a_core_that_can_not_be_loaded(tmp_path: Path) -> None:
    installed = Installed(INTERPRETERS["without a core"], tmp_path)
    name = f"_core{EXTENSION_SUFFIXES[0]}"
    (tmp_path / "pyroscope_native" / name).write_bytes(b"\x7fELF, but not for long")
    done = installed.command("run", "-c", "print('ran')")
    assert done.stdout == "ran\n"
    assert f"the native core can't be loaded ({tmp_path}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_drives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files on several drives of Windows have no directory in common."""
    import ntpath

    from pyroscope_native import merge

    monkeypatch.setattr(merge, "os", type("os", (), {"path": ntpath}))
    assert merge._names([r"C:\a\web-1.pb.gz", r"C:\b\web-1.pb.gz"]) == [r"a\web-1", r"b\web-1"]
    names = [r"C:\a\web-1", r"D:\a\web-1"]
    assert merge._names([f"{name}.pb.gz" for name in names]) == names


def test_a_real_pypy(tmp_path: Path) -> None:
    pypy = shutil.which("pypy3")
    if pypy is None:
        pytest.skip("no pypy3")
    environment = {**os.environ, **install(INTERPRETERS["without a core"], tmp_path)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [pypy, *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    done = run(str(ACCEPTED))
    assert (done.returncode, done.stdout) == (0, "accepted\n"), done.stderr
    assert done.stderr.count("nothing is profiled: pypy is not supported") == 1
    assert done.stderr.count("\n") == 1
    done = run("-m", "pyroscope_native", "run", "-c", "import sys; sys.exit(7)")
    assert done.returncode == 7
