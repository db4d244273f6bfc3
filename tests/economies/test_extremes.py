"""Every calibration that is not refused is solved, simulated and certified, with finite numbers."""

import json
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import calibration, laboratory_of

from truepremia.economies.contract import Undefined
from truepremia.economies.gs21 import solver
from truepremia.economies.parameters import LARGEST, SMALLEST, Choice, Number, ZeroOr
from truepremia.economies.registry import SHIPPED
from truepremia.errors import CalibrationError, NumericalError, TruepremiaError
from truepremia.files.simulations import write_simulation, write_solution
from truepremia.panel import Panel, Simulation, Size
from truepremia.seeds import Streams

COARSE = {"gs21": {"z_nodes": 12, "x_nodes": 10, "b_nodes": 25}}
"""Grids on which a search, also one that fails, takes seconds; the Euler equation holds on any."""

SIZE = Size(firms=20, months=3, burnin=13)
EULER = 1e-9
"""Ten times what the certificate of a default panel must reach."""

UNCARRIED = [1e300, -1e300, 5e-324, 1e-13, 2**63, 2**64, 10**400, 10**5000]


@pytest.fixture(autouse=True)
def _short_searches(monkeypatch):
    """Bound searches of gs21 more tightly: twice what its shipped calibration takes."""
    monkeypatch.setattr(solver, "MOST_MAPS", 1400)


def declared(name, of="rule"):
    """Return the numbers of an economy's calibration and their rules."""
    rules = {f.name: f.metadata for f in fields(SHIPPED[name].module("parameters").Params)}
    return {k: told[of] for k, told in rules.items() if not isinstance(told["rule"], Choice)}


def shipped(name):
    """Return the shipped calibration, on a coarse grid where there is one."""
    return calibration(name) | COARSE.get(name, {})


def everything_of(name, values):
    """Solve, simulate and certify; return the report, the panel and the largest Euler error."""
    economy = SHIPPED[name]
    solution = economy.solve(economy.parameters(values))
    report = economy.report(solution)
    panel = Panel.collect(
        economy.layout, economy.simulate(solution, SIZE, Streams(1, name, 0), "zero")
    )
    worst = 0.0
    for state in economy.states(solution, panel.aggregates, panel.states, SIZE.firms):
        known = economy.moments(solution, state)
        assert known.max_sharpe() <= economy.sharpe_bound(solution, state)
        worst = max(worst, np.abs(economy.euler_errors(solution, state)).max())
    return report, panel, worst


def assert_sound(name, values):
    report, panel, worst = everything_of(name, values)
    json.dumps(report, allow_nan=False)
    for column, found in {**panel.columns, **panel.aggregates}.items():
        assert np.isfinite(found).all(), column
    assert worst < EULER


def ends(rule):
    """Return values at and just inside the ends of a range."""
    number = rule.number if isinstance(rule, ZeroOr) else rule
    if not isinstance(number, Number):
        return
    yield 0.0
    yield from (end for end in (number.least, number.most) if end is not None)
    for end, inside in ((number.above, 1), (number.below, -1)):
        if end is not None:
            yield from (end + inside * SMALLEST, end + inside * 1e-6, end + inside * 0.01)
    yield from (LARGEST, -LARGEST, SMALLEST, -SMALLEST)


CASES = [(name, parameter) for name in sorted(SHIPPED) for parameter in declared(name)]


@pytest.mark.parametrize(("name", "parameter"), CASES, ids=[".".join(c) for c in CASES])
def test_values_at_the_ends_of_a_range_are_solved_or_refused_in_one_line(name, parameter):
    rules = (declared(name, of)[parameter] for of in ("rule", "computable"))
    for value in dict.fromkeys(value for rule in rules for value in ends(rule)):
        try:
            assert_sound(name, shipped(name) | {parameter: value})
        except TruepremiaError as refused:
            assert "\n" not in str(refused), value


@pytest.mark.parametrize("name", sorted(SHIPPED))
@pytest.mark.parametrize("value", UNCARRIED, ids=lambda v: f"{v:.3g}" if v < 1e308 else "huge")
def test_a_number_that_mathematics_cannot_carry_is_refused_with_its_rule(name, value):
    for parameter in declared(name):
        with pytest.raises(CalibrationError) as refused:
            SHIPPED[name].parameters(calibration(name) | {parameter: value})
        line = str(refused.value)
        assert f"{parameter} is " in line
        assert "must be" in line
        assert len(line) < 500


def moved(value, scale):
    """Return a value some way off: of what is close to one, the distance to one is scaled.

    Words and counts stay.
    """
    if isinstance(value, str | int):
        return value
    return 1 - (1 - value) * scale if 0.5 < value < 1 else value * scale


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_random_calibrations_near_the_shipped_one_are_solved_or_refused(name):
    near, generator = shipped(name), np.random.default_rng(0)
    solved = 0
    for _ in range(12):
        scale = dict(zip(near, 1.5 ** generator.uniform(-1, 1, len(near)), strict=True))
        values = {k: moved(v, scale[k]) for k, v in near.items()}
        try:
            assert_sound(name, values)
        except TruepremiaError:
            continue
        solved += 1
    assert solved, "a test without power"


