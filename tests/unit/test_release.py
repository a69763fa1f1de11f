# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a release must have, and what is said when it has not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("tomllib", reason="the release is made with Python 3.11 or later")
pytest.importorskip("wheels", reason="there is no checkout")

from pyroscope_native.version import VERSION
from wheels import changelog, release
from wheels.changelog import Section
from wheels.pythons import Python, pythons
from wheels.targets import TARGETS, Target

MATRIX = [Python("3.9", "all"), Python("3.10", "core")]

PLATFORMS = (
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "manylinux2014_aarch64.manylinux_2_17_aarch64",
    "musllinux_1_2_x86_64",
    "musllinux_1_2_aarch64",
    "macosx_10_9_x86_64",
    "macosx_11_0_arm64",
)


def whole(version: str = "0.2.0") -> list[str]:
    """Names of a release's files, for `MATRIX`."""
    stem = f"pyroscope_native-{version}"
    native = [f"{stem}-{p.tag}-{p.tag}-{platform}.whl" for p in MATRIX for platform in PLATFORMS]
    return [f"{stem}.tar.gz", f"{stem}-py3-none-any.whl", *native]


def complaints(files: list[str], version: str = "0.2.0") -> list[str]:
    found = release.about_files(files, version, MATRIX)
    return [finding.text for finding in found if not finding.is_well]


def test_a_whole_release_is_well() -> None:
    found = list(release.about_files(whole(), "0.2.0", MATRIX))
    assert [finding.text for finding in found] == whole()
    assert all(finding.is_well for finding in found)


@given(st.sets(st.sampled_from(whole())))
def test_what_is_missing_is_named(gone: set[str]) -> None:
    told = complaints([file for file in whole() if file not in gone])
    parts = {release.part_of(file) for file in gone}
    assert {text.split(" is missing: ")[0] for text in told} == {part[0] for part in parts if part}
    assert len(told) == len(gone)


@given(st.sets(st.sampled_from(whole("0.1.9")), min_size=1))
def test_files_of_another_version_do_not_count(stale: set[str]) -> None:
    kept = [file for file in whole() if file.replace("0.2.0", "0.1.9") not in stale]
    told = complaints([*kept, *stale])
    assert sum(" is missing: " in text for text in told) == len(stale)
    assert {text.split(" ")[0] for text in told if "of version 0.1.9" in text} == stale


@pytest.mark.parametrize(
    "file",
    [
        "pyroscope_native-0.2.0-cp39-cp39-linux_x86_64.whl",  # no server takes it
        "pyroscope_native-0.2.0-cp310-cp310-macosx_11_0_universal2.whl",
        "pyroscope_native-0.2.0-cp310-cp310t-musllinux_1_2_x86_64.whl",
        "pyroscope_native-0.2.0-cp311-cp311-musllinux_1_2_x86_64.whl",  # not in the matrix
        "pyroscope_native-0.2.0-cp39-cp39-manylinux_2_17_x86_64.musllinux_1_2_x86_64.whl",
        "pyroscope_native-0.2.0-debug.zip",
        "pyroscope-native-0.2.0.tar.gz",
        "notes.txt",
    ],
)
def test_what_is_no_part_of_a_release_is_told(file: str) -> None:
    assert complaints([*whole(), file]) == [f"{file} is no part of a release: remove it"]


def test_a_part_is_there_once() -> None:
    again = "pyroscope_native-0.2.0-cp39-cp39-manylinux_2_28_x86_64.whl"
    assert complaints([*whole(), again]) == [
        "cp39 manylinux x86_64 is there more than once: "
        "pyroscope_native-0.2.0-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl, "
        "pyroscope_native-0.2.0-cp39-cp39-manylinux_2_28_x86_64.whl"
    ]


