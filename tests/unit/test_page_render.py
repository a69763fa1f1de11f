# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What `report.page.render` writes, read back without a browser."""

from __future__ import annotations

import json
import re
import time
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl

import pytest

from pyroscope_native.model import Frame, Function, Profile, Sample
from pyroscope_native.report.page import CATEGORIES, categorize, render
from pyroscope_native.selection import Choice

EVIL = "</script><!--<script>alert(1)</script>&amp;\u2028\u2029\"'`{{js}}"


class Page(HTMLParser):
    """Elements with their attributes and text, as an HTML parser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        self.elements.append(("/" + tag, {}, []))  # takes the text that follows

    def handle_data(self, data: str) -> None:
        if self.elements:
            self.elements[-1][2].append(data)

    def texts(self, tag: str) -> list[str]:
        return ["".join(text) for name, _, text in self.elements if name == tag]

    @property
    def data(self) -> Any:
        return json.loads(self.texts("script")[0])


def profile_of(*stacks: tuple[str, int], **more: Any) -> Profile:
    """A profile from "root;child;leaf" texts; functions lie in app.py."""
    functions: dict[str, int] = {}
    samples = []
    for text, value in stacks:
        ids = [functions.setdefault(name, len(functions)) for name in text.split(";")]
        samples.append(Sample(tuple(reversed(ids)), value, ()))
    return Profile(
        functions=[Function(name, "/srv/app.py", 10 * i + 1) for i, name in enumerate(functions)],
        frames=[Frame(i, 10 * i + 2) for i in range(len(functions))],
        samples=samples,
        **more,
    )


def unpack(data: Any) -> dict[tuple[str, ...], int]:
    """Stacks by function name, root first, as the page's script rebuilds them."""
    found: dict[tuple[str, ...], int] = {}
    path: list[str] = []
    frames = iter(data["frames"])
    for shared, fresh, value in zip(data["shared"], data["fresh"], data["values"]):
        del path[shared:]
        for _ in range(fresh):
            path.append(data["names"][data["frameFunction"][next(frames)]])
        found[tuple(path)] = found.get(tuple(path), 0) + value * data["scale"]
    assert next(frames, None) is None
    return found


def test_stacks_and_weights_survive() -> None:
    stacks = {"main;a;b": 30, "main;a": 20, "main;a;c": 10, "other": 50}
    data = Page(render(profile_of(*stacks.items()), title="t")).data
    assert unpack(data) == {tuple(text.split(";")): value for text, value in stacks.items()}
    assert data["scale"] == 10
    assert (data["type"], data["unit"]) == ("cpu", "nanoseconds")


def test_shared_beginnings_are_written_once() -> None:
    data = Page(render(profile_of(("m;a;b;c", 1), ("m;a;b;d", 1), ("m;a;b", 1)), title="t")).data
    assert len(data["frames"]) == 5
    assert sorted(data["shared"]) == [0, 3, 3]


def test_functions_merge_by_name_and_file() -> None:
    profile = Profile(
        functions=[Function("f", "/a.py", 9), Function("f", "/a.py", 4), Function("f", "/b.py", 1)],
        frames=[Frame(0, 10), Frame(1, 5), Frame(2, 2)],
        samples=[Sample((0,), 1, ()), Sample((1,), 1, ()), Sample((2,), 1, ())],
    )
    data = Page(render(profile, title="t")).data
    assert data["names"] == ["f", "f"]
    assert data["line"] == [4, 1]
    assert data["frameFunction"] == [0, 0, 1]
    assert data["frameLine"] == [10, 5, 2]


def test_labels() -> None:
    one = (("thread_name", "one"),)
    two = (("thread_name", "two"),)
    profile = profile_of(("a", 1))
    profile = profile._replace(samples=[Sample((0,), 3, one), Sample((0,), 4, two)])
    data = Page(render(profile, title="t")).data
    assert labels_of(data) == [{"thread_name": "one"}, {"thread_name": "two"}]
    assert data["values"] == [3, 4]
    assert data["frames"] == [0]


