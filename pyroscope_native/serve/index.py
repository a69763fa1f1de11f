# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The page that tells who is asked by a browser what there is."""

from __future__ import annotations

import os
from html import escape

from pyroscope_native.config import Config
from pyroscope_native.figures import Stats

_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{name}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 44em; padding: 0 1em }}
th {{ font-weight: normal; padding-right: 2em; text-align: left }}
code {{ background: #8882; padding: 0 .3em }}
:root {{ color-scheme: light dark }}
</style>
<h1>{name}</h1>
<p>CPU profiles of this process, in pprof's format:</p>
<ul>
<li><a href="profile?seconds=5">profile?seconds=5</a></li>
<li><a href="profile?seconds=30">profile?seconds=30</a></li>
</ul>
<p>or <code>go tool pprof 'http://HOST:PORT/debug/pprof/profile?seconds=30'</code>, or
Alloy's <code>pyroscope.scrape</code>.</p>
<table>
{rows}
</table>
</html>
"""


def render(config: Config, stats: Stats) -> bytes:
    """The page. It names no setting that could be secret."""
    facts = {
        "process": os.getpid(),
        "profiled for": f"{stats.duration_s:.0f} s",
        "CPU time": f"{stats.seen_ns / 1e9:.2f} s in {stats.samples} samples",
        "rate": f"{stats.current_rate_hz} Hz, {stats.clock} clock",
        "lost": f"{stats.lost_ns / 1e9:.2f} s",
        "the profiler's own share": f"{stats.overhead:.2%}",
    }
    rows = "\n".join(f"<tr><th>{fact}<td>{value}" for fact, value in facts.items())
    name = escape(config.application_name)
    return _PAGE.format(name=name, rows=rows).encode("utf-8", "replace")
