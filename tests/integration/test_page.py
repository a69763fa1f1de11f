# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser: Debian's Chromium, headless, from a file."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pyroscope_native.model import Frame, Function, Labels, Profile, Sample
from pyroscope_native.report.page import render
from pyroscope_native.selection import Choice
from tests.support.browser import (
    ActionChains,
    By,
    Chrome,
    Keys,
    WebElement,
    chromium,
    errors,
    resize,
)

MS = 1_000_000
EVIL = "</script><img src=x onerror='document.title=`owned`'><b>bold</b>&lt;\u2028\"\udcff"
FILES = {
    "main": "/srv/shop/manage.py",
    "handle": "/srv/shop/.venv/lib/python3.11/site-packages/web/handler.py",
    "walk": "/srv/shop/tree.py",
    "visit": "/srv/shop/tree.py",
    "dumps": "/usr/lib/python3.11/json/__init__.py",
    "sorted": "",
    "[truncated]": "",
}
STACKS = {
    # `walk` is recursive: its total is 600 ms, however deep it goes.
    "main;handle;walk;walk;walk": 300,
    "main;handle;walk;visit;walk": 200,
    "main;handle;walk;sorted": 100,
    "main;handle;dumps": 250,
    "main;dumps": 50,
    "[truncated];walk": 100,
}


def profile_of(stacks: dict[str, int], labels: Callable[[str], Labels] = lambda _: ()) -> Profile:
    ids: dict[str, int] = {}
    samples = []
    for text, milliseconds in stacks.items():
        stack = [ids.setdefault(name, len(ids)) for name in text.split(";")]
        samples.append(Sample(tuple(reversed(stack)), milliseconds * MS, labels(text)))
    return Profile(
        functions=[
            Function(name, FILES.get(name, "/srv/shop/app.py"), 10 * index + 1)
            for name, index in ids.items()
        ],
        frames=[Frame(index, 10 * index + 3) for index in range(len(ids))],
        samples=samples,
        period=10 * MS,
    )


class Browser:
    """A page as its reader uses it."""

    def __init__(self, driver: Chrome, directory: Path) -> None:
        self.driver = driver
        self.directory = directory
        self.opened = 0

    def open(self, profile: Profile, title: str = "Test", **more: Any) -> None:
        self.opened += 1
        path = self.directory / f"{self.opened}.html"
        path.write_text(render(profile, title=title, **more), encoding="utf-8")
        self.driver.get(path.as_uri())
        self.settle()

    def size(self, width: int, height: int) -> None:
        resize(self.driver, width, height)

    def js(self, script: str, *args: Any) -> Any:
        return self.driver.execute_script(script, *args)

    def settle(self) -> None:
        """Waits until nothing moves any more."""
        deadline = time.monotonic() + 20
        while self.js("return document.querySelector('main').hidden ? false : flame.moving()"):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def frames(self, chart: str = "main-chart") -> list[dict[str, Any]]:
        self.settle()
        found: list[dict[str, Any]] = self.js("return flame.frames(arguments[0])", chart)
        return found

    def frame(self, name: str, chart: str = "main-chart", depth: int = -1) -> dict[str, Any]:
        return next(
            frame
            for frame in self.frames(chart)
            if frame["name"] == name and depth in (-1, frame["depth"])
        )

    def milliseconds(self, chart: str = "main-chart") -> dict[tuple[int, str], float]:
        return {(f["depth"], f["name"]): f["total"] / MS for f in self.frames(chart)}

    def mouse(self, frame: dict[str, Any], button: str = "") -> None:
        x = frame["x"] + frame["width"] / 2
        y = frame["y"] + frame["height"] / 2
        kinds = ["mouseMoved"] + (["mousePressed", "mouseReleased"] if button else [])
        for kind in kinds:
            self.driver.execute_cdp_cmd(
                "Input.dispatchMouseEvent",
                {"type": kind, "x": x, "y": y, "button": button or "none", "clickCount": 1},
            )
        self.settle()

    def click(self, frame: dict[str, Any]) -> None:
        self.mouse(frame, "left")

    def press(self, *keys: str) -> None:
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()
        self.settle()

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        return [plain(element.text) for element in self.all(selector)]

    def focus(self, selector: str) -> None:
        self.js("document.querySelector(arguments[0]).focus()", selector)

    def follow(self, fragment: str) -> None:
        """A link to this page in a state."""
        self.js("location.hash = arguments[0]", fragment)
        self.driver.refresh()

    def open_picker(self, label: str) -> None:
        """The values of `label`."""
        names = [text.split("\n")[0] for text in self.texts(".filter")]
        self.all(".filter")[names.index(label)].click()

    def options(self) -> list[tuple[str, str]]:
        """Values in the open picker, with their shares."""
        found = self.js(
            "return [...document.querySelectorAll('#picker-list li')].map(option => ["
            "option.querySelector('span').textContent, option.lastElementChild.textContent])"
        )
        return [(value, share) for value, share in found]

    def sides(self) -> list[str]:
        """What is compared, with the total of each."""
        return [text.replace("\n", " ") for text in self.texts(".half .side")]

    def option(self, value: str) -> None:
        """Picks, or lets go of, a value in the open picker."""
        at = [each for each, _ in self.options()].index(value)
        self.all("#picker-list li")[at].click()
        self.settle()

    def rows(self) -> list[list[str]]:
        """Name, self, self %, total, total % of each row in sight."""
        cells = self.js(
            "return [...document.querySelectorAll('tr[data-row]')].map(row => ["
            "row.querySelector('.open span').textContent,"
            "...[...row.cells].slice(2).map(cell => cell.textContent)])"
        )
        return [[plain(cell) for cell in row] for row in cells]

    def names(self) -> list[str]:
        return [row[0] for row in self.rows()]


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("chromium")) as chrome:
        yield chrome


