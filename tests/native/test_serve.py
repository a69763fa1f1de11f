# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles that are pulled: what is in them, and what else goes on meanwhile."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import pprof_reader
from tests.support.profiled import total, weight_by_function
from tests.support.push_server import PushServer
from tests.support.python import ROOT
from tests.support.serving import Serving, free_ports, get, profile_of

CONFIGURE = """
pyroscope_native.configure(application_name="shop", serve_address="0")
"""


def test_a_scrape_has_the_split_of_its_time_and_nothing_before(tmp_path: Path) -> None:
    code = """
pyroscope_native.configure(
    serve_address="0", sample_rate=250, tags={"env": "test", "pod": "a"})
def before(): burn(0.3)
def large(): burn(0.03)
def small(): burn(0.01)
def both():
    with pyroscope_native.tag_wrapper({"pod": "b"}): large()
    small()
before()
burning = Burning(both)
say(url())
hear()
burning.end()
"""
    with Serving(code, cwd=tmp_path) as program:
        profile = program.scrape(3)
        program.say()
    weights = weight_by_function(profile)
    whole = total(profile)
    assert weights["large"] + weights["small"] > 0.95 * whole
    assert 0.6 < weights["large"] / whole < 0.9
    assert "before" not in weights
    assert profile.duration_ns is not None
    assert profile.duration_ns > 2.9e9
    assert whole < 1.1 * profile.duration_ns
    for sample in profile.samples:
        assert ("env", "test") in sample.labels
        for name, pod in (("large", "b"), ("small", "a")):
            if name in {frame.name for frame in sample.stack}:
                assert sample.labels == (("env", "test"), ("pod", pod))
    assert program.errors == ""


def test_pushes_have_everything_once_whatever_is_scraped(tmp_path: Path) -> None:
    code = """
address = hear()
pyroscope_native.configure(server_address=address, serve_address="0", upload_interval=1)
burning = Burning(lambda: burn(0.01))
say(url())
hear()
burning.end()
pyroscope_native.shutdown()
stats = pyroscope_native.stats()
say(stats.seen_ns + stats.unseen_ns, stats.profiles_served)
"""
    with PushServer() as server:
        program = Serving(code, cwd=tmp_path)
        program.say(server.address)
        with program, ThreadPoolExecutor(8) as clients:
            scrapes = list(clients.map(program.scrape, [1, 1.3, 1.7, 2, 2.1, 3, 3.3, 1.1] * 2))
            program.say()
            counted_ns, served = map(int, program.hear().split())
        assert not server.faults
        profiles = [push.profile for push in server.pushes]
    assert served == len(scrapes)
    assert all(total(scrape) > 0 for scrape in scrapes)
    assert sum(map(total, profiles)) == counted_ns
    for window, following in zip(profiles, profiles[1:]):
        assert window.time_ns is not None
        assert window.duration_ns is not None
        assert following.time_ns is not None
        assert abs(window.time_ns + window.duration_ns - following.time_ns) < 5e6
    # The first is shorter by chance, the last by the end.
    assert all(window.duration_ns and window.duration_ns > 0.99e9 for window in profiles[1:-1])


def test_scrapes_at_the_same_time_see_the_same(tmp_path: Path) -> None:
    code = CONFIGURE + "burning = Burning(lambda: burn(0.01))\nsay(url())\nhear()\nburning.end()\n"
    with Serving(code, cwd=tmp_path) as program:
        with ThreadPoolExecutor(8) as clients:
            profiles = list(clients.map(program.scrape, [2] * 8))
        program.say()
    weights = sorted(map(total, profiles))
    assert weights[0] > 0.5 * weights[-1] > 0


def test_files_have_everything_beside_scrapes(tmp_path: Path) -> None:
    code = """
burning = Burning(lambda: burn(0.01))
say(url())
hear()
burning.end()
"""
    options = ("--serve", "0", "-o", "all.pb.gz")
    with Serving(code, cwd=tmp_path, options=options) as program:
        scraped = [total(program.scrape(1)), total(program.scrape(1))]
        program.say()
    assert f"serving profiles at {program.url}\n" in program.errors
    assert "served 2 profiles" in program.errors
    whole = pprof_reader.check((tmp_path / "all.pb.gz").read_bytes(), max_stack_frames=1025)
    assert total(whole) > sum(scraped) > 0
    files = {frame.filename for sample in whole.samples for frame in sample.stack}
    assert not [name for name in files if name.startswith(str(ROOT / "pyroscope_native/serve"))]


