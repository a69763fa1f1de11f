# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E402
"""Celery tasks that succeed, fail, are tried again and call each other, in a worker
with the pool of the first argument; pushes to the server of the second, if any."""

import sys

pool = sys.argv[1]
if pool == "gevent":
    from gevent import monkey

    monkey.patch_all()

import os
import time

from celery import Celery, signals
from celery.contrib.testing.worker import start_worker
from celery.exceptions import Ignore, Reject

import pyroscope_native
from pyroscope_native.integrations.celery import instrument
from tests.support.noting import burn, write_notes

for folder in ("queues", "control", "results"):
    os.mkdir(folder)
app = Celery("tasks", broker="filesystem://", backend=f"file://{os.getcwd()}/results")
app.conf.broker_transport_options = {
    "data_folder_in": "queues",
    "data_folder_out": "queues",
    "control_folder": "control",
}
app.conf.worker_hijack_root_logger = False


@app.task(name="add")
def add_task():
    burn("add", 0.01)
    time.sleep(0.001)
    burn("add", 0.01)


@app.task(name="retry", bind=True, max_retries=1)
def retry_task(self):
    burn("retry", 0.01)
    raise self.retry(countdown=0)


@app.task(name="fail")
def fail_task():
    burn("fail", 0.02)
    raise ValueError("as it should")


@app.task(name="reject")
def reject_task():
    burn("reject", 0.02)
    raise Reject("as it should", requeue=False)


@app.task(name="ignore")
def ignore_task():
    burn("ignore", 0.02)
    raise Ignore()


@app.task(name="outer")
def outer_task():
    burn("outer", 0.005)
    add_task.apply()
    fail_task.apply()
    retry_task.apply()
    burn("outer", 0.005)


ALL = (add_task, retry_task, fail_task, reject_task, ignore_task, outer_task)

instrument()
instrument()  # once is enough


@signals.task_postrun.connect
def after_task(task, **_):
    burn("outer" if task.request.is_eager and task is not outer_task else "-", 0.003)
    write_notes()  # a process of a pool ends without a further word


if len(sys.argv) > 2:
    pyroscope_native.configure(server_address=sys.argv[2], sample_rate=1000)


with start_worker(app, pool=pool, concurrency=4, perform_ping_check=False, loglevel="CRITICAL"):
    sent = [(task, task.apply_async()) for _ in range(12) for task in ALL]
    results = [result for task, result in sent if task not in (ignore_task, reject_task)]
    while not all(result.ready() for result in results):
        time.sleep(0.05)
