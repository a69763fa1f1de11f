# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Each mistake gets a clear line and the right exit status."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.support import pprof_reader
from tests.support.python import python, run

BURN = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.py"], "there is no file missing.py"),
        (["empty"], "can't find __main__.py in the directory empty"),
        (["--bogus", "x.py"], "--bogus"),
        (["--rate", "0", "-c", "1"], "rate must be a whole number from 1 to 10000 Hz, not 0"),
        (["--rate", "-1", "-c", "1"], "not -1"),
        (["--rate", "abc", "-c", "1"], "not abc"),
        (["--rate", "1e9", "-c", "1"], "not 1e9"),
        (["--clock", "sun", "-c", "1"], "clock must be thread or process, not sun"),
        (["--tag", "name", "-c", "1"], "a tag is KEY=VALUE, not name"),
        (["--tag", "a.b=c", "-c", "1"], "a.b"),
        (["--tag", "service_name=c", "-c", "1"], "reserved"),
        (["--upload-interval", "0", "-c", "1"], "upload interval must be 1 to 3600 seconds"),
        (["--overhead-budget", "0", "-c", "1"], "above 0 and up to 100 per cent, not 0"),
        (["--overhead-budget", "many", "-c", "1"], "not many"),
        (["-o", "missing/x.html", "-c", "1"], "there is no directory"),
        (["-o", "x.txt", "-c", "1"], "must end in one of .pb.gz, .html"),
        (["--server-address", "here", "-c", "1"], "http://localhost:4040"),
        (["--server-address", "http://h:port", "-c", "1"], "port"),
        ([], "which program?"),
        (["-m"], "-m needs the name of a module"),
        (["-c"], "-c needs code"),
    ],
)
def test_usage(words: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback (most recent" not in done.stderr
    assert done.stdout == ""
    assert os.listdir(tmp_path) == ["empty"]


def test_a_password_in_a_bad_address_is_not_shown(tmp_path: Path) -> None:
    done = run("--server-address", "htp://user:secret@host", "-c", "1", cwd=tmp_path)
    assert done.returncode == 2
    assert "secret" not in done.stderr


def test_an_address_in_the_environment_is_named(tmp_path: Path) -> None:
    done = run("-c", "1", cwd=tmp_path, env={"PYROSCOPE_SERVER_ADDRESS": "nowhere"})
    assert done.returncode == 2
    assert "PYROSCOPE_SERVER_ADDRESS" in done.stderr


def test_a_read_only_directory(tmp_path: Path) -> None:
    directory = tmp_path / "locked"
    directory.mkdir()
    directory.chmod(0o500)
    if os.access(directory, os.W_OK):
        pytest.skip("this user may write everywhere")
    done = run("-o", str(directory / "x.html"), "-c", "1", cwd=tmp_path)
    assert done.returncode == 2
    assert "no permission" in done.stderr


def test_an_unreachable_server(tmp_path: Path) -> None:
    done = run("--server-address", "http://127.0.0.1:1", "-c", BURN + "print('done')", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert "http://127.0.0.1:1: Connection refused" in done.stderr


def test_no_timers_to_be_had(tmp_path: Path) -> None:
    output = tmp_path / "p.pb.gz"
    done = run("-o", str(output), "-c", BURN, cwd=tmp_path,
               prefix=["bash", "-c", 'ulimit -i 0; exec "$@"', "bash"])  # fmt: skip
    assert done.returncode == 0
    assert "per-thread timers can't be had" in done.stderr
    assert "process clock" in done.stderr
    assert pprof_reader.check(output.read_bytes()).samples


def test_a_program_that_ends_before_the_first_sample(tmp_path: Path) -> None:
    for attempt in range(20):  # most end before the kernel first looks at them
        directory = tmp_path / str(attempt)
        directory.mkdir()
        done = run("-c", "pass", cwd=directory)
        assert done.returncode == 0
        assert ("no samples" in done.stderr) == (os.listdir(directory) == [])
        if "no samples" in done.stderr:
            break
    else:
        raise AssertionError(done.stderr)
    done = run("-o", "asked.pb.gz", "-c", "pass", cwd=tmp_path)
    assert (tmp_path / "asked.pb.gz").exists()


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("import os; os._exit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", -15),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", -2),
        ("raise ValueError", 1),
        ("import os; os.execv('/bin/sh', ['sh', '-c', 'exit 5'])", 5),
        ("import os, shutil; shutil.rmtree(os.getcwd())", 0),
    ],
)
def test_the_profile_survives_any_end(end: str, status: int, tmp_path: Path) -> None:
    output = tmp_path / "p.pb.gz"
    work = tmp_path / "work"
    work.mkdir()
    done = run("-o", str(output), "-c", BURN + end, cwd=work)
    assert done.returncode == status
    assert pprof_reader.check(output.read_bytes()).samples


def test_what_a_server_does_not_take_is_written(tmp_path: Path) -> None:
    done = run("--server-address", "http://127.0.0.1:1", "--application-name", "shop",
               "--upload-interval", "1", "-c", BURN * 5, cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0
    assert done.stderr.count("a window waits, since it was not taken") == 1
    assert re.search(r"not taken: (\d+) \(\1 left at the end\)", done.stderr)
    (output,) = tmp_path.iterdir()
    assert output.name.startswith("pyroscope-shop-")
    assert f"wrote {output.name}" in done.stderr
    profile = pprof_reader.check(output.read_bytes())
    seen = re.search(r"([\d.]+) s of CPU in", done.stderr)
    assert seen is not None
    total = sum(sample.values[0] for sample in profile.samples)
    assert abs(total / 1e9 - float(seen[1])) < 0.01


def test_a_proxy_that_can_not_be_used(tmp_path: Path) -> None:
    done = run("--server-address", "http://192.0.2.1:4040", "-o", "p.pb.gz", "-c", BURN,
               cwd=tmp_path, env={"ALL_PROXY": "socks5://127.0.0.1:1", "NO_PROXY": ""})  # fmt: skip
    assert done.returncode == 0
    assert done.stderr.count("nothing can be pushed") == 1
    assert "Traceback (most recent" not in done.stderr
    assert "not taken: 1" in done.stderr
    assert pprof_reader.check((tmp_path / "p.pb.gz").read_bytes()).samples


def test_an_output_that_can_no_longer_be_written_is_written_elsewhere(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    program = BURN + "import os, shutil; shutil.rmtree(os.getcwd())"
    done = run("-o", "p.pb.gz", "-c", program, cwd=work, env={"TMPDIR": str(tmp_path)})
    assert done.returncode == 0
    places = list(tmp_path.glob("pyroscope-*/p.pb.gz"))
    assert len(places) == 1
    assert str(places[0]) in done.stderr
    assert pprof_reader.check(places[0].read_bytes()).samples


def test_view_of_what_is_no_profile(tmp_path: Path) -> None:
    (tmp_path / "x.pb.gz").write_bytes(b"no profile")
    for name in ("x.pb.gz", "missing.pb.gz"):
        done = python("-m", "pyroscope_native", "view", name, cwd=tmp_path)
        assert done.returncode == 2
        assert name in done.stderr
        assert "Traceback (most recent" not in done.stderr
