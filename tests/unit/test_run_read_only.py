# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""`run` where no directory can be written to, as in a container that is mounted read-only."""

from __future__ import annotations

from pathlib import Path

from tests.support.python import python

CODE = """
import sys, tempfile

def none(**_):
    raise FileNotFoundError(2, "No usable temporary directory found")

tempfile.mkdtemp = none
from pyroscope_native.cli import main
sys.exit(main(["run", "-o", sys.argv[1], "-c", "print('ran')"]))
"""


def test_a_program_is_run(tmp_path: Path) -> None:
    output = tmp_path / "out.html"
    done = python("-c", CODE, str(output))
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr
    assert "the profiles of children are not in the output: [Errno 2] No usable" in done.stderr
    assert output.exists()
