# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""Renders three balls on a chessboard: something to profile.

Rays are traced in Python, rows are compressed in threads.
"""

from __future__ import annotations

import math
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple


class Vector(NamedTuple):
    x: float
    y: float
    z: float

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other):
        return Vector(self.x - other.x, self.y - other.y, self.z - other.z)

    def scaled(self, factor):
        return Vector(self.x * factor, self.y * factor, self.z * factor)

    def dot(self, other):
        return self.x * other.x + self.y * other.y + self.z * other.z

    def unit(self):
        return self.scaled(1 / math.sqrt(self.dot(self)))


class Ball(NamedTuple):
    center: Vector
    radius: float
    color: Vector

    def hit(self, origin, direction):
        offset = origin - self.center
        b = offset.dot(direction)
        discriminant = b * b - offset.dot(offset) + self.radius * self.radius
        if discriminant < 0:
            return None
        distance = -b - math.sqrt(discriminant)
        return distance if distance > 1e-4 else None

    def shade(self, point, direction, scene, depth):
        normal = (point - self.center).unit()
        reflected = direction - normal.scaled(2 * direction.dot(normal))
        light = max(0.1, normal.dot(Vector(0.5, 0.7, -0.5)))
        return self.color.scaled(0.6 * light) + scene.trace(point, reflected, depth + 1).scaled(0.4)


class Floor:
    def hit(self, origin, direction):
        if abs(direction.y) < 1e-6:
            return None
        distance = -(origin.y + 1) / direction.y
        return distance if distance > 1e-4 else None

    def shade(self, point, direction, scene, depth):
        dark = (math.floor(point.x) + math.floor(point.z)) % 2
        return Vector(0.2, 0.2, 0.2) if dark else Vector(0.9, 0.9, 0.9)


class Scene:
    def __init__(self, things):
        self.things = things

    def trace(self, origin, direction, depth=0):
        nearest, distance = None, math.inf
        for thing in self.things:
            found = thing.hit(origin, direction)
            if found is not None and found < distance:
                nearest, distance = thing, found
        if nearest is None or depth > 4:
            return sky(direction)
        return nearest.shade(origin + direction.scaled(distance), direction, self, depth)


def sky(direction):
    t = 0.5 * (direction.y + 1)
    return Vector(1 - 0.5 * t, 1 - 0.3 * t, 1)


def render_row(scene, y, width, height):
    row = bytearray()
    for x in range(width):
        direction = Vector((x - width / 2) / height, (height / 2 - y) / height, 1).unit()
        color = scene.trace(Vector(0, 0.2, -3), direction)
        row += bytes(min(255, int(255 * channel)) for channel in color)
    return bytes(row)


def compress(rows):
    return zlib.compress(b"".join(rows) * 60, 9)


def main(width=480, height=320):
    scene = Scene(
        [
            Floor(),
            Ball(Vector(-1.4, 0, 1.2), 1, Vector(1, 0.3, 0.3)),
            Ball(Vector(0, -0.4, 0), 0.6, Vector(0.3, 1, 0.3)),
            Ball(Vector(1.3, 0, 1), 1, Vector(0.3, 0.3, 1)),
        ]
    )
    rows = [render_row(scene, y, width, height) for y in range(height)]
    with ThreadPoolExecutor(2, thread_name_prefix="compress") as pool:
        packed = list(pool.map(compress, (rows[::2], rows[1::2])))
    print(f"{width} × {height} pixels, {sum(map(len, packed)):,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