def test_the_tag_is_the_version() -> None:
    assert release.about_tag("v0.2.0", "0.2.0").is_well
    for tag in ("0.2.0", "v0.2", "v0.2.0rc1", "V0.2.0", "v0.2.0 "):
        finding = release.about_tag(tag, "0.2.0")
        assert not finding.is_well
        assert "tag v0.2.0" in finding.text


NEW = Section("0.2.0", "2027-01-31", "- Wheels.")


@pytest.mark.parametrize(
    ("sections", "advice"),
    [
        ([], "begin one for 0.2.0"),
        ([Section("0.1.0", "2026-12-01", "- All.")], "begin one for 0.2.0"),
        ([Section("0.1.0", "2026-12-01", "- All."), NEW], "begin one for 0.2.0"),
        ([NEW._replace(day="unreleased")], "put the day of the release there"),
        ([NEW._replace(day="")], "put the day of the release there"),
        ([NEW._replace(day="2027-02-30")], "put the day of the release there"),
        ([NEW._replace(day="20270131")], "put the day of the release there"),
        ([NEW._replace(text="")], "say what users get"),
    ],
)
def test_the_changelog_is_of_the_release(sections: list[Section], advice: str) -> None:
    finding = release.about_changelog(sections, "0.2.0")
    assert not finding.is_well
    assert advice in finding.text


def test_a_changelog_with_its_day_will_do() -> None:
    assert release.about_changelog([NEW, Section("0.1.0", "", "")], "0.2.0").is_well


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[0-9]+(\.[0-9]+){2}(rc[0-9])?", fullmatch=True),
            st.sampled_from(["unreleased", "2026-12-01", ""]),
            st.lists(st.sampled_from(["- A thing.", "  (more of it)", "", "### Fixed", "## "])),
        )
    )
)
def test_sections_are_read_as_they_were_written(written: list[tuple[str, str, list[str]]]) -> None:
    text = "# Changelog\n"
    for version, day, lines in written:
        text += f"\n## {version}{f' ({day})' if day else ''}\n\n" + "\n".join(lines) + "\n"
    assert changelog.sections(text) == [
        (version, day, "\n".join(lines).strip()) for version, day, lines in written
    ]


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all files of a release; tag and changelog are as they must be."""
    text = tmp_path / "CHANGELOG.md"
    text.write_text("# Changelog\n\n## 0.2.0 (2027-01-31)\n\n- Wheels.\n\n## 0.1.0 (2026-12-01)\n")
    monkeypatch.setattr(changelog, "CHANGELOG", text)
    monkeypatch.setattr(release, "VERSION", "0.2.0")
    monkeypatch.setattr(release, "pythons", lambda: MATRIX)
    dist = tmp_path / "dist"
    dist.mkdir()
    for file in whole():
        (dist / file).touch()
    return dist


def test_command(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--dist", str(released)]
    assert release.main(["v0.2.0", *options]) == 0
    assert capsys.readouterr().out.count("ok   ") == len(whole()) + 2
    assert release.main(["v0.3.0", *options]) == 1
    (released / whole()[0]).unlink()
    assert release.main(["--text", "v0.2.0", *options]) == 0
    capsys.readouterr()
    assert release.main(["--files", *options]) == 1
    assert "NOT  the sdist is missing: make wheels" in capsys.readouterr().out
    assert release.main(["--files", "--dist", str(released / "none")]) == 1


def test_notes(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["--notes"]) == 0
    assert capsys.readouterr().out == "- Wheels.\n"


def test_this_checkout_has_a_section_and_a_matrix() -> None:
    newest, *_ = changelog.sections(changelog.CHANGELOG.read_text())
    assert newest.version == VERSION
    assert newest.text
    assert len(release.parts(pythons())) == 2 + 6 * len(pythons())


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_is_built_for_linux_is_part_of_a_release(target: Target) -> None:
    file = f"pyroscope_native-0.2.0-cp39-cp39-{'.'.join(target.platforms)}.whl"
    part = release.part_of(file)
    assert part is not None
    assert part[0] in release.parts(MATRIX)
