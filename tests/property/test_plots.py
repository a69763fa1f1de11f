# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever the figures, what is drawn of them lies inside the plot's area."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Figure
from benchmarks.report import charts, curves, rows, scale
from benchmarks.report.scale import Scale

VALUES = st.lists(st.floats(allow_nan=False), min_size=1, max_size=8)
SCALES: dict[str, Callable[[list[float]], Scale]] = {
    "linear": scale.linear,
    "logarithmic": scale.logarithmic,
    "signed": lambda values: scale.signed(values, 0.1),
    "percentiles": scale.percentiles,
}


@pytest.mark.parametrize("name", SCALES)
@given(values=VALUES, other=st.floats(allow_nan=False))
def test_scales_hold_all_and_rise(name: str, values: list[float], other: float) -> None:
    axis = SCALES[name](values)
    places = [axis.at(value) for value in sorted([*values, other])]
    assert all(0 <= place <= 1 for place in places)
    assert places == sorted(places)
    assert axis.at(axis.low) == 0
    assert axis.at(axis.high) == 1


@pytest.mark.parametrize("name", SCALES)
@given(values=VALUES)
def test_ticks_are_few_and_apart(name: str, values: list[float]) -> None:
    axis = SCALES[name](values)
    places = [axis.at(value) for value, _ in axis.ticks]
    assert 2 <= len(places) <= 16
    assert all(axis.low <= value <= axis.high for value, _ in axis.ticks)
    assert all(one < other for one, other in zip(places, places[1:]))
    assert len({text for _, text in axis.ticks}) == len(places)


@given(st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=8))
def test_different_values_are_at_different_places(values: list[float]) -> None:
    axis = scale.logarithmic(values)
    low, high = min(values), max(values)
    assert (axis.at(low) < axis.at(high)) == (math.log10(low) < math.log10(high))


@given(st.lists(st.integers(0, 9999), min_size=2, max_size=8, unique=True))
def test_percentiles_are_at_different_places(values: list[int]) -> None:
    axis = scale.percentiles([*(value / 100 for value in values), 100])
    assert len({axis.at(value / 100) for value in values}) == len(values)


BOUNDS = st.none() | st.floats()


@given(st.lists(st.tuples(st.floats(), BOUNDS, BOUNDS), max_size=5), st.booleans())
def test_rows_are_drawn_inside(values: list[tuple[float, float, float]], bars: bool) -> None:
    figures = [
        Figure("start", "import", value, "ms", {"profiler": f"<{number}>"}, low, high)
        for number, (value, low, high) in enumerate(values)
    ]
    chart = charts.in_rows("Start", "", figures, ["metric"], bars=bars)
    assert bool(chart.panels) == any(map(drawable, values))
    for panel in chart.panels:
        drawing = ET.fromstring(panel.svg)
        drawn = [each for each in drawing.iter("g") if "row" in each.get("class", "")]
        assert len(drawn) == len(list(filter(drawable, values)))
        inside(drawing, rows.LEFT, rows.RIGHT, rows.TOP, rows.TOP + rows.ROW * len(drawn))


@given(st.lists(st.tuples(st.integers(0, 2000), st.floats()), max_size=6))
def test_lines_are_drawn_inside(values: list[tuple[int, float]]) -> None:
    figures = [
        Figure("accuracy", "claimed", value, "ratio", {"depth": str(depth), "profiler": "ddtrace"})
        for depth, value in values
    ]
    chart = charts.along(
        "Claimed", "", figures, "depth", ["profiler"], across=scale.logarithmic, up=scale.linear
    )
    for panel in chart.panels:
        drawing = ET.fromstring(panel.svg)
        assert len(list(drawing.iter("circle"))) == sum(not math.isnan(y) for _, y in values)
        inside(drawing, curves.LEFT, curves.RIGHT, curves.TOP, curves.BOTTOM)


def drawable(value: tuple[float | None, ...]) -> bool:
    return not any(each is not None and math.isnan(each) for each in value)


def inside(drawing: ET.Element, left: float, right: float, top: float, bottom: float) -> None:
    """Fails where a mark lies outside, by more than it is rounded."""
    for mark in drawing.iter():
        kind = mark.get("class")
        if mark.tag == "circle":
            xs, ys = [mark.get("cx")], [mark.get("cy")]
        elif mark.tag == "line":
            xs, ys = [mark.get("x1"), mark.get("x2")], [mark.get("y1"), mark.get("y2")]
        elif mark.tag == "polyline":
            pairs = [pair.split(",") for pair in mark.get("points", "").split()]
            xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
        elif mark.tag == "rect" and kind != "hit":
            x, width = float(mark.get("x", "nan")), float(mark.get("width", "nan"))
            # A bar of no width is a line.
            xs, ys = [str(x), str(x + width - 1)], [mark.get("y")]
        else:
            continue
        assert all(left - 0.1 <= float(x or "nan") <= right + 0.1 for x in xs), mark.attrib
        assert all(top - 0.1 <= float(y or "nan") <= bottom + 0.1 for y in ys), mark.attrib
