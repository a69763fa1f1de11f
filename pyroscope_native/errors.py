# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Errors that a caller may want to tell apart."""

from __future__ import annotations


class ConfigError(ValueError):
    """A setting that cannot be: what is wrong with it, and what is allowed."""


class SourceError(ConfigError):
    """One that the environment or a file says, and no argument."""


class CommandError(Exception):
    """Why a command could not do what it was to: it ends with status 1."""
