# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Wheels tried out, with interpreters that this machine has and that it has not."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(os.environ.get("PYTHON_ROOTS", Path.home() / ".cache" / "pyroscope-roots"))
"""Where they are kept."""
DOWNLOADS = FOLDER / "debian"
