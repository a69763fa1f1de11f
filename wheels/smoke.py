# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Tries out what is installed: run with the interpreter that a wheel has been installed for.

    python wheels/smoke.py                  it profiles, and right
    python wheels/smoke.py --unprofiled     it can't here: says so, and stands in nobody's way

Needs no other package, nor a compiler, and runs on Python 3.9, on PyPy and under an emulator,
where all takes long: CPU time is compared with CPU time. Prints a line; ends with status 0
if all is well.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

STATUS = 7
"""What the program ends with."""
BURN_S = 1.0
TOLERANCE = 0.1
"""Of CPU time: ticks come every hundredth of a second, at best."""
TIMEOUT_S = 900

PROGRAM = """\
import sys
import time

began_s = time.process_time()


def inner(until_s):
    while time.process_time() < until_s:
        sum(range(200))


def outer():
    inner(began_s + float(sys.argv[1]))


outer()
print(*sys.argv[1:], time.process_time() - began_s)
sys.exit(7)
"""
LINES = {"inner": {8, 9}, "outer": {13}}
"""Of the program, by function."""

CALLS = """\
import pyroscope_native
from pyroscope_native import add_thread_tag, profile, tag_wrapper

for _ in range(2):
    assert not pyroscope_native.configure(server_address="http://127.0.0.1:9", tags={"a": "b"})
with profile("block.html"), tag_wrapper({"part": "one"}):
    assert not add_thread_tag("thread", "main")
assert tag_wrapper({"part": "two"})(max)(1, 2) == 2
assert not pyroscope_native.flush()
assert not pyroscope_native.shutdown()
assert pyroscope_native.stats() is None
print("accepted")
"""
"""What a program may call wherever it runs."""


class Failed(Exception):
    """What is not as it should be."""


def want(holds: bool, words: str) -> None:
    """Raises Failed unless it `holds`."""
    if not holds:
        raise Failed(words)


