# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Collapsed stacks are read as they were written, whatever stands around them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.profilers.formats import collapsed_lines

_FRAMES = st.text(st.characters(exclude_characters=";\n", exclude_categories=["Cs"]), min_size=1)
_STACKS = st.lists(st.tuples(st.lists(_FRAMES, min_size=1), st.integers(0, 2**40)))


@given(_STACKS)
def test_stacks_come_back(stacks: list[tuple[list[str], int]]) -> None:
    text = "".join(f"{';'.join(stack)} {count}\n" for stack, count in stacks)
    assert list(collapsed_lines(text)) == stacks


@given(_STACKS, st.text())
def test_what_is_no_stack_is_passed_over(stacks: list[tuple[list[str], int]], rest: str) -> None:
    text = "".join(f"{';'.join(stack)} {count}\n" for stack, count in stacks)
    found = list(collapsed_lines(f"{text}{rest}\nno count\n"))
    assert found[: len(stacks)] == stacks
    assert len(found) <= len(stacks) + rest.count("\n") + 1
    assert all(frames and count >= 0 for frames, count in found)
