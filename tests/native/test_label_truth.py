# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Labels of samples in random programs under a storm of ticks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.python import python

STRESS = Path(__file__).resolve().parents[1] / "stress" / "labels.py"


@pytest.mark.parametrize("seed", [1, 2])
def test_each_sample_has_the_labels_of_its_scopes(seed: int, tmp_path: Path) -> None:
    done = python(str(STRESS), "--samples", "30000", "--seed", str(seed), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    assert figures["judged"] >= 30000
    assert figures["label_sets"] > 50
