# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What `run` tells the program that it starts, and its children: by the environment."""

# No postponed annotations here: see config.py.

import json
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import NamedTuple

VARIABLE = "PYROSCOPE_NATIVE_RUN"
BOOTSTRAP_DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_bootstrap")


class Note(NamedTuple):
    """A program to profile."""

    name: str
    """What the application is called if nobody says otherwise."""
    arguments: Mapping[str, object]
    """Settings that the command line says, see `settings.resolve`. No others: a secret
    stays where it is."""
    config_file: str
    outputs: tuple[str, ...]
    default_outputs: bool
    spare_output: str
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
        # Only an interpreter of the same kind has a core: others need not even look.
        environment[VARIABLE] = f"{sys.implementation.cache_tag} {json.dumps(self._asdict())}"


def found() -> Note:
    """The note in this process's environment. Raises KeyError if there is none."""
    note = Note(**json.loads(os.environ[VARIABLE].partition(" ")[2]))
    return note._replace(outputs=tuple(note.outputs))


def take_out(environment: MutableMapping[str, str]) -> None:
    """Leave `environment` as it was before `put`."""
    environment.pop(VARIABLE, None)
    paths = _others(environment)
    if paths:
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    else:
        environment.pop("PYTHONPATH", None)


def _others(environment: Mapping[str, str]) -> list[str]:
    former = environment.get("PYTHONPATH")
    paths = former.split(os.pathsep) if former else []
    return [path for path in paths if path != BOOTSTRAP_DIRECTORY]
