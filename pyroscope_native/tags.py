# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Tags of a process, as they are said, and as they can be sent."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pyroscope_native.config import PROCESS_TAGS, SAMPLE_ONLY, check_process_tag
from pyroscope_native.errors import ConfigError
from pyroscope_native.log import warn_once


def parse(what: str, value: object) -> Mapping[object, object]:
    """Names and values: a mapping, a list of KEY=VALUE, or k=v,k2=v2 (with `:` as well).

    Raises ConfigError for what is none of these.
    """
    if isinstance(value, Mapping):
        return value
    if isinstance(value, str):
        items = [item for item in map(str.strip, value.split(",")) if item]
        return dict(_pair(item, re.split("[=:]", item, maxsplit=1)) for item in items)
    if isinstance(value, (list, tuple)):
        return dict(_pair(item, str(item).split("=", 1)) for item in value)
    raise ConfigError(f"{what} must be a dict, not of type {type(value).__name__}")


def _pair(item: object, parts: list[str]) -> tuple[str, str]:
    if len(parts) != 2:
        raise ConfigError(f"a tag is KEY=VALUE, not {item!s:.100}")
    return parts[0].strip(), parts[1].strip()


def check(name: object, value: object, replace_periods: bool) -> tuple[str, str]:
    """The tag as it is sent. Raises ConfigError."""
    if not isinstance(value, (str, int, float)):
        raise ConfigError(f"the value of tag {name!s:.100} must be text or a number")
    known = str(name).replace(".", "_") if replace_periods else str(name)
    check_process_tag(known, str(value))
    return known, str(value)


def usable(tags: Mapping[object, object], replace_periods: bool) -> dict[str, str]:
    """Without those that a server would refuse, each of which is told once."""
    from pyroscope_native.labels import checked

    found: dict[str, str] = {}
    for given, value in tags.items():
        name = str(given).replace(".", "_") if replace_periods else given
        label = checked(name, "" if value is None else value)
        if label is None:
            continue
        if label[0] in SAMPLE_ONLY:
            warn_once(f"tag {name}", f"the tag {name} is left out: only samples may have it")
        else:
            found.update([label])
    return found


def first(tags: Mapping[str, str]) -> dict[str, str]:
    """As many as a server takes; that others are left out is told once."""
    if len(tags) > PROCESS_TAGS:
        warn_once("tags", f"tags are left out: a server takes {PROCESS_TAGS}")
    return dict(list(tags.items())[:PROCESS_TAGS])
