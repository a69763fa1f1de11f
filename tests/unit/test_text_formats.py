# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from pyroscope_native.model import Frame, Function, Labels, Profile, Sample
from pyroscope_native.report import collapsed, comparison, groups, speedscope, text
from pyroscope_native.report.terminal import Terminal
from pyroscope_native.selection import Choice


def profile_of(stacks: dict[str, int], labels: Labels = (), **fields: Any) -> Profile:
    """Make a profile of root-first stacks such as `main;run`; a file per function."""
    names = sorted({name for stack in stacks for name in stack.split(";")})
    return Profile(
        functions=[Function(name, f"/srv/{name}.py", 10) for name in names],
        frames=[Frame(index, 12) for index in range(len(names))],
        samples=[
            Sample(tuple(names.index(name) for name in reversed(stack.split(";"))), value, labels)
            for stack, value in stacks.items()
        ],
        **fields,
    )


# collapsed


def test_collapsed_lines_are_root_first_sorted_and_merged() -> None:
    profile = profile_of({"main;run;step": 5, "main": 2})
    profile.samples.append(Sample(profile.samples[0].stack, 3, (("a", "b"),)))
    assert collapsed.render(profile) == "main 2\nmain;run;step 8\n"


def test_collapsed_lines_ignore_line_numbers() -> None:
    functions = [Function("f", "/f.py", 1)]
    samples = [Sample((0,), 1, ()), Sample((1,), 2, ())]
    assert collapsed.render(Profile(functions, [Frame(0, 1), Frame(0, 2)], samples)) == "f 3\n"


def test_collapsed_names_can_not_break_a_line() -> None:
    functions = [Function("a;b\r\nc\u2028d\udcff", "", 0)]
    rendered = collapsed.render(Profile(functions, [Frame(0, 0)], [Sample((0,), 1, ())]))
    assert rendered == "a:b c d\ufffd 1\n"
    assert rendered.encode().decode().splitlines() == [rendered[:-1]]


def test_no_samples_are_no_lines() -> None:
    assert collapsed.render(Profile([], [], [])) == ""


# speedscope


def sampled(profile: Profile) -> list[Any]:
    rendered = json.loads(speedscope.render(profile, name="shop"))
    profiles: list[Any] = rendered["profiles"]
    for each in profiles:
        assert each["type"] == "sampled"
        assert len(each["samples"]) == len(each["weights"])
        assert each["endValue"] == sum(each["weights"])
    return profiles


