# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What the WSGI middleware labels, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from pyroscope_native.integrations.wsgi import Middleware
from tests.support.scopes import recorded_scopes

GET = {"REQUEST_METHOD": "GET", "PATH_INFO": "/17"}
LABELS = {"method": "GET", "endpoint": "/{number}"}


def template(environ: dict[str, Any]) -> str | None:
    return {"/17": "/{number}", "/none": None}[environ["PATH_INFO"]]


def answer(app: Any, environ: dict[str, Any] = GET) -> Any:
    return Middleware(app, template)(environ, lambda *_: None)


@pytest.mark.parametrize(
    ("environ", "labels"),
    [
        (GET, LABELS),
        ({**GET, "PATH_INFO": "/none"}, {"method": "GET", "endpoint": "[unmatched]"}),
        ({**GET, "PATH_INFO": "/error"}, {"method": "GET", "endpoint": "[unmatched]"}),
        ({**GET, "REQUEST_METHOD": "get"}, {**LABELS, "method": "[other]"}),
        ({"PATH_INFO": "/17"}, {**LABELS, "method": "[other]"}),
    ],
)
def test_labels(environ: dict[str, Any], labels: dict[str, str]) -> None:
    with recorded_scopes() as scopes:
        assert answer(lambda *_: [b""], environ) == [b""]
    assert scopes.entered == [labels]


def test_without_a_template_there_is_the_method_only() -> None:
    with recorded_scopes() as scopes:
        Middleware(lambda *_: [])(GET, lambda *_: None)
    assert scopes.entered == [{"method": "GET"}]


def test_no_route_is_looked_up_when_nothing_is_profiled() -> None:
    def fail(_: object) -> str:
        pytest.fail("looked up")

    assert Middleware(lambda *_: [b""], fail)(GET, lambda *_: None) == [b""]


def test_an_error_is_the_servers() -> None:
    def app(*_: object) -> list[bytes]:
        raise ValueError("as it should")

    with recorded_scopes() as scopes, pytest.raises(ValueError, match="as it should"):
        answer(app)
    assert scopes.entered == [LABELS]


class Body:
    """Sees what is open in each of its calls."""

    def __init__(self, scopes: Any) -> None:
        self.scopes = scopes
        self.seen: list[Any] = []
        self.closed: list[Any] = []

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(3):
            self.seen.append(self.scopes.current)
            yield b"chunk"

    def close(self) -> None:
        self.closed.append(self.scopes.current)


def test_steps_of_a_response_are_labelled_and_nothing_between() -> None:
    with recorded_scopes() as scopes:
        bodies = [Body(scopes), Body(scopes)]
        answers = [answer(lambda *_, body=body: body) for body in bodies]
        steps = [iter(each) for each in answers]
        for step in steps * 3:  # the server takes turns
            assert next(step) == b"chunk"
            assert scopes.current is None
        for each, step in zip(answers, steps):
            assert list(step) == []
            each.close()
    for body in bodies:
        assert body.seen == [LABELS] * 3
        assert body.closed == [LABELS]


@pytest.mark.parametrize("steps", [0, 1])
def test_a_response_that_is_closed_early(steps: int) -> None:
    with recorded_scopes() as scopes:
        body = Body(scopes)
        answered = answer(lambda *_: body)
        for _ in range(steps):
            next(iter(answered))
        answered.close()
    assert body.seen == [LABELS] * steps
    assert body.closed == [LABELS]


def test_a_response_without_close() -> None:
    with recorded_scopes() as scopes:
        answered = answer(lambda *_: iter([b"chunk"]))
        assert list(answered) == [b"chunk"]
        answered.close()
    assert scopes.current is None


@pytest.mark.parametrize("wrapper", [FileWrapper, lambda file: file])
def test_a_file_is_the_servers_to_send(wrapper: Any) -> None:
    environ = {**GET, "wsgi.file_wrapper": wrapper}
    file = FileWrapper(open(__file__, "rb"))  # noqa: SIM115
    answered = answer(lambda *_: file, environ)
    assert (answered is file) == (wrapper is FileWrapper)
    assert b"".join(answered).startswith(b"# SPDX")
    answered.close()
