# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Any protobuf will do, that of the program; and one that doesn't work costs pprofs only."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pyroscope_native.deliver.file import read_profile, write_outputs
from pyroscope_native.deliver.request import bodies, profile_in
from pyroscope_native.model import Frame, Function, Profile, Sample
from tests.support.push_server import PushServer
from tests.support.python import ROOT, python, run

BURN = """
import time
def burn():
    began = time.process_time()
    while time.process_time() < began + 0.1:
        sum(range(500))
burn()
print('ran')
"""

ENCODE = """
import gzip, sys
from google.protobuf.internal.api_implementation import Type
from pyroscope_native.deliver import request
from pyroscope_native.deliver.file import read_profile

[body] = request.bodies({"service_name": "shop"}, read_profile(sys.argv[1]))
print(Type(), gzip.decompress(body).hex())
"""

BREAK = """
import sys

class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == "google.protobuf":
            raise {error}

sys.meta_path.insert(0, Finder)
"""

PROFILE = Profile(
    samples=[Sample((1, 0), 30_000_000, (("tenant", "ünï"),)), Sample((0,), 1, ())],
    frames=[Frame(0, 1), Frame(1, 0)],
    functions=[Function("main", "app.py", 1), Function("名", "app.py", 2**40)],
    period=10_000_000,
    time_ns=2**62,
    comments=["a comment"],
)


def test_the_one_in_python_writes_the_same(tmp_path: Path) -> None:
    """It comes with all others, and stands in where they don't fit: as with 3.20 from
    CPython 3.11 on."""
    path = str(tmp_path / "profile.pb.gz")
    assert write_outputs(PROFILE, [path], "app") == [path]
    done = python("-c", ENCODE, path, env={"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"})
    assert done.stderr == ""
    kind, written = done.stdout.split()
    assert kind == "python"
    [body] = bodies({"service_name": "shop"}, read_profile(path))
    assert bytes.fromhex(written) == gzip.decompress(body)
    assert profile_in(body).samples == PROFILE.samples


# ---- one that can't be imported ----


@pytest.fixture(params=["is not there", "is too old for this Python"])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The environment of a Python with such a protobuf."""
    error = {
        "is not there": "ModuleNotFoundError('No module named google')",
        "is too old for this Python": "TypeError('Metaclasses are not supported')",
    }[request.param]
    directory = tmp_path / "path"
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(BREAK.format(error=error))
    return {"PYTHONPATH": f"{directory}:{ROOT}"}


def test_what_needs_none_is_written(broken: dict[str, str], tmp_path: Path) -> None:
    outputs = ("out.html", "out.collapsed", "out.speedscope.json")
    options = [word for path in (*outputs, "out.pb.gz") for word in ("-o", path)]
    done = run(*options, "-c", BURN, cwd=tmp_path, env=broken)
    assert (done.returncode, done.stdout) == (0, "ran\n")
    for path in outputs:
        assert "burn" in (tmp_path / path).read_text()
    assert not (tmp_path / "out.pb.gz").exists()
    [told] = [line for line in done.stderr.splitlines() if "protobuf" in line]
    assert "out.pb.gz was not written: protobuf can't be imported (" in told
    assert told.endswith(": pip install --upgrade protobuf")
    assert "Traceback" not in done.stderr


def test_pushing_programs_run(broken: dict[str, str], tmp_path: Path) -> None:
    with PushServer() as server:
        words = ("--server-address", server.address, "-c", BURN)
        done = run(*words, cwd=tmp_path, env=broken)
        assert not server.pushes
    assert (done.returncode, done.stdout) == (0, "ran\n")
    told = [line for line in done.stderr.splitlines() if "nothing can be pushed: protobuf" in line]
    assert len(told) == 1
    assert "Traceback" not in done.stderr


def test_programs_that_are_pulled_from_run(broken: dict[str, str], tmp_path: Path) -> None:
    code = f"""{BURN}
import os, urllib.error, urllib.request, pyroscope_native
address = pyroscope_native.stats().serve_address
try:
    urllib.request.urlopen(address + "/debug/pprof/profile?seconds=1")
except urllib.error.HTTPError as error:
    print(error.code)
"""
    done = run("--serve", "0", "-c", code, cwd=tmp_path, env=broken)
    assert (done.returncode, done.stdout) == (0, "ran\n500\n"), done.stderr
    assert done.stderr.count("protobuf can't be imported") == 1


@pytest.mark.parametrize("words", [("view", "p.pb.gz"), ("merge", "p.pb.gz", "-o", "m.html")])
def test_commands_say_why(words: tuple[str, ...], broken: dict[str, str], tmp_path: Path) -> None:
    assert write_outputs(PROFILE, [str(tmp_path / "p.pb.gz")], "app")
    done = python("-m", "pyroscope_native", *words, cwd=tmp_path, env=broken)
    assert (done.returncode, done.stdout) == (1, "")
    start = f"pyroscope-native {words[0]}: p.pb.gz can't be read: protobuf can't be imported ("
    assert done.stderr.startswith(start)
    assert done.stderr.count("\n") == 1


def test_doctor_finds_it(broken: dict[str, str], tmp_path: Path) -> None:
    done = python("-m", "pyroscope_native", "doctor", cwd=tmp_path, env=broken)
    [line] = [line for line in done.stdout.splitlines() if " protobuf " in line]
    assert line.startswith("problem ")
    assert "pip install --upgrade protobuf" in line
    assert (done.returncode, done.stderr) == (1, "")