def labels_of(data: Any) -> list[dict[str, str]]:
    """The labels of each sample, as the page's script reads them."""
    return [
        {
            label["name"]: label["values"][label["of"][label_set]]
            for label in data["labels"]
            if label["of"][label_set]
        }
        for label_set in data["labelSets"] or [0] * len(data["values"])
    ]


def test_labels_are_written_once() -> None:
    sets = [{"a": "x", "thread_name": "t"}, {"a": "x"}, {"z": "x"}, {}, {"a": "x"}]
    profile = profile_of(("f", 1))._replace(
        samples=[
            Sample((0,), 10 + value, tuple(sorted(labels.items())))
            for value, labels in enumerate(sets)
        ]
    )
    data = Page(render(profile, title="t")).data
    found = sorted(zip(data["values"], labels_of(data)), key=lambda pair: pair[0])
    assert [labels for _, labels in found] == sets
    assert [label["name"] for label in data["labels"]] == ["a", "z", "thread_name"]
    assert [label["values"] for label in data["labels"]] == [["", "x"], ["", "x"], ["", "t"]]
    assert len(data["labels"][0]["of"]) == 4


def test_of_a_label_that_is_there_twice_the_first_value_counts() -> None:
    profile = profile_of(("f", 1))
    profile = profile._replace(samples=[Sample((0,), 1, (("a", "x"), ("a", "y")))])
    assert labels_of(Page(render(profile, title="t")).data) == [{"a": "x"}]


def test_opens_as_is_asked() -> None:
    profile = profile_of(("f", 1))
    sides = [Choice("end point", "/a&b=c"), Choice("end point", "")]
    opening = Page(render(profile, title="t", sides=sides)).data["opening"]
    assert parse_qsl(opening) == [("compare", "end point=/a&b=c"), ("compare", "end point=")]
    assert Page(render(profile, title="t")).data["opening"] == ""


def test_samples_without_weight_are_left_out() -> None:
    data = Page(render(profile_of(("a", 0), ("b", 5), ("c", -5)), title="t")).data
    assert unpack(data) == {("b",): 5}


@pytest.mark.parametrize("profile", [Profile([], [], []), profile_of(("a", 0))])
def test_empty(profile: Profile) -> None:
    page = Page(render(profile, title="Nothing"))
    assert page.data["values"] == []
    assert page.texts("title") == ["Nothing"]


def test_nothing_can_break_out() -> None:
    profile = Profile(
        functions=[Function(EVIL, EVIL + "/x.py", 1)],
        frames=[Frame(0, 1)],
        samples=[Sample((0,), 1, ((EVIL, EVIL),))],
        sample_type=(EVIL, EVIL),
    )
    evil = render(profile, title=EVIL, facts=[(EVIL, EVIL)])
    plain = render(profile_of(("a", 1)), title="t", facts=[("a", "b")])
    page = Page(evil)
    assert [e[0] for e in page.elements] == [e[0] for e in Page(plain).elements]
    assert page.data["names"] == [EVIL]
    assert page.texts("title") == [EVIL]
    assert EVIL in page.texts("dt")
    assert EVIL in page.texts("dd")
    embedded = re.findall(r'id="profile">(.*?)</script>', evil, re.S)[0]
    assert not re.search("[<>&\u2028\u2029]", embedded)


