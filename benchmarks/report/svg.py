# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""SVG as text. Colours are the page's: an element only has a class."""

from __future__ import annotations

from html import escape
from typing import Union

Value = Union[str, float]


def element(name: str, *children: str, **attributes: Value) -> str:
    """An element; a name's _ is a -, children are markup."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
    )
    inside = "".join(children)
    return f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>"


def label(text: str, x: float, y: float, **attributes: Value) -> str:
    """Text at a place."""
    return element("text", escape(text), x=x, y=y, **attributes)


def tip(text: str) -> str:
    """What the element around it says when pointed at."""
    return element("title", escape(text))


def picture(width: float, height: float, says: str, *children: str) -> str:
    """The whole drawing, and what it says to those who don't see it."""
    return element(
        "svg", *children, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=says
    )


def _value(value: Value) -> str:
    return escape(value) if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
