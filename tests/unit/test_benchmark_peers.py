# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmarks' environments, the server that profilers push to, and what is made of runs."""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

import pytest

from benchmarks import environments, overhead
from benchmarks.environments import OURS, Environment, Unavailable
from benchmarks.plan import Plan
from benchmarks.profilers import NONE, PEERS, PROFILERS, Profiler
from benchmarks.profilers import OURS as OUR_PROFILER
from benchmarks.program import Took
from benchmarks.progress import Progress
from benchmarks.runner import Outcome
from benchmarks.sink import Sink
from benchmarks.subjects import in_order, subjects

PEER = Profiler("A peer", "none")


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where environments are made, without a package from the registry."""
    environments._made.cache_clear()
    monkeypatch.setattr(environments, "DIRECTORY", tmp_path)
    monkeypatch.setattr(environments, "ALWAYS", ())
    monkeypatch.setenv("BENCHMARKS_PYTHON_A_PEER", sys.executable)
    return tmp_path / "a-peer"


# ---- profilers ----


@pytest.mark.parametrize("profiler", PROFILERS.values(), ids=PROFILERS)
def test_a_profiler_says_how_it_is_begun(profiler: Profiler) -> None:
    module = profiler.load()
    assert hasattr(module, "begin") != hasattr(module, "command")


# ---- environments ----


def test_ours_does_for_who_needs_nothing() -> None:
    assert environments.environment(PROFILERS["cProfile"]) == OURS


def make(monkeypatch: pytest.MonkeyPatch, profiler: Profiler) -> list[list[str]]:
    """The commands that the profiler's environment has been made with; none is installed."""
    commands: list[list[str]] = []

    def output(words: list[str]) -> str:
        commands.append(words)
        if "venv" in words:
            Path(words[-1]).mkdir()
        return "3.9.1 (built)"

    environments._made.cache_clear()
    monkeypatch.setattr(environments, "output", output)
    environments.environment(profiler)
    return [words for words in commands if "-m" in words]


