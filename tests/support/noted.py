# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Holds the labels of profiles against what programs have noted (`noting`)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path

from tests.support import pprof_reader
from tests.support.pprof_reader import ReadProfile
from tests.support.push_server import PushServer
from tests.support.python import ROOT, python, run

PROGRAMS = ROOT / "tests" / "frameworks" / "programs"


def check_program(
    words: Sequence[str], directory: Path, names: Sequence[str], functions: Mapping[str, str]
) -> None:
    """Run the program `words[0]` with the arguments after it under the profiler, and
    check its profile."""
    options = ("-o", "profile.pb.gz", "--rate", "1000", "--quiet")
    path = str(PROGRAMS / words[0])
    done = run(*options, path, *words[1:], cwd=directory, env={"NOTES": str(directory)})
    assert done.returncode == 0, done.stderr
    data = (directory / "profile.pb.gz").read_bytes()
    check_profiles([pprof_reader.check(data, max_stack_frames=1025)], directory, names, functions)


def check_pushed(
    words: Sequence[str], directory: Path, names: Sequence[str], functions: Mapping[str, str]
) -> None:
    """The same of what the program and its children push to the server whose address
    is the last argument."""
    with PushServer() as server:
        path = str(PROGRAMS / words[0])
        done = python(
            path, *words[1:], server.address, cwd=directory, env={"NOTES": str(directory)}
        )
    assert done.returncode == 0, done.stderr
    assert not server.faults
    check_profiles([push.profile for push in server.pushes], directory, names, functions)


def check_profiles(
    profiles: Sequence[ReadProfile],
    directory: Path,
    names: Sequence[str],
    functions: Mapping[str, str],
) -> None:
    """Want of CPU time burnt that it has the labels noted for it.

    The values of the labels `names`, joined by spaces, are what is compared: by share
    of all that was burnt, within 2 points and two standard errors, and for each sample
    in one of `functions`.
    """
    weights: Counter[str] = Counter()
    seen = set()
    for sample in (each for profile in profiles for each in profile.samples):
        stack = {frame.name.rpartition(".")[2] for frame in sample.stack}
        if "burn" not in stack:
            continue
        labels = dict(sample.labels)
        found = " ".join(labels.get(name, "-") for name in names)
        weights[found] += sample.values[0]
        for function in stack & functions.keys():
            assert found == functions[function], function
            seen.add(function)
    assert functions.keys() <= seen

    used: Counter[str] = Counter()
    samples, seen_ns = 0, 0
    for path in directory.glob("*.notes"):
        used_there, (samples_there, seen_ns_there) = json.loads(path.read_text())
        used.update(used_there)
        samples += samples_there
        seen_ns += seen_ns_there
    # On a busy machine samples weigh more, and differ: so many count like half of them.
    period_ns = 2 * seen_ns / samples
    whole_ns, whole_s = sum(weights.values()), sum(used.values())
    for key in weights.keys() | used.keys():
        share = used[key] / whole_s
        error = 0.02 + 2 * sqrt(share * (1 - share) * period_ns / whole_ns)
        assert abs(weights[key] / whole_ns - share) < error, (key, error, weights, used)
