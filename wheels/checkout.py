# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What is released: the folder of the checkout, and its date."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
WORK = ROOT / "build" / "wheels"
"""Where is kept what builds have need of again."""
FIRST_OF_ZIP = 315532800
"""1980, where the time of zip files begins; of a folder that is not a checkout."""


def date() -> int:
    """Seconds since 1970 that all files of the release are of.

    $SOURCE_DATE_EPOCH if it is set, else the time of the last commit.
    """
    said = os.environ.get("SOURCE_DATE_EPOCH")
    if said is None:
        command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        said = asked.stdout if asked.returncode == 0 else str(FIRST_OF_ZIP)
    return int(said)