def test_with_serve_alone_no_files_are_written(tmp_path: Path) -> None:
    with Serving("burn(0.1)\nsay(url())\n", cwd=tmp_path, options=("--serve", "0", "--quiet")) as p:
        pass
    assert p.errors == ""
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_asks_for_is_dropped(tmp_path: Path) -> None:
    code = """
from pyroscope_native import _core, session
cuts = []
class Core:
    def __getattr__(self, name): return getattr(_core, name)
    def cut(self):
        cuts.append(_core.cut())
        return cuts[-1]
session._core = Core()
pyroscope_native.configure(serve_address="0", upload_interval=1)
burning = Burning(lambda: burn(0.01))
while sum(cut.sample_count > 0 for cut in cuts) < 2: time.sleep(0.01)
burning.end()
from pyroscope_native import process
assert process.current()._pushed is process.current()._whole is None
say(url())
"""
    with Serving(code, cwd=tmp_path) as program:
        pass
    assert program.errors == ""


def test_who_goes_away_ends_the_recording(tmp_path: Path) -> None:
    code = """
pyroscope_native.configure(serve_address="0")
from pyroscope_native import process
session = process.current()
say(url())
hear()
while len(session._scrapes) < 16: time.sleep(0.01)
say("full")
while session._scrapes: time.sleep(0.01)
say("empty")
hear()
"""
    with Serving(code, cwd=tmp_path) as program:
        sent = b"GET /debug/pprof/profile?seconds=600 HTTP/1.1\r\n\r\n"
        clients = [program.connect(sent) for _ in range(16)]
        program.say()
        assert program.hear() == "full"
        refused = program.get("/debug/pprof/profile?seconds=1")
        assert refused.status == 503
        assert refused.headers["Retry-After"]
        for client in clients:
            client.close()
        assert program.hear() == "empty"
        program.scrape(1)
        program.say()
    assert program.errors == ""


def test_a_token_is_wanted_everywhere(tmp_path: Path) -> None:
    code = """
pyroscope_native.configure(serve_address="0")
say(url())
hear()
"""
    with Serving(code, cwd=tmp_path, env={"PYROSCOPE_SERVE_TOKEN": "s3cret"}) as program:
        for path in ("/debug/pprof/", "/debug/pprof/profile?seconds=1", "/debug/pprof/heap", "/"):
            for given in (None, "Bearer wrong", "Bearer", "Basic s3cret", "s3cret", "Bearer s3cre"):
                headers = {} if given is None else {"Authorization": given}
                answer = program.get(path, headers=headers)
                assert answer.status == 401
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                assert b"s3cret" not in answer.read()
        right = {"Authorization": "bearer s3cret"}
        page = program.get("/debug/pprof/", headers=right).read()
        assert b"profile?seconds=30" in page
        assert b"s3cret" not in page
        profile_of(program.get("/debug/pprof/profile?seconds=1", headers=right))
        program.say()
    assert program.errors == ""


ENDS = {
    "shutdown": "pyroscope_native.shutdown()",
    "exit": "sys.exit(0)",
    "os._exit": "os._exit(0)",
    "SIGTERM": "import signal; os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
}


@pytest.mark.parametrize("end", ENDS)
def test_the_end_answers_with_what_there_is(end: str, tmp_path: Path) -> None:
    code = f"""
from pyroscope_native import process
say(process.current().server.url)
while not process.current()._scrapes: time.sleep(0.01)
def early(): burn(0.3)
early()
{ENDS[end]}
"""
    program = Serving(code, cwd=tmp_path, options=("--serve", "0", "--quiet"))
    program.url = program.hear()
    profile = program.scrape(600)
    program.process.communicate(timeout=60)
    assert weight_by_function(profile)["early"] > 0.2e9
    assert program.process.returncode == (-15 if end == "SIGTERM" else 0)


