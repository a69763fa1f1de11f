# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A profile as one HTML file that needs nothing else: no network, no server.

The page's own sources lie beside this file; `render` inlines them and adds the
profile as JSON. The stacks go out sorted, each as what it does not share with
the one before, which is small, quick to write, and lets the page rebuild their
tree without looking anything up.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from html import escape
from pathlib import Path
from urllib.parse import urlencode

from ..model import Labels, Profile
from ..selection import Choice, value_of

# The page knows categories by their place in this list.
CATEGORIES = ("app", "packages", "stdlib", "native", "marker")

_PACKAGES = re.compile(r"/(?:site|dist)-packages/|/pkg/mod/|/vendor/(?=.*\.go$)")
_STDLIB = re.compile(
    r"/lib(?:64)?/(?:python|pypy)\d(?:\.\d+)?t?/"
    r"|/Python3\d*/Lib/"  # Windows
    r"|/golang\.org/toolchain@[^/]+/src/|/usr/(?:local|lib|share|lib/golang)/go[^/]*/src/"
)
_NATIVE = re.compile(r"\.(?:so|dylib|dll|pyd|exe)(?:\.[\d.]+)?$")
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
# What could end the script element or, in old readers, a JavaScript line.
_JSON_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


def render(
    profile: Profile,
    *,
    title: str,
    facts: Sequence[tuple[str, str]] = (),
    sides: Sequence[Choice] = (),
) -> str:
    """The page for `profile`, to be stored as UTF-8.

    `facts` are (label, value) pairs for the header; two `sides` of one label
    are compared when the page opens. The same arguments give the same page.
    Samples without weight are left out.
    """
    css = _source("page.css")
    js = _source("page.js")
    policy = (
        f"default-src 'none'; script-src {_hash(js)}; style-src {_hash(css)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": escape(_text(title)),
        "facts": "".join(
            f"<div><dt>{escape(_text(label))}</dt><dd>{escape(_text(value))}</dd></div>"
            for label, value in facts
        ),
        "css": css,
        "js": js,
        "profile": _json({**_data(profile), "opening": _opening(sides)}),
    }
    # One pass, so that a title cannot bring placeholders of its own.
    return _PLACEHOLDER.sub(lambda match: parts[match.group(1)], _source("page.html"))


def categorize(name: str, filename: str) -> str:
    """Whose code a function is; one of `CATEGORIES`."""
    path = _slashes(filename)
    if not path:
        return "marker" if name.startswith("[") and name.endswith("]") else "native"
    if _NATIVE.search(path):
        return "native"
    # Go keeps toolchains among the modules, Python keeps packages in its library.
    if "/toolchain@" not in path and _PACKAGES.search(path):
        return "packages"
    if path.startswith("<frozen ") or _STDLIB.search(path):
        return "stdlib"
    return "app"


