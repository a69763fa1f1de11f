# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What profiling costs and how true it is: `python -m benchmarks --help`."""
