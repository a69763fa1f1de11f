# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What the gate makes of figures."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import budgets, gate
from benchmarks.__main__ import BENCHMARKS
from benchmarks.budgets import Budget, Verdict, judge
from benchmarks.figures import Figure, Run

OF = {"profiler": "pyroscope_native", "python": "3.12", "depth": "30"}
AT_MOST = Budget("handler", "instructions", "instructions", "so it is", {"depth": "30"}, 100)
BETWEEN = Budget("accuracy", "claimed", "ratio", "goal", {}, at_most=1.02, at_least=0.98)


def count(value: float, **of: str) -> Figure:
    return Figure("handler", "instructions", value, "instructions", {**OF, **of})


def claimed(value: float, low: float, high: float) -> Figure:
    of = {"profiler": "pyroscope_native", "workload": "calls"}
    return Figure("accuracy", "claimed", value, "ratio", of, low, high)


def run(*figures: Figure) -> Run:
    return Run({"architecture": "x86_64", "python": "3.12.1"}, list(figures), {})


def is_kept(verdict: Verdict) -> bool:
    return not verdict.faults and not verdict.skipped


@pytest.mark.parametrize(
    ("value", "kept"), [(99, True), (100, True), (100.5, False), (math.nan, False)]
)
def test_a_count_is_within_its_limit_or_not(value: float, kept: bool) -> None:
    assert is_kept(judge(AT_MOST, run(count(value)))) == kept


@pytest.mark.parametrize(
    ("figure", "kept"),
    [
        (claimed(1.0, 0.99, 1.01), True),
        (claimed(1.03, 1.01, 1.05), True),
        (claimed(1.04, 1.03, 1.05), False),
        (claimed(0.97, 0.95, 0.99), True),
        (claimed(0.96, 0.95, 0.97), False),
    ],
)
def test_an_interval_is_beyond_as_a_whole(figure: Figure, kept: bool) -> None:
    assert is_kept(judge(BETWEEN, run(figure))) == kept


def test_one_figure_of_many_is_enough() -> None:
    verdict = judge(AT_MOST, run(count(90), count(120, python="3.11"), count(80, python="3.13")))
    assert verdict.worst is not None
    assert verdict.worst.value == 120
    assert len(verdict.faults) == 1
    assert "3.11" in verdict.faults[0]


def test_figures_of_others_and_other_things_do_not_count() -> None:
    others = count(200, profiler="py-spy"), count(200, depth="500"), count(99)
    assert is_kept(judge(AT_MOST, run(*others)))


def test_a_budget_of_nothing_is_not_kept_and_says_why() -> None:
    measured = run(count(99, depth="500"))
    measured.unavailable["handler: instructions"] = "there is no valgrind"
    measured.unavailable["start: py-spy"] = "it does not push"
    verdict = judge(AT_MOST, measured)
    assert len(verdict.faults) == 2
    assert "there is no valgrind" in verdict.faults[1]


def test_another_unit_is_a_fault() -> None:
    assert not is_kept(judge(AT_MOST, run(count(99)._replace(unit="ns"))))


def test_limits_of_another_architecture_are_skipped_with_a_word() -> None:
    verdict = judge(AT_MOST._replace(architecture="aarch64"), run(count(120)))
    assert "aarch64" in verdict.skipped
    assert not verdict.faults
    assert not is_kept(judge(AT_MOST._replace(architecture="x86_64"), run(count(120))))


def test_other_versions_are_skipped_only_where_they_are_not_measured() -> None:
    of_311 = AT_MOST._replace(of={"python": "3.11"})
    assert "3.12.1" in judge(of_311, run(count(99))).skipped
    assert judge(of_311, run(count(120, python="3.11"))).faults
    # 3.1 is no 3.12, and that which runs must have been measured.
    assert judge(AT_MOST._replace(of={"python": "3.1"}), run(count(99))).skipped
    assert judge(AT_MOST._replace(of={"python": "3.12"}), run()).faults


# ---- the file ----


toml = pytest.mark.skipif(
    not (find_spec("tomllib") or find_spec("tomli")), reason="to read TOML takes tomli"
)


@toml
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('at_mots = 1\nreason = "x"', TypeError),
        ("at_most = 1", TypeError),
        ('reason = "x"', ValueError),
        ('at_most = 1\nreason = " "', ValueError),
    ],
)
def test_a_budget_has_a_limit_and_a_reason(
    tmp_path: Path, text: str, error: type[Exception]
) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(f'[[budget]]\nbenchmark = "x"\nmetric = "y"\nunit = "z"\n{text}\n')
    with pytest.raises(error):
        budgets.read(path)


@toml
def test_limits_by_version_are_budgets_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(
        '[[budget]]\nbenchmark = "handler"\nmetric = "instructions"\nunit = "instructions"\n'
        'of = { depth = "30" }\nat_most_by_python = { "3.9" = 80, "3.12" = 100 }\nreason = "x"\n'
    )
    of_39, of_312 = budgets.read(path)
    assert (of_39.of, of_39.at_most) == ({"python": "3.9", "depth": "30"}, 80)
    assert (of_312.of, of_312.at_most) == ({"python": "3.12", "depth": "30"}, 100)


@toml
def test_budgets_are_of_benchmarks_that_there_are() -> None:
    limits = budgets.read()
    assert {"handler", "pipeline"} <= {budget.benchmark for budget in limits}
    assert {budget.benchmark for budget in limits} <= {*BENCHMARKS}
    assert len({str(budget) for budget in limits}) == len(limits)


# ---- the gate ----


def measuring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *values: float | None) -> list[int]:
    """Have the gate measure these values in turn, None for a benchmark that fails; the
    rounds that it asks for are added to what this returns."""
    asked: list[int] = []
    monkeypatch.setattr(gate, "KEPT", tmp_path / "gate.json")

    def measure(names: object, rounds: int) -> None:
        asked.append(rounds)
        value = values[len(asked) - 1]
        if value is not None:
            run(count(value)).write(gate.KEPT)

    monkeypatch.setattr(gate, "measure", measure)
    return asked


@pytest.mark.parametrize(
    ("values", "kept", "asked"),
    [
        ((99,), True, [3]),
        ((120, 99), True, [3, 9]),
        ((120, 120), False, [3, 9]),
        ((120, None), False, [3, 9]),
        ((None, 99), True, [3, 9]),
        ((None, None), False, [3, 9]),
    ],
)
def test_what_is_exceeded_is_measured_again(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    values: tuple[float | None, ...],
    kept: bool,
    asked: list[int],
) -> None:
    rounds = measuring(monkeypatch, tmp_path, *values)
    # `python` and `architecture` are those of the interpreter here until there are figures.
    [verdict] = gate.measured([AT_MOST], gate.ROUNDS)
    assert is_kept(verdict) == kept
    assert rounds == asked


@pytest.mark.parametrize(("value", "status"), [(100.0, 0), (120.0, 1)])
def test_the_exit_status_and_what_is_said(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    value: float,
    status: int,
) -> None:
    path = tmp_path / "run.json"
    run(count(value)).write(path)
    monkeypatch.setattr(budgets, "read", lambda: [AT_MOST, BETWEEN])
    monkeypatch.setattr("sys.argv", ["gate", str(path), "--only", "handler"])
    assert gate.main() == status
    said = capsys.readouterr()
    [line] = said.out.splitlines()
    assert line.endswith("EXCEEDED" if status else "kept")
    assert ("so it is" in said.err) == (status == 1)
    assert ("python -m benchmarks handler --rounds" in said.err) == (status == 1)
