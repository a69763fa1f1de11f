# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""An RQ worker of the class of the first argument; pushes to the server of the second, if any.

The store is in memory, so a work horse that was forked has one of its own."""

import sys

import rq
from fakeredis import FakeRedis
from rq_jobs import async_job, count_job, fail_job

import pyroscope_native
from pyroscope_native.integrations.rq import Job
from tests.support.noting import burn

redis = FakeRedis()
queue = rq.Queue(connection=redis)
for _ in range(4):
    for job in (count_job, fail_job, async_job):
        queue.enqueue(job)

if len(sys.argv) > 2:
    pyroscope_native.configure(server_address=sys.argv[2], sample_rate=1000)
worker_class = getattr(rq, sys.argv[1])
worker_class([queue], connection=redis, job_class=Job).work(burst=True, logging_level="CRITICAL")
burn("-", 0.3)
