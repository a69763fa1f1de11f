# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A shop whose work is labelled by endpoint and tenant: something to compare."""

from __future__ import annotations

import json
import threading

from pyroscope_native import tag_wrapper

CATALOGUE = [{"id": number, "price": number % 97, "tags": ["a", "b"] * 3} for number in range(2000)]


def total(items):
    return sum(item["price"] * 1.2 for item in items)


@tag_wrapper({"endpoint": "/cart"})
def cart():
    for _ in range(1000):
        total(CATALOGUE)


@tag_wrapper({"endpoint": "/checkout"})
def checkout(tenant):
    with tag_wrapper({"tenant": tenant}):
        for _ in range(100):
            total(CATALOGUE)
            json.dumps(CATALOGUE)


def sweep():
    for _ in range(200):
        sorted(CATALOGUE, key=lambda item: -item["price"])


def serve():
    cart()
    checkout("acme")
    checkout("globex")


def main():
    for _ in range(3):
        threads = [
            threading.Thread(target=serve, name="server"),
            threading.Thread(target=sweep, name="sweeper"),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
