# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""`merge`: profiles in files to one."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pytest

from pyroscope_native import merge
from pyroscope_native.cli import main
from pyroscope_native.deliver import file
from pyroscope_native.deliver.file import read_profile
from pyroscope_native.model import Frame, Function, Labels, Profile, Sample
from pyroscope_native.pprof import encode

NS = 1_000_000_000


def profile_of(weights: dict[str, int], labels: Labels = ()) -> Profile:
    """Functions of one frame each, in a second that begins with 1000."""
    return Profile(
        functions=[Function(name, f"/srv/{name}.py", 10) for name in weights],
        frames=[Frame(index, 11) for index in range(len(weights))],
        samples=[Sample((i,), value, labels) for i, value in enumerate(weights.values())],
        period=10_000_000,
        time_ns=1000 * NS,
        duration_ns=NS,
    )


def put(path: Path, profile: Profile) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(encode(profile)))
    return str(path)


def weights_of(path: Path) -> dict[tuple[str, Labels], int]:
    profile = read_profile(str(path))
    return {
        (profile.functions[profile.frames[stack[0]].function].name, labels): value
        for stack, value, labels in profile.samples
    }


def test_files_become_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acme = (("tenant", "acme"),)
    one = put(tmp_path / "one.pb.gz", profile_of({"f": 1, "g": 2}, acme))
    two = put(tmp_path / "two.pb.gz", profile_of({"g": 4}, acme)._replace(time_ns=1005 * NS))
    three = put(tmp_path / "three.pb.gz", profile_of({"g": 8}))
    merged, page = tmp_path / "all.pb.gz", tmp_path / "all.html"
    assert main(["merge", one, two, three, "-o", str(merged), "-o", str(page)]) == 0
    assert capsys.readouterr() == (f"{merged}\n{page}\n", "")
    assert weights_of(merged) == {("f", acme): 1, ("g", acme): 6, ("g", ()): 8}
    profile = read_profile(str(merged))
    assert (profile.time_ns, profile.duration_ns) == (1000 * NS, 6 * NS)
    assert profile.period == 10_000_000
    assert page.read_text().startswith("<!doctype html>")


def test_files_can_be_told_apart(tmp_path: Path) -> None:
    profile = profile_of({"f": 1}, (("tenant", "acme"),))
    files = [put(tmp_path / host / "cpu.pb.gz", profile) for host in ("a", "b")]
    merged = tmp_path / "all.pb.gz"
    assert main(["merge", *files, "--label-files", "host", "-o", str(merged)]) == 0
    assert weights_of(merged) == {
        ("f", (("host", host), ("tenant", "acme"))): 1 for host in ("a/cpu", "b/cpu")
    }
    again = tmp_path / "again.pb.gz"
    words = ["merge", str(merged), files[0], "--label-files", "host", "-o", str(again)]
    assert main(words) == 0
    assert [labels[0][1] for _, labels in weights_of(again)] == ["a/cpu", "b/cpu"]


def test_a_file_that_does_not_go_with_the_others_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = put(tmp_path / "good.pb.gz", profile_of({"f": 1}))
    memory = put(
        tmp_path / "memory.pb.gz",
        profile_of({"f": 1})._replace(sample_type=("inuse_space", "bytes")),
    )
    garbage = tmp_path / "garbage.pb.gz"
    garbage.write_bytes(b"\x1f\x8b nonsense")
    output = tmp_path / "all.pb.gz"
    for bad, words in (
        (memory, f"with {good}: inuse_space in bytes can't be added to cpu in nano"),
        (str(garbage), "damaged gzip"),
        (str(tmp_path / "absent.pb.gz"), "No such file"),
    ):
        assert main(["merge", good, bad, "-o", str(output)]) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"pyroscope-native merge: {bad}")
        assert words in error
    assert not output.exists()


@pytest.mark.parametrize(
    "options", [["-o", "all.txt"], ["-o", "all.pb.gz", "--label-files", "not a name"]]
)
def test_options_that_cannot_be(options: list[str], tmp_path: Path) -> None:
    good = put(tmp_path / "good.pb.gz", profile_of({"f": 1}))
    assert main(["merge", good, *options]) == 2


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = put(tmp_path / "good.pb.gz", profile_of({"f": 1}))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(file.os, "replace", interrupted)
    assert main(["merge", good, "-o", str(tmp_path / "all.pb.gz")]) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["good.pb.gz"]


def test_who_waits_at_a_terminal_sees_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [put(tmp_path / f"{n}.pb.gz", profile_of({"f": 1})) for n in range(3)]
    monkeypatch.setattr(merge, "_PATIENCE_S", 0)
    words = ["merge", *files, "-o", str(tmp_path / "all.pb.gz")]
    assert main(words) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(words) == 0
    shown = capsys.readouterr().err
    assert shown.startswith("\rreading 1 of 3: 0.pb.gz\rreading 2 of 3: 1.pb.gz\r")
    assert shown.split("\r")[-2].isspace()
