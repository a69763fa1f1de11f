# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a second build of the same commit gives the same bytes.

python -m wheels.reproduce    of what is in `dist`, in another folder, with nothing cached
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from wheels.checkout import DIST, ROOT


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(folder.glob("pyroscope_native-*"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _build_again(folder: Path) -> dict[str, str]:
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    subprocess.run(
        [sys.executable, "-m", "wheels"],
        cwd=clone,
        env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(folder / "zig")},
        check=True,
    )
    return _digests(clone / "dist")


def main() -> int:
    """Returns the exit status."""
    changed = subprocess.check_output(
        ["git", "status", "--porcelain", "--untracked-files=no"], cwd=ROOT
    )
    if changed:
        print("wheels.reproduce: commit first; a build of a commit is compared", file=sys.stderr)
        return 2
    first = _digests(DIST)
    with tempfile.TemporaryDirectory() as folder:
        second = _build_again(Path(folder))
    differ = [name for name in {**first, **second} if first.get(name) != second.get(name)]
    for name in differ:
        print(f"{name}: {first.get(name)}, then {second.get(name)}", file=sys.stderr)
    if not differ:
        print(f"all {len(first)} files are the same in both builds")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
