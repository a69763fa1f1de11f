# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Builds the wheels of a release on one machine, and tries them out.

`python -m wheels` builds; see `python -m wheels --help`. Needs Python 3.11 or later, whatever
the wheels are for.
"""
