# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What shims rely on is found in headers, and what differs is shown."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

pytest.importorskip("tomllib", reason="the release is made with Python 3.11 or later")
pytest.importorskip("wheels", reason="there is no checkout")

from wheels import layouts

FRAMES = Path(__file__).resolve().parents[2] / "csrc" / "frames"

SHIM = """
/* Not read: NOT_READ */
#include <internal/frame.h>

typedef struct Frame pn_iframe;

static inline bool pn_is_python_sig(const pn_iframe *frame, const State *state)
{
    return frame->owner == OWNED && state->signals.tripped == 0 && LIMIT;
}
"""

FRAME_H = """
#ifndef FRAME_H
#define FRAME_H
#ifdef __cplusplus
extern "C" {
#endif

#define LIMIT (1 << \\
               SHIFT) /* a comment; of one { line */
#define SHIFT 4

enum owner_kind {
    FREE = 0,  // "it's
    OWNED = 3,
};

struct Frame {
    struct Unread *before; /* is not used */
    enum owner_kind owner;
#ifdef DEBUG
    int debug;
#endif
};

struct Unread;
typedef struct state State;

struct Signals {
    int tripped;
    struct { int inner; } nested[2];
};

struct state {
    union Unused unused;
    struct Signals signals;
};

#if A
static inline int pick(struct Frame *frame) {
#else
static inline int pick(int frame) {
#endif
    return 0;
}

PyAPI_FUNC(int) called(struct Frame *);
PyAPI_DATA(const char *) const names[];
extern int counter;
typedef int (*callback)(struct Frame *, int);
union Unused { int a; };
struct __attribute__((packed)) odd { int a; };
"""


def headers_of(folder: Path, text: str) -> layouts.Headers:
    (folder / "internal").mkdir(parents=True)
    (folder / "internal" / "frame.h").write_text(text)
    return layouts.read(folder)


@pytest.fixture
def use(tmp_path: Path) -> layouts.Use:
    shim = tmp_path / "shim.h"
    shim.write_text(SHIM)
    return layouts.use_of(shim)


def test_definitions_are_told_apart(tmp_path: Path) -> None:
    found = headers_of(tmp_path / "of", FRAME_H).definitions
    assert set(found) == {
        *("FRAME_H", "LIMIT", "SHIFT", "owner_kind", "FREE", "OWNED", "Frame", "State", "Signals"),
        *("state", "pick", "called", "names", "counter", "callback", "Unused", "odd"),
    }
    assert found["LIMIT"][0].text == "#define LIMIT (1 << \\\n               SHIFT)" + (
        " /* a comment; of one { line */"
    )
    assert found["Signals"][0].text.endswith("nested[2];\n};")
    assert found["Frame"][0].text.count("\n") == 6


def test_use_is_what_the_shim_names(use: layouts.Use) -> None:
    assert use.includes == ["internal/frame.h"]
    assert use.members >= {"owner", "signals", "tripped"}
    assert {"Frame", "State", "OWNED", "LIMIT"} <= set(use.words)
    assert not {"NOT_READ", "pn_iframe"} & set(use.words)


def test_types_of_members_are_followed(use: layouts.Use, tmp_path: Path) -> None:
    found = layouts.relied_on(use, headers_of(tmp_path / "of", FRAME_H))
    assert set(found) == {
        *("Frame", "State", "OWNED", "LIMIT", "SHIFT", "owner_kind", "state", "Signals")
    }


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("OWNED = 3", "OWNED = 4", "-    OWNED = 3,\n+    OWNED = 4,\n"),
        ("int tripped;", "long tripped;", "-    int tripped;\n+    long tripped;\n"),
        ("#define SHIFT 4", "#define SHIFT 5", "-#define SHIFT 4\n+#define SHIFT 5\n"),
        ("struct state State;", "struct other State;", "-typedef struct state State;\n"),
        ("struct Frame {", "struct Gone {", "+++ Frame in new, nowhere\n"),
        ("int a;", "int b;", ""),  # of what is not used
    ],
)
def test_differences(use: layouts.Use, tmp_path: Path, before: str, after: str, shown: str) -> None:
    assert before in FRAME_H
    old = headers_of(tmp_path / "old", FRAME_H)
    new = headers_of(tmp_path / "new", FRAME_H.replace(before, after))
    told = "".join(layouts.differences(use, old, new))
    assert shown in told
    assert bool(told) == bool(shown)


def test_a_header_that_is_gone_is_told(use: layouts.Use, tmp_path: Path) -> None:
    old = headers_of(tmp_path / "old", FRAME_H)
    (tmp_path / "new" / "internal").mkdir(parents=True)
    told = list(layouts.differences(use, old, layouts.read(tmp_path / "new")))
    assert told[0] == "internal/frame.h is gone\n"
    assert len(told) > 1


def test_the_shim_of_this_python_is_read_with_its_headers() -> None:
    use = layouts.use_of(FRAMES / f"v3_{sys.version_info[1]}.h")
    headers = layouts.read(Path(sysconfig.get_path("include")))
    found = layouts.relied_on(use, headers)
    assert {"_PyInterpreterFrame", "_PyCode_DEF"} <= set(found)
    assert any("FRAME_OWNED" in name for name in found) == (sys.version_info >= (3, 12))
    assert ("_ts" in found) == (sys.version_info >= (3, 13))  # before, `cframe` leads to frames
    assert len(found) < 30  # more is read by nobody
    assert list(layouts.differences(use, headers, headers)) == []
