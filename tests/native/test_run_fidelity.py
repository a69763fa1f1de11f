# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A program under `run` is as without it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.python import python, run

CYCLE = """
import os, signal, sys, time
class Cycle:
    def __init__(self): self.itself = self
    def __del__(self, sys=sys): print("collected", sys.is_finalizing(), flush=True)
Cycle()
"""

MULTIPROCESSING = """
import multiprocessing, pickle, sys
class Point:
    def __init__(self, x): self.x = x
def move(point): return Point(point.x + 1)
if __name__ == "__main__":
    for method in ("spawn", "fork", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print([point.x for point in pool.map(move, [Point(1), Point(2)])])
    print(pickle.loads(pickle.dumps(Point(3))).x, Point.__module__)
"""

INTERRUPT = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"

PROGRAMS = {
    "arguments": "import sys; print(sys.argv)",
    "identity": "print(__name__, __file__, __spec__, __package__)",
    "path": "import sys; print(sys.path, sys.flags)",
    "environment": "import os; print(sorted(os.environ.items()))",
    "modules": "import sys; print('sitecustomize' in sys.modules, '__main__' in sys.modules)",
    "stack": "import sys; print(sys._getframe().f_back)",
    "threads": "import threading\nprint(threading.enumerate()[1:], threading.active_count())",
    "the thread's id": "import _thread, pickle, sys, threading\n"
    "f = threading.get_native_id\n"
    "print(f, f.__module__, f is _thread.get_native_id, pickle.loads(pickle.dumps(f)) is f)\n"
    "sys.setprofile(lambda frame, event, what: print(event))\n"
    "f()\nsys.setprofile(None)\n"
    "try: f(1)\nexcept TypeError as error: print(error)",
    "stdin": "import sys; print(sys.stdin.read())",
    "signals": "import signal\n"
    "print([signal.getsignal(n) for n in range(1, 32) if n not in (9, 19)])",
    "exit number": "import sys; sys.exit(3)",
    "exit text": "import sys; sys.exit('text')",
    "exit nothing": "import sys; sys.exit()",
    "exception": "def f():\n    raise ValueError('bad')\nf()",
    "exception hook": "import sys\nsys.excepthook = lambda *a: print('hook', a[1])\n1 / 0",
    "syntax error": "def f(:\n",
    "atexit": "import atexit; atexit.register(print, 'bye')",
    "os._exit": "import os; print('out', flush=True); os._exit(7)",
    "SIGINT": INTERRUPT,
    "SIGTERM": "import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)",
    "SIGTERM handled": "import os, signal, sys\n"
    "signal.signal(signal.SIGTERM, lambda *a: sys.exit(4))\n"
    "os.kill(os.getpid(), signal.SIGTERM)",
    "SIGKILL": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "subprocess": "import subprocess, sys\n"
    "code = 'import os; print(os.environ.get(\"PYTHONPATH\"))'\n"
    "print(subprocess.run([sys.executable, '-c', code],"
    " capture_output=True).stdout)",
    "exec fails": "import os; os.execv('/nowhere', ['x'])",
    "exec by path": "import os; os.execlp('env', 'env', 'printf', 'hello')",
    "exec": "import os, sys; os.execv(sys.executable, [sys.executable, '-c', 'print(5)'])",
    "fork": "import os\npid = os.fork()\n"
    "if pid == 0:\n    print('child', flush=True)\n    os._exit(0)\n"
    "os.waitpid(pid, 0)\nprint('parent')",
    "fork and exit": "import os, sys\npid = os.fork()\n"
    "if pid == 0:\n    print('child', flush=True)\n    sys.exit(3)\n"
    "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
    "warnings are errors": "import os, warnings\nwarnings.simplefilter('error')\n"
    "pid = os.fork()\nos._exit(0) if pid == 0 else os.waitpid(pid, 0)",
    "closes descriptors": "import os; os.closerange(3, 256); print(sum(range(3000000)))",
    "deletes its directory": "import os, shutil; shutil.rmtree(os.getcwd()); print('gone')",
    "multiprocessing": MULTIPROCESSING,
    "exit as a target": "import multiprocessing, os\nif __name__ == '__main__':\n"
    "    child = multiprocessing.get_context('spawn').Process(target=os._exit, args=(3,))\n"
    "    child.start(); child.join(); print(child.exitcode)",
    "keywords": "import os, sys\nif os.fork() == 0: os._exit(status=3)\nprint(os.wait()[1])\n"
    "sys.stdout.flush()\n"
    "os.execve(path=sys.executable, argv=['python', '-c', 'print(5)'], env=dict(os.environ))",
    "a tracer that stays": "import sys, threading\n"
    "sys.settrace(lambda *a: print(a[0].f_code.co_filename, a[1]))\n"
    "sys.setprofile(lambda *a: print(a[0].f_code.co_filename, a[1]))",
    "an interrupt long ago": "import sys; sys.last_type = KeyboardInterrupt",
    "subinterpreter": "try: import _interpreters as i\n"
    "except ImportError: import _xxsubinterpreters as i\n"
    "i.run_string(i.create(), 'import sys; print(len(sys.argv))')",
    "garbage at the end": CYCLE,
    "garbage at os._exit": CYCLE + "os._exit(0)",
    "garbage at exec": CYCLE + "os.execv(sys.executable, ['python', '-c', 'print(5)'])",
    "garbage at SIGTERM": CYCLE + "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)",
    "little recursion": "import sys; sys.setrecursionlimit(60)",
}


