# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a process leaves is what the program finds."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyroscope_native.model import Frame, Function, Profile, Sample
from pyroscope_native.parts import Parts

# File names may hold what is no character.
texts = st.text(st.characters(), max_size=8)
numbers = st.integers(0, 2**63 - 1)
functions = st.builds(Function, texts, texts, numbers)
frames = st.builds(Frame, numbers, numbers)
label_sets = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
samples = st.builds(Sample, st.lists(numbers, max_size=4).map(tuple), numbers, label_sets)
profiles = st.builds(
    Profile,
    functions=st.lists(functions, max_size=3),
    frames=st.lists(frames, max_size=3),
    samples=st.lists(samples, max_size=3),
    sample_type=st.tuples(texts, texts),
    period_type=st.tuples(texts, texts),
    period=numbers,
    time_ns=numbers,
    duration_ns=numbers,
    comments=st.lists(texts, max_size=2),
)


@given(st.lists(profiles, max_size=3))
def test_nothing_changes(left: list[Profile]) -> None:
    with TemporaryDirectory() as directory:
        parts = Parts(directory)
        for profile in left:
            parts.add(profile)
        found = parts.profiles()
    assert sorted(map(repr, found)) == sorted(map(repr, left))
    assert found == sorted(found, key=lambda profile: profile.time_ns)


def test_who_is_late_is_told(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    parts = Parts(str(tmp_path / "parts"))
    parts.add(Profile([], [], []))
    parts.remove()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        parts.add(Profile([], [], []))