def test_speedscope_file() -> None:
    rendered = json.loads(speedscope.render(profile_of({"main;run": 5, "main": 2}), name="shop"))
    assert rendered["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert rendered["name"] == "shop"
    assert rendered["shared"]["frames"] == [
        {"name": "main", "file": "/srv/main.py", "line": 10},
        {"name": "run", "file": "/srv/run.py", "line": 10},
    ]
    assert rendered["profiles"] == [
        {
            "type": "sampled",
            "name": "shop",
            "unit": "nanoseconds",
            "startValue": 0,
            "endValue": 7,
            "samples": [[0, 1], [0]],
            "weights": [5, 2],
        }
    ]


def test_speedscope_has_a_profile_per_thread() -> None:
    profile = profile_of({"a": 1})
    for value, thread in ((2, "t1"), (9, "t2"), (3, "t1")):
        profile.samples.append(Sample((0,), value, (("thread_name", thread), ("z", "y"))))
    assert [(each["name"], each["weights"]) for each in sampled(profile)] == [
        ("t2", [9]),
        ("t1", [2, 3]),
        ("shop", [1]),
    ]


@pytest.mark.parametrize(
    ("unit", "shown"), [("bytes", "bytes"), ("nanoseconds", "nanoseconds"), ("count", "none")]
)
def test_speedscope_units(unit: str, shown: str) -> None:
    assert sampled(profile_of({"a": 1}, sample_type=("x", unit)))[0]["unit"] == shown


def test_speedscope_leaves_out_what_a_marker_has_not() -> None:
    profile = Profile([Function("[lost samples]", "", 0)], [Frame(0, 0)], [Sample((0,), 1, ())])
    rendered = json.loads(speedscope.render(profile, name="x"))
    assert rendered["shared"]["frames"] == [{"name": "[lost samples]"}]


def test_speedscope_text_can_be_written_as_utf8() -> None:
    profile = profile_of({"\udcff": 1})
    assert json.loads(speedscope.render(profile, name="x").encode())


def test_an_empty_speedscope_file_has_an_empty_profile() -> None:
    assert sampled(Profile([], [], []))[0]["weights"] == []


# text


def table(profile: Profile, **options: Any) -> list[list[str]]:
    """The cells of a rendered table, without the headings."""
    lines = text.render(profile, **options).splitlines()
    return [re.split(r"\s{2,}", line.strip()) for line in lines[3:]]


def test_text_table() -> None:
    profile = profile_of(
        {"main;run;step": 6_000_000_000, "main;run": 3_000_000_000, "main": 1_000_000_000},
        duration_ns=15 * 10**9,
    )
    assert text.render(profile) == (
        "10.00 s cpu in 15.00 s\n"
        "\n"
        "  self  self%    total  total%  function  location\n"
        "6.00 s  60.0%   6.00 s   60.0%  step      /srv/step.py:10\n"
        "3.00 s  30.0%   9.00 s   90.0%  run       /srv/run.py:10\n"
        "1.00 s  10.0%  10.00 s  100.0%  main      /srv/main.py:10\n"
    )


def test_recursion_counts_once_for_total() -> None:
    rows = table(profile_of({"main;f;g;f;f": 10}, sample_type=("samples", "count")))
    assert rows[0][:5] == ["10", "100.0%", "10", "100.0%", "f"]


def test_a_function_is_one_row_whatever_its_line() -> None:
    functions = [Function("f", "/f.py", 1), Function("f", "/f.py", 1)]
    frames = [Frame(0, 1), Frame(0, 2), Frame(1, 3)]
    samples = [Sample((index,), 1, ()) for index in range(3)]
    assert len(table(Profile(functions, frames, samples))) == 1


def test_the_limit_is_told() -> None:
    rows = table(profile_of({f"f{index:02}": 100 - index for index in range(20)}), limit=3)
    assert [row[4] for row in rows[:3]] == ["f00", "f01", "f02"]
    assert rows[3:] == [["and 17 more functions"]]


def test_an_empty_profile() -> None:
    assert text.render(Profile([], [], [])) == "0 ns cpu\n\nno samples\n"


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [
        ("nanoseconds", 12_410_000_000, "12.41 s"),
        ("nanoseconds", 4_500_000, "4.50 ms"),
        ("nanoseconds", 4_500, "4.50 µs"),
        ("nanoseconds", 999, "999 ns"),
        ("milliseconds", 2_000, "2.00 s"),
        ("bytes", 3 * 2**30, "3.00 GiB"),
        ("bytes", 1536, "1.50 KiB"),
        ("bytes", 12, "12 B"),
        ("count", 1_234_567, "1,234,567"),
    ],
)
def test_units(unit: str, value: int, shown: str) -> None:
    rows = table(profile_of({"f": value}, sample_type=("x", unit)))
    assert rows[0][0] == shown


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ("/opt/v/lib/python3.12/site-packages/flask/app.py", "flask/app.py:10"),
        ("/usr/lib/python3/dist-packages/apt/cache.py", "apt/cache.py:10"),
        ("/usr/lib/python3.13t/json/decoder.py", "json/decoder.py:10"),
        ("/usr/lib64/python3.9/json/decoder.py", "json/decoder.py:10"),
        ("/work/shop/cart.py", "shop/cart.py:10"),
        ("/workshop/cart.py", "/workshop/cart.py:10"),
        ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>:10"),
    ],
)
def test_paths_are_shortened(filename: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getcwd", lambda: "/work")
    profile = Profile([Function("f", filename, 10)], [Frame(0, 1)], [Sample((0,), 1, ())])
    assert table(profile)[0][-1] == shown


def test_a_removed_working_directory_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert table(profile_of({"f": 1}))[0][-1] == "/srv/f.py:10"


def cells(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


@pytest.mark.parametrize("name", ["Class.method_" * 20, "計算する" * 40, "f"])
@pytest.mark.parametrize("width", [60, 100, 133])
def test_lines_fit(name: str, width: int) -> None:
    profile = profile_of({name: 5_000_000_000, "short": 7})
    profile.functions.append(Function("other", "/deep" * 60 + "/file.py", 99_999))
    profile.frames.append(Frame(len(profile.functions) - 1, 1))
    profile.samples.append(Sample((len(profile.frames) - 1,), 1, ()))
    profile = profile._replace(sample_type=("a_very_long_name" * 20, "nanoseconds"))
    lines = text.render(profile, Terminal(width)).splitlines()
    assert max(map(cells, lines)) <= width
    assert "…" in "".join(lines)


def test_long_names_lose_their_middle() -> None:
    rows = table(profile_of({"begin" + "x" * 200 + "end": 1}))
    assert rows[0][4].startswith("begin")
    assert rows[0][4].endswith("end")


def test_terminal_escapes_in_names_are_not_sent_to_the_terminal() -> None:
    rendered = text.render(profile_of({"f\x1b[2J\n\udcff": 1}))
    assert "\x1b" not in rendered
    assert len(rendered.splitlines()) == 4
    rendered.encode()


def test_color_changes_nothing_but_color() -> None:
    profile = profile_of({"main;run": 5, "main": 2})
    colored = text.render(profile, Terminal(color=True))
    assert colored != text.render(profile)
    assert re.sub(r"\x1b\[\d+m", "", colored) == text.render(profile)


# groups and comparisons


def shop_profile() -> Profile:
    """Three endpoints and a thread that serves none."""
    profile = profile_of({})
    for stacks, endpoint in (
        ({"main;cart;sum": 3, "main;cart": 1}, "/cart"),
        ({"main;cart;sum": 1, "main;search": 1}, "/search"),
        ({"main;login": 1}, "/login"),
        ({"sweep": 3}, ""),
    ):
        labels = (("endpoint", endpoint),) if endpoint else ()
        part = profile_of({stack: s * 10**9 for stack, s in stacks.items()}, labels)
        profile = Profile.merged([profile, part])
    return profile


def test_groups() -> None:
    assert groups.render(shop_profile(), "endpoint") == (
        "10.00 s cpu by endpoint\n"
        "\n"
        "   cpu  share  endpoint  top function\n"
        "4.00 s  40.0%  /cart     75.0% sum  /srv/sum.py:10\n"
        "2.00 s  20.0%  /search   50.0% search  /srv/search.py:10\n"
        "1.00 s  10.0%  /login    100.0% login  /srv/login.py:10\n"
        "3.00 s  30.0%  (none)    100.0% sweep  /srv/sweep.py:10\n"
    )


def test_rare_groups_share_a_line() -> None:
    lines = groups.render(shop_profile(), "endpoint", limit=1).splitlines()[3:]
    assert [line.split() for line in lines] == [
        ["4.00", "s", "40.0%", "/cart", "75.0%", "sum", "/srv/sum.py:10"],
        ["3.00", "s", "30.0%", "2", "others"],
        ["3.00", "s", "30.0%", "(none)", "100.0%", "sweep", "/srv/sweep.py:10"],
    ]
    assert "1 other\n" in groups.render(shop_profile(), "endpoint", limit=2)


def test_groups_of_a_label_that_nobody_has() -> None:
    assert groups.render(shop_profile(), "tenant") == (
        "no sample has the label 'tenant'; there are 'endpoint'\n"
    )
    assert groups.render(profile_of({"f": 1}), "tenant\x1b") == (
        "no sample has the label 'tenant\\x1b'; there are no labels\n"
    )


def test_comparison() -> None:
    sides = Choice("endpoint", "/cart"), Choice("endpoint", "/search")
    assert comparison.render(shop_profile(), *sides) == (
        "A: 4.00 s cpu, endpoint=/cart\n"
        "B: 2.00 s cpu, endpoint=/search\n"
        "\n"
        "self A  self B   diff  total A  total B   diff  function  location\n"
        "  0.0%   50.0%  +50.0     0.0%    50.0%  +50.0  search    /srv/search.py:10\n"
        " 25.0%    0.0%  -25.0   100.0%    50.0%  -50.0  cart      /srv/cart.py:10\n"
        " 75.0%   50.0%  -25.0    75.0%    50.0%  -25.0  sum       /srv/sum.py:10\n"
        "  0.0%    0.0%   +0.0   100.0%   100.0%   +0.0  main      /srv/main.py:10\n"
    )
    lines = comparison.render(shop_profile(), *sides, limit=1).splitlines()
    assert lines[-1] == "and 3 more functions"


def test_comparison_with_what_has_no_label() -> None:
    sides = Choice("endpoint", "/cart"), Choice("endpoint", "")
    assert "B: 3.00 s cpu, without endpoint\n" in comparison.render(shop_profile(), *sides)


def test_labels_can_not_obey_a_terminal_or_break_lines() -> None:
    name, value = "end\x1b[2Jpoint\n" + "n" * 90, "/\x1b[2J\n計" + "v" * 900
    labels = ((name, value),)
    profile = profile_of({"f": 5}, labels)
    for rendered in (
        groups.render(profile, name, Terminal(70)),
        comparison.render(profile, Choice(name, value), Choice(name, ""), Terminal(70)),
    ):
        assert "\x1b" not in rendered
        assert max(map(cells, rendered.splitlines())) <= 70