@pytest.fixture
def page(driver: Chrome, tmp_path: Path) -> Iterator[Browser]:
    browser = Browser(driver, tmp_path)
    browser.size(1400, 900)
    yield browser
    found = errors(driver)
    browser.js("localStorage.clear()")
    assert found == []  # after every test, not only on load


def test_draws_the_tree(page: Browser) -> None:
    page.open(profile_of(STACKS), facts=[("Rate", "100 Hz")])
    assert page.driver.title == "Test"
    assert page.texts("h1") == ["Test"]
    assert page.texts(".facts div") == ["Total\n1.00 s", "Rate\n100 Hz"]
    weights = page.milliseconds()
    assert weights[0, "all"] == 1000
    assert weights[1, "main"] == 900
    assert weights[2, "handle"] == 850
    assert weights[3, "walk"] == 600
    assert weights[2, "dumps"] == 50
    frames = {(f["depth"], f["name"]): f for f in page.frames()}
    assert frames[1, "main"]["width"] == pytest.approx(0.9 * frames[0, "all"]["width"], abs=0.01)
    assert frames[3, "walk"]["x"] < frames[3, "dumps"]["x"]  # heaviest first
    # Something is on the canvas, and not only one colour.
    colours = page.js(
        "const c = document.querySelector('#main-chart canvas');"
        "const d = new Uint32Array(c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data.buffer);"
        "return new Set(d).size"
    )
    assert colours > 20


def test_zoom_and_back(page: Browser) -> None:
    page.open(profile_of(STACKS))
    whole = page.frame("all")["width"]
    page.click(page.frame("walk", depth=3))
    assert page.frame("walk", depth=3)["width"] == pytest.approx(whole)
    assert page.frame("main")["width"] == pytest.approx(whole)
    assert page.texts("#crumbs li")[0] == "All 1.00 s"
    assert page.texts("#crumbs li")[-1] == "walk"
    assert page.frame("walk", depth=4)["width"] == pytest.approx(whole * 300 / 600)

    page.one("#crumbs li:nth-child(3) button").click()  # handle
    assert page.texts("#crumbs li")[-1] == "handle"
    assert page.frame("walk", depth=3)["width"] == pytest.approx(whole * 600 / 850)
    page.one("#crumbs li button").click()
    assert page.frame("main")["width"] == pytest.approx(whole * 0.9)

    page.click(page.frame("handle"))
    page.click(page.frame("walk", depth=3))
    page.press(Keys.BACKSPACE)
    assert page.texts("#crumbs li")[-1] == "handle"
    page.press(Keys.ESCAPE)
    assert page.frame("main")["width"] == pytest.approx(whole * 0.9)
    assert not page.one("#reset").is_displayed()

    page.click(page.frame("handle"))
    page.click(page.frame("main"))  # its caller
    assert page.texts("#crumbs li")[-1] == "main"
    page.one("#reset").click()
    assert page.texts("#crumbs li") == ["All 1.00 s"]

    page.click(page.frame("handle"))
    page.driver.back()
    page.settle()
    assert page.texts("#crumbs li") == ["All 1.00 s"]
    page.driver.forward()
    page.settle()
    assert page.texts("#crumbs li")[-1] == "handle"
    page.driver.refresh()
    page.settle()
    assert page.texts("#crumbs li")[-1] == "handle"


