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
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE

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


def _lists(release: str, machine: str, work: Path, kind: str = "deb") -> Path:
    """The state of an apt that knows this release."""
    state = work / f"{release}-{machine}-{kind}"
    if not (state / "updated").exists():
        for folder in ("lists/partial", "cache/archives/partial"):
            (state / folder).mkdir(parents=True, exist_ok=True)
        (state / "status").touch()
        source = f"{kind} [signed-by={KEYS}] {_mirror()} {release} main\n"
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


def root(packages: Sequence[str], release: str, machine: str, work: Path, made: Path) -> None:
    """Make the folder `made` a root to run programs in, with what is in `packages` and in all
    that they depend on. Nothing is installed: their scripts have not run.

    Raises `DownloadFailed`.
    """
    if made.exists():
        return
    state = _lists(release, machine, work)
    _apt(state, machine, "install", "--download-only", "--no-install-recommends", *packages)
    part = made.with_name(f"{made.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    for folder in ("bin", "lib", "lib64", "sbin"):  # which packages may still have apart
        (part / "usr" / folder).mkdir(parents=True)
        (part / folder).symlink_to(f"usr/{folder}")
    for file in sorted((state / "cache" / "archives").glob("*.deb")):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", file], stdout=PIPE) as tar:
            command = ["tar", "--extract", "--keep-directory-symlink", "--directory", str(part)]
            subprocess.run(command, stdin=tar.stdout, check=True)
        file.unlink()
    part.rename(made)


def source(package: str, release: str, work: Path) -> Path:
    """The archive with the source of a package, as its authors made it.

    Raises `DownloadFailed`.
    """
    state = _lists(release, "amd64", work, "deb-src")
    if not list(state.glob(f"{package}_*.orig.tar.*")):
        _apt(state, "amd64", "source", "--tar-only", "--download-only", package)
    return next(file for file in state.glob(f"{package}_*.orig.tar.*") if file.suffix != ".asc")
