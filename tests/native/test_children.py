# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Children of a program that `run` has started, however they come about."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.support import pprof_reader
from tests.support.push_server import Answer, PushServer
from tests.support.python import ROOT, python, run

WORK = """
import os, sys, time
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: pass
"""

CHILD = "import work; work.burn(0.2); print(work.os.getpid(), flush=True)"

PROGRAMS = {
    "fork": """
pid = os.fork()
if pid == 0: exec(CHILD); os._exit(0)
os.waitpid(pid, 0)
""",
    "fork of a fork": """
pid = os.fork()
if pid == 0:
    inner = os.fork()
    if inner == 0: exec(CHILD); os._exit(0)
    os.waitpid(inner, 0); os._exit(0)
os.waitpid(pid, 0)
""",
    "subprocess": """
import subprocess
subprocess.run([sys.executable, "-c", CHILD], check=True)
""",
    "subprocess with an environment": """
import subprocess
subprocess.run([sys.executable, "-c", CHILD], check=True, env={**os.environ, "OTHER": "1"})
""",
    "subprocess through a shell": """
import subprocess
subprocess.run(f"true; {sys.executable} -c '{CHILD}'", shell=True, check=True)
""",
    "subprocess that is terminated": """
import subprocess
child = subprocess.Popen([sys.executable, "-c", CHILD + "; import time; time.sleep(60)"],
                         stdout=subprocess.PIPE)
print(child.stdout.readline().decode(), end="", flush=True)
child.terminate()
assert child.wait() == -15
""",
    "fork and exec": """
pid = os.fork()
if pid == 0: os.execl(sys.executable, sys.executable, "-c", CHILD)
os.waitpid(pid, 0)
""",
    "spawnv": """
assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", f'"{CHILD}"'[1:-1]]) == 0
""",
    "posix_spawn": """
pid = os.posix_spawn(sys.executable, [sys.executable, "-c", CHILD], os.environ)
os.waitpid(pid, 0)
""",
}

POOL = """
import multiprocessing, time
from work import burn, os
def work(number):
    burn(0.1)
    time.sleep(0.1)  # so that the other has its turn
    return os.getpid()
if __name__ == "__main__":
    with multiprocessing.get_context(METHOD).Pool(2) as pool:
        for pid in set(pool.map(work, range(4), 1)): print(pid)
"""


def cpu_by_pid(path: Path) -> dict[str, float]:
    """Seconds in which `burn` was running."""
    profile = pprof_reader.check(path.read_bytes(), max_stack_frames=1024)
    seconds: Counter[str] = Counter()
    for sample in profile.samples:
        if any(frame.name == "burn" for frame in sample.stack):
            seconds[dict(sample.labels)["pid"]] += sample.values[0] / 1e9
    return dict(seconds)


def write(directory: Path, program: str) -> None:
    (directory / "work.py").write_text(WORK)
    (directory / "program.py").write_text(f"from work import *\nCHILD = {CHILD!r}\n{program}")


