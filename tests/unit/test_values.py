# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What texts mean as values of settings, and what is said of those that mean nothing."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

import pytest

from pyroscope_native import tags, values
from pyroscope_native.errors import ConfigError

up_to_an_hour = partial(values.duration, least=0.1, most=3600)


@pytest.mark.parametrize(
    ("parse", "value", "meaning"),
    [
        (up_to_an_hour, 10, 10),
        (up_to_an_hour, "10", 10),
        (up_to_an_hour, "10s", 10),
        (up_to_an_hour, "500ms", 0.5),
        (up_to_an_hour, "1m", 60),
        (up_to_an_hour, "1m30s", 90),
        (up_to_an_hour, "1h", 3600),
        (values.size, 1000, 1000),
        (values.size, "1000", 1000),
        (values.size, "32MB", 32_000_000),
        (values.size, "32mb", 32_000_000),
        (values.size, "32 MB", 32_000_000),
        (values.size, "32M", 32_000_000),
        (values.size, "32MiB", 32 << 20),
        (values.size, "32Mi", 32 << 20),
        (values.size, "1.5GB", 1_500_000_000),
        (values.size, "1GiB", 1 << 30),
        (values.boolean, "Yes", True),
        (values.boolean, "on", True),
        (values.boolean, "1", True),
        (values.boolean, "off", False),
        (values.boolean, "FALSE", False),
        (values.boolean, 0, False),
        (values.negation, "true", False),
        (values.rate, "250", 250),
        (values.rate_of_interval, "10ms", 100),
        (values.rate_of_interval, "100us", 10_000),
        (values.rate_of_interval, 0.02, 50),
        (values.budget, "2.5", 0.025),
        (values.budget, "2%", 0.02),
        (values.count, "7", 7),
        (values.log_level, "WARN", "warning"),
        (values.log_level, "none", "off"),
        (values.headers, '{"X-Name": "1"}', {"X-Name": "1"}),
        (values.serve_address, 4041, "4041"),
        (values.fuse_directory, "off", ""),
        (tags.parse, "a=1,b=2", {"a": "1", "b": "2"}),
        (tags.parse, "a:1, b:2,", {"a": "1", "b": "2"}),
        (tags.parse, "url=http://x,c:d=e", {"url": "http://x", "c": "d=e"}),
        (tags.parse, ["a=1=2", "b=x:y"], {"a": "1=2", "b": "x:y"}),
    ],
)
def test_what_a_text_means(parse: Callable[[str, Any], Any], value: object, meaning: Any) -> None:
    assert parse("it", value) == meaning
    assert type(parse("it", value)) is not bool or isinstance(meaning, bool)


@pytest.mark.parametrize(
    ("parse", "value", "words"),
    [
        (up_to_an_hour, 0, "it must be 0.1 to 3600 seconds, not 0"),
        (up_to_an_hour, "2h", "not 2h"),
        (up_to_an_hour, "10 s", "not 10 s"),
        (up_to_an_hour, "1s1", "not 1s1"),
        (up_to_an_hour, "nan", "not nan"),
        (up_to_an_hour, "inf", "not inf"),
        (up_to_an_hour, True, "not True"),
        (up_to_an_hour, None, "not None"),
        (values.size, "0", "a size above 0"),
        (values.size, -1, "such as 32MB or 32MiB, not -1"),
        (values.size, "32XB", "not 32XB"),
        (values.size, True, "not True"),
        (values.boolean, "maybe", "it must be true or false, not maybe"),
        (values.boolean, 0.5, "not 0.5"),
        (values.rate, "0", "a whole number from 1 to 10000 Hz, not 0"),
        (values.rate, 99.5, "not 99.5"),
        (values.rate_of_interval, "2s", "0.1ms to 1s, not 2s"),
        (values.rate_of_interval, 0, "0.1ms to 1s, not 0"),
        (values.rate_of_interval, 1e-309, "0.1ms to 1s, not 1e-309"),
        (values.budget, "%", "above 0 and up to 100 per cent"),
        (values.count, 0, "a whole number above 0, not 0"),
        (values.log_level, "loud", "debug, info, warning, error, off, not loud"),
        (values.line_numbers, "all", "last, first or none, not all"),
        (values.headers, "X-Name: secret", "it must be a JSON object"),
        (values.headers, '["secret"]', "it must be a JSON object"),
        (values.headers, '{"X-Name": ["secret"]}', "HTTP header X-Name must be a string"),
        (values.headers, {"X-Name": "secret\r\n"}, "HTTP header X-Name has a control character"),
        (values.headers, {"X Name": "secret"}, "letters, digits and -: 'X Name'"),
        (values.text, 5, "it must be a string, not of type int"),
        (values.header_text, "secret\n", "it has a control character in it"),
        (values.server_address, "secret", "does not begin with http"),
        (values.outputs, 5, "a path, or a list of them"),
        (tags.parse, "name", "a tag is KEY=VALUE, not name"),
        (tags.parse, 5, "it must be a dict"),
    ],
)
def test_what_is_said_of_nonsense(
    parse: Callable[[str, Any], Any], value: object, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse("it", value)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_what_is_long_is_not_quoted_whole() -> None:
    with pytest.raises(ConfigError) as caught:
        values.clock("clock", "x" * 10_000)
    assert len(str(caught.value)) < 200