def test_keys(page: Browser) -> None:
    page.open(profile_of(STACKS))

    def selected() -> str:
        return next((str(f["name"]) for f in page.frames() if f["selected"]), "")

    page.press(Keys.ARROW_DOWN)
    assert selected() == "all"
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert selected() == "handle"
    page.press(Keys.ARROW_RIGHT)
    assert selected() == "dumps"
    page.press(Keys.ARROW_RIGHT)
    assert selected() == "dumps"
    page.press(Keys.ARROW_LEFT, Keys.ARROW_UP)
    assert selected() == "main"
    page.press(Keys.ENTER)
    assert page.texts("#crumbs li")[-1] == "main"
    assert "900 ms (90.0%)" in page.texts("#details-text")[0]
    page.press("i")
    page.press(Keys.ARROW_UP)
    assert selected() == "handle"
    page.press(Keys.ESCAPE)
    page.press("t")
    assert not page.one("section.table").is_displayed()
    page.press("t")
    assert page.one("section.table").is_displayed()
    page.press("?")
    assert page.one("#help").is_displayed()
    page.press(Keys.ESCAPE)
    assert not page.one("#help").is_displayed()
    page.press("/")
    assert page.driver.switch_to.active_element.get_attribute("id") == "search"


def test_search(page: Browser) -> None:
    page.open(profile_of(STACKS))
    search = page.one("#search")

    def look_for(text: str) -> str:
        search.clear()
        search.send_keys(text)
        return page.texts("#share")[0]

    # Three calls of `walk` in one sample weigh no more than one.
    assert look_for("walk") == "70.0% · 700 ms"
    assert {f["name"] for f in page.frames() if f["lit"]} == {"all", "walk"}
    assert page.names() == ["walk"]
    assert look_for("/^(visit|DUMPS)$/i") == "50.0% · 500 ms"
    assert look_for("WALK") == "70.0% · 700 ms"
    assert look_for("tree.py") == "70.0% · 700 ms"
    assert look_for("no such thing") == "0% · 0"
    assert page.one("#no-rows").is_displayed()
    assert look_for("/(/") == "not a valid expression"
    assert search.get_attribute("aria-invalid") == "true"
    search.send_keys(Keys.ESCAPE)
    assert all(f["lit"] for f in page.frames())
    assert len(page.names()) == 7


def test_table(page: Browser) -> None:
    page.open(profile_of(STACKS))
    assert page.rows() == [
        ["walk", "600 ms", "60.0%", "700 ms", "70.0%"],
        ["dumps", "300 ms", "30.0%", "300 ms", "30.0%"],
        ["sorted", "100 ms", "10.0%", "100 ms", "10.0%"],
        ["main", "–", "0%", "900 ms", "90.0%"],
        ["handle", "–", "0%", "850 ms", "85.0%"],
        ["visit", "–", "0%", "200 ms", "20.0%"],
        ["[truncated]", "–", "0%", "100 ms", "10.0%"],
    ]

    def sort_by(column: str) -> str | None:
        page.one(f"th[data-column={column}] button").click()
        assert len(page.all("th[aria-sort]")) == 1
        return page.one(f"th[data-column={column}]").get_attribute("aria-sort")

    assert page.one("th[data-column=self]").get_attribute("aria-sort") == "descending"
    assert sort_by("total") == "descending"
    assert page.names()[:3] == ["main", "handle", "walk"]
    assert sort_by("total") == "ascending"
    assert page.names()[-3:] == ["walk", "handle", "main"]
    assert sort_by("name") == "ascending"
    assert page.names() == sorted(page.names())
    page.one("button[data-view=table]").click()
    assert sort_by("file") == "ascending"
    assert page.texts("td.file")[-1] == "web/handler.py:11"


def test_row_marks_a_function(page: Browser) -> None:
    page.open(profile_of(STACKS))
    page.one("tr[data-row='1'] .open").click()
    assert {f["name"] for f in page.frames() if f["lit"]} == {"all", "dumps"}
    page.press(Keys.ESCAPE)
    assert all(f["lit"] for f in page.frames())


def test_table_of_many_functions(page: Browser) -> None:
    page.open(profile_of({f"f{i:05}": i + 1 for i in range(20_000)}))
    assert page.one("#table").get_attribute("aria-rowcount") == "20001"
    assert len(page.all("#tbody tr")) < 100
    page.js("document.getElementById('rows').scrollTop = 1e9")
    time.sleep(0.2)
    assert page.names()[-1] == "f00000"
    page.press("/")
    page.one("#search").send_keys("f1234")
    assert page.names() == [f"f1234{i}" for i in range(9, -1, -1)]
    assert page.js("return document.getElementById('rows').scrollTop") == 0


