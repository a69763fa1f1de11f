# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What the requests are for: about half a millisecond of CPU each, with JSON, a sorted
list and a page made of strings, after a wait as for a database."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

WAIT_S = 0.002
"""For the database."""
_STORED = json.dumps(
    [
        {
            "sku": f"{number * 7919 % 1000:04}",
            "name": f"Article <{number}>",
            "price": number * 271 % 10_000,
            "tags": ["new", "blue"] if number % 3 else ["old"],
            "stock": {"here": number % 5, "there": number % 7},
        }
        for number in range(150)
    ]
)


def _stored() -> list[dict[str, Any]]:
    articles: list[dict[str, Any]] = json.loads(_STORED)
    return articles


def _in_stock(article: Mapping[str, Any]) -> int:
    return sum(article["stock"].values())


def _words(article: Mapping[str, Any]) -> set[str]:
    return {word.strip("<>").lower() for word in [*article["name"].split(), *article["tags"]]}


def _row(article: Mapping[str, Any]) -> str:
    price = f"{article['price'] / 100:.2f}"
    return f"<tr><td>{html.escape(article['name'])}</td><td>{price}</td></tr>"


def _page(title: str, articles: list[dict[str, Any]]) -> str:
    rows = "\n".join(_row(article) for article in articles)
    return f"<!doctype html>\n<title>{html.escape(title)}</title>\n<table>\n{rows}\n</table>\n"


def _catalogue() -> str:
    articles = sorted(_stored(), key=lambda article: (article["price"], article["name"]))
    return _page("All articles", articles)


def _stock() -> str:
    articles = [{**article, "left": _in_stock(article)} for article in _stored()]
    scarce = sorted(articles, key=lambda article: article["left"])[:30]
    return json.dumps(scarce, indent=1)


def _search() -> str:
    words = [(_words(article), article) for article in _stored()]
    found = [article for has, article in words if {"blue", "article"} <= has]
    found.sort(key=_in_stock, reverse=True)
    return _page(f"{len(found)} found", found)


_ENDPOINTS = {"/catalogue": _catalogue, "/stock": _stock, "/search": _search}
PATHS = tuple(_ENDPOINTS)


def answer(path: str) -> bytes:
    """The body of the response.

    Raises:
        KeyError: there is no such path
    """
    return _ENDPOINTS[path]().encode()
