# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Labels of a program's samples, from the program to what a user sees of them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from pyroscope_native.deliver.file import write_outputs
from pyroscope_native.model import Frame, Function, Labels, Profile, Sample
from pyroscope_native.pprof import decode
from tests.support.python import python, run

SHOP = """
import threading, time
from pyroscope_native import tag_wrapper

def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: pass

def cart(): burn(0.6)
def search(): burn(0.3)

def serve():
    with tag_wrapper({"endpoint": "/cart", "tenant": "acme"}): cart()
    with tag_wrapper({"endpoint": "/search"}): search()

thread = threading.Thread(target=serve, name="server")
thread.start()
burn(0.4)
thread.join()
"""


def view(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return python("-m", "pyroscope_native", "view", *words, cwd=cwd)


def groups_in(text: str, label: str) -> list[tuple[str, float, str]]:
    """Value, share and top function of each line of a table by `label`."""
    _, body = re.split(rf"share +{label} +top function\n", text)
    return [
        (value, float(share), top)
        for share, value, top in re.findall(
            r"^.*? ([\d.]+)%  (\S+) +[\d.]+% (\S+)", body.split("\n\n")[0], re.M
        )
    ]


def test_labels_of_a_program_reach_its_user(tmp_path: Path) -> None:
    done = run("-o", "shop.pb.gz", "-o", "shop.html", "--group-by", "endpoint", "-c", SHOP,
               cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    summed_up = groups_in(done.stderr, "endpoint")
    assert [value for value, _, _ in summed_up] == ["/cart", "/search", "(none)"]
    assert sum(share for _, share, _ in summed_up) == pytest.approx(100, abs=0.2)
    assert {top for _, _, top in summed_up} <= {"burn"}
    shares = {value: share for value, share, _ in summed_up}
    assert shares["/cart"] > shares["/search"]

    shown = view("shop.pb.gz", "--group-by", "endpoint", cwd=tmp_path)
    assert groups_in(shown.stdout, "endpoint") == summed_up
    assert view("shop.pb.gz", cwd=tmp_path).stdout.endswith(
        "labels: endpoint, tenant, thread_name\n"
    )
    compared = view("shop.pb.gz", "--compare", "endpoint=/cart", "endpoint=/search", cwd=tmp_path)
    rows = [line.split() for line in compared.stdout.splitlines()[4:] if line]
    figures = {row[6]: row[3:6] for row in rows}
    assert figures["cart"] == ["100.0%", "0.0%", "-100.0"]
    assert figures["search"] == ["0.0%", "100.0%", "+100.0"]
    assert figures["serve"] == ["100.0%", "100.0%", "+0.0"]

    page = json.loads(
        re.findall(r'id="profile">(.*?)</script>', (tmp_path / "shop.html").read_text())[0]
    )
    assert {label["name"]: set(label["values"]) for label in page["labels"]} == {
        "endpoint": {"", "/cart", "/search"},
        "tenant": {"", "acme"},
        "thread_name": {"", "MainThread", "server"},
    }


def test_a_label_that_the_program_has_not(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    done = run("-o", "x.pb.gz", "--group-by", "endpoint", "-c", burn, cwd=tmp_path)
    assert done.returncode == 0
    assert "no sample has the label 'endpoint'; there are 'thread_name'\n" in done.stderr


def test_grouping_wants_the_whole_profile(tmp_path: Path) -> None:
    server = ["--server-address", "http://127.0.0.1:1"]
    done = run(*server, "--group-by", "endpoint", "-c", "print(1)", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "give an -o too" in done.stderr


ENDPOINTS = {"/cart": 400, "/search": 300, "/login": 200, "": 100}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A directory with shop.pb.gz, of a function for each endpoint."""

    def labels(endpoint: str, tenant: str) -> Labels:
        return ((("endpoint", endpoint),) if endpoint else ()) + (("tenant", tenant),)

    profile = Profile(
        functions=[Function(f"serve{endpoint}", "/srv/shop.py", 1) for endpoint in ENDPOINTS],
        frames=[Frame(index, 2) for index in range(len(ENDPOINTS))],
        samples=[
            Sample((index,), weight * 1_000_000 // 2, labels(endpoint, tenant))
            for index, (endpoint, weight) in enumerate(ENDPOINTS.items())
            for tenant in ("acme", "globex")
        ],
    )
    write_outputs(profile, [str(tmp_path / "shop.pb.gz")], "shop")
    return tmp_path


@pytest.mark.parametrize(
    ("choices", "milliseconds"),
    [
        (["endpoint=/cart"], 400),
        (["endpoint=/cart", "endpoint=/search"], 700),
        (["endpoint="], 100),
        (["endpoint=", "endpoint=/login", "tenant=acme"], 150),
    ],
)
def test_filters(choices: list[str], milliseconds: int, shop: Path) -> None:
    words = [word for choice in choices for word in ("--filter", choice)]
    shown = view("shop.pb.gz", *words, cwd=shop)
    assert shown.stdout.startswith(f"{milliseconds}.00 ms cpu\n")
    written = view("shop.pb.gz", *words, "-o", "some.pb.gz", cwd=shop)
    assert written.stdout == f"{shop / 'some.pb.gz'}\n"
    assert decode((shop / "some.pb.gz").read_bytes()).total == milliseconds * 1_000_000


def test_a_page_opens_with_the_comparison(shop: Path) -> None:
    done = view("shop.pb.gz", "--compare", "endpoint=/cart", "endpoint=", "-o", "x.html", cwd=shop)
    assert done.returncode == 0
    assert done.stdout.startswith(f"{shop / 'x.html'}\nA: 400.00 ms cpu, endpoint=/cart\n")
    assert '"opening":"compare=endpoint%3D%2Fcart\\u0026compare=endpoint%3D"' in (
        shop / "x.html"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--group-by region", "no sample has the label 'region'; there are 'endpoint', 'tenant'"),
        ("--filter region=x", "no sample has the label 'region'; there are 'endpoint', 'tenant'"),
        ("--filter region=", "no sample has the label 'region'; there are 'endpoint', 'tenant'"),
        ("--filter endpoint=/crat", "no sample has endpoint='/crat'; the nearest: '/cart'"),
        ("--filter endpoint=*", "the heaviest: '/cart', '/search', '/login'"),
        ("--filter tenant=", "every sample has the label 'tenant'"),
        ("--filter endpoint", "KEY=VALUE, or KEY= for samples without: 'endpoint'"),
        ("--filter =x", "KEY=VALUE, or KEY= for samples without: '=x'"),
        ("--compare endpoint=/cart tenant=acme", "two values of one label"),
        ("--compare endpoint=/cart endpoint=/x", "no sample has endpoint='/x'"),
        ("--filter endpoint=/cart --compare endpoint=/login endpoint=/cart", "'/login'"),
        ("--compare endpoint=/cart", "arguments"),  # in argparse's words, which differ
        ("--compare endpoint=/cart endpoint= --group-by tenant", "not allowed with"),
    ],
)
def test_mistakes(words: str, said: str, shop: Path) -> None:
    done = view("shop.pb.gz", *words.split(), "-o", "x.html", cwd=shop)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback (most recent" not in done.stderr
    assert not (shop / "x.html").exists()
