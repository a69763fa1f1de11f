# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a real Pyroscope server has of programs that were profiled: CONTRIBUTING.md says
how to start one.

PYROSCOPE_TEST_URL is its address, PYROSCOPE_TEST_ALLOY_URL that of an Alloy with
`pyroscope.receive_http` in front of it. On a server with tenants all is pushed as tenants
of the tests' own.
"""

from __future__ import annotations

import os
import textwrap
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from pyroscope_native.config import Config
from pyroscope_native.deliver.upload import Uploader
from pyroscope_native.model import Frame, Function, Profile, Sample
from tests.support import pprof_reader, querier
from tests.support.pprof_reader import MAX_SAMPLES, ReadProfile
from tests.support.python import python, run
from tests.support.querier import Querier, QueryError

SERVER = os.environ.get("PYROSCOPE_TEST_URL", "")
ALLOY = os.environ.get("PYROSCOPE_TEST_ALLOY_URL", "")
TENANT = "pyroscope-native-tests"

pytestmark = pytest.mark.skipif(not SERVER, reason="PYROSCOPE_TEST_URL names no server")

SPAN = "0123456789abcdef"
OTHER_SPAN = "fedcba9876543210"
DEPTHS = (900, 1010, 1500)
"""Of recursion: what is kept whole, what a server cuts, and what the profiler does."""

PROGRAM = f"""
import sys
import threading
import time

import pyroscope_native
from pyroscope_native import tag_wrapper

sys.setrecursionlimit(10_000)


def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))


class Größe:
    def messen(self):
        burn(0.3)


def descend(levels):
    if levels:
        return descend(levels - 1)
    burn(0.2)


with tag_wrapper({{"endpoint": "/cart"}}):
    burn(0.4)
    with tag_wrapper({{"tenant": "Zoë & Söhne"}}):
        Größe().messen()
with tag_wrapper({{"endpoint": "/checkout", "span_id": "{SPAN}", "trace_id": "{SPAN * 2}"}}):
    burn(0.4)
with tag_wrapper({{"endpoint": "/checkout", "span_id": "{OTHER_SPAN}"}}):
    burn(0.2)
for levels in {DEPTHS}:
    descend(levels)
thread = threading.Thread(target=burn, args=(0.5,), name="beside")
thread.start()
thread.join()
while not pyroscope_native.flush() or pyroscope_native.stats().windows_pushed < 3:
    burn(0.1)
burn(0.2)
"""


@dataclass
class Pushed:
    """A program's profile, here and on the server."""

    service: str
    local: ReadProfile
    querier: Querier

    def settled(self) -> None:
        """Wait until the server has as much as there is."""
        wanted = sum(sample.values[0] for sample in self.local.samples)
        assert querier.awaited(lambda: sum(self.querier.weights().values()), wanted) == wanted


def service_name() -> str:
    return f"pyroscope-native-test-{uuid.uuid4().hex[:12]}"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SERVER, id="server"),
        pytest.param(
            ALLOY,
            id="alloy",
            marks=pytest.mark.skipif(not ALLOY, reason="PYROSCOPE_TEST_ALLOY_URL names no Alloy"),
        ),
    ],
)
def pushed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pushed:
    directory = tmp_path_factory.mktemp("pushed")
    (directory / "program.py").write_text(PROGRAM, encoding="utf-8")
    service, begin_ms = service_name(), now_ms()
    done = run(
        *("-o", "local.pb.gz", "--server-address", request.param, "--application-name", service),
        *("--upload-interval", "1", "--tag", "env=test", "--tag", "region=Köln"),
        "program.py",
        cwd=directory,
        env={"PYROSCOPE_TENANT_ID": TENANT},
    )
    assert done.returncode == 0, done.stderr
    # The file has what a server cuts.
    local = pprof_reader.check(
        (directory / "local.pb.gz").read_bytes(), max_stack_frames=max(DEPTHS)
    )
    asked = Querier(SERVER, service, begin_ms - 1000, now_ms() + 1000, tenant=TENANT)
    return Pushed(service, local, asked)


def test_the_server_has_all_that_was_profiled(pushed: Pushed) -> None:
    expected = querier.expected_weights(pushed.local)
    found = querier.awaited(pushed.querier.weights, expected)
    assert querier.differences(expected, found) == []
    names = {place.name for stack in found for place in stack}
    assert {"Größe.messen", "descend", "burn", querier.TRUNCATED.name} <= names
    assert {len(stack) for stack in found} >= {pprof_reader.MAX_STACK_FRAMES}


def test_its_flame_graph_is_ours(pushed: Pushed) -> None:
    expected = querier.by_name(querier.expected_weights(pushed.local))
    found = querier.awaited(pushed.querier.name_weights, expected)
    assert querier.differences(expected, found) == []


def test_labels_and_their_values_are_found(pushed: Pushed) -> None:
    pushed.settled()
    samples = querier.expected_label_values(pushed.local)
    assert samples == {"endpoint": {"/cart", "/checkout"}, "tenant": {"Zoë & Söhne"}}
    process = {"service_name": {pushed.service}, "env": {"test"}, "region": {"Köln"}}
    for name, values in {**samples, **process}.items():
        assert pushed.querier.label_values(name) == values, name
    names = pushed.querier.label_names()
    assert {*samples, *process, "otel.scope.name", "process.runtime.version"} <= names
    assert not {"span_id", "trace_id", "thread_name"} & names


