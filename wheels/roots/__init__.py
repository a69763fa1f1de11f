# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Interpreters that this machine has not: for aarch64, emulated, and for musl."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(os.environ.get("PYROSCOPE_ROOTS", Path.home() / ".cache" / "pyroscope-roots"))
"""Where they are kept."""
