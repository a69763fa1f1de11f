# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What `run` tells the program that it starts, and its children: by the environment."""

# No postponed annotations here: see config.py.

import json
import os
import sys
from collections.abc import MutableMapping
from typing import NamedTuple, Optional

from pyroscope_native.config import Config

VARIABLE = "PYROSCOPE_NATIVE_RUN"
BOOTSTRAP_DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_bootstrap")


class Note(NamedTuple):
    """A program to profile."""

    config: Config
    program_pid: int
    """Of the program's own process; whoever else finds the note is a child."""
    with_children: bool
    parts: str = ""
    """Directory where children leave their profiles; empty where the program writes none."""
    prefix: str = sys.prefix
    """Of the Python that has all that it takes: another environment may not."""

    def put(self, environment: MutableMapping[str, str]) -> None:
        """Have a Python that begins with `environment` find the note, by way of
        `sitecustomize`."""
        paths = [BOOTSTRAP_DIRECTORY, *_others(environment)]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
        words = json.dumps({**self._asdict(), "config": _plain(self.config)})
        # Only an interpreter of the same kind has a core: others need not even look.
        environment[VARIABLE] = f"{sys.implementation.cache_tag} {words}"


def found() -> Note:
    """The note in this process's environment. Raises KeyError if there is none."""
    values = json.loads(os.environ[VARIABLE].partition(" ")[2])
    settings = values["config"]
    settings["outputs"] = tuple(settings["outputs"])
    if settings["basic_auth"] is not None:
        settings["basic_auth"] = tuple(settings["basic_auth"])
    return Note(**{**values, "config": Config(**settings)})


def take_out(environment: MutableMapping[str, str]) -> None:
    """Leave `environment` as it was before `put`."""
    environment.pop(VARIABLE, None)
    paths = _others(environment)
    if paths:
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    else:
        environment.pop("PYTHONPATH", None)


def _others(environment: MutableMapping[str, str]) -> list[str]:
    former: Optional[str] = environment.get("PYTHONPATH")
    paths = former.split(os.pathsep) if former else []
    return [path for path in paths if path != BOOTSTRAP_DIRECTORY]


def _plain(config: Config) -> dict[str, object]:
    values = config._asdict()
    return {**values, "tags": dict(config.tags), "http_headers": dict(config.http_headers)}
