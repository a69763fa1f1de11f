# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Labels as they are sent are such as a server takes, whatever a program says."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyroscope_native import labels
from pyroscope_native.config import PROCESS_TAGS, Config
from pyroscope_native.errors import ConfigError
from pyroscope_native.settings import resolve

NOTHING = Config(application_name="")

logging.getLogger("pyroscope_native").addHandler(logging.NullHandler())

texts = st.one_of(
    st.text(max_size=8),
    st.text("ab_.0", max_size=4),
    st.integers(1, 3000).map(lambda n: "a" * n),
    st.integers(500, 1100).map(lambda n: "\U0001f40d" * n),
    st.text(st.characters(categories=["Cs"]), min_size=1, max_size=3),
)
anything = st.one_of(texts, st.none(), st.integers(), st.floats(), st.binary(), st.lists(texts))


@pytest.fixture(autouse=True)
def _periods_refused() -> Iterator[None]:
    yield
    labels.replace_periods(False)


def is_taken(name: str, value: str) -> bool:
    return (
        re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) is not None
        and not name.startswith("__")
        and name != "service_name"
        and len(name) <= 1024
        and 1 <= len(value.encode("utf-8")) <= 2048
    )


@given(anything, anything)
def test_what_is_not_refused_is_taken(name: object, value: object) -> None:
    before = labels.refused()
    label = labels.checked(name, value)
    if label is None:
        assert labels.refused() == before + 1
    else:
        assert labels.refused() == before
        assert is_taken(*label)
        assert type(label[0]) is type(label[1]) is str


@given(texts, texts)
def test_what_is_taken_is_not_refused_or_changed(name: str, value: str) -> None:
    try:
        taken = is_taken(name, value)
    except UnicodeEncodeError:
        return
    if taken:
        assert labels.checked(name, value) == (name, value)


@given(texts, texts)
def test_periods_may_be_replaced(name: str, value: str) -> None:
    labels.replace_periods(True)
    label = labels.checked(name, value)
    labels.replace_periods(False)
    assert label == labels.checked(name.replace(".", "_"), value)


class Shouting(str):
    def __str__(self) -> str:
        return self.upper()

    def __hash__(self) -> int:
        raise AssertionError("a program's code in the drain")


def test_a_subclass_of_str_is_what_it_holds() -> None:
    label = labels.checked("name", Shouting("quiet"))
    assert label == ("name", "quiet")
    assert label is not None
    assert type(label[1]) is str


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_a_name_that_cannot_be_shown_is_refused_like_others() -> None:
    assert labels.checked(Unprintable(), "x") is None


def test_a_process_has_as_many_tags_as_a_server_takes() -> None:
    tags = {f"tag_{number}": "x" for number in range(40)}
    given = {"span_id": "0123456789abcdef", **tags}
    usable = resolve({"tags": given}, defaults=NOTHING, tolerant=True).tags
    assert usable == dict(list(tags.items())[:PROCESS_TAGS])
    words = [f"{name}=x" for name in usable]
    assert resolve({"tags": words}, defaults=NOTHING, tolerant=False).tags == usable
    with pytest.raises(ConfigError, match="too many"):
        resolve({"tags": tags}, defaults=NOTHING, tolerant=False)
    with pytest.raises(ConfigError, match="span_id"):
        resolve({"tags": ["span_id=0123456789abcdef"]}, defaults=NOTHING, tolerant=False)
