# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for `tag_wrapper` that tells what is labelled, without a profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest.mock import patch


class Scopes:
    """What integrations have entered."""

    def __init__(self) -> None:
        self.entered: list[dict[str, str]] = []
        self.open: list[dict[str, str]] = []

    @property
    def current(self) -> dict[str, str] | None:
        """The labels of the innermost scope that is open."""
        return self.open[-1] if self.open else None


@contextmanager
def recorded_scopes() -> Iterator[Scopes]:
    """Record the scopes of requests."""
    scopes = Scopes()

    class Recorder:
        def __init__(self, tags: Mapping[str, object]) -> None:
            self.labels = {name: str(value) for name, value in tags.items()}

        def __enter__(self) -> None:
            scopes.entered.append(self.labels)
            scopes.open.append(self.labels)

        def __exit__(self, *_: object) -> None:
            assert scopes.open.pop() is self.labels

    with patch("pyroscope_native.integrations.request.tag_wrapper", Recorder):
        yield scopes
    assert not scopes.open, "all scopes have been left"
