# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""pyperformance's json_loads: short calls of a parser in C."""

from __future__ import annotations

import json

from benchmarks.workloads._pyperformance import load

_MODULE = load("json_loads")
_TEXTS = tuple(json.dumps(value) for value in (_MODULE.DICT, _MODULE.TUPLE, _MODULE.DICT_GROUP))


def run() -> int:
    """About two seconds of CPU."""
    for _ in range(4800):
        _MODULE.bench_json_loads(_TEXTS)
    return 0
