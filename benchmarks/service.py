# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What requests to a service feel of a profiler: latency and throughput.

Two services (`benchmarks/services/`), WSGI in threads and ASGI in tasks, answer
requests of about half a millisecond of CPU. What they take without a profiler is found
once, and a fixed share of it is then the load for all: so many requests a second from
a process of its own, whether or not the ones before are answered. Latencies count from
the time a request was due, so that a standstill counts for each request it has kept
waiting, and every single one is recorded. Afterwards connections are kept busy, which
tells the throughput. Profilers push while they are under load, and label each request
with its endpoint if they have labels.

Metrics:

    load               requests/s, which all services of a kind were put under
    latency            ms, by percentile, of all rounds' requests together; the interval
                       is that from the least to the greatest of the rounds'
    latency excess     % above that without a profiler in the same round, by percentile
    cpu, … excess      CPU time of all processes for each request of the load
    throughput, … excess   requests/s with connections kept busy; less is worse

Profiler `none` has a process of its own, beside that which all are compared with, so
its excess is the noise. All is measured in rounds that have each profiler once; one
without a rate, which looks at every call, only the first has. A profiler that needs
another Python is compared with that one without.

The quick form has ours only, and loads two processes, one with and one without, at the
same time: a machine that others use as well changes within seconds, but for both.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from benchmarks import environments, estimate
from benchmarks.available import available
from benchmarks.figures import Figure
from benchmarks.latencies import PERCENTILES, percentile
from benchmarks.plan import Plan
from benchmarks.profilers import NONE, OURS, Recording
from benchmarks.progress import Progress
from benchmarks.runner import ProgramFailed
from benchmarks.server import Server, serving
from benchmarks.sink import Sink
from benchmarks.subjects import Subject, base_of, in_order, subjects

SERVICES = ("wsgi", "asgi")
RATE_HZ = 100
SHARE = 0.4
"""Of what a service can take."""
WARM_S = 0.5


UPLOAD_S = 5
"""Uploads fall into the constant load."""


class Phases(NamedTuple):
    """How long a server is under load at a time, in seconds."""

    constant: float
    saturated: float


FULL = Phases(6, 1.5)
QUICK = Phases(0.9, 0.3)
QUICK_TURNS = 8


class Met(NamedTuple):
    """What one load has met."""

    latencies: list[int]
    """In nanoseconds, ascending."""
    cpu: float
    """In nanoseconds a request."""
    throughput: float
    """Requests a second."""


@contextmanager
def _warm(subject: Subject, service: str) -> Iterator[Server]:
    """It has been under load before it is measured.

    Raises:
        ProgramFailed: as `serving`, or no profile came, neither to the sink nor to a file
    """
    with tempfile.TemporaryDirectory() as directory:
        with Sink() as sink:
            recording = Recording(RATE_HZ, directory, sink.address, UPLOAD_S)
            with serving(subject.profiler, service, recording, subject.within) as server:
                server.load(0, WARM_S)
                yield server
        if subject.profiler != NONE and not sink.uploads and not os.listdir(directory):
            raise ProgramFailed("it has delivered no profile")


def _throughput(server: Server, seconds: float) -> float:
    load = server.load(0, seconds)
    return len(load.latencies) / load.elapsed * 1e9


def _meet(server: Server, rate: int, phases: Phases) -> Met:
    cpu = server.cpu_ns()
    latencies = sorted(server.load(rate, phases.constant).latencies)
    cpu = server.cpu_ns() - cpu
    return Met(latencies, cpu / len(latencies), _throughput(server, phases.saturated))


def _load(service: str) -> int:
    """The share of what the service takes, in requests a second: the best of several
    tries, since others on the machine only make it less."""
    with _warm(Subject(NONE.name, NONE, environments.OURS), service) as server:
        return int(SHARE * max(_throughput(server, 0.6) for _ in range(4)))


def figures(of: Mapping[str, str], met: Sequence[Met], base: Sequence[Met]) -> Iterator[Figure]:
    """Of one profiler, beside the rounds without one."""

    def excess(values: Sequence[float], by: Sequence[float], metric: str) -> Figure:
        found = estimate.excess(values, by)
        return Figure("service", f"{metric} excess", found.value, "%", of, found.low, found.high)

    together = sorted(latency for each in met for latency in each.latencies)
    curves = {name: [percentile(each.latencies, name) for each in met] for name in PERCENTILES}
    for name, rounds in curves.items():
        values = [value / 1e6 for value in (percentile(together, name), min(rounds), max(rounds))]
        yield Figure("service", "latency", values[0], "ms", {**of, "percentile": name}, *values[1:])
    for name, rounds in curves.items():
        references = [percentile(each.latencies, name) for each in base]
        yield excess(rounds, references, "latency")._replace(of={**of, "percentile": name})
    for metric, unit, scale in (("cpu", "ms", 1e-6), ("throughput", "requests/s", 1)):
        values = [getattr(each, metric) for each in met]
        value, low, high = estimate.median([value * scale for value in values])
        yield Figure("service", metric, value, unit, of, low, high)
        yield excess(values, [getattr(each, metric) for each in base], metric)


Found = dict[str, list[Met]]
"""What each subject has met, by its name."""


def _in_turns(
    plan: Plan, service: str, rate: int, every: Sequence[Subject], progress: Progress
) -> Found:
    """Each by itself; one that fails is left out, and one without a rate met once."""
    found: Found = {subject.name: [] for subject in every}
    for number in range(plan.rounds):
        progress.announce(f"service: {service}, round {number + 1} of {plan.rounds}")
        for subject in in_order(every, f"{service} {number}"):
            if subject.name in found and (subject.profiler.samples or number == 0):
                try:
                    with _warm(subject, service) as server:
                        found[subject.name].append(_meet(server, rate, FULL))
                except ProgramFailed as error:
                    plan.unavailable(f"service: {subject.name}, {service}", str(error))
                    del found[subject.name]
                progress.ran()
    return found


def _together(service: str, rate: int, every: Sequence[Subject]) -> Found:
    """All at the same times."""
    found: Found = {subject.name: [] for subject in every}
    with ExitStack() as stack, ThreadPoolExecutor(len(every)) as pool:
        servers = [stack.enter_context(_warm(subject, service)) for subject in every]
        for _ in range(QUICK_TURNS):
            turn = pool.map(lambda server: _meet(server, rate, QUICK), servers)
            for rounds, met in zip(found.values(), turn):
                rounds.append(met)
    return found


def measure(plan: Plan) -> Iterator[Figure]:
    """Each service under each profiler."""
    profilers = [OURS] if plan.quick else [NONE, *available(plan)]
    within = {profiler.name: environments.environment(profiler) for profiler in profilers}
    every = subjects(profilers, within)
    runs = sum(plan.rounds if subject.profiler.samples else 1 for subject in every)
    progress = Progress(len(SERVICES) * runs, plan.say)
    for service in SERVICES:
        plan.say(f"service: {service}")
        try:
            rate = _load(service)
            if plan.quick:
                found = _together(service, rate, every)
            else:
                found = _in_turns(plan, service, rate, every, progress)
        except ProgramFailed as error:
            plan.unavailable(f"service: {service}", str(error))
            continue
        yield Figure("service", "load", rate, "requests/s", {"workload": service})
        for profiler in profilers:
            where = within[profiler.name]
            of = {"profiler": profiler.name, "workload": service, "rate": f"{RATE_HZ} Hz"}
            if where.version != environments.OURS.version:
                of["python"] = ".".join(where.version.split(".")[:2])
            if profiler.name in found and base_of(where) in found:
                yield from figures(of, found[profiler.name], found[base_of(where)])