def test_who_does_not_read_holds_up_no_end(tmp_path: Path) -> None:
    code = """
pyroscope_native.configure(serve_address="0")
say(url())
hear()
from pyroscope_native import process
while not process.current()._scrapes: time.sleep(0.01)
pyroscope_native.shutdown()
say("over")
"""
    with Serving(code, cwd=tmp_path) as program:
        with program.connect(b"GET /debug/pprof/profile?seconds=600 HTTP/1.1\r\n\r\n"):
            half = program.connect(b"GET /debug/pprof/pro")
            program.say()
            assert program.hear() == "over"
        half.close()
    assert program.errors == ""


FORK = """
import warnings
warnings.simplefilter("error")
def first(): burn(0.3)
def second(): burn(0.3)
"""


def test_a_fork_amid_a_scrape(tmp_path: Path) -> None:
    """The parent's goes on, the child leaves it alone and serves on its own, and no
    interpreter sees several threads."""
    code = (
        FORK
        + """
pyroscope_native.configure(serve_address=hear())
from pyroscope_native import process
say(url())
while not process.current()._scrapes: time.sleep(0.01)
first()
pid = os.fork()
if pid == 0:
    say(url())
    hear()  # until the parent has ended
    os._exit(0)
second()
while process.current()._scrapes: time.sleep(0.01)
for _ in range(50):
    pid = os.fork()
    if pid == 0: os._exit(0)
    os.waitpid(pid, 0)
"""
    )
    ports = free_ports(2)
    program = Serving(code, cwd=tmp_path, flags=("-W", "error"))
    program.say(f"{ports[0]}-{ports[1]}")
    with ThreadPoolExecutor() as clients:
        program.url = program.hear()
        scrape = clients.submit(program.scrape, 3)
        child = program.hear()
        assert [program.url, child] == [f"http://127.0.0.1:{port}" for port in ports]
        profile_of(get(child, "/debug/pprof/profile?seconds=1"))
        weights = weight_by_function(scrape.result())
    assert weights["first"] > 0.2e9
    assert weights["second"] > 0.2e9
    assert program.process.wait(60) == 0
    # The child is still there, and holds nothing of the parent's.
    with pytest.raises(ConnectionRefusedError):
        program.connect()
    assert get(child, "/debug/pprof/").status == 200
    program.say()
    assert program.process.communicate(timeout=60)[1] == ""


def test_children_have_a_port_each_or_are_told(tmp_path: Path) -> None:
    code = """
import logging
pyroscope_native.configure(serve_address=hear())
say(url())
children = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        burning = Burning(lambda: burn(0.01))
        say(url() or "-")
        time.sleep(60)
        os._exit(0)
    children.append(pid)
hear()
for pid in children: os.kill(pid, 9); os.waitpid(pid, 0)
"""
    program = Serving(code, cwd=tmp_path)
    ports = free_ports(3)
    program.say(f"{ports[0]}-{ports[-1]}")
    with program:
        urls = {program.url, *(program.hear() for _ in range(4))}
        assert urls == {f"http://127.0.0.1:{port}" for port in ports} | {"-"}
        for url in urls - {"-", program.url}:
            assert total(profile_of(get(url, "/debug/pprof/profile?seconds=1"))) > 0
        assert program.process.stderr is not None
        told = program.process.stderr.readline()
        assert f"all ports from {ports[0]} to {ports[-1]} are taken" in told
        program.say()
    assert program.errors == ""


def test_a_port_that_is_taken_is_told_once(tmp_path: Path) -> None:
    with PushServer() as server:
        code = f"""
pyroscope_native.configure(server_address={server.address!r}, serve_address="{server.port}")
def busy(): burn(0.2)
busy()
say("-", url())
hear()
assert pyroscope_native.shutdown()
"""
        with Serving(code, cwd=tmp_path) as program:
            assert program.url == "-"
            assert program.process.stderr is not None
            told = program.process.stderr.readline()
            program.say()
        assert [push for push in server.pushes if weight_by_function(push.profile)["busy"]]
    assert program.errors == ""
    assert "is taken. Give a range, such as" in told


def test_a_port_is_taken_over_when_it_is_free(tmp_path: Path) -> None:
    """As of a parent that has made a daemon and ends."""
    port = free_ports(1)[0]
    code = f"""
pyroscope_native.configure(serve_address="{port}")
say(url())
if os.fork(): os._exit(0)
while not url(): time.sleep(0.01)
say(url())
hear()
"""
    with Serving(code, cwd=tmp_path) as program:
        assert program.hear() == program.url == f"http://127.0.0.1:{port}"
        program.scrape(1)
        program.say()
    assert program.errors == ""


