# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Asks each of the shops it is given for something, twice a second."""

import itertools
import sys
import time
import urllib.request

for number in itertools.count():
    for shop in sys.argv[1:]:
        path = "/report" if number % 5 == 0 else f"/products/{number % 50}"
        try:
            with urllib.request.urlopen(shop + path, timeout=10) as answer:
                answer.read()
        except OSError as error:
            print(f"{shop}{path}: {error}", file=sys.stderr, flush=True)
    time.sleep(0.5)
