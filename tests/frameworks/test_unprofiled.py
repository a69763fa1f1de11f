# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The integrations where nothing can be profiled: applications are served as ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.noted import PROGRAMS
from tests.support.python import python
from tests.support.unsupported import INTERPRETERS, install


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (("serve_django.py", "asgi"), ("django", "uvicorn")),
        (("serve_django.py", "wsgi"), ("django",)),
        (("serve_fastapi.py",), ("fastapi", "uvicorn")),
        (("serve_flask.py",), ("flask", "asgiref")),
        (("celery_tasks.py", "threads"), ("celery",)),
        (("rq_worker.py", "SimpleWorker"), ("rq", "fakeredis")),
    ],
    ids=lambda words: words[0],
)
def test_programs_run(words: tuple[str, ...], needed: tuple[str, ...], tmp_path: Path) -> None:
    for module in needed:
        pytest.importorskip(module)
    environment = install(INTERPRETERS["without a core"], tmp_path)
    done = python(
        "-m", "pyroscope_native", "run", str(PROGRAMS / words[0]), *words[1:],
        cwd=tmp_path, env={**environment, "NOTES": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("pyroscope_native") == done.stderr.count("nothing is profiled") == 1
    assert list(tmp_path.glob("*.notes"))


def test_spans(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.sdk")
    environment = install(INTERPRETERS["without a core"], tmp_path)
    code = """
from opentelemetry.sdk.trace import TracerProvider
from pyroscope_native.integrations.opentelemetry import PROFILE_ID, SpanProcessor

provider = TracerProvider()
provider.add_span_processor(SpanProcessor(span_name=True))
tracer = provider.get_tracer("shop")
with tracer.start_as_current_span("checkout") as span:
    with tracer.start_as_current_span("pay"):
        pass
assert PROFILE_ID in span.attributes
provider.shutdown()
"""
    done = python("-c", code, cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