def test_a_unix_socket(tmp_path: Path) -> None:
    code = """
import socket
with socket.socket(socket.AF_UNIX) as dead: dead.bind("dead.sock")
pyroscope_native.configure(serve_address="unix:dead.sock")
say(url())
say(oct(os.stat("dead.sock").st_mode & 0o777))
child = os.fork()
if child == 0:
    say(repr(url()))
    time.sleep(60)
    os._exit(0)
burning = Burning(lambda: burn(0.01))
hear()
burning.end()
os.kill(child, 9)
os.waitpid(child, 0)
pyroscope_native.shutdown()
pyroscope_native.configure(serve_address="unix:{pid}.sock")
say(url().endswith(f"/{os.getpid()}.sock"))
say(os.listdir() == [f"{os.getpid()}.sock"])
"""
    with Serving(code, cwd=tmp_path) as program:
        path = f"{tmp_path}/dead.sock"
        assert program.url == f"unix:{path}"
        assert program.hear() == "0o600"
        assert program.hear() == "''"
        assert total(program.scrape(1)) > 0
        assert program.process.stderr is not None
        told = program.process.stderr.readline()
        program.say()
        assert program.hear() == "True"
        assert program.hear() == "True"
    assert list(tmp_path.iterdir()) == []
    assert "dead.sock is another process's. Put {pid} into the path" in told
    assert program.errors == ""


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    code = 'pyroscope_native.configure(serve_address="unix:notes")\nsay("-" + url())\n'
    with Serving(code, cwd=tmp_path) as program:
        pass
    assert (tmp_path / "notes").read_text() == "mine"
    assert "it is there already, and no socket" in program.errors


def test_gevent_in_place_of_everything(tmp_path: Path) -> None:
    pytest.importorskip("gevent")
    code = """
from gevent import monkey; monkey.patch_all()
import gevent, socket, select
socket.setdefaulttimeout(5)
pyroscope_native.configure(serve_address="0")
def leaf(): burn(0.01)
def work():
    while not over: leaf(); gevent.sleep(0)
over = []
jobs = [gevent.spawn(work) for _ in range(4)]
say(url())
gevent.sleep(2.5)
if os.fork() == 0: os._exit(0)
os.wait()
gevent.sleep(1)
over.append(True)
gevent.joinall(jobs)
import gc
assert [each for each in gc.get_objects() if isinstance(each, gevent.hub.Hub)] == [gevent.get_hub()]
"""
    with Serving(code, cwd=tmp_path) as program:
        profile = program.scrape(2)
    weights = weight_by_function(profile)
    assert weights["leaf"] > 0.5 * total(profile) > 0
    assert program.errors == ""


def test_a_program_that_closes_all_descriptors(tmp_path: Path) -> None:
    """As daemons do. What has the numbers afterwards is not ours."""
    code = """
pyroscope_native.configure(serve_address="20700-20799")
say(url())
os.closerange(3, 4096)
mine = [os.pipe() for _ in range(600)]
for _ in range(3):  # also with the thread ended and begun anew
    if os.fork() == 0: os._exit(0)
    os.wait()
while not url(): time.sleep(0.01)
say(url())
hear()
pyroscope_native.shutdown()
import select
assert not select.select([mine[0][0]], [], [], 0)[0]
for read, write in mine:
    os.set_blocking(read, False)
    os.write(write, b"1"); assert os.read(read, 10) == b"1"
"""
    with Serving(code, cwd=tmp_path) as program:
        program.url = program.hear()
        program.scrape(1)
        program.say()
    assert program.errors == ""


def test_children_of_exec_inherit_nothing(tmp_path: Path) -> None:
    code = """
pyroscope_native.configure(serve_address="0")
say(url())
import subprocess
listing = ["ls", "/proc/self/fd"]
say(subprocess.run(listing, close_fds=False, capture_output=True, text=True).stdout.split())
"""
    with Serving(code, cwd=tmp_path) as program:
        descriptors = program.hear()
    if sys.platform == "linux":
        assert "512" not in descriptors
        assert "513" not in descriptors
