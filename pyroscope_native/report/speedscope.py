# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A file for https://www.speedscope.app, after its published file format."""

from __future__ import annotations

import json
from typing import Any

from pyroscope_native.model import Function, Profile, Sample

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_UNITS = ("nanoseconds", "microseconds", "milliseconds", "seconds", "bytes")


def render(profile: Profile, *, name: str) -> str:
    """Return the JSON text of a file titled `name`.

    Each thread, told by the label `thread_name`, is a profile of its own, the
    heaviest first; samples without that label go under `name`. A frame is a
    function with the file and line of its definition: one per line would break
    each function into as many boxes.
    """
    threads: dict[str, list[Sample]] = {}
    for sample in profile.samples:
        threads.setdefault(dict(sample.labels).get("thread_name", name), []).append(sample)
    profiles = [_sampled(profile, thread, samples) for thread, samples in threads.items()]
    profiles.sort(key=lambda sampled: -int(sampled["endValue"]))
    return json.dumps(
        {
            "$schema": _SCHEMA,
            "name": name,
            "exporter": "pyroscope_native",
            "activeProfileIndex": 0,
            "shared": {"frames": [_frame(function) for function in profile.functions]},
            "profiles": profiles or [_sampled(profile, name, [])],
        },
        separators=(",", ":"),
    )


def _sampled(profile: Profile, name: str, samples: list[Sample]) -> dict[str, Any]:
    unit = profile.sample_type[1]
    return {
        "type": "sampled",
        "name": name,
        "unit": unit if unit in _UNITS else "none",
        "startValue": 0,
        "endValue": sum(sample.value for sample in samples),
        "samples": [
            [profile.frames[index].function for index in reversed(sample.stack)]
            for sample in samples
        ],
        "weights": [sample.value for sample in samples],
    }


def _frame(function: Function) -> dict[str, str | int]:
    frame: dict[str, str | int] = {"name": function.name}
    if function.filename:
        frame["file"] = function.filename
    if function.start_line:
        frame["line"] = function.start_line
    return frame
