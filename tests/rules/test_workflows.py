# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a release promises of its workflow; that it is well-formed is for `make lint`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOWS = Path(__file__).resolve().parents[2] / ".github" / "workflows"
PINNED = re.compile(r"uses: ([\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$", re.MULTILINE)


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((WORKFLOWS / name).read_text())["jobs"]
    return found


def needed(release: dict[str, Any], job: str) -> set[str]:
    """All jobs that must have passed before one begins."""
    needs = release[job].get("needs", [])
    direct = {needs} if isinstance(needs, str) else set(needs)
    return direct.union(*(needed(release, each) for each in direct))


def test_nothing_is_published_before_all_else_has_passed() -> None:
    release = jobs("release.yml")
    assert needed(release, "publish") == set(release) - {"publish", "announce"}
    assert needed(release, "announce") == set(release) - {"announce"}
    # `always()` and the like would let a job run after one that failed.
    conditions = {name: job["if"] for name, job in release.items() if "if" in job}
    assert conditions == {"publish": "github.event_name == 'push'"}


def test_what_publishes_runs_nothing_of_the_checkout() -> None:
    publish = jobs("release.yml")["publish"]
    assert publish["environment"] == "pypi"
    assert all("uses" in step and "checkout" not in step["uses"] for step in publish["steps"])


def test_only_who_publishes_may_write() -> None:
    may_write = {}
    for path in WORKFLOWS.glob("*.yml"):
        assert yaml.safe_load(path.read_text())["permissions"] == {}
        for name, job in jobs(path.name).items():
            writes = {what for what, how in job["permissions"].items() if how == "write"}
            if writes:
                may_write[path.name, name] = writes
    assert may_write == {
        ("release.yml", "publish"): {"id-token", "attestations"},
        ("release.yml", "announce"): {"contents"},
    }


@pytest.mark.parametrize("name", ["ci.yml", "release.yml"])
def test_actions_are_pinned(name: str) -> None:
    text = (WORKFLOWS / name).read_text()
    pins = PINNED.findall(text)
    assert len(pins) == text.count("uses: ")
    assert len(dict(pins)) == len(set(pins)), "one action by two pins"


def test_linux_wheels_are_tried_where_they_will_run() -> None:
    release = jobs("release.yml")
    for name in ("glibc", "musl"):
        matrix = release[name]["strategy"]["matrix"]
        assert matrix["runner"] == ["ubuntu-24.04", "ubuntu-24.04-arm"]
        assert matrix["minor"] == "${{ fromJSON(needs.check.outputs.minors) }}"
        assert "wheels/try.sh dist" in release[name]["steps"][-1]["run"]
