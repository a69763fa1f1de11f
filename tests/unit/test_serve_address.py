# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from pyroscope_native.address import ServeAddress, parse_serve_address
from pyroscope_native.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("4041", ServeAddress("127.0.0.1", 4041, 4041, "")),
        ("0", ServeAddress("127.0.0.1", 0, 0, "")),
        ("0.0.0.0:4041", ServeAddress("0.0.0.0", 4041, 4041, "")),
        ("localhost:4041-4050", ServeAddress("localhost", 4041, 4050, "")),
        ("4041-4041", ServeAddress("127.0.0.1", 4041, 4041, "")),
        ("[::1]:4041", ServeAddress("::1", 4041, 4041, "")),
        ("[::]:1-65535", ServeAddress("::", 1, 65535, "")),
        ("unix:/run/app-{pid}.sock", ServeAddress("", 0, 0, "/run/app-{pid}.sock")),
    ],
)
def test_what_is_an_address(text: str, address: ServeAddress) -> None:
    assert parse_serve_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "port", "65536", "-1", "10-9", "0-9", "::1:4041", "a b:1", "host:", "unix:", "http://a:1"],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="FIRST-LAST or unix:PATH"):
        parse_serve_address(text)
