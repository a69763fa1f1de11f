# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Prepares the tree for the CPython minor after the newest: `python -m wheels.new_minor 3.16`.

The shim of the newest is copied, each place that names the newest goes on to the new one,
and what has changed in the headers of what the shim reads is shown. Run again it shows that
and changes nothing.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from wheels import debian, headers, layouts
from wheels.checkout import ROOT
from wheels.pythons import pythons

CONSTANTS = Path("pyroscope_native/support.py")
SHIMS = Path("csrc/frames")
SELECTOR = SHIMS / "frames.h"
MATRIX = Path("wheels/pythons.toml")

SOURCES = (
    *("*.*", "Makefile", ".ci/*", ".github/**/*.*", "benchmarks/**/*.*", "csrc/**/*.*"),
    *("docs/*.md", "examples/**/*.*", "pyroscope_native/**/*.py*", "wheels/*.*"),
)
"""Where a minor may be named in passing; tests do that often, for others' sake."""

NOT_IN_PASSING = {
    *(SELECTOR, MATRIX, Path("benchmarks/budgets.toml")),
    *(Path("CHANGELOG.md"), Path("benchmarks/results.json"), Path("docs/overhead.md")),
}
"""What is changed anyway, or says what was."""

LEFT = """
Left to do:

 1. {shim}: what has moved, and in its first comment what differs from {old}.
 2. make PYTHON=python{new} VENV=.venv3{number} test soak
    The start-up check holds every frame and line of a known stack against sys._getframe();
    the soak finds what a calm program does not.
 3. benchmarks/budgets.toml: limits for {new}, a few percent above what
    make PYTHON=python{new} VENV=.venv3{number} gate counts.
 4. wheels/pythons.toml: a Debian release that has it, if there is one, and perhaps fewer
    tests for {old}.
 5. pyproject.toml: a cibuildwheel that builds it, and limits on packages for tests
    (python_version < '{new}') that can't be had for it.
 6. CHANGELOG.md.

These name {old}, too; see whether they mean the newest:
"""


class NotReady(Exception):
    """Says what in the tree, or in what was asked for, is not as it must be."""


class Minor(NamedTuple):
    """A minor version of CPython 3."""

    number: int

    @classmethod
    def parse(cls, text: str) -> Minor:
        """Of "3.16"; raises `argparse.ArgumentTypeError`."""
        found = re.fullmatch(r"3\.(\d+)", text)
        if found is None:
            raise argparse.ArgumentTypeError(f"{text} is no minor version such as 3.16")
        return cls(int(found[1]))

    def __str__(self) -> str:
        return f"3.{self.number}"

    @property
    def pair(self) -> str:
        return f"(3, {self.number})"

    @property
    def hexadecimal(self) -> str:
        """As in PY_VERSION_HEX."""
        return f"0x03{self.number:02X}"

    @property
    def shim(self) -> Path:
        return SHIMS / f"v3_{self.number}.h"


def stated(root: Path, constant: str) -> Minor:
    """What the package says is the NEWEST minor, or the OLDEST."""
    found = re.search(rf"^{constant} = \(3, (\d+)\)$", (root / CONSTANTS).read_text(), re.M)
    if found is None:
        raise NotReady(f"{CONSTANTS} has no {constant}")
    return Minor(int(found[1]))


def _selected(minor: Minor) -> str:
    return f'#elif PY_VERSION_HEX >> 16 == {minor.hexadecimal}\n#include "{minor.shim.name}"\n'


def _classifier(minor: Minor) -> str:
    return f'    "Programming Language :: Python :: {minor}",\n'