def test_sandwich(page: Browser) -> None:
    page.open(profile_of(STACKS))
    page.mouse(page.frame("walk", depth=3), "right")
    assert page.one("#menu").is_displayed()
    page.one("#menu [data-action=sandwich]").click()
    assert not page.one("#main-chart").is_displayed()
    assert page.texts("#crumbs li") == ["‹ Whole profile", "walk 700 ms"]
    assert [(f["depth"], f["name"], f["total"] / MS) for f in page.frames("callees-chart")] == [
        (0, "walk", 700),
        (1, "walk", 300),
        (1, "visit", 200),
        (1, "sorted", 100),
        (2, "walk", 300),
        (2, "walk", 200),
    ]
    assert page.milliseconds("callers-chart") == {
        (1, "handle"): 600,
        (2, "main"): 600,
        (1, "[truncated]"): 100,
    }
    callers = {f["name"]: f for f in page.frames("callers-chart")}
    assert callers["main"]["y"] < callers["handle"]["y"]

    page.click(callers["handle"])  # zooms within the callers
    assert [f["name"] for f in page.frames("callers-chart")] == ["handle", "main"]
    page.press(Keys.ESCAPE)
    assert len(page.frames("callers-chart")) == 3
    page.press(Keys.ESCAPE)
    assert page.one("#main-chart").is_displayed()

    row = next(i for i, name in enumerate(page.names()) if name == "dumps")
    ActionChains(page.driver).move_to_element(page.one(f"tr[data-row='{row}'] .name")).perform()
    page.one(f"tr[data-row='{row}'] .aside").click()
    assert page.milliseconds("callers-chart") == {
        (1, "handle"): 250,
        (2, "main"): 250,
        (1, "main"): 50,
    }
    page.one("#crumbs button").click()  # the way back
    assert page.one("#main-chart").is_displayed()

    row = page.names().index("main")
    page.one(f"tr[data-row='{row}'] .open").click()
    page.one("#details-sandwich").click()
    assert page.one("#no-callers").is_displayed()


def test_tooltip(page: Browser) -> None:
    profile = profile_of(STACKS)
    name = "handle"
    index = next(i for i, function in enumerate(profile.functions) if function.name == name)
    profile.frames.append(Frame(index, 99))
    first = profile.samples[0]
    moved = tuple(len(profile.frames) - 1 if f == index else f for f in first.stack)
    profile.samples[0] = first._replace(stack=moved)
    page.open(profile)
    page.mouse(page.frame(name))
    text = page.texts("#tooltip")[0]
    assert FILES[name] + ":11" in text
    assert "850 ms 85.0% of all" in text
    assert "Hottest lines: 13 (64.7%), 99 (35.3%)" in text
    page.click(page.frame("main"))
    page.mouse(page.frame("dumps", depth=2))
    assert "50.0 ms 5.00% of all 5.56% of view" in page.texts("#tooltip")[0]


def test_direction_and_theme(page: Browser) -> None:
    page.open(profile_of(STACKS))
    assert page.frame("all")["y"] < page.frame("main")["y"]
    page.one("[data-direction=flame]").click()
    assert page.frame("all")["y"] > page.frame("main")["y"]
    assert page.one("[data-direction=flame]").get_attribute("aria-pressed") == "true"
    page.press("i")
    assert page.frame("all")["y"] < page.frame("main")["y"]

    def background() -> Any:
        return page.js("return getComputedStyle(document.body).backgroundColor")

    before = background()
    page.one("#theme").click()
    assert background() != before
    page.driver.refresh()  # the choice stays
    assert background() != before
    page.one("#theme").click()
    assert background() == before
    page.one("#legend-button").click()
    assert not page.one("#legend").is_displayed()


def test_follows_the_system_theme(page: Browser) -> None:
    page.open(profile_of(STACKS))
    backgrounds = []
    for scheme in ("light", "dark"):
        page.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        backgrounds.append(page.js("return getComputedStyle(document.body).backgroundColor"))
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert backgrounds[0] != backgrounds[1]


def test_legend_tells_whose_code(page: Browser) -> None:
    page.open(profile_of(STACKS))
    assert page.texts("#legend li") == [
        "Application\n60.0%",
        "Packages\n0%",
        "Standard library\n30.0%",
        "Native\n10.0%",
        "Markers\n0%",
    ]


