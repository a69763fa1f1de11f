# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from pyroscope_native.launch import interpreter_options


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("python -m pyroscope_native run -m x", ""),
        ("python -mpyroscope_native run -O", ""),
        ("python -um pyroscope_native run", "-u"),
        ("python -OO -X dev -Wignore -W error -m pyroscope_native", "-OO -X dev -Wignore -W error"),
        ("python -bIX faulthandler -c code -O", "-bIX faulthandler"),
        ("python -O /venv/bin/pyroscope-native run a.py -m x", "-O"),
        ("python /venv/bin/pyroscope-native run -O", ""),
        ("python --check-hash-based-pycs never -m x", "--check-hash-based-pycs never"),
        ("python -u -- script -O", "-u"),
        ("python -", ""),
        ("python -X", "-X "),
    ],
)
def test_interpreter_options(words: str, options: str) -> None:
    found = interpreter_options(words.split())
    assert " ".join(found) == options
