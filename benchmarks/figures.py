# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a run has measured, and the JSON that keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple


class Figure(NamedTuple):
    """One measured number."""

    benchmark: str
    """The module that measured it."""
    metric: str
    value: float
    unit: str
    of: Mapping[str, str] = {}
    """What was measured: profiler, workload, rate, depth, python …"""
    low: float | None = None
    """The 95 % confidence interval, or none where the number is a count that repeats."""
    high: float | None = None

    def matches(self, benchmark: str, metric: str = "", **of: str) -> bool:
        """Whether it is of this benchmark, metric (any if empty) and of these things."""
        return (
            self.benchmark == benchmark
            and metric in ("", self.metric)
            and all(self.of.get(name) == value for name, value in of.items())
        )

    def __str__(self) -> str:
        of = " ".join(self.of.values())
        interval = "" if self.low is None else f"  [{self.low:.4g}, {self.high:.4g}]"
        return (
            f"{self.benchmark:10} {of:40} {self.metric:24} {self.value:10.4g} {self.unit}{interval}"
        )


class Run(NamedTuple):
    """All that one run has measured, and on what."""

    machine: Mapping[str, str]
    figures: list[Figure]
    unavailable: dict[str, str]
    """Why a profiler, or "benchmark: case", could not be measured, by its name."""

    def select(self, benchmark: str, metric: str = "", **of: str) -> Iterator[Figure]:
        """The figures that match, in their order."""
        return (figure for figure in self.figures if figure.matches(benchmark, metric, **of))

    def replaced(self, benchmarks: Iterable[str], by: Run) -> Run:
        """This run with the figures of some benchmarks, and what they could not measure, taken
        from a later one."""
        names = set(benchmarks)
        kept = [figure for figure in self.figures if figure.benchmark not in names]
        reasons = {
            what: why
            for what, why in self.unavailable.items()
            if what.partition(":")[0] not in names
        }
        return Run({**self.machine, **by.machine}, kept + by.figures, {**reasons, **by.unavailable})

    def write(self, path: Path) -> None:
        """As JSON, a figure a line."""
        lines = ",\n  ".join(json.dumps(figure._asdict()) for figure in self.figures)
        path.write_text(
            f'{{"machine": {json.dumps(dict(self.machine), indent=1)},\n'
            f' "unavailable": {json.dumps(self.unavailable, indent=1)},\n'
            f' "figures": [\n  {lines}\n]}}\n'
        )

    @classmethod
    def read(cls, path: Path) -> Run:
        """What `write` wrote."""
        document = json.loads(path.read_text())
        figures = [Figure(**figure) for figure in document["figures"]]
        return cls(document["machine"], figures, document["unavailable"])