def _data(profile: Profile) -> dict[str, object]:
    """What the page's script reads; page.js names the fields once more."""
    merged: dict[tuple[str, str], int] = {}
    file_ids: dict[str, int] = {}
    names: list[str] = []
    file_of: list[int] = []
    line_of: list[int] = []
    category_of: list[int] = []
    function_ids: list[int] = []
    app_files: dict[str, None] = {}
    for name, filename, start_line in profile.functions:
        key = (_text(name), _text(filename))
        index = merged.setdefault(key, len(merged))
        function_ids.append(index)
        if index < len(names):
            if start_line and not 0 < line_of[index] <= start_line:
                line_of[index] = start_line
            continue
        category = categorize(*key)
        if category == "app":
            app_files[key[1]] = None
        names.append(key[0])
        file_of.append(file_ids.setdefault(key[1], len(file_ids)))
        line_of.append(start_line)
        category_of.append(CATEGORIES.index(category))
    home = _home(app_files)

    label_ids: dict[Labels, int] = {}
    # Root first, so that neighbours in sorted order share most.
    stacks = sorted(
        (stack[::-1], labels, value)
        for stack, value, labels in profile.samples
        if value > 0 and stack
    )
    shared: list[int] = []
    fresh: list[int] = []
    frames: list[int] = []
    values: list[int] = []
    labels_of: list[int] = []
    previous: tuple[int, ...] = ()
    for stack, labels, value in stacks:
        common = 0
        for one, other in zip(previous, stack):
            if one != other:
                break
            common += 1
        shared.append(common)
        fresh.append(len(stack) - common)
        frames += stack[common:]
        values.append(value)
        labels_of.append(label_ids.setdefault(labels, len(label_ids)))
        previous = stack
    scale = math.gcd(*values)  # mostly the period, so that the rest are short
    return {
        "type": _text(profile.sample_type[0]),
        "unit": _text(profile.sample_type[1]),
        "files": [_split(path, home) for path in file_ids],
        "names": names,
        "file": file_of,
        "line": line_of,
        "category": category_of,
        "frameFunction": [function_ids[frame.function] for frame in profile.frames],
        "frameLine": [frame.line for frame in profile.frames],
        "shared": shared,
        "fresh": fresh,
        "frames": frames,
        "scale": scale,
        "values": [value // scale for value in values],
        "labels": [_label(name, label_ids) for name in _names(label_ids)],
        "labelSets": labels_of if len(label_ids) > 1 else [],
    }


def _opening(sides: Sequence[Choice]) -> str:
    """The state that the page is to open in, as its address tells it."""
    return urlencode([("compare", _text(f"{name}={value}")) for name, value in sides])


def _names(label_sets: Iterable[Labels]) -> list[str]:
    """Names of labels in the order in which the page offers them."""
    names = {name for labels in label_sets for name, _ in labels}
    return sorted(names, key=lambda name: (name == "thread_name", name))


def _label(name: str, label_sets: Iterable[Labels]) -> dict[str, object]:
    """A label: its values, and the number of its value in each label set.

    Number 0 is the empty value, of sets without the label.
    """
    numbers = {"": 0}
    value_of_set = [
        numbers.setdefault(_text(value_of(labels, name)), len(numbers)) for labels in label_sets
    ]
    return {"name": _text(name), "values": list(numbers), "of": value_of_set}


def _home(paths: Iterable[str]) -> str:
    """The directory, with its slash, that holds nearly all of `paths`.

    Nearly: one script in /tmp must not cost all others their short names.
    """
    inside = [path.split("/")[:-1] for path in map(_slashes, paths) if path[:1] != "<"]
    enough = 0.8 * len(inside)
    home = ""
    depth = 0
    while True:
        heads = Counter(parts[depth] for parts in inside if len(parts) > depth)
        head, count = heads.most_common(1)[0] if heads else ("", 0)
        if count < enough or not count:
            return home if home != "/" else ""
        inside = [parts for parts in inside if len(parts) > depth and parts[depth] == head]
        home += head + "/"
        depth += 1


def _split(path: str, home: str) -> list[str]:
    """A path as what the table may leave out and what tells files apart."""
    plain = _slashes(path)
    # The last match: a package may lie in another package's directory.
    ends = [match.end() for match in _PACKAGES.finditer(plain)]
    ends = ends or [match.end() for match in _STDLIB.finditer(plain)]
    at = ends[-1] if ends else len(home) if plain.startswith(home) else 0
    return [path[:at], path[at:]]


def _slashes(path: str) -> str:
    return path.replace("\\", "/")


def _text(text: str) -> str:
    """`text` as UTF-8 can carry it; a file name may hold lone surrogates."""
    return _SURROGATE.sub("\ufffd", text)


def _json(data: Mapping[str, object]) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character, escaped in _JSON_ESCAPES.items():
        text = text.replace(character, escaped)
    return text


def _source(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    """`source` as a Content-Security-Policy allows it, and nothing else."""
    return f"'sha256-{b64encode(sha256(source.encode()).digest()).decode()}'"