def test_only_our_script_and_style_may_run() -> None:
    page = Page(render(profile_of(("a", 1)), title="t"))
    policy = next(
        attributes["content"] or ""
        for tag, attributes, _ in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    for kind, text in (("script", page.texts("script")[1]), ("style", page.texts("style")[0])):
        digest = b64encode(sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    for tag, attributes, _ in page.elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag


def test_lone_surrogates() -> None:
    profile = profile_of(("a", 1))
    profile = profile._replace(functions=[Function("f\udcff", "/tmp/\ud800.py", 1)])
    text = render(profile, title="t\udcfe", facts=[("\udcff", "\udcff")])
    text.encode("utf-8")
    data = Page(text).data
    assert data["names"] == ["f\ufffd"]
    assert "".join(data["files"][0]) == "/tmp/\ufffd.py"


def test_deterministic() -> None:
    stacks = [("m;a", 1), ("m;b", 2), ("m;c;d", 3)]
    profile = profile_of(*stacks)
    again = profile_of(*stacks)
    again.samples.reverse()
    assert render(profile, title="t") == render(profile, title="t")
    assert render(profile, title="t") == render(again, title="t")


@pytest.mark.parametrize(
    ("name", "filename", "category"),
    [
        ("[truncated]", "", "marker"),
        ("[lost samples]", "", "marker"),
        ("len", "", "native"),
        ("f", "/usr/lib/x86_64-linux-gnu/libc.so.6", "native"),
        ("f", "/v/lib/python3.11/site-packages/numpy/core/_m.cpython-311.so", "native"),
        ("f", "/v/lib/python3.11/site-packages/django/http.py", "packages"),
        ("f", "/usr/lib/python3/dist-packages/apt/cache.py", "packages"),
        ("f", "C:\\v\\Lib\\site-packages\\x\\y.py", "packages"),
        ("f", "/root/go/pkg/mod/github.com/a/b@v1.2.3/c.go", "packages"),
        ("f", "/usr/lib/python3.11/json/decoder.py", "stdlib"),
        ("f", "/usr/lib64/python3.9/json/decoder.py", "stdlib"),
        ("f", "/opt/py/lib/python3.13t/os.py", "stdlib"),
        ("f", "C:\\Program Files\\Python312\\Lib\\os.py", "stdlib"),
        ("f", "<frozen importlib._bootstrap>", "stdlib"),
        ("runtime.main", "/usr/local/go/src/runtime/proc.go", "stdlib"),
        ("r", "/root/go/pkg/mod/golang.org/toolchain@v0.0.1/src/runtime/proc.go", "stdlib"),
        ("f", "/home/me/project/app.py", "app"),
        ("f", "<string>", "app"),
        ("f", "<stdin>", "app"),
        ("[x for x in y]", "/home/me/a.py", "app"),
    ],
)
def test_categories(name: str, filename: str, category: str) -> None:
    assert category in CATEGORIES
    assert categorize(name, filename) == category


def short_paths(*files: str) -> list[str]:
    profile = Profile(
        [Function(f"f{i}", file, 1) for i, file in enumerate(files)],
        [Frame(i, 1) for i in range(len(files))],
        [Sample((i,), 1, ()) for i in range(len(files))],
    )
    data = Page(render(profile, title="t")).data
    assert ["".join(parts) for parts in data["files"]] == list(dict.fromkeys(files))
    return [short for _, short in data["files"]]


def test_short_paths() -> None:
    assert short_paths(
        "/srv/shop/manage.py",
        "/srv/shop/cart/views.py",
        "/srv/shop/.venv/lib/python3.11/site-packages/django/http.py",
        "/usr/lib/python3.11/json/decoder.py",
        "<frozen os>",
        "<string>",
        "",
    ) == [
        "manage.py", "cart/views.py", "django/http.py", "json/decoder.py", "<frozen os>",
        "<string>", "",
    ]  # fmt: skip


def test_short_paths_survive_one_stray_file() -> None:
    files = [f"/srv/shop/m{i}.py" for i in range(9)]
    assert short_paths(*files, "/tmp/x.py") == [f"m{i}.py" for i in range(9)] + ["/tmp/x.py"]


def test_short_paths_without_a_common_home() -> None:
    assert short_paths("/a/x.py", "/b/y.py") == ["/a/x.py", "/b/y.py"]
    assert short_paths("/srv/one.py") == ["one.py"]
    assert short_paths("one.py") == ["one.py"]


def test_many_stacks_are_quick() -> None:
    names = [f"f{i}" for i in range(500)]
    stacks = {(*((i >> k) % 500 for k in range(36, -1, -1)), i % 500) for i in range(20_000)}
    profile = Profile(
        [Function(name, "/srv/a.py", 1) for name in names],
        [Frame(i, 1) for i in range(500)],
        [Sample(stack[::-1], 10_000_000, ()) for stack in stacks],
    )
    started = time.perf_counter()
    text = render(profile, title="t")
    print(f"{len(stacks)} stacks: {time.perf_counter() - started:.2f} s, {len(text) / 1e6:.1f} MB")
    assert sum(unpack(Page(text).data).values()) == profile.total
