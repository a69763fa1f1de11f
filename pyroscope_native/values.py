# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Values of settings: what a program, the environment or a file says, checked.

Each function takes what the setting is called, and the value: text, or of the type that
it is to be. Each raises ConfigError, which quotes the value only where it is no secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyroscope_native.errors import ConfigError
from pyroscope_native.log import LEVELS

if TYPE_CHECKING:
    from pyroscope_native.config import Clock, LineNumbers

RATE_LIMIT_HZ = 10_000

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_MULTIPLES = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_BINARY_MULTIPLES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def number(value: object) -> float | None:
    """What is a number or its text, else None."""
    if isinstance(value, bool):
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


def seconds(value: object) -> float | None:
    """Of a number, or of text such as 10s, 500ms, 1m30s, 1h; None if it is neither."""
    plain = number(value)
    if plain is not None or not isinstance(value, str):
        return plain
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(us|ms|s|m|h)", value)
    if not parts or "".join(map("".join, parts)) != value:
        return None
    return sum(float(amount) * _UNITS_S[unit] for amount, unit in parts)


def duration(what: str, value: object, *, least: float, most: float) -> float:
    """Seconds."""
    length_s = seconds(value)
    if length_s is None or not least <= length_s <= most:
        raise _fault(what, f"{least:g} to {most:g} seconds", value)
    return length_s


def size(what: str, value: object) -> int:
    """Bytes: a number, or text such as 32MB or 32MiB."""
    parts = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgt])(i?))?b?", str(value).lower())
    if parts is None or isinstance(value, bool):
        raise _fault(what, "a size such as 32MB or 32MiB", value)
    amount, prefix, binary = parts.groups()
    multiple = _BINARY_MULTIPLES[prefix] if binary else _MULTIPLES[prefix or ""]
    count = int(float(amount) * multiple)
    if not 1 <= count <= 1 << 62:
        raise _fault(what, "a size above 0, such as 32MB or 32MiB", value)
    return count


def boolean(what: str, value: object) -> bool:
    """A truth value, or text for one."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    elif isinstance(value, int):
        return bool(value)
    raise _fault(what, "true or false", value)


def negation(what: str, value: object) -> bool:
    """The opposite of a truth value."""
    return not boolean(what, value)


def rate(what: str, value: object) -> int:
    """Samples per CPU second, 1 to RATE_LIMIT_HZ."""
    frequency = number(value)
    if frequency is None or not (1 <= frequency <= RATE_LIMIT_HZ and frequency.is_integer()):
        raise _fault(what, f"a whole number from 1 to {RATE_LIMIT_HZ} Hz", value)
    return int(frequency)


def rate_of_interval(what: str, value: object) -> int:
    """Samples per CPU second, of the seconds from one to the next."""
    length_s = seconds(value)
    shortest_s = 1 / RATE_LIMIT_HZ - 1e-9  # 100us, read from text, is a little less than 0.1 ms
    if length_s is None or not shortest_s <= length_s <= 1:
        raise _fault(what, "0.1ms to 1s", value)
    return round(1 / length_s)


def budget(what: str, value: object) -> float:
    """Per cent of the process's CPU time, above 0 and up to 100, as a share."""
    percent = number(value.rstrip("% ") if isinstance(value, str) else value)
    if percent is None or not 0 < percent <= 100:
        raise _fault(what, "above 0 and up to 100 per cent", value)
    return percent / 100


def count(what: str, value: object) -> int:
    """A whole number above 0."""
    amount = number(value)
    if amount is None or amount < 1 or not amount.is_integer():
        raise _fault(what, "a whole number above 0", value)
    return int(amount)


def clock(what: str, value: object) -> Clock:
    """ "thread" or "process"."""
    if value == "thread":
        return "thread"
    if value == "process":
        return "process"
    raise _fault(what, "thread or process", value)


def line_numbers(what: str, value: object) -> LineNumbers:
    """A `LineNo`, or its value."""
    if value == "last":
        return "last"
    if value == "first":
        return "first"
    if value == "none":
        return "none"
    raise _fault(what, "last, first or none", value)


def log_level(what: str, value: object) -> str:
    """One of `log.LEVELS`."""
    level = str(value).lower()
    level = {"warn": "warning", "none": "off"}.get(level, level)
    if level not in LEVELS:
        raise _fault(what, f"one of {', '.join(LEVELS)}", value)
    return level


def text(what: str, value: object) -> str:
    """A text, never quoted: it may be secret."""
    if not isinstance(value, str):
        raise ConfigError(f"{what} must be a string, not of type {type(value).__name__}")
    return value


def header_text(what: str, value: object) -> str:
    """A text that can stand in an HTTP header, never quoted."""
    words = text(what, value)
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", words):
        raise ConfigError(f"{what} has a control character in it")
    return words


def mapping(what: str, value: object) -> Mapping[Any, Any]:
    """Names and values, never quoted."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{what} must be a dict, not of type {type(value).__name__}")
    return value


def headers(what: str, value: object) -> dict[str, str]:
    """HTTP headers by name: a mapping, or a JSON object. Their values are never quoted."""
    if isinstance(value, str):
        import json

        try:
            value = json.loads(value)
        except ValueError:
            raise ConfigError(f'{what} must be a JSON object such as {{"X-Name": "1"}}') from None
        if not isinstance(value, dict):
            raise ConfigError(f'{what} must be a JSON object such as {{"X-Name": "1"}}')
    found = {}
    for name, words in mapping(what, value).items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", text("the name of a header", name)):
            raise ConfigError(f"the name of a header is letters, digits and -: {name!r:.100}")
        found[name] = header_text(f"HTTP header {name}", words)
    return found


def server_address(what: str, value: object) -> str:
    """An http or https URL, never quoted."""
    # Here and not above: who gives no address need not load a URL parser.
    from pyroscope_native.address import parse_address

    address = text(what, value)
    parse_address(address)
    return address


def serve_address(what: str, value: object) -> str:
    """Where to listen; see `address.parse_serve_address`."""
    from pyroscope_native.address import parse_serve_address

    address = str(value) if type(value) is int else text(what, value)
    parse_serve_address(address)
    return address


def fuse_directory(what: str, value: object) -> str:
    """A directory, or "off", which becomes empty."""
    directory = text(what, value)
    return "" if directory == "off" else directory


def outputs(what: str, value: object) -> tuple[str, ...]:
    """Paths: one, or several."""
    paths = [value] if isinstance(value, str) else value
    if not isinstance(paths, (list, tuple)):
        raise ConfigError(f"{what} must be a path, or a list of them")
    return tuple(text(what, path) for path in paths)


def absolute(path: str, directory: str) -> str:
    """`path` as seen from `directory`; "" remains."""
    return os.path.abspath(os.path.join(directory, os.path.expanduser(path))) if path else ""


def writable(paths: tuple[str, ...], directory: str) -> tuple[str, ...]:
    """The paths made absolute. Raises ConfigError for one that could not be written now."""
    from pyroscope_native.deliver.file import check_output

    found = tuple(absolute(path, directory) for path in paths)
    for path in found:
        check_output(path)
    return found


def absolute_socket(address: str, directory: str) -> str:
    """The path of unix:PATH made absolute; other addresses remain."""
    kind, colon, path = address.partition(":")
    return f"{kind}:{absolute(path, directory)}" if kind == "unix" and colon else address


def _fault(what: str, allowed: str, value: object) -> ConfigError:
    return ConfigError(f"{what} must be {allowed}, not {value!s:.100}")
