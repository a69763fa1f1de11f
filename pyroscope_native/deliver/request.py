# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What is sent: profiles as the bodies of requests, and back.

A request holds a single series with a single profile: the server may store half of a
larger one, and it never deduplicates, so whoever retries could not tell what to send
again.
"""

from __future__ import annotations

import gzip
import platform
import sys
import zlib
from collections.abc import Mapping

from pyroscope_native import pprof
from pyroscope_native.deliver import limits
from pyroscope_native.messages import DecodeError, message_classes
from pyroscope_native.model import Profile

_MESSAGES = message_classes(
    "pyroscope_native.push",
    {
        "PushRequest": {"series": (1, "RawProfileSeries*")},
        "RawProfileSeries": {"labels": (1, "LabelPair*"), "samples": (2, "RawSample*")},
        "LabelPair": {"name": (1, "string"), "value": (2, "string")},
        "RawSample": {"raw_profile": (1, "bytes")},
    },
)
_new_request = _MESSAGES["PushRequest"]


def series_labels(service_name: str, tags: Mapping[str, str], version: str) -> dict[str, str]:
    """Return the labels of a series: what it is, the user's tags, who made it.

    A tag may replace what we say about the runtime and about ourselves, but
    not what the series is. A tag without a value is left out.
    """
    series = {"__name__": "process_cpu", "__delta__": "false", "service_name": service_name}
    user = {name: tags[name] for name in sorted(tags) if tags[name]}
    origin = {
        "otel.scope.name": "pyroscope_native",
        "otel.scope.version": version,
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": platform.python_version(),
    }
    labels = {**series, **user, **origin, **user, **series}  # first place, last value
    return {name: limits.short_label(value) for name, value in labels.items()}


def distributed(series: Mapping[str, str], profile: Profile) -> tuple[Mapping[str, str], Profile]:
    """Move labels of the series that some sample has a value of its own for to the other
    samples: on the server a series' label would win over a sample's.
    """
    own = {name for labels in {sample.labels for sample in profile.samples} for name, _ in labels}
    shared = {name: series[name] for name in own.intersection(series)}
    if not shared:
        return series, profile
    rest = {name: value for name, value in series.items() if name not in shared}
    return rest, profile.labelled(shared)


def bodies(series: Mapping[str, str], profile: Profile) -> list[bytes]:
    """The gzipped requests that deliver `profile`: one, or more where a server would not
    take it in one. Raises ValueError for a number that doesn't fit into 64 bits."""
    labels, profile = distributed(series, profile)
    return [_body(labels, each) for each in limits.pprofs(profile)]


def empty_body() -> bytes:
    """A request without a profile, with which a server finds fault."""
    return _gzipped(b"")


def _body(labels: Mapping[str, str], profile: bytes) -> bytes:
    request = _new_request()
    series = request.series.add()
    for name, value in labels.items():
        series.labels.add(name=name, value=value)
    series.samples.add(raw_profile=profile)
    return _gzipped(request.SerializeToString())


def _gzipped(request: bytes) -> bytes:
    return gzip.compress(request, compresslevel=6, mtime=0)


def is_whole(body: bytes) -> bool:
    """Whether `body` is as it was made: gzip ends with a checksum."""
    try:
        return bool(gzip.decompress(body))
    except (OSError, EOFError, zlib.error):
        return False


def profile_in(body: bytes) -> Profile:
    """The profile that `body` delivers. Raises ValueError where it is damaged."""
    request = _new_request()
    try:
        request.ParseFromString(gzip.decompress(body))
        return pprof.decode(request.series[0].samples[0].raw_profile)
    except (OSError, EOFError, zlib.error, DecodeError, IndexError) as error:
        raise ValueError(f"not a request of ours: {error}") from None
