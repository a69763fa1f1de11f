# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""RQ jobs that succeed and fail."""

import asyncio

from tests.support.noting import burn, write_notes


def count_job():
    burn("rq_jobs.count_job", 0.2)
    write_notes()


def fail_job():
    burn("rq_jobs.fail_job", 0.1)
    write_notes()
    raise ValueError("as it should")


async def async_job():
    burn("rq_jobs.async_job", 0.1)
    await asyncio.sleep(0.001)
    burn("rq_jobs.async_job", 0.2)
    write_notes()