def shop_labels(stack: str) -> Labels:
    """Two thirds of `walk` is of the endpoint /tree, `dumps` of /json, the rest of none."""
    if "dumps" in stack:
        endpoint = "/json"
    elif "truncated" in stack:
        endpoint = ""
    else:
        endpoint = "/tree"
    thread = "two" if "visit" in stack else "one"
    labels = {"only": "value", "endpoint": endpoint, "thread_name": thread}
    return tuple((name, value) for name, value in labels.items() if value)


def test_label_filter(page: Browser) -> None:
    page.open(profile_of(STACKS, shop_labels))
    assert page.texts(".filter") == ["endpoint\nall", "thread_name\nall"]
    page.open_picker("endpoint")
    assert page.options() == [("/tree", "60.0%"), ("/json", "30.0%"), ("(none)", "10.0%")]
    page.option("/json")
    assert page.milliseconds() == {
        (0, "all"): 300,
        (1, "main"): 300,
        (2, "handle"): 250,
        (2, "dumps"): 50,
        (3, "dumps"): 250,
    }
    assert page.names() == ["dumps", "main", "handle"]
    assert page.texts("#total") == ["Shown\n300 ms"]
    page.option("(none)")  # several of one label: any of them
    assert page.frame("all")["total"] == 400 * MS
    assert page.texts(".filter")[0] == "endpoint\n2 values"
    page.option("/json")
    page.option("/tree")
    page.press(Keys.ESCAPE)
    assert not page.one("#picker").is_displayed()
    assert page.frame("all")["total"] == 700 * MS

    page.open_picker("thread_name")  # shares are of what the other filters let through
    assert page.options() == [("one", "71.4%"), ("two", "28.6%")]
    page.option("two")  # of different labels: all of them
    assert page.frame("all")["total"] == 200 * MS
    page.driver.refresh()
    assert page.frame("all")["total"] == 200 * MS
    assert page.texts(".filter") == ["endpoint\n2 values", "thread_name\ntwo"]
    page.driver.back()
    assert page.frame("all")["total"] == 700 * MS
    page.open_picker("endpoint")
    page.one("#picker-clear").click()
    assert page.frame("all")["total"] == 1000 * MS
    assert page.driver.current_url.endswith(".html#")


def test_a_label_is_picked_with_keys(page: Browser) -> None:
    page.open(profile_of(STACKS, shop_labels))
    page.focus(".filter")
    page.press(Keys.ENTER)
    page.press("j", Keys.ENTER)
    assert page.frame("all")["total"] == 300 * MS
    page.press(Keys.BACKSPACE, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER)
    active = page.one("#picker-search").get_attribute("aria-activedescendant")
    assert page.one(f"#{active}").get_attribute("aria-selected") == "true"
    assert page.frame("all")["total"] == 400 * MS
    page.press("x")
    assert page.texts("#picker-rest") == ["No value matches."]
    page.press(Keys.ESCAPE)
    assert page.js("return document.activeElement.className") == "filter chosen"
    assert page.one("section.table").is_displayed()  # no key went on to the page


def test_labels_that_do_not_fit_together(page: Browser) -> None:
    page.open(profile_of(STACKS, shop_labels))
    page.follow("#label=endpoint%3D%2Fjson&label=thread_name%3Dtwo")
    assert page.frame("all")["total"] == 0
    assert page.names() == []
    page.follow("#label=endpoint%3D%2Fgone&label=only%3Dvalue&label=no&compare=endpoint%3D%2Fjson")
    assert page.frame("all")["total"] == 1000 * MS