# --- what is constant ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("kp14", {"firm_volatility": 0}),
        ("kp14", {"project_volatility": 0}),
        ("kp14", {"firm_volatility": 0, "project_volatility": 0}),
        ("kp14", {"high_multiplier": 1}),
        ("kp14", {"productivity_risk_price": 0, "technology_risk_price": 0, "riskless_rate": 0.1}),
        ("kp14", {"pricing": "continuous", "firm_volatility": 0}),
        ("bgn", {"rate_sdf_covariance": 0}),
        ("lw07", {"mean_price": 0}),
        ("lw07", {"growth_correlation": 0}),
        ("gkx20", dict.fromkeys(("market_price", "value_price", "momentum_price"), 0)),
        ("gkx20", {"state_persistence": 0, "lowest_persistence": 0}),
    ],
    ids=str,
)
def test_what_is_constant_independent_or_unpriced_is_solved(name, changes):
    if changes.get("pricing") == "continuous":
        everything_of(name, calibration(name) | changes)
    else:
        assert_sound(name, calibration(name) | changes)


def test_constant_firms_are_the_limit_of_calm_ones():
    calm, constant = (
        everything_of("kp14", calibration("kp14") | {"firm_volatility": sd})[0]
        for sd in (5e-3, 0.0)
    )
    # By convexity values move with the variance 25e-6 / 0.7 of eps, times half of the elasticity
    # 20/3 of npv squared: less than 1e-3.
    for name in ("project_value", "option_value_high", "option_value_low"):
        assert calm[name] == pytest.approx(constant[name], rel=1e-3)


def test_one_regime_is_told_how_to_be_written():
    with pytest.raises(CalibrationError, match="set high_multiplier to 1"):
        SHIPPED["kp14"].parameters(calibration("kp14") | {"low_entry_rate": 0})


# --- what does not exist, and what is not finite --------------------------------------------------


def test_a_kink_that_no_rate_reaches_is_null_with_its_reason():
    report, *_ = everything_of("bgn", calibration("bgn") | {"rate_volatility": 0.0005})
    assert report["kink_rate"] is None
    assert "project is taken at any rate" in report["undefined"]["kink_rate"]
    assert "undefined" not in everything_of("bgn", calibration("bgn"))[0]


def test_a_diagnostic_that_should_exist_is_refused_by_name_if_it_is_not_finite():
    solution = SimpleNamespace(
        diagnostics={"good": 1, "gone": Undefined("no firm"), "bad": np.inf, "worse": np.nan}
    )
    with pytest.raises(NumericalError, match="bad is inf, worse is nan: must be finite"):
        SHIPPED["bgn"].report(solution)


@pytest.mark.parametrize("column", ["xret", "agr", "rf", "eps"])
def test_a_number_that_is_not_finite_is_named_before_anything_is_written(column, tmp_path):
    lab = laboratory_of("kp14")
    started = lab.economy.simulate(lab.solution, SIZE, Streams(1, "kp14", 0))
    months = list(started.months)
    tables = [started.aggregates, *(m.panel for m in months if m.panel), months[-1].states]
    spoilt = next(table for table in reversed(tables) if column in table)
    spoilt[column] = spoilt[column].copy()
    spoilt[column][0] = np.inf
    paths = SimpleNamespace(**{n: tmp_path / n for n in ("panel", "aggregates", "states")})
    with pytest.raises(NumericalError, match=f"{column} is inf in 1 of"):
        list(
            write_simulation(
                Simulation(started.aggregates, months), lab.economy, "kp14_0", paths, "nan"
            )
        )
    assert not paths.panel.exists()
    assert not paths.states.exists()


def test_a_solution_that_is_not_finite_is_not_written(tmp_path):
    lab = laboratory_of("kp14")
    lame = SimpleNamespace(
        params=lab.solution.params,
        to_arrays=lambda: {"assets": np.array([1.0, np.nan]), "names": np.array(["a"])},
    )
    with pytest.raises(NumericalError, match="solution of kp14: assets is nan in 1 of 2"):
        write_solution(tmp_path / "kp14.npz", lame)
    assert not list(tmp_path.iterdir())


def test_arithmetic_that_fails_inside_an_economy_is_one_line(monkeypatch):
    lab = laboratory_of("kp14")

    def broken(*_):
        raise ZeroDivisionError("float division by zero")

    monkeypatch.setattr(lab.economy.module("solution"), "solve", broken)
    with pytest.raises(NumericalError, match="solution of kp14: float division by zero"):
        lab.economy.solve(lab.solution.params)
