# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""RQ: `rq worker --job-class pyroscope_native.integrations.rq.Job`."""

from __future__ import annotations

from typing import Any

import rq.job

from pyroscope_native.labels import tag_wrapper


class Job(rq.job.Job):
    """A job that is labelled by the name of its function, whatever worker performs it."""

    def perform(self) -> Any:
        """Returns what the function does."""
        with tag_wrapper({"task": self.func_name}):
            return super().perform()
