# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Programs to profile, a module each.

A module's `run()` does a fixed amount of work, of some seconds, and gives the CPU time
in nanoseconds that threads have used which it started; what needs no measuring is done
at import, or in `prepare()`, if it is to be done under the profiler. It knows nothing of
profilers. In those that tell how true a profile is, functions note the CPU time that they use
in `TRUTH`; a module's `scope` is replaced by what the profiler labels with.
"""
