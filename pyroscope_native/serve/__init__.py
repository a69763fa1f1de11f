# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Answers who pulls profiles, over HTTP: Alloy, `go tool pprof`, a browser."""
