# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The environment: our variables, and OpenTelemetry's."""

from __future__ import annotations

import os
from collections.abc import Collection

from pyroscope_native.log import warn_once

OPENTELEMETRY_TAGS = frozenset(
    {
        "cloud.availability_zone",
        "cloud.region",
        "deployment.environment",
        "deployment.environment.name",
        "host.name",
        "k8s.cluster.name",
        "k8s.container.name",
        "k8s.namespace.name",
        "k8s.node.name",
        "k8s.pod.name",
        "service.namespace",
        "service.version",
    }
)
"""Resource attributes that become tags: those that say what runs where. Each start of a
process has its own id, and would have its own series."""

_PREFIX = "PYROSCOPE_"
_OTHERS = frozenset(
    _PREFIX + name
    for name in (
        # Of Grafana's other SDKs.
        "ALLOC_LIVE",
        "FORMAT",
        "GC_BEFORE_DUMP",
        "INGEST_MAX_TRIES",
        "PROFILER_ALLOC",
        "PROFILER_EVENT",
        "PROFILER_LOCK",
        "PROFILE_EXPORT_TIMEOUT",
        "PROFILING_ENABLED",
        "PUSH_QUEUE_CAPACITY",
        "SAMPLING_DURATION",
    )
)
_LIKENESS = 0.85


def get(variable: str) -> str:
    """The variable's text; empty where it is unset."""
    return os.environ.get(variable, "")


def directory() -> str:
    """The working directory, or "/" where it has gone."""
    try:
        return os.getcwd()
    except OSError:
        return "/"


def opentelemetry() -> tuple[str, str, dict[str, str]]:
    """The name of the service, the variable that says it, and tags. What can't be is left
    out: it is not said to us."""
    attributes = _resource_attributes(get("OTEL_RESOURCE_ATTRIBUTES"))
    tags = {
        name.replace(".", "_"): value
        for name, value in attributes.items()
        if name in OPENTELEMETRY_TAGS and value and len(value.encode("utf-8", "replace")) <= 2048
    }
    name = get("OTEL_SERVICE_NAME")
    if name:
        return name, "OTEL_SERVICE_NAME", tags
    return attributes.get("service.name", ""), "OTEL_RESOURCE_ATTRIBUTES", tags


def _resource_attributes(text: str) -> dict[str, str]:
    """Of key=value,key2=value2, percent-encoded. As OpenTelemetry has it, a text with a fault
    says nothing at all."""
    attributes: dict[str, str] = {}
    if not text:
        return attributes
    from urllib.parse import unquote

    for item in filter(str.strip, text.split(",")):
        name, equals, value = item.partition("=")
        try:
            key, words = (unquote(part.strip(), errors="strict") for part in (name, value))
        except UnicodeDecodeError:
            return {}
        if not equals or not key:
            return {}
        attributes[key] = words
    return attributes


def warn_of_misspelt(variables: Collection[str]) -> None:
    """Say of each variable that is nearly one of `variables` which one may be meant."""
    for name in os.environ:
        if name.startswith(_PREFIX) and name not in variables and name not in _OTHERS:
            nearest = _nearest(name, variables)
            if nearest:
                warn_once(name, f"{name} is no setting: is {nearest} meant?")


def _nearest(name: str, variables: Collection[str]) -> str:
    """That of `variables` which `name` is likely to be meant for; else empty."""
    from difflib import get_close_matches

    # Without what they all begin with, which makes any two alike.
    rests = [variable[len(_PREFIX) :] for variable in variables if variable.startswith(_PREFIX)]
    found = get_close_matches(name[len(_PREFIX) :], rests, n=1, cutoff=_LIKENESS)
    return _PREFIX + found[0] if found else ""
