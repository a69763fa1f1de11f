# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The page of the benchmarks in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.report.page import render
from benchmarks.report.sections import compose
from tests.support.browser import Chrome, chromium, errors, resize
from tests.support.made_up_run import made_up_run


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    page = tmp_path_factory.mktemp("page") / "overhead.html"
    page.write_text(render("Overhead", ["Nobody's."], compose(made_up_run(), [])), encoding="utf-8")
    with chromium(tmp_path_factory.mktemp("chromium")) as chrome:
        chrome.get(page.as_uri())
        yield chrome


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits(driver: Chrome, width: int, scheme: str) -> None:
    resize(driver, width, 800)
    preference = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [preference]})
    driver.refresh()
    driver.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    found: dict[str, Any] = driver.execute_script(
        """
        const box = element => element.getBoundingClientRect();
        const dots = [...document.querySelectorAll('figure .dot')];
        const texts = [...document.querySelectorAll('figure text')];
        const pictures = [...document.querySelectorAll('figure svg')];
        return {
            sideways: document.documentElement.scrollWidth - window.innerWidth,
            dots: dots.length,
            flat: dots.filter(dot => !box(dot).width).length,
            outside: texts.filter(text => box(text).left < -1 || box(text).right >
                box(text.closest('figure')).right + 12).map(text => text.textContent),
            smallest: Math.min(...texts.map(text => box(text).height)),
            pictures: pictures.map(svg => box(svg).width),
            backs: [document.body, ...document.querySelectorAll('section')].map(
                each => getComputedStyle(each).backgroundColor),
        }"""
    )
    assert found["sideways"] <= 0
    assert found["dots"] > 100
    assert found["flat"] == 0
    assert found["outside"] == []
    assert found["smallest"] > 9
    assert min(found["pictures"]) > 270
    dark = [int(back[4:7].strip(",")) < 128 for back in found["backs"]]
    assert dark == [scheme == "dark"] * len(dark)
    assert errors(driver) == []
