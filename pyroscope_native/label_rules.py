# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a label may be, by itself. Programs that only label load no more of the settings."""

from __future__ import annotations

from pyroscope_native.errors import ConfigError

_RESERVED_TAGS = frozenset({"service_name"})


def check_tag(name: str, value: str) -> None:
    """Raises ConfigError for a tag that a server would refuse."""
    if not (name.isascii() and name.isidentifier()) or len(name) > 1024:
        raise ConfigError(
            f"a tag's name is letters, digits and _, not beginning with a digit: {name!r:.100}"
        )
    if name in _RESERVED_TAGS or name.startswith("__"):
        raise ConfigError(f"the tag name {name} is reserved")
    if not value or len(value.encode("utf-8", "replace")) > 2048:
        raise ConfigError(f"the value of tag {name} must be 1 to 2048 bytes")
