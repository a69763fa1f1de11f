# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a server takes: a profile becomes as many pprofs as it must.

The limits are those of a Pyroscope server that nobody has configured; past one of them
it refuses a whole profile. How many labels a series has is seen to where they are made
(`config`, `sample_labels`).
"""

from __future__ import annotations

from pyroscope_native.model import Function, Labels, Profile
from pyroscope_native.pprof import MAX_STACK_FRAMES, encode, limit_depth, valid_text
from pyroscope_native.turns import in_turns

MAX_PPROF_BYTES = 2_000_000
"""A pprof is smaller, uncompressed: a larger one gets a 429 each time, however long one
waits. The server's own limit is 2 MiB, with the labels of the series."""
MAX_SAMPLES = 16_000
MAX_TEXT_BYTES = 65_535
"""Of a name or path, of which the end is kept."""
MAX_LABEL_BYTES = 2048
"""Of a label's value, of which the beginning is kept."""


def pprofs(profile: Profile) -> list[bytes]:
    """Encode `profile`, in several parts where one would be too large. Together they have
    its samples, each with its labels and its weight. Raises ValueError, see `encode`."""
    return _parts(_with_short_texts(profile), MAX_STACK_FRAMES)


def short_label(value: str) -> str:
    """Return `value` as UTF-8 can carry it, and cut to MAX_LABEL_BYTES."""
    if len(value) * 4 <= MAX_LABEL_BYTES:
        return valid_text(value)
    return valid_text(value).encode()[:MAX_LABEL_BYTES].decode("utf-8", "ignore")


def _parts(profile: Profile, max_frames: int) -> list[bytes]:
    samples = profile.samples
    if len(samples) <= MAX_SAMPLES:
        pprof = encode(limit_depth(profile, max_frames))
        if len(pprof) < MAX_PPROF_BYTES:
            return [pprof]
    middle = len(samples) // 2
    if middle == 0:  # long texts all the way
        return _parts(profile, max_frames // 2)
    return [
        part
        for half in (samples[:middle], samples[middle:])
        for part in _parts(profile._replace(samples=half), max_frames)
    ]


def _with_short_texts(profile: Profile) -> Profile:
    samples = profile.samples
    labels = {labels: _short_labels(labels) for labels in {sample.labels for sample in samples}}
    if any(labels[each] != each for each in labels):
        samples = [sample._replace(labels=labels[sample.labels]) for sample in samples]
    return profile._replace(
        functions=[
            Function(_short_text(name), _short_text(filename), start_line)
            for name, filename, start_line in in_turns(profile.functions)
        ],
        samples=samples,
        comments=(),  # nobody reads them there
    )


def _short_text(text: str) -> str:
    if len(text) * 4 <= MAX_TEXT_BYTES:
        return text
    return valid_text(text).encode()[-MAX_TEXT_BYTES:].decode("utf-8", "ignore")


def _short_labels(labels: Labels) -> Labels:
    return tuple([(name, short_label(value)) for name, value in labels])