def test_comparison(page: Browser) -> None:
    page.open(profile_of(STACKS, shop_labels))
    page.one("#compare").click()
    assert page.sides() == ["endpoint=/tree 600 ms", "endpoint=/json 300 ms"]
    assert page.texts(".filter") == ["", "thread_name\nall"]  # sides take the place of the first
    assert page.milliseconds("other-chart") == {
        (0, "all"): 300,
        (1, "main"): 300,
        (2, "handle"): 250,
        (2, "dumps"): 50,
        (3, "dumps"): 250,
    }
    left, right = page.frame("all"), page.frame("all", "other-chart")
    assert left["x"] + left["width"] < right["x"]
    # Each is as wide as its own total.
    for name, chart, share in (("main", "main-chart", 1), ("handle", "other-chart", 250 / 300)):
        width = page.frame("all", chart)["width"]
        assert page.frame(name, chart)["width"] == pytest.approx(share * width, abs=0.01)
    assert page.rows()[:3] == [
        ["dumps", "0.0 → 100%", "+100.0", "0.0 → 100%", "+100.0"],
        ["walk", "83.3 → 0.0%", "−83.3", "100 → 0.0%", "−100.0"],
        ["sorted", "16.7 → 0.0%", "−16.7", "16.7 → 0.0%", "−16.7"],
    ]
    page.one("th[data-column=selfShare] button").click()
    assert page.names()[0] == "dumps"
    page.one("th[data-column=selfShare] button").click()
    assert page.names()[0] == "walk"

    page.one("#search").send_keys("walk")
    assert page.texts("#share") == ["100% → 0%"]
    assert {f["name"] for f in page.frames("other-chart") if f["lit"]} == {"all"}
    page.press(Keys.ESCAPE)

    page.mouse(page.frame("handle", "other-chart"))
    assert "250 ms 83.3% of all" in page.texts("#tooltip")[0]
    assert "100% in endpoint=/tree" in page.texts("#tooltip")[0]

    page.one("#other-value").click()
    page.option("(none)")
    assert page.sides()[1] == "endpoint=(none) 100 ms"
    assert page.rows()[0][:3] == ["sorted", "16.7 → 0.0%", "−16.7"]
    page.driver.refresh()
    assert page.sides()[1] == "endpoint=(none) 100 ms"
    page.driver.back()
    page.settle()
    assert page.sides()[1] == "endpoint=/json 300 ms"
    assert page.texts("thead button") == ["Function", "", "Self", "±", "Total", "±"]
    page.one("#compare").click()
    assert page.frame("all")["total"] == 1000 * MS
    assert not page.one("#other-chart").is_displayed()
    assert page.texts("thead button")[2:] == ["Self", "%", "Total", "%"]
    share = page.one("th[data-column=selfShare] button")
    assert share.get_attribute("aria-label") == "Self, percent"


def test_zoom_leads_both_sides(page: Browser) -> None:
    page.open(profile_of(STACKS, shop_labels))
    page.one("#compare").click()
    whole = page.frame("all")["width"]
    page.click(page.frame("handle", "other-chart"))
    for chart in ("main-chart", "other-chart"):
        assert page.frame("handle", chart)["width"] == pytest.approx(whole)
    page.press(Keys.ESCAPE)
    page.click(page.frame("visit"))  # which the other side has not: it goes as far as it can
    assert page.frame("visit")["width"] == pytest.approx(whole)
    assert page.frame("handle", "other-chart")["width"] == pytest.approx(whole)
    assert page.texts("#crumbs li")[-1] == "visit"
    page.driver.refresh()
    assert page.frame("visit")["width"] == pytest.approx(whole)
    assert page.frame("handle", "other-chart")["width"] == pytest.approx(whole)
    page.press(Keys.ESCAPE)
    assert page.frame("handle", "other-chart")["width"] == pytest.approx(whole * 250 / 300)

    page.focus("#other-chart canvas")
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert [f["name"] for f in page.frames("other-chart") if f["selected"]] == ["handle"]
    assert not [f for f in page.frames() if f["selected"]]
    assert "250 ms (83.3%), self 0 (0%); 100% in endpoint=/tree" in page.texts("#details-text")[0]
    page.press(Keys.ENTER)
    assert page.frame("handle")["width"] == pytest.approx(whole)
    page.press(Keys.BACKSPACE)
    assert page.texts("#crumbs li") == ["All"]

    page.press(Keys.ARROW_DOWN, "c")  # callers and callees on that side
    assert page.texts("#crumbs li") == ["‹ Comparison", "main 300 ms in endpoint=/json"]
    page.driver.refresh()
    assert page.texts("#crumbs li") == ["‹ Comparison", "main 300 ms in endpoint=/json"]
    page.press(Keys.ESCAPE)
    assert page.one("#other-chart").is_displayed()


def test_compares_what_was_filtered_by(page: Browser) -> None:
    page.open(profile_of(STACKS, shop_labels))
    page.open_picker("endpoint")
    page.option("(none)")
    page.one("#picker-compare").click()
    assert page.sides() == ["endpoint=(none) 100 ms", "endpoint=/tree 600 ms"]
    page.js("document.getElementById('compare-label').focus()")
    page.press("t")  # the second of its choices
    assert page.sides() == ["thread_name=one 800 ms", "thread_name=two 200 ms"]
    page.open_picker("endpoint")
    page.option("/tree")
    assert page.sides() == ["thread_name=one 400 ms", "thread_name=two 200 ms"]


