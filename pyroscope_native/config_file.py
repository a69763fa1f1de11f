# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Settings in a TOML file: at its top level, or in its table [tool.pyroscope-native]."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from typing import Any

from pyroscope_native import environment
from pyroscope_native.errors import ConfigError
from pyroscope_native.log import warn_once

TABLE = "pyroscope-native"
_PROJECT = "pyproject.toml"
_MARK = b"pyroscope-native"
"""Is in every file with our table, whatever else."""


def find_in_directory() -> str:
    """The path of the working directory's pyproject.toml, if that has our table; else
    empty. Without a TOML parser it is left alone, with a warning."""
    path = os.path.join(environment.directory(), _PROJECT)
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        return ""
    if _MARK not in content:
        return ""
    try:
        parse = _parser()
    except ImportError:
        if b"tool.pyroscope-native" in content:
            warn_once("toml", f"{_PROJECT} is left alone: {_WITHOUT_PARSER}")
        return ""
    try:
        tool = parse(content.decode("utf-8")).get("tool")
    except ValueError:
        # It is others' too, who will say what is wrong with it.
        warn_once("toml", f"{_PROJECT} is left alone: it is not valid TOML")
        return ""
    return path if isinstance(tool, dict) and TABLE in tool else ""


def read(path: str, names: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """The settings by name, with `_` for `-`, and what is wrong with names that are none of
    `names`. Raises ConfigError for a file that can't be read."""
    shown = shown_path(path)
    try:
        parse = _parser()
    except ImportError:
        raise ConfigError(f"{shown}: {_WITHOUT_PARSER}") from None
    try:
        with open(path, "rb") as file:
            content = parse(file.read().decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{shown}: {error.strerror}") from None
    except ValueError as error:
        # A parser may quote what it can't read, which may be a secret.
        place = re.search(r"at line [0-9]+, column [0-9]+", str(error))
        where = f" {place[0]}" if place else ""
        raise ConfigError(f"{shown}: not valid TOML{where}") from None
    settings: dict[str, Any] = {}
    unknown = []
    for key, value in _table(content, os.path.basename(path), shown).items():
        name = key.replace("-", "_")
        if name not in names:
            unknown.append(f"{shown}: there is no setting {key}{_hint(name, names)}")
        else:
            settings[name] = _plain_tags(value) if name == "tags" else value
    return settings, unknown


def shown_path(path: str) -> str:
    """`path` as a message has it: short, where it is in the working directory."""
    directory, name = os.path.split(path)
    return name if directory == environment.directory() else path


def key_of(name: str) -> str:
    """A setting as it is called in a file."""
    return name.replace("_", "-")


_WITHOUT_PARSER = "to read TOML, Python before 3.11 needs the package tomli (pip install tomli)"


def _parser() -> Any:
    """Raises ImportError."""
    try:
        from tomllib import loads  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from tomli import loads  # type: ignore[import-not-found,unused-ignore]
    return loads


def _table(content: Mapping[str, Any], file_name: str, shown: str) -> Mapping[str, Any]:
    tool = content.get("tool")
    table = tool.get(TABLE) if isinstance(tool, dict) else None
    if table is None:
        # A project's file is others', but for its table.
        return {} if tool is not None or file_name == _PROJECT else content
    if not isinstance(table, dict):
        raise ConfigError(f"{shown}: [tool.{TABLE}] must be a table")
    return table


def _plain_tags(tags: Any) -> Any:
    if not isinstance(tags, dict):
        return tags
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in tags.items()
    }


def _hint(name: str, names: Collection[str]) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, names, n=1)
    return f": is {key_of(found[0])} meant?" if found else ""
