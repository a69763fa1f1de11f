# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The program in which `pipeline` times the stages that windows go through.

    python -m benchmarks.pipeline_stages RATE_HZ LABELLED SINK ROUNDS RESULT

The result is a `Window` for each round.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import reference
from benchmarks.reference import Spent
from benchmarks.windows import Filler, Size
from pyroscope_native import _core, pprof
from pyroscope_native.config import Config
from pyroscope_native.deliver import request
from pyroscope_native.deliver.push import Pusher
from pyroscope_native.fold import Fold
from pyroscope_native.model import Function
from pyroscope_native.recording import Cut, Moment, Recording
from pyroscope_native.sample_labels import SampleLabels
from pyroscope_native.session import _qualname_finder
from pyroscope_native.version import VERSION

_NEVER_NS = 10**12
"""A period that leaves ours as the only ticks."""


class Window(NamedTuple):
    """What one window took, and what became of it."""

    spent: dict[str, Spent]
    """By stage: nanoseconds for each thousand samples of the handler, and of the reference."""
    pprof_bytes: int
    """Gzipped, as a file has it."""
    sent_bytes: int
    """The bodies of its requests."""
    distinct: int
    """Samples of the profile: distinct stacks and labels."""


class Stages:
    """Times stages of one round."""

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self.spent: dict[str, Spent] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add what is done to what the stage has taken."""
        began = Spent.now()
        yield
        took = began.until(Spent.now())
        former = self.spent.get(stage, Spent(0, 0))
        self.spent[stage] = Spent(
            *(old + new * 1000 // self._samples for old, new in zip(former, took))
        )


def _round(filler: Filler, size: Size, config: Config, pusher: Pusher) -> Window:
    stages = Stages(size.samples)
    stages.spent["reference"] = reference.spent()
    began = Moment.now()

    def drain() -> None:
        with stages.timed("drain"):
            while _core.drain():
                pass

    filler.fill(drain)
    find_qualname = _qualname_finder()
    with stages.timed("fold"):
        labels = SampleLabels(value_limit=config.label_value_limit)
        fold = Fold(sample_labels=labels, qualname=find_qualname, line_no=config.line_no)
        recording = Recording(fold, began, config.period_ns)
        window = _core.cut()
        recording.add(Cut(Moment.now(), window, 0, 0))
        profile = recording.profile()
    if (find_qualname := _qualname_finder()) is not None:
        functions = [Function(*function) for function in window.functions()]
        with stages.timed("name"):  # it is part of the fold
            for function in functions:
                find_qualname(function)
    series = request.series_labels(config.application_name, config.tags, VERSION)
    with stages.timed("encode"):
        bodies = request.bodies(series, profile)
    with stages.timed("upload"):
        for body in bodies:
            pusher.send(body, timeout_s=config.upload_timeout_s)
        pusher.close()
    return Window(
        stages.spent,
        len(gzip.compress(pprof.encode(profile), compresslevel=6, mtime=0)),
        sum(map(len, bodies)),
        len(profile.samples),
    )


def measure(size: Size, sink: str, rounds: int) -> list[Window]:
    """So many windows, after one that warms up.

    Raises:
        RuntimeError: samples have been lost
    """
    config = Config("benchmark", server_address=sink)
    pusher = Pusher.configured(config)
    _core.start(_core.CLOCK_THREAD, _NEVER_NS)
    filler = Filler(size)
    windows = [_round(filler, size, config, pusher) for _ in range(rounds + 1)]
    _core.stop()
    counters = _core.counters()
    if counters["ring_full_ns"] or counters["torn"]:
        raise RuntimeError(f"samples have been lost: {counters}")
    return windows[1:]


def main() -> None:
    """Measure, and write the result."""
    rate, labelled, sink, rounds, result = sys.argv[1:]
    windows = measure(Size(int(rate), bool(int(labelled))), sink, int(rounds))
    Path(result).write_text(json.dumps([window._asdict() for window in windows]))


if __name__ == "__main__":
    main()