def test_opens_with_a_comparison(page: Browser) -> None:
    sides = [Choice("endpoint", "/json"), Choice("endpoint", "")]
    page.open(profile_of(STACKS, shop_labels), sides=sides)
    assert page.sides() == ["endpoint=/json 300 ms", "endpoint=(none) 100 ms"]
    assert page.driver.current_url.endswith("#compare=endpoint%3D%2Fjson&compare=endpoint%3D")


def test_a_label_of_many_values(page: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    profile = big_profile(15_000)
    samples = [
        sample._replace(
            labels=(("endpoint", f"/{i % 7}"), ("request", f"{i:06}"), ("thread_name", f"t{i % 5}"))
        )
        for i, sample in enumerate(profile.samples)
    ]
    page.open(profile._replace(samples=samples))
    size = (page.directory / f"{page.opened}.html").stat().st_size
    started = time.perf_counter()
    page.open_picker("request")
    opened = time.perf_counter() - started
    with capsys.disabled():
        print(
            f"\n15000 stacks of as many label sets: {size / 1e6:.1f} MB, picker in {opened:.2f} s"
        )
    assert size < 2_500_000
    assert len(page.options()) == 100
    assert page.texts("#picker-rest")[0].startswith("14,900 more with 98.")
    page.press(*"012345")
    assert [value for value, _ in page.options()] == ["012345"]
    page.press(Keys.ENTER)
    assert page.frame("all")["total"] == samples[12345].value
    page.press(Keys.ESCAPE)
    assert "label=request%3D012345" in page.driver.current_url


def test_names_cannot_inject(page: Browser) -> None:
    profile = profile_of({f"{EVIL};b": 10, "__proto__;constructor": 10}, lambda s: ((EVIL, s),))
    profile.samples.append(Sample((0,), 10 * MS, (("__proto__", "constructor"), (EVIL, EVIL))))
    profile.functions[0] = Function(EVIL, f"/srv/{EVIL}.py", 1)
    shown = EVIL.replace("\udcff", "\ufffd")
    page.open(profile, title=EVIL, facts=[(EVIL, EVIL)])
    assert page.texts("h1")[0].startswith("</script><img")
    assert page.js("return document.title").startswith("</script><img")
    frame = page.frame(shown)
    page.mouse(frame)
    assert shown.split("\u2028")[0] in page.js("return tooltip.textContent")
    page.click(frame)
    page.one("#details-sandwich").click()
    page.one("#search").send_keys("<b>")
    page.one("tr[data-row='0'] .open").click()
    page.js("document.getElementById('search').value = ''; search('')")
    for label in page.texts(".filter"):
        page.open_picker(label.split("\n")[0])
        page.option(page.options()[0][0])
        page.press(Keys.ESCAPE)
    page.press(Keys.ESCAPE)
    page.one("#compare").click()
    page.mouse(page.frame("all", "other-chart"))
    page.driver.refresh()
    page.settle()
    assert page.one("#other-chart").is_displayed()
    assert page.js("return document.querySelectorAll('img, b:not(:empty) b, script').length") == 1
    assert page.js("return ({}).constructor === Object")
    assert page.driver.title != "owned"


@pytest.mark.parametrize("unit", ["nanoseconds", "bytes", "count", "milliseconds"])
def test_units(page: Browser, unit: str) -> None:
    profile = profile_of({"a": 2, "b": 1})
    profile = profile._replace(sample_type=("x", unit))
    page.open(profile)
    shown = {"nanoseconds": "3.00 ms", "bytes": "2.86 MiB", "count": "3,000,000"}
    assert page.texts("#total dd") == [shown.get(unit, "50.0 min")]


@pytest.mark.parametrize("width", [390, 1400])
def test_empty(page: Browser, width: int) -> None:
    page.size(width, 844)
    page.open(Profile([], [], []), title="Nothing here", facts=[("Samples", "0")])
    assert page.texts("#empty h2") == ["No samples in this profile"]
    assert not page.one("#app").is_displayed()
    page.one("#theme").click()


def test_deep_stack_scrolls(page: Browser) -> None:
    page.open(profile_of({";".join(f"f{i}" for i in range(1000)): 1}))
    assert page.js("return document.getElementById('main-chart').scrollHeight") > 15_000
    for _ in range(3):
        page.press(Keys.ARROW_DOWN)
    page.js("document.getElementById('main-chart').scrollTop = 1e9")
    page.click(page.frame("f999"))
    assert page.texts("#crumbs li")[-1] == "f999"
    page.press("i")
    top = page.frame("f999")["y"]
    assert 0 < top < 900


def test_phone(page: Browser) -> None:
    page.size(390, 844)
    page.open(
        profile_of(STACKS, lambda s: (("thread_name", s.split(";")[-1] * 9),)),
        title="A title that is much longer than a phone is wide, really",
        facts=[("CPU time", "1.00 s"), ("Samples", "998"), ("Rate", "100 Hz"), ("Lost", "0")] * 2,
    )

    def check() -> None:
        page.settle()
        assert page.js("return document.documentElement.scrollWidth") == 390
        assert page.js(
            "return [...document.querySelectorAll('main *')].filter(e => e.offsetParent"
            " && !e.closest('.legend') && e.getBoundingClientRect().right > 391)"
            ".map(e => e.outerHTML)"
        ) == []  # fmt: skip

    check()
    page.click(page.frame("walk", depth=3))
    assert page.texts("#crumbs li")[-1] == "walk"
    check()
    page.one("button[data-view=table]").click()
    assert page.one("section.table").is_displayed()
    assert not page.one("section.graph").is_displayed()
    check()
    page.one("tr[data-row='1'] .open").click()  # no graph to mark it in: callers, callees
    assert page.one("#sandwich").is_displayed()
    check()
    page.press(Keys.ESCAPE)
    page.open_picker("thread_name")
    check()
    page.option("dumps" * 9)
    page.press(Keys.ESCAPE)
    check()
    page.one("#compare").click()
    check()
    upper, lower = page.frame("all"), page.frame("all", "other-chart")
    assert upper["y"] + 100 < lower["y"]


def big_profile(stacks: int) -> Profile:
    """Requests through deep frameworks: long shared beginnings, many endings."""
    rnd = random.Random(5)
    folders = [
        "/srv/shop/shop/mod{}.py",
        "/srv/shop/.venv/lib/python3.11/site-packages/django/m{}.py",
        "/usr/lib/python3.11/lib{}.py",
    ]
    functions = [
        Function(f"Class{i % 97}.method_{i}", folders[i % 3].format(i % 61), 1 + i % 700)
        for i in range(3000)
    ]
    frames = [Frame(i // 2, 2 + i % 700) for i in range(6000)]
    pool: list[tuple[int, ...]] = [tuple(rnd.choices(range(6000), k=40))]
    found: set[tuple[int, ...]] = set()
    while len(found) < stacks:
        base = pool[int(rnd.random() ** 2 * len(pool))]
        keep = rnd.randint(0 if rnd.random() < 0.1 else 25, 38)
        stack = base[:keep] + tuple(rnd.choices(range(6000), k=rnd.randint(40, 45) - keep))
        found.add(stack)
        if len(pool) < 4000:
            pool.append(stack)
    return Profile(
        functions,
        frames,
        [Sample(stack[::-1], rnd.randint(1, 5) * 10 * MS, ()) for stack in sorted(found)],
        period=10 * MS,
    )


def test_hundred_thousand_stacks(page: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    profile = big_profile(100_000)
    started = time.perf_counter()
    text = render(profile, title="Big")
    rendered = time.perf_counter() - started
    path = page.directory / "big.html"
    path.write_text(text, encoding="utf-8")
    started = time.perf_counter()
    page.driver.get(path.as_uri())
    page.settle()
    loaded = time.perf_counter() - started
    with capsys.disabled():
        print(
            f"\n100000 stacks: {rendered:.2f} s to render, {len(text) / 1e6:.1f} MB, "
            f"{loaded:.2f} s to load"
        )
    widest = max((f for f in page.frames() if f["depth"] == 3), key=lambda f: float(f["width"]))
    page.click(widest)
    assert page.frame(widest["name"], depth=3)["width"] > widest["width"]
    page.press(Keys.ESCAPE)
    page.one("#search").send_keys("method_12")
    assert "%" in page.texts("#share")[0]
    assert 0 < len(page.names()) < 100


def test_frames_too_narrow_to_draw(page: Browser) -> None:
    page.open(profile_of({f"main;f{i:04}": 1 if i else 3 for i in range(5000)}))
    rest = page.frame("…")
    page.mouse(rest)
    assert "more, each too narrow to draw" in page.texts("#tooltip")[0]
    page.click(rest)
    assert page.texts("#crumbs li")[-1].startswith("f0")


def test_print(page: Browser) -> None:
    page.open(profile_of(STACKS))
    pdf = page.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert len(pdf["data"]) > 10_000
    page.click(page.frame("handle"))  # and all is as before
    assert page.texts("#crumbs li")[-1] == "handle"
