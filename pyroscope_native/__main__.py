# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""`python -m pyroscope_native`."""

import sys

from pyroscope_native.cli import main

if __name__ == "__main__":
    sys.exit(main())
