# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Says whether a release is whole: its tag, its changelog and the files in `dist`.

See `python -m wheels.release --help`, and CONTRIBUTING for what a release takes.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from pyroscope_native.version import VERSION
from wheels import changelog
from wheels.changelog import Section
from wheels.checkout import DIST
from wheels.pythons import Python, pythons

SYSTEMS = (
    "manylinux x86_64",
    "manylinux aarch64",
    "musllinux x86_64",
    "musllinux aarch64",
    "macosx x86_64",
    "macosx arm64",
)
"""What there is a wheel for, for each CPython."""

SDIST = "the sdist"
PURE = "py3-none-any"

WHEEL = re.compile(r"pyroscope_native-([^-]+)-([^-]+)-([^-]+)-([^-]+)\.whl")
ARCHIVE = re.compile(r"pyroscope_native-([^-]+)\.tar\.gz")
PLATFORM = re.compile(r"(manylinux|musllinux|macosx)(?:_\d+_\d+|20\d\d)_(\w+)")


class Finding(NamedTuple):
    """A line of the list."""

    is_well: bool
    text: str


def about_tag(tag: str, version: str) -> Finding:
    """Whether a tag is that of the version."""
    if tag == f"v{version}":
        return Finding(True, f"the tag {tag} is the version's")
    return Finding(
        False,
        f"the tag is {tag}, but pyroscope_native/version.py says {version}: "
        f"tag v{version}, or raise the version first",
    )


def about_changelog(sections: Sequence[Section], version: str) -> Finding:
    """Whether the newest section is one of that version, with its day and something to say."""
    if not sections:
        return Finding(False, f"CHANGELOG.md has no section: begin one for {version}")
    newest = sections[0]
    told = f"the newest section of CHANGELOG.md is {newest.version} ({newest.day})"
    if newest.version != version:
        return Finding(False, f"{told}: begin one for {version}")
    if not _is_date(newest.day):
        return Finding(False, f"{told}: put the day of the release there, as 2027-01-31")
    if not newest.text:
        return Finding(False, f"{told}, and is empty: say what users get")
    return Finding(True, told)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def part_of(file: str) -> tuple[str, str] | None:
    """Which part of a release a file of that name is, and of which version; None for others."""
    archive = ARCHIVE.fullmatch(file)
    if archive:
        return SDIST, archive[1]
    wheel = WHEEL.fullmatch(file)
    if wheel is None:
        return None
    version, interpreter, abi, platforms = wheel.groups()
    if (interpreter, abi, platforms) == ("py3", "none", "any"):
        return PURE, version
    tags = [PLATFORM.fullmatch(platform) for platform in platforms.split(".")]
    systems = {f"{tag[1]} {tag[2]}" if tag else "" for tag in tags}
    if interpreter != abi or len(systems) != 1:
        return None
    return f"{interpreter} {systems.pop()}", version


def parts(matrix: Iterable[Python]) -> list[str]:
    """All that a release has, in order."""
    native = [f"{python.tag} {system}" for python in matrix for system in SYSTEMS]
    return [SDIST, PURE, *native]


def about_files(files: Iterable[str], version: str, matrix: Iterable[Python]) -> Iterator[Finding]:
    """Whether they are the parts of a release of that version, each once, and nothing else."""
    found: dict[str, list[str]] = {}
    strange = []
    wanted = parts(matrix)
    for file in sorted(files):
        part = part_of(file)
        if part is None or part[0] not in wanted:
            strange.append(f"{file} is no part of a release: remove it")
        elif part[1] != version:
            strange.append(f"{file} is of version {part[1]}, not {version}: remove it")
        else:
            found.setdefault(part[0], []).append(file)
    for each in wanted:
        has = found.get(each, [])
        if len(has) == 1:
            yield Finding(True, has[0])
        elif has:
            yield Finding(False, f"{each} is there more than once: {', '.join(has)}")
        else:
            yield Finding(False, f"{each} is missing: {_maker(each)}")
    for text in strange:
        yield Finding(False, text)


def _maker(part: str) -> str:
    if "macosx" in part:
        return "the job `macos` of .github/workflows/release.yml builds it"
    return "make wheels"


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m wheels.release",
        description="Say whether a release is whole, and what is missing; exit status 1 if it "
        "is not.",
    )
    parser.add_argument("tag", nargs="?", help="the tag that is or will be pushed, as v0.2.0")
    parser.add_argument("--dist", type=Path, default=DIST, metavar="FOLDER")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--text", action="store_true", help="look at tag and changelog only")
    which.add_argument("--files", action="store_true", help="look at the files only")
    which.add_argument(
        "--notes", action="store_true", help="print the newest section of the changelog instead"
    )
    options = parser.parse_args(arguments)
    if options.tag and (options.files or options.notes):
        parser.error("a tag is of no use for --files and --notes")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parsed(arguments)
    sections = changelog.sections(changelog.CHANGELOG.read_text())
    if options.notes:
        print(sections[0].text)
        return 0
    findings = []
    if options.tag:
        findings.append(about_tag(options.tag, VERSION))
    if not options.files:
        findings.append(about_changelog(sections, VERSION))
    if not options.text:
        files = [file.name for file in options.dist.iterdir()] if options.dist.is_dir() else []
        findings += about_files(files, VERSION, pythons())
    for finding in findings:
        print("ok  " if finding.is_well else "NOT ", finding.text)
    wrong = sum(not finding.is_well for finding in findings)
    print(f"{wrong} of {len(findings)} are not as a release needs" if wrong else "all is there")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