@pytest.mark.parametrize("name", PROGRAMS)
def test_children_are_in_the_output(name: str, tmp_path: Path) -> None:
    write(tmp_path, PROGRAMS[name])
    done = run("-o", "p.pb.gz", "program.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    child = done.stdout.strip()
    assert cpu_by_pid(tmp_path / "p.pb.gz") == {child: pytest.approx(0.2, abs=0.05)}
    assert re.search(r"with [12] other process", done.stderr)
    assert [path.name for path in tmp_path.glob("*pyroscope*")] == []


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_are_in_the_output(method: str, tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(WORK)
    (tmp_path / "program.py").write_text(POOL.replace("METHOD", repr(method)))
    done = run("-o", "p.pb.gz", "program.py", cwd=tmp_path)
    assert (done.returncode, len(done.stdout.split())) == (0, 2), done.stderr
    found = cpu_by_pid(tmp_path / "p.pb.gz")
    assert found.keys() == set(done.stdout.split())
    assert sum(found.values()) == pytest.approx(0.4, abs=0.08)


def test_pools_are_pushed(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(WORK)
    (tmp_path / "program.py").write_text(POOL.replace("METHOD", "'spawn'"))
    with PushServer() as server:
        done = run("--server-address", server.address, "program.py", cwd=tmp_path)
        assert (done.returncode, server.faults) == (0, []), done.stderr
        seconds = sum(
            sample.values[0] / 1e9
            for push in server.pushes
            for sample in push.profile.samples
            if any(frame.name == "burn" for frame in sample.stack)
        )
    assert seconds == pytest.approx(0.4, abs=0.08)


@pytest.mark.parametrize("name", ["http/__init__.py", "queue.py", "email/__init__.py"])
def test_modules_of_the_program_are_not_taken_for_others(name: str, tmp_path: Path) -> None:
    """As with gunicorn, which starts itself again from the directory of its package."""
    hidden = tmp_path / "program" / name
    hidden.parent.mkdir(parents=True)
    hidden.write_text("here = True")
    module = name.partition("/")[0].partition(".")[0]
    (tmp_path / "program" / "work.py").write_text(WORK)
    (tmp_path / "program" / "program.py").write_text(
        f"import subprocess, {module}; assert {module}.here; from work import *; burn(0.1)\n"
        "if sys.argv[1:]: subprocess.run([sys.executable, __file__], check=True)"
    )
    with PushServer() as server:
        done = run("--quiet", "--server-address", server.address, "program/program.py", "first",
                   cwd=tmp_path)  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert len(server.pushes) == 2


def test_all_lives_of_a_process_are_in_the_output(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
left = int(sys.argv[1])
burn(0.1)
if left: os.execv(sys.executable, [sys.executable, "program.py", str(left - 1)])
print(os.getpid())
""",
    )
    done = run("-o", "p.pb.gz", "program.py", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = cpu_by_pid(tmp_path / "p.pb.gz")
    assert found == {done.stdout.strip(): pytest.approx(0.3, abs=0.05)}
    assert done.stderr.count("wrote") == 1


def test_who_outlives_the_program_writes_for_itself(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
read, write = os.pipe()
if os.fork() == 0:
    os.close(write)
    os.read(read, 1)  # the end of the program
    exec(CHILD)
""",
    )
    # Its output is open until the last of them has ended.
    done = run("-o", "p.pb.gz", "program.py", cwd=tmp_path)
    child = done.stdout.strip()
    assert cpu_by_pid(tmp_path / f"p-{child}.pb.gz") == {child: pytest.approx(0.2, abs=0.05)}
    assert f"process {child} has written its profile: {tmp_path}/p-{child}.pb.gz" in done.stderr


def test_nobody_follows_where_that_is_not_wanted(tmp_path: Path) -> None:
    write(tmp_path, PROGRAMS["fork"] + PROGRAMS["subprocess"])
    done = run("-o", "p.pb.gz", "--no-children", "program.py", cwd=tmp_path)
    profile = pprof_reader.check((tmp_path / "p.pb.gz").read_bytes())
    assert done.returncode == 0
    assert not [frame for sample in profile.samples for frame in sample.stack
                if frame.name == "burn"]  # fmt: skip


def test_a_child_that_is_switched_off(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
import subprocess
for enabled in ("false", "true"):
    environment = {**os.environ, "PYROSCOPE_AGENT_ENABLED": enabled}
    subprocess.run([sys.executable, "-c", CHILD], check=True, env=environment)
""",
    )
    done = run("-o", "p.pb.gz", "program.py", cwd=tmp_path)
    _, other = done.stdout.split()
    assert cpu_by_pid(tmp_path / "p.pb.gz").keys() == {other}


def test_secrets_are_not_in_the_note(tmp_path: Path) -> None:
    program = "import os; print(os.environ['PYROSCOPE_NATIVE_RUN'])"
    done = run("--quiet", "--spool", "spool", "-o", "p.pb.gz", "-c", program, cwd=tmp_path,
               env={"PYROSCOPE_BASIC_AUTH_USER": "me", "PYROSCOPE_BASIC_AUTH_PASSWORD": "geheim",
                    "PYROSCOPE_BEARER_TOKEN": "geheim", "PYROSCOPE_SERVE_TOKEN": "geheim",
                    "PYROSCOPE_HTTP_HEADERS": '{"X-Key": "geheim"}'})  # fmt: skip
    assert "spool" in done.stdout
    assert "geheim" not in done.stdout


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="there is one environment only")
def test_another_environment_is_left_alone(tmp_path: Path) -> None:
    code = f"import subprocess; subprocess.run([{sys._base_executable!r}, '-c', CHILD], check=True)"  # type: ignore[attr-defined]
    write(tmp_path, code)
    done = run("-o", "p.pb.gz", "--quiet", "program.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().isdecimal()


def test_what_the_program_sees_of_it(tmp_path: Path) -> None:
    program = "import os, sys; print(sorted(os.environ.items()), sys.path)"
    plain = python("-c", program, cwd=tmp_path).stdout
    followed = run("--quiet", "-c", program, cwd=tmp_path).stdout
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"
    of_child = run("--quiet", "-c", child, cwd=tmp_path).stdout
    scope: dict[str, object] = {}
    for output in (followed, of_child):
        exec(f"variables, path = {output.replace('] [', '], [')}", scope)
        variables = dict(scope["variables"])  # type: ignore[call-overload]
        del variables["PYROSCOPE_NATIVE_RUN"]
        bootstrap, _, variables["PYTHONPATH"] = variables["PYTHONPATH"].partition(os.pathsep)
        assert bootstrap.endswith("_bootstrap")
        assert f"{sorted(variables.items())} {scope['path']}\n" == plain


def test_the_default_action_comes_back(tmp_path: Path) -> None:
    """As when a server that has handled SIGTERM ends by it."""
    write(
        tmp_path,
        """
import signal
signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
burn(0.2)
signal.raise_signal(signal.SIGTERM)
time.sleep(60)
""",
    )
    done = run("-o", "p.pb.gz", "--quiet", "program.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, "")
    pprof_reader.check((tmp_path / "p.pb.gz").read_bytes())


def test_a_termination_waits_for_the_last_upload(tmp_path: Path) -> None:
    """However far the end of the program has come."""
    (tmp_path / "work.py").write_text(WORK)
    taken = threading.Event()
    with PushServer() as server:
        server.answers.append(Answer(after=taken))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYROSCOPE_FUSE": "off"}
        process = subprocess.Popen(
            [sys.executable, "-m", "pyroscope_native", "run", "--quiet", "--server-address",
             server.address, "-c", "import work; work.burn(0.2)"],
            cwd=tmp_path, env=environment, stderr=subprocess.PIPE,
        )  # fmt: skip
        while server.requests == 0:
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        taken.set()
        assert process.wait(20) == -signal.SIGTERM
        assert process.stderr is not None
        assert process.stderr.read() == b""