class Tree:
    """The texts of a checkout that are to change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.changed: dict[Path, str] = {}

    def text(self, file: Path) -> str:
        return self.changed.get(file) or (self.root / file).read_text()

    def replace(self, file: str | Path, old: str, new: str) -> None:
        """Raises `NotReady` if the file has no `old`."""
        text = self.text(Path(file))
        if old not in text:
            raise NotReady(f"{file} has nowhere: {old.strip()}")
        self.changed[Path(file)] = text.replace(old, new)

    def write(self) -> None:
        for file, text in self.changed.items():
            (self.root / file).write_text(text)


def _shim(text: str, old: Minor, new: Minor) -> str:
    """The newest shim, as one for the new minor."""
    said = re.compile(rf"/\* CPython {old}: .*?\*/", re.DOTALL)
    if said.search(text) is None:
        raise NotReady(f"{old.shim} does not begin with: CPython {old}:")
    text = said.sub(f"/* CPython {new}: as {old}. */", text, count=1)
    return text.replace(f"V3_{old.number}", f"V3_{new.number}")


def _row(text: str, old: Minor, new: Minor) -> str:
    """The matrix with a row for the new minor, which is tested as the newest was."""
    tests = {row["minor"]: row["tests"] for row in tomllib.loads(text)["python"]}
    if str(old) not in tests:
        raise NotReady(f"{MATRIX} has no row for {old}")
    return f'{text}\n[[python]]\nminor = "{new}"\ntests = "{tests[str(old)]}"\n'


def changes(root: Path, new: Minor) -> Tree:
    """All that must change for the new minor.

    Raises `NotReady`.
    """
    old, oldest = stated(root, "NEWEST"), stated(root, "OLDEST")
    if new.number != old.number + 1:
        raise NotReady(f"the newest here is {old}: the next one is {Minor(old.number + 1)}")
    tree = Tree(root)
    tree.changed[new.shim] = _shim(tree.text(old.shim), old, new)
    tree.changed[MATRIX] = _row(tree.text(MATRIX), old, new)
    tree.replace(SELECTOR, _selected(old), _selected(old) + _selected(new))
    tree.replace(CONSTANTS, f"NEWEST = {old.pair}", f"NEWEST = {new.pair}")
    tree.replace("pyproject.toml", _classifier(old), _classifier(old) + _classifier(new))
    tree.replace("README.md", f"{oldest} to {old}", f"{oldest} to {new}")
    for page in sorted((root / "docs").glob("*.md")):
        if f"{oldest} to {old}" in page.read_text():
            tree.replace(page.relative_to(root), f"{oldest} to {old}", f"{oldest} to {new}")
    return tree


def mentions(root: Path, minor: Minor) -> Iterator[str]:
    """The other lines of the tree that name a minor, with their places."""
    named = re.compile(
        rf"(?<![\w.])(3\.{minor.number}(?!\.?\w)|3_{minor.number}\b|cp3{minor.number}\b"
        rf"|{re.escape(minor.pair)}|{minor.hexadecimal}(?![0-9A-F]{{1,3}}\b))"
    )
    for file in sorted(file for pattern in SOURCES for file in root.glob(pattern)):
        place = file.relative_to(root)
        if place in NOT_IN_PASSING or place.parent == SHIMS or not file.is_file():
            continue
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
            if named.search(line) and line != _classifier(minor)[:-1]:
                yield f"{place}:{number}: {line.strip()}"


def _includes(old: Minor, new: Minor) -> list[Path]:
    """Both folders with headers; raises what `headers.find` does."""
    rows = {row.minor: row for row in pythons()}
    return [headers.find(rows[str(minor)]) for minor in (new, old)][::-1]


def tell(old: Minor, new: Minor, includes: Sequence[Path] | None) -> None:
    """Print what has moved in the headers, and what is left to do."""
    try:
        before, after = includes or _includes(old, new)
    except (debian.DownloadFailed, headers.NoHeaders) as reason:
        print(f"\n{reason}; or run this again with --headers OLD NEW.")
    else:
        use = layouts.use_of(ROOT / new.shim)
        told = "".join(layouts.differences(use, layouts.read(before), layouts.read(after)))
        print(f"\nWhat the shim relies on, in {before} and {after}:\n")
        print(told or "There is no difference.")
    print(LEFT.format(old=old, new=new, shim=new.shim, number=new.number))
    for line in mentions(ROOT, old):
        print(f"    {line[:100]}")


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m wheels.new_minor",
        description="Prepare the tree for the next CPython minor, show what has moved in its "
        "headers, and say what is left to do.",
    )
    parser.add_argument("minor", type=Minor.parse, help="the one after the newest, as 3.16")
    parser.add_argument(
        "--headers", nargs=2, type=Path, metavar=("OLD", "NEW"),
        help="include folders of the newest minor and of the new one, each with Python.h in it; "
        "without it they are looked for as `make wheels` does",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    for folder in options.headers or []:
        if not (folder / "internal").is_dir():
            parser.error(f"{folder} has no folder internal: name the one with Python.h in it")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parsed(arguments)
    new: Minor = options.minor
    old = Minor(new.number - 1)
    try:
        if new == stated(ROOT, "NEWEST"):
            print(f"{new} is there already: nothing was changed.")
        else:
            tree = changes(ROOT, new)
            tree.write()
            for file in tree.changed:
                print(f"changed {file}")
    except NotReady as reason:
        print(f"new_minor: {reason}; nothing was changed", file=sys.stderr)
        return 1
    tell(old, new, options.headers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