PRINT_ENVIRONMENT = {"environment", "subprocess"}
"""Programs that show by what their children are followed."""


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("clock", ["thread", "process"])
def test_the_program_can_not_tell(name: str, clock: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    results = []
    for command in (python, run):
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        (work / "program.py").write_text(PROGRAMS[name])
        options = []
        if command is run:
            options = ["--quiet", "--clock", clock, "-o", str(tmp_path / "out" / "p.pb.gz")]
            if name in PRINT_ENVIRONMENT:
                options += ["--no-children"]
        done = command(*options, "program.py", "a", "--rate", "b", cwd=work, stdin="some input")
        results.append((done.returncode, done.stdout, done.stderr))
    assert results[1] == results[0]


@pytest.mark.parametrize(
    "words",
    [
        ["-c", "import sys; print(sys.argv, sys.path, __spec__, '__file__' in globals())", "-x"],
        ["-m", "module", "-o", "--rate"],
        ["-m", "package", "argument"],
        ["-m", "module", "a", "--", "b"],
        ["-mmodule", "a", "-x"],
        ["-c", "import sys; print(sys.argv)", "--", "a"],
        ["-cimport sys; print(sys.argv)", "-o"],
        ["random.py", "--", "a"],
        ["-m", "no_such_module"],
        ["-m", "interrupted"],
        ["-c", INTERRUPT],
        ["-m", "package.missing"],
        ["-c", "1 +"],
        ["-", "argument"],
        ["package"],
    ],
)
def test_ways_to_name_a_program(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    show = "import sys; print(sys.argv, sys.path[0], __name__, __spec__.name, __package__)"
    (tmp_path / "package" / "__main__.py").write_text(show)
    (tmp_path / "module.py").write_text(show)
    (tmp_path / "interrupted.py").write_text(INTERRUPT)
    for name in ("random", "json", "tempfile", "google"):  # as in the standard library
        (tmp_path / f"{name}.py").write_text("import sys; print(__name__, sys.argv)")
    stdin = "import sys; print(sys.argv)"
    plain = python(*words, cwd=tmp_path, stdin=stdin)
    profiled = run("--quiet", "-o", "p.pb.gz", *words, cwd=tmp_path, stdin=stdin)
    assert (profiled.returncode, profiled.stdout, profiled.stderr) == (
        plain.returncode,
        plain.stdout,
        plain.stderr,
    )


def test_interpreter_options_go_along(tmp_path: Path) -> None:
    program = "import sys; print(sys.flags.optimize, sys._xoptions, sys.warnoptions)"
    options = ("-O", "-X", "dev", "-W", "ignore")
    plain = python(*options, "-c", program)
    profiled = python(*options, "-m", "pyroscope_native", "run", "--quiet", "-c", program,
                      cwd=tmp_path)  # fmt: skip
    assert profiled.stdout == plain.stdout


def test_the_console_script(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("import sys; print(sys.argv[1:])")
    script = Path(sys.executable).with_name("pyroscope-native")
    for words in (["-m", "module"], ["module.py"]):
        done = subprocess.run(
            [script, "run", "--quiet", *words, "-m", "x"],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "['-m', 'x']\n"), done.stderr


def test_sigterm_finds_children_that_have_just_begun(tmp_path: Path) -> None:
    program = """
import os, signal, time
statuses = set()
for _ in range(100):
    pid = os.fork()
    if pid == 0:
        time.sleep(5)
        os._exit(0)
    os.kill(pid, signal.SIGTERM)
    statuses.add(os.waitpid(pid, 0)[1])
print(statuses)
"""
    done = run("--quiet", "-c", program, cwd=tmp_path)
    assert done.stdout == f"{{{int(signal.SIGTERM)}}}\n"


def test_a_sitecustomize_of_the_programs_own_runs(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.was_customized = True")
    program = "import sys; print(sys.was_customized, sys.modules['sitecustomize'].__file__)"
    root = str(Path(__file__).resolve().parents[2])
    path = {"PYTHONPATH": f"{root}:{tmp_path}"}
    plain = python("-c", program, env=path, cwd=tmp_path)
    profiled = run("--quiet", "-c", program, env=path, cwd=tmp_path)
    assert plain.returncode == 0
    assert profiled.stdout == plain.stdout


def test_isolated_mode_is_refused_with_a_remedy(tmp_path: Path) -> None:
    done = python("-E", "-m", "pyroscope_native", "run", "-c", "1", cwd=tmp_path)
    if "No module named pyroscope_native" in done.stderr:
        pytest.skip("the package is found through PYTHONPATH only, which -E takes away")
    assert done.returncode == 2
    assert "configure()" in done.stderr


def test_standard_output_is_the_programs_alone(tmp_path: Path) -> None:
    done = run("-c", "print('only this')", cwd=tmp_path)
    assert done.stdout == "only this\n"
    assert "pyroscope_native:" in done.stderr
    assert sys.version_info >= (3, 9)
