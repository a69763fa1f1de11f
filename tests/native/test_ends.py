# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Programs end as they do alone while their threads run at full speed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.push_server import PushServer
from tests.support.python import python, run

LOAD = """
import os, signal, sys, threading, time
sys.path.append(os.environ["PYTHONPATH"].split(":")[0])
import pyroscope_native
from tests.support.load import Load
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: pass
"""

ENDS = {
    "with daemon threads": "burn(0.1)",
    "in os._exit": "burn(0.05); os._exit(3)",
    "in os._exit of a thread": "threading.Thread(target=lambda: os._exit(3)).start(); burn(60)",
    "in sys.exit of an atexit hook": """
import atexit
atexit.register(sys.exit, 5)
burn(0.05)
""",
    "in an atexit hook that starts threads": """
import atexit
def late():
    try:
        thread = threading.Thread(target=burn, args=(0.1,)); thread.start(); thread.join()
        print("ran")
    except RuntimeError as error: print(error)
atexit.register(late)
burn(0.05)
""",
    "in an atexit hook that runs for long": """
import atexit
atexit.register(lambda: (burn(0.1), print("late")))
""",
    "in an exception": "burn(0.05); 1 / 0",
    "in SIGTERM": "burn(0.05); os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
    "in SIGTERM of a child": """
import subprocess
burn(0.05)
subprocess.run(["kill", str(os.getpid())])
while True: sum(range(1000))
""",
    "in a handler of SIGTERM": """
def leave(*_): sys.exit(6)
signal.signal(signal.SIGTERM, leave)
burn(0.05); os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)
""",
    "in threads that join each other": """
def work(): burn(0.05)
threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads: thread.start()
""",
}


@pytest.mark.parametrize("end", ENDS)
def test_ends_under_load(end: str, tmp_path: Path) -> None:
    program = LOAD + "Load(python=2, c=1).__enter__()\nif sys.argv[1:]: exec(sys.argv[1])\n"
    (tmp_path / "program.py").write_text(program + ENDS[end])
    plain = python("program.py", cwd=tmp_path)
    with PushServer() as server:
        for clock in ("thread", "process"):
            begin = (
                f'pyroscope_native.configure(application_name="x", clock="{clock}",'
                f' server_address="{server.address}", sample_rate=10000)'
            )
            configured = python("program.py", begin, cwd=tmp_path)
            under_run = run("--quiet", "--clock", clock, "--rate", "10000", "-o", "p.pb.gz",
                            "program.py", cwd=tmp_path)  # fmt: skip
            for done in (configured, under_run):
                assert (done.returncode, done.stdout, done.stderr) == (
                    plain.returncode,
                    plain.stdout,
                    plain.stderr,
                ), clock
        assert server.faults == []