def test_an_environment_is_kept(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, installed = make(monkeypatch, PEER)
    assert made[-1] == str(directory)
    assert installed[0] == str(directory / "bin" / "python")
    assert make(monkeypatch, PEER) == []
    assert (directory / "made.json").exists()


def test_an_environment_is_made_again_for_other_packages(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(monkeypatch, PEER)
    _, installed = make(monkeypatch, PEER._replace(requirements=("other==1",)))
    assert installed[-1] == "other==1"
    assert make(monkeypatch, PEER)


def test_what_was_interrupted_is_begun_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(monkeypatch, PEER)
    (directory / "made.json").unlink()
    (directory / "half").touch()
    assert make(monkeypatch, PEER)
    assert not (directory / "half").exists()


def test_an_interpreter_may_be_in_another_root(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHMARKS_PYTHON_A_PEER", "in-root '/a root' python3.15")
    made, *_ = make(monkeypatch, PEER)
    assert made == ["in-root", "/a root", "python3.15", "-m", "venv", str(directory)]
    found = environments.environment(PEER)
    python = directory / "bin" / "python"
    assert found == Environment(python, ("in-root", "/a root"), "3.9.1 (built)")


def test_what_cannot_be_had_says_why(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match=r"no python3\.99: .* BENCHMARKS_PYTHON_ANOTHER"):
        environments.environment(Profiler("Another", "none", python="3.99"))
    monkeypatch.setenv("BENCHMARKS_PYTHON_A_PEER", "/nowhere/python")
    with pytest.raises(Unavailable, match="/nowhere/python"):
        environments.environment(PEER)
    refuses = f"""{sys.executable} -c 'raise SystemExit("not here")' python"""
    monkeypatch.setenv("BENCHMARKS_PYTHON_A_PEER", refuses)
    with pytest.raises(Unavailable, match="not here"):
        environments.environment(PEER)
    assert not directory.exists()


# ---- the sink ----


def ask(address: str, body: object = None, **headers: str) -> tuple[bytes, str]:
    request = urllib.request.Request(address, body, headers)  # type: ignore[arg-type]
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
        return answer.read(), answer.headers["Content-Type"]


def test_the_sink_counts_and_keeps(tmp_path: Path) -> None:
    with Sink(str(tmp_path)) as sink:
        push = sink.address + "/push.v1.PusherService/Push"
        assert ask(push, b"pprof", **{"Content-Type": "application/proto"}) == (
            b"",
            "application/proto",
        )
        assert b"/profiling/v1/input" in ask(sink.address + "/info")[0]
        chunks = iter([b"multi", b"part"])
        ask(sink.address + "/profiling/v1/input", chunks, **{"Content-Type": "multipart/form-data"})
        ask(sink.address + "/telemetry", b"{}")
        ask(sink.address + "/ingest?name=a", b"x")
    assert sink.uploads == [5, 9, 1]
    assert len(sink.requests) == 5
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert kept == {
        "0001-Push": b"pprof",
        "0003-input": b"multipart",
        "0004-telemetry": b"{}",
        "0005-ingest": b"x",
    }


# ---- overhead ----


def plan(**kind: bool) -> Plan:
    return Plan((OUR_PROFILER, *PEERS), 3, kind.get("quick", False), lambda *_: None, print)


def test_every_profiler_pairs_with_its_own_interpreter() -> None:
    other = Environment(Path("/python3.15"), version="3.15.0 (built)")
    within = {"none": OURS, "cProfile": OURS, "a": other, "b": other}
    profilers = [NONE, PROFILERS["cProfile"], *(Profiler(name, "none") for name in "ab")]
    found = subjects(profilers, within)
    bases = [each for each in found if each.name.startswith("base")]
    assert [each.within for each in bases] == [OURS, other]
    assert all(each.profiler == NONE for each in bases)
    assert [each.name for each in found if each not in bases] == ["none", "cProfile", "a", "b"]


def test_the_order_differs_by_round_and_repeats() -> None:
    found = subjects([NONE, *PEERS], {each.name: OURS for each in (NONE, *PEERS)})
    orders = [in_order(found, str(number)) for number in range(5)]
    assert len({tuple(order) for order in orders}) == 5
    assert all(sorted(order) == sorted(found) for order in orders)
    assert orders[3] == in_order(found, "3")


def test_none_is_compared_with_none_first() -> None:
    found = overhead.cases(plan(), plan().profilers)
    assert {case.workload for case in found} == set(overhead.WORKLOADS)
    assert all(case.profilers[:2] == (NONE, OUR_PROFILER) for case in found)


def test_quick_is_ours_alone() -> None:
    kind = plan(quick=True)._replace(profilers=(OUR_PROFILER,))
    found = overhead.cases(kind, kind.profilers)
    assert {case.profilers for case in found} == {(OUR_PROFILER,)}
    assert {case.rate_hz for case in found} == set(overhead.RATES_HZ)


def test_who_has_no_rate_is_asked_for_none() -> None:
    found = overhead.cases(plan(), plan().profilers)
    tracers = [case for case in found if PROFILERS["yappi"] in case.profilers]
    assert [case.workload for case in tracers] == list(overhead.FEW)
    assert {case.rate_hz for case in tracers} == {100}
    assert {case.rate_hz for case in found} == set(overhead.RATES_HZ)


def test_figures_of_runs() -> None:
    without = Took(wall=2000, program=1000, tree=1010, stop=0)
    with_ = Took(wall=2000, program=1100, tree=1160, stop=3_000_000, samples=11, sample_ns=10)
    found = {
        figure.metric: figure.value
        for figure in overhead.figures({}, OUR_PROFILER, [Outcome(with_, [500], 0)], [without])
    }
    assert found["program"] == pytest.approx(10)
    assert found["wall"] == 0
    assert found["helpers"] == pytest.approx(5)  # 60 less the 10 of the run without
    assert found["counted"] == pytest.approx(15)
    assert found["delivered rate"] == pytest.approx(1e7)
    assert found["delivery"] == pytest.approx(3)
    assert found["upload"] == 500


def test_what_is_not_known_is_not_stated() -> None:
    took = Took(wall=2000, program=1000, tree=1010, stop=0)
    found = overhead.figures({}, PROFILERS["py-spy"], [Outcome(took, [], 1)], [took])
    assert [figure.metric for figure in found] == ["program", "tree", "wall", "helpers"]


def test_progress_tells_what_is_left() -> None:
    now = iter((0.0, 60.0))
    said: list[str] = []
    progress = Progress(4, said.append, lambda: next(now))
    progress.announce("one")
    progress.ran()
    progress.announce("two")
    assert said == ["one", "two (about 3.0 min to go)"]
