# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a shim relies on in CPython's headers, and how it differs between two of them.

Headers are read for what the shim names: structs, enums, macros and functions, and from a
struct on for the types of the members that the shim reads. No compiler is asked: what other
builds have is to be seen, too.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

INVISIBLE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)
FOR_CPP = re.compile(r"^#ifdef __cplusplus\n.*?^#endif", re.DOTALL | re.MULTILINE)
DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
# The first lines of a header's definitions, where those within braces are indented.
BEGINNING = re.compile(r"^(?:typedef|static|extern|struct|union|enum|PyAPI_)\b", re.MULTILINE)
ATTRIBUTE = re.compile(r"__attribute__\s*\(\(.*?\)\)")
TAG = re.compile(r"\b(?:struct|union|enum)\s+(\w+)(?=\s*\{)")
FORWARD = re.compile(r"(?:typedef\s+)?(?:struct|union|enum)\s+(\w+)(?:\s+\1)?\s*;")
WORD = re.compile(r"[A-Za-z_]\w*")

PLACES = ("internal/*.h", "cpython/*.h", "pytypedefs.h")
"""The headers that are not the same for all versions, and one that leads to them."""

MIRRORED = ("_pycontextobject", "PyHamtObject", "PyHamtNode_Bitmap")
"""Of which `csrc/context.c` has copies, for all versions."""


class Definition(NamedTuple):
    """Of a struct, an enum, a macro, a function or a variable."""

    file: str
    text: str
    code: str
    """The text without comments and strings."""

    def leads_to(self, members: set[str]) -> list[str]:
        """Words of the lines with one of the members in them; where there are none to choose
        from, all words. Of functions, none."""
        lines = self.code.splitlines()
        head, brace, _ = self.code.partition("{")
        if brace and "(" in head and not head.startswith("#"):
            return []
        if brace or len(lines) > 5:
            lines = [line for line in lines if members.intersection(WORD.findall(line))]
        return [word for line in lines for word in WORD.findall(line)]


class Headers(NamedTuple):
    """What is defined in an include folder, by name."""

    include: Path
    definitions: dict[str, list[Definition]]


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """The text with spaces for what matches, so that all else stays where it is."""
    return pattern.sub(lambda found: " " * len(found[0]), text)


def _names(code: str) -> list[str]:
    """What a statement at the top of a header defines."""
    if FORWARD.fullmatch(code):
        return []
    head, brace, rest = code.partition("{")
    names = TAG.findall(head + brace)
    if brace and re.search(r"\benum\b", head):
        body = rest.rpartition("}")[0]
        names += [found[0] for each in body.split(",") if (found := WORD.search(each))]
    if re.match(r"struct\s+\w+\s+\w+\(", head):  # its body is a macro
        return [WORD.findall(head)[1]]
    if "(" in head and not head.startswith(("typedef", "PyAPI_DATA")):
        called = re.search(r"(\w+)\s*\(", re.sub(r"PyAPI_\w+\([^)]*\)", "", head))
        return [*names, called[1]] if called else names
    pointer = re.search(r"\(\s*\*\s*(\w+)\s*\)", code)
    last = pointer or re.search(r"(\w+)\s*(?:\[[^]]*\]\s*)?(?:=[^;]*)?;\s*$", code)
    return [*names, last[1]] if last else names


def _statements(code: str) -> Iterator[tuple[int, int]]:
    """Where each begins and ends, in code without directives."""
    begin = depth = 0
    tops = {found.start() for found in BEGINNING.finditer(code)}
    is_body = False
    for at, sign in enumerate(code):
        if at in tops and (depth or not code[begin:at].strip()):
            begin, depth = at, 0  # braces did not match: they were conditional
        if sign == "{":
            is_body = is_body if depth else "(" in code[begin:at]
            depth += 1
        elif sign == "}":
            depth = max(depth - 1, 0)
        if depth == 0 and (sign == ";" or (sign == "}" and is_body)):
            yield begin, at + 1
            begin, is_body = at + 1, False


def _read(file: Path, name: str) -> Iterator[tuple[str, Definition]]:
    text = file.read_text(encoding="utf-8", errors="replace")
    code = _blank(FOR_CPP, _blank(INVISIBLE, text))
    for found in DEFINE.finditer(code):
        yield found[1], Definition(name, text[found.start() : found.end()], found[0])
    code = _blank(ATTRIBUTE, _blank(DIRECTIVE, code))
    for begin, end in _statements(code):
        statement = code[begin:end].strip()
        written = text[code.index(statement, begin) : end]
        for defined in dict.fromkeys(_names(statement)):
            yield defined, Definition(name, written, statement)


def read(include: Path) -> Headers:
    """All definitions of an include folder, such as `/usr/include/python3.14`."""
    definitions: dict[str, list[Definition]] = {}
    for place in PLACES:
        for file in sorted(include.glob(place)):
            for name, definition in _read(file, file.relative_to(include).as_posix()):
                definitions.setdefault(name, []).append(definition)
    return Headers(include, definitions)


class Use(NamedTuple):
    """What a shim takes from headers."""

    includes: list[str]
    words: list[str]
    members: set[str]


def use_of(shim: Path) -> Use:
    """By a shim, and by what it includes of ours."""
    text = shim.read_text()
    for ours in re.findall(r'#include "(\w+\.h)"', text):
        text += (shim.parent / ours).read_text()
    includes = re.findall(r"#include <(internal/\w+\.h)>", text)
    code = _blank(INVISIBLE, text)
    members = set(re.findall(r"(?:->|\.)\s*([A-Za-z_]\w*)", code))
    members |= set(re.findall(r"offsetof\(\w+, (\w+)\)", code))
    code = _blank(re.compile(r"^#include.*", re.MULTILINE), code)
    words = [word for word in WORD.findall(code) if not word.lower().startswith("pn_")]
    return Use(includes, list(dict.fromkeys(words)), members)


def relied_on(use: Use, headers: Headers) -> dict[str, list[Definition]]:
    """What is used, directly or by the types of members, by name."""
    found: dict[str, list[Definition]] = {}
    waiting = [*use.words, *MIRRORED]
    while waiting:
        name = waiting.pop(0)
        if name not in found and name in headers.definitions:
            found[name] = headers.definitions[name]
            for definition in found[name]:
                waiting += definition.leads_to(use.members)
    return found


def differences(use: Use, old: Headers, new: Headers) -> Iterator[str]:
    """Unified diffs of all that is used; nothing if the headers agree on it."""
    for include in use.includes:
        if not (new.include / include).is_file():
            yield f"{include} is gone\n"
    before, after = relied_on(use, old), relied_on(use, new)
    told = set()
    for name in [*before, *(name for name in after if name not in before)]:
        texts = [
            "".join(f"{each.text.rstrip()}\n" for each in side.get(name, []))
            for side in (before, after)
        ]
        if texts[0] == texts[1] or tuple(texts) in told:
            continue
        told.add(tuple(texts))
        names_of_sides = [
            f"{name} in {of.include.name}, "
            + (", ".join(dict.fromkeys(each.file for each in side.get(name, []))) or "nowhere")
            for of, side in ((old, before), (new, after))
        ]
        lines, new_lines = (text.splitlines(keepends=True) for text in texts)
        yield "".join(difflib.unified_diff(lines, new_lines, names_of_sides[0], names_of_sides[1]))