def test_each_combination_of_labels_is_a_series(pushed: Pushed) -> None:
    pushed.settled()
    samples = {
        tuple(label for label in sample.labels if label[0] in ("endpoint", "tenant"))
        for sample in pushed.local.samples
    }
    expected = {tuple(sorted((*labels, ("env", "test")))) for labels in samples}
    assert pushed.querier.series(["endpoint", "env", "tenant"]) == expected


@pytest.mark.parametrize(
    "labels",
    [
        {"endpoint": "/cart"},
        {"endpoint": "/checkout"},
        {"endpoint": "/cart", "tenant": "Zoë & Söhne"},
    ],
    ids=str,
)
def test_labels_choose_samples(pushed: Pushed, labels: dict[str, str]) -> None:
    pushed.settled()
    expected = querier.expected_weights(pushed.local, labels)
    assert expected
    assert querier.differences(expected, pushed.querier.weights(labels)) == []


@pytest.mark.parametrize("span", [SPAN, OTHER_SPAN])
def test_spans_choose_samples(pushed: Pushed, span: str) -> None:
    pushed.settled()
    expected = querier.by_name(querier.expected_weights(pushed.local, {"span_id": span}))
    assert expected
    found = pushed.querier.name_weights(spans=[span])
    assert querier.differences(expected, found) == []


def has_tenants() -> bool:
    """Whether the server wants to know who asks."""
    try:
        Querier(SERVER, "", now_ms() - 1000, now_ms()).label_names()
    except QueryError as error:
        if error.status != 401:
            raise
        return True
    return False


def test_tenants_see_their_own(tmp_path: Path) -> None:
    service, begin_ms = service_name(), now_ms()
    asked = {
        tenant: Querier(SERVER, service, begin_ms - 1000, begin_ms + 60_000, tenant=tenant)
        for tenant in (TENANT, f"{TENANT}-2")
    }
    if not has_tenants():
        pytest.skip("the server has no tenants: -auth.multitenancy-enabled is off")
    program = f"""
        import time
        import pyroscope_native

        pyroscope_native.configure(
            application_name={service!r}, server_address={SERVER!r}, tenant_id={TENANT!r}
        )
        end = time.thread_time() + 0.5
        while time.thread_time() < end:
            sum(range(1000))
    """
    done = python("-c", textwrap.dedent(program), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = querier.awaited(lambda: asked[TENANT].label_values("service_name"), {service})
    assert names == {service}
    assert asked[f"{TENANT}-2"].label_values("service_name") == set()


def synthetic(samples: int, depth: int, *, time_ns: int) -> Profile:
    """Distinct stacks, of weights that tell them apart."""
    functions = [Function(f"shop.function_{at}", f"/srv/shop_{at % 9}.py", 1) for at in range(400)]
    frames = [Frame(at, 10 + at) for at in range(len(functions))]
    return Profile(
        functions=functions,
        frames=frames,
        samples=[
            Sample(
                (at % 400, at // 400 % 400, *[level % 400 for level in range(depth - 2)]),
                1_000_000 + at,
                (("endpoint", f"/{at % 3}"),),
            )
            for at in range(samples)
        ],
        period=10_000_000,
        time_ns=time_ns,
        duration_ns=10_000_000_000,
    )


def deliver(service: str, profile: Profile) -> None:
    """Push it as a session does, its last one."""
    uploader = Uploader(Config(application_name=service, server_address=SERVER, tenant_id=TENANT))
    uploader.submit(profile)
    uploader.finish(querier.DEADLINE_S)


@pytest.mark.parametrize(
    ("samples", "depth"),
    [
        pytest.param(MAX_SAMPLES + 4_000, 3, id="samples"),
        pytest.param(MAX_SAMPLES - 1_000, 120, id="bytes"),
    ],
)
def test_what_is_too_large_for_a_profile_arrives_whole(samples: int, depth: int) -> None:
    service, begin_ms = service_name(), now_ms()
    profile = synthetic(samples, depth, time_ns=time.time_ns())
    deliver(service, profile)
    asked = Querier(SERVER, service, begin_ms - 1000, now_ms() + 1000, tenant=TENANT)
    places = [
        querier.Place(function.name, function.filename, frame.line)
        for function, frame in zip(profile.functions, profile.frames)
    ]
    expected = {
        tuple(places[at] for at in sample.stack): sample.value for sample in profile.samples
    }
    assert len(expected) == samples
    found = querier.awaited(asked.weights, expected)
    assert querier.differences(expected, found) == []


def test_a_refusal_says_why(caplog: pytest.LogCaptureFixture) -> None:
    in_two_hours_ns = time.time_ns() + 7200 * 10**9
    deliver(service_name(), synthetic(10, 3, time_ns=in_two_hours_ns))
    assert "ingestion window" in caplog.text


def test_a_window_that_is_too_old_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    service, two_hours_ago_ns = service_name(), time.time_ns() - 7200 * 10**9
    deliver(service, synthetic(10, 3, time_ns=two_hours_ago_ns))
    assert "window" in caplog.text
    asked = Querier(SERVER, service, now_ms() - 3 * 3_600_000, now_ms(), tenant=TENANT)
    assert asked.weights() == {}