def child(directory: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS…` in `directory`, where no compiler is to be found."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYROSCOPE_")
    }
    environment["PATH"] = directory
    return subprocess.run(
        [sys.executable, *words],
        cwd=directory,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        check=False,
    )


def command(directory: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The same of our command line."""
    return child(directory, "-m", "pyroscope_native", *words)


# ---- where it profiles ----


def check_frames() -> None:
    """The start-up check."""
    from pyroscope_native.support import reason_unsupported

    reason = reason_unsupported()
    want(reason is None, f"nothing can be profiled: {reason}")
    from pyroscope_native.selfcheck import find_mismatch

    mismatch = find_mismatch()
    want(mismatch is None, f"the self-check: {mismatch}")


def check_ratio(what: str, claimed_ns: int, used_s: float) -> float:
    """Returns claimed by used CPU time."""
    ratio = claimed_ns / (used_s * 1e9)
    want(abs(ratio - 1) <= TOLERANCE, f"{what}: {claimed_ns / 1e9:.3f} of {used_s:.3f} s of CPU")
    return ratio


def check_run(directory: str) -> float:
    """A program is profiled by `run`; returns claimed by used CPU time."""
    outputs = [f"out{suffix}" for suffix in (".pb.gz", ".html", ".collapsed")]
    options = [word for path in outputs for word in ("-o", path)]
    done = command(directory, "run", *options, "app.py", str(BURN_S), "-o", "mine")
    want(done.returncode == STATUS, f"run ended with {done.returncode}: {done.stderr}")
    words = done.stdout.split()
    want(words[:3] == [str(BURN_S), "-o", "mine"], f"the program's output was {words}")

    from pyroscope_native.deliver.file import read_profile

    profile = read_profile(os.path.join(directory, "out.pb.gz"))
    lines: dict[str, set[int]] = {"inner": set(), "outer": set()}
    frames = set()
    for number, frame in enumerate(profile.frames):
        name, filename, _ = profile.functions[frame.function]
        if filename.endswith("app.py") and name in lines:
            lines[name].add(frame.line)
            frames.add(number)
    for name, found in lines.items():
        want(bool(found) and found <= LINES[name], f"{name} is in the lines {sorted(found)}")
    page = Path(directory, "out.html").read_text(encoding="utf-8")
    want("outer" in page and "inner" in page, "the page has not the program's functions")
    stacks = Path(directory, "out.collapsed").read_text(encoding="utf-8").splitlines()
    own = [stack for stack in stacks if stack.rpartition(" ")[0].endswith("outer;inner")]
    want(bool(own), f"outer;inner is not among the stacks {stacks}")
    # Without what the interpreter has used to come to the program: under an emulator, much.
    claimed_ns = sum(each.value for each in profile.samples if frames.intersection(each.stack))
    return check_ratio("run", claimed_ns, float(words[-1]))


def burn(seconds: float) -> float:
    """Use CPU time of the calling thread; returns how much it was."""
    began_s = time.thread_time()
    while time.thread_time() < began_s + seconds:
        sum(range(200))
    return time.thread_time() - began_s


def burn_labelled() -> dict[str, float]:
    """Burn under labels; returns what was used, by the value of `part`."""
    from pyroscope_native import add_thread_tag, tag_wrapper

    used = {}

    def in_thread() -> None:
        add_thread_tag("part", "thread")
        used["thread"] = burn(BURN_S)

    thread = threading.Thread(target=in_thread)
    thread.start()
    with tag_wrapper({"part": "outer"}):
        used["outer"] = burn(BURN_S)
        with tag_wrapper({"part": "inner"}):
            used["inner"] = burn(BURN_S)
    thread.join()
    return used


def check_labels(how: str, labelled: Iterable[tuple[str, int]], used: dict[str, float]) -> None:
    """Hold the weights of values of `part` against what was used."""
    claimed = dict.fromkeys(used, 0)
    for part, value in labelled:
        want(part in used, f"{how}: nobody has set the label part={part}")
        claimed[part] += value
    for part, used_s in used.items():
        check_ratio(f"{how}: part={part}", claimed[part], used_s)


def check_block(directory: str) -> None:
    """A block is profiled from code, to a file."""
    from pyroscope_native import profile
    from pyroscope_native.deliver.file import read_profile

    path = os.path.join(directory, "block.pb.gz")
    with profile(path):
        used = burn_labelled()
    samples = [(dict(sample.labels), sample.value) for sample in read_profile(path).samples]
    labelled = [(labels["part"], value) for labels, value in samples if "part" in labels]
    check_labels("profile()", labelled, used)


class Receiver(BaseHTTPRequestHandler):
    """Takes all pushes."""

    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def check_push() -> None:
    """This process is profiled from code, and pushes."""
    import pyroscope_native

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        begun = pyroscope_native.configure(
            application_name="smoke",
            server_address=address,
            upload_interval=1,
            shutdown_timeout=TIMEOUT_S,
            upload_timeout=TIMEOUT_S,
        )
        want(begun, "configure() has not begun to profile")
        used = burn_labelled()
        want(pyroscope_native.shutdown(), "shutdown() found nothing to end")
        server.shutdown()
        thread.join()

    from pyroscope_native.deliver.request import profile_in

    want(bool(Receiver.bodies), "nothing was pushed")
    samples = [sample for body in Receiver.bodies for sample in profile_in(body).samples]
    pairs = [(dict(sample.labels), sample.value) for sample in samples]
    labelled = [(labels["part"], value) for labels, value in pairs if "part" in labels]
    check_labels("configure()", labelled, used)


def profiled(directory: str) -> str:
    """Returns what there is to say. Raises Failed."""
    check_frames()
    ratio = check_run(directory)
    check_block(directory)
    check_push()
    return f"CPU {ratio:.2f}"


# ---- where it doesn't ----


def check_told_once(how: str, words: str) -> None:
    """The reason, in a line, and nothing else."""
    lines = words.splitlines()
    told = lines[:1] == [line for line in lines if "nothing is profiled: " in line]
    want(len(lines) == 1 and told, f"{how} said: {words}")


def unprofiled(directory: str) -> str:
    """Returns what there is to say. Raises Failed."""
    done = command(directory, "run", "-o", "out.html", "app.py", "0", "-o", "mine")
    want(done.returncode == STATUS, f"run ended with {done.returncode}: {done.stderr}")
    words = done.stdout.split()
    want(words[:3] == ["0", "-o", "mine"], f"the program's output was {words}")
    check_told_once("run", done.stderr)
    reason = done.stderr.partition("nothing is profiled: ")[2].strip()

    done = child(directory, "-c", CALLS)
    want(done.returncode == 0, f"calls ended with {done.returncode}: {done.stderr}")
    want(done.stdout.strip() == "accepted", f"calls said {done.stdout}")
    check_told_once("configure()", done.stderr)

    done = command(directory, "doctor")
    want(done.returncode == 1, f"doctor ended with {done.returncode}: {done.stderr}")
    want(reason in done.stdout, f"doctor said {done.stdout}")
    written = sorted(os.listdir(directory))
    want(written == ["app.py"], f"there are {written}")
    return f"unprofiled: {reason}"


def interpreter() -> str:
    """What this is, in a few words."""
    libc = {"linux": platform.libc_ver()[0] or "musl"}.get(sys.platform, sys.platform)
    name, version = platform.python_implementation(), platform.python_version()
    return f"{name} {version} {platform.machine()} {libc}"


def main(words: list[str]) -> int:
    """Returns the exit status."""
    if words not in ([], ["--unprofiled"]):
        print("usage: smoke.py [--unprofiled]", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "app.py").write_text(PROGRAM, encoding="utf-8")
        try:
            outcome = unprofiled(directory) if words else profiled(directory)
        except Failed as error:
            print(f"smoke: {interpreter()}: failed: {' '.join(str(error).split())}")
            return 1
    print(f"smoke: {interpreter()}: ok, {outcome}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
