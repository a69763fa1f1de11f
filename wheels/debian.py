# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Downloads packages of any Debian release and machine, and unpacks them in a folder.

By apt with lists and a state of its own, so that the system's stay as they are. The mirror
and the keys are the system's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SOURCES = Path("/etc/apt")


class DownloadFailed(Exception):
    """Says of what, with apt's words."""


def _mirror() -> str | None:
    files = [SOURCES / "sources.list", *sorted(SOURCES.glob("sources.list.d/*"))]
    text = "\n".join(file.read_text() for file in files if file.is_file())
    found = re.search(r"^(?:URIs:|deb)\s.*?(\S+/debian/?)(?:\s|$)", text, re.M)
    return found and found[1]


def is_here() -> bool:
    """Whether this system can download from Debian."""
    return shutil.which("apt-get") is not None and KEYS.is_file() and _mirror() is not None


def _apt(state: Path, machine: str, *words: str) -> None:
    options = {
        "Dir::Etc::SourceList": state / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "APT::Architecture": machine,
        "APT::Architectures": machine,
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Acquire::Check-Valid-Until": "false",  # of a mirror that is a snapshot
    }
    named = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    said = subprocess.run(
        ["apt-get", "-qq", *named, *words],
        cwd=state,
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode != 0:
        raise DownloadFailed(f"apt-get {' '.join(words)} of {state.name}: {said.stderr.strip()}")


def _lists(release: str, machine: str, work: Path) -> Path:
    """The state of an apt that knows this release."""
    state = work / f"{release}-{machine}"
    if not (state / "updated").exists():
        for folder in ("lists/partial", "cache/archives/partial"):
            (state / folder).mkdir(parents=True, exist_ok=True)
        (state / "status").touch()
        source = f"deb [signed-by={KEYS}] {_mirror()} {release} main\n"
        (state / "sources.list").write_text(source)
        _apt(state, machine, "update")
        (state / "updated").touch()
    return state


def unpacked(package: str, release: str, machine: str, work: Path) -> Path:
    """The folder, in `work`, with what is in a package of a release for a machine (`arm64`).

    Raises `DownloadFailed`.
    """
    state = _lists(release, machine, work)
    made = state / package
    if not made.exists():
        _apt(state, machine, "download", package)
        (file,) = state.glob(f"{package}_*.deb")
        part = state / f"{package}.part"
        shutil.rmtree(part, ignore_errors=True)
        subprocess.run(["dpkg-deb", "--extract", file, part], check=True)
        file.unlink()
        part.rename(made)
    return made
