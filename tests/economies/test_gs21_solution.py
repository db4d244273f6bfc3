"""The Gomes-Schmid economy's values: fixed point, closed form, certificates, refusals."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import yaml

from truepremia.economies.gs21 import certificate, solver
from truepremia.economies.gs21.conditional import State, states
from truepremia.economies.gs21.firm import (
    LimitedLiability,
    locked,
    profit,
    recovered,
    refinancing,
)
from truepremia.economies.gs21.grid import Axis, Grid
from truepremia.economies.gs21.month import Month
from truepremia.economies.gs21.operator import Operator
from truepremia.economies.gs21.parameters import Params
from truepremia.economies.gs21.simulation import simulate
from truepremia.economies.gs21.solution import Solution, solve
from truepremia.economies.registry import ECONOMIES
from truepremia.errors import CalibrationError, NumericalError
from truepremia.panel import Size
from truepremia.seeds import Streams

CONFIG = Path(__file__).parents[2] / "config" / "economies"
GS21 = ECONOMIES["gs21"]
COARSE = {"z_nodes": 24, "x_nodes": 15, "b_nodes": 51}


def calibration(name: str = "gs21", **changes) -> Params:
    values = yaml.safe_load((CONFIG / f"{name}.yaml").read_text())
    return replace(Params.from_mapping({k: v["value"] for k, v in values.items()}), **changes)


@lru_cache(maxsize=4)
def solved(params: Params) -> Solution:
    """Solve without the portrait, once per test session."""
    return Solution(params, solver.solve_fixed_point(params), {})


def with_params(solution: Solution, params: Params) -> Solution:
    return Solution.from_arrays(params, solution.to_arrays())


def simulated_states(solution: Solution, size: Size, every: int, index: int = 0) -> list[State]:
    simulation = simulate(solution, size, Streams(7, "gs21", index))
    rows = [(m.month, m.states) for m in simulation.months]
    return list(states(solution, simulation.aggregates, rows, size.firms))[::every]


def off_node(solution: Solution, sample: list[State]) -> dict[str, np.ndarray]:
    errors = [certificate.off_node_errors(solution, state) for state in sample]
    found = {k: np.concatenate([getattr(e, k) for e in errors]) for k in ("equity", "debt")}
    return {k: np.abs(v[~np.isnan(v)]) for k, v in found.items()}


def without_options(params: Params, highest_cost: float) -> Params:
    """Firms that hardly invest and never refinance: closed form at the limit."""
    return replace(params, refinancing_probability=0.0, highest_investment_cost=highest_cost)


def discounted_profits(params: Params, z, x, coupon):
    """Sum of e^{-rn} {(1-tau) E^Q[e^{x_n+z_n}] - delta} - (1-tau) b / (e^r - 1)."""
    n = np.arange(1, 12000)
    rho_x, rho_z = params.x_persistence**n, params.z_persistence**n
    log_mean = rho_x * x[:, None] + params.priced_mean_x * (1 - rho_x) + rho_z * z[:, None]
    log_mean += 0.5 * params.sd_x**2 * (1 - rho_x**2) + 0.5 * params.sd_z**2 * (1 - rho_z**2)
    flow = (1 - params.tax_rate) * np.exp(log_mean) - params.maintenance_cost
    annuity = 1 / np.expm1(params.riskless_rate)
    return flow @ np.exp(-params.riskless_rate * n) - (1 - params.tax_rate) * coupon * annuity


def found_at(params, z, x, coupon):
    """Return the values of equity and debt at pairs of states, shape (n, 2)."""
    tables = solved(params).tables
    months = (Month.with_risk(tables, value) for value in x)
    looked_up = (m.look_up(np.array([v]), coupon)[0, :2] for m, v in zip(months, z, strict=True))
    return np.array(list(looked_up))


@pytest.mark.parametrize(("nodes", "tolerance"), [(COARSE, 1e-4), ({}, 1e-5)])
def test_without_options_equity_is_discounted_profits(nodes, tolerance):
    params = calibration(**nodes)
    z, x = (g.ravel() for g in np.meshgrid([-0.5, 0.0, 0.31, 0.6], [-0.2, -0.07, 0.0, 0.06]))
    coupon = np.full(1, 0.05)
    near, far = (found_at(without_options(params, cost), z, x, coupon) for cost in (5e5, 1e6))
    found = 2 * far - near  # the worth of the option to invest is proportional to 1 / cost
    exact = discounted_profits(params, z, x, 0.05)
    assert np.abs(found[:, 0] / exact - 1).max() < tolerance
    riskless = 0.05 / np.expm1(params.riskless_rate)
    assert np.abs(found[:, 1] / riskless - 1).max() < 1e-8


def test_residual_is_below_the_stated_tolerance():
    solution = solved(calibration())
    operator = solution.fixed_point.operator
    again = operator.apply(operator.evaluate(solution.fixed_point.continuation))
    gap = np.abs(again - solution.fixed_point.continuation).max() / again[0].max()
    assert gap == pytest.approx(solution.fixed_point.residual, rel=1e-3)
    assert gap <= 1e-10


@pytest.mark.parametrize("name", ["gs21", "gs21_risky_debt"])
def test_values_of_equity_and_debt_obey_economic_bounds(name):
    solution = solved(calibration(name))
    params, values = solution.params, solution.fixed_point.values
    b = solution.fixed_point.operator.grid.b.nodes
    riskless = b / np.expm1(params.riskless_rate)
    assert np.abs(values.debt[..., 0]).max() < 1e-9
    assert values.debt.min() > -1e-9
    at_recovery = params.discount * values.recovery.max()
    assert (values.debt <= riskless * (1 + 1e-6) + at_recovery).all()
    assert (values.equity > -1e-9).all()
    assert (values.locked.equity[:, :, 0] > 0).mean() > (0.999 if name == "gs21" else 0.7)


def test_unlevered_firms_never_default_and_little_debt_is_riskless():
    solution = solved(calibration())
    values, params = solution.fixed_point.values, solution.params
    grid = solution.fixed_point.operator.grid
    likely = np.abs(grid.z.nodes) <= 3 * params.sd_z
    assert values.locked.equity[:, :, 0].min() > 0
    small = grid.b.nodes[1:9]
    riskless = small / np.expm1(params.riskless_rate)
    assert np.abs(values.debt[likely, :, 1:9] / riskless - 1).max() < 1e-8
    chosen = grid.b.nodes <= values.coupon_choice.max()
    assert (np.diff(values.equity[likely][:, :, chosen], axis=-1) < 0).all()
    assert (np.diff(values.refinancing.equity[likely], axis=-1) > 0).any()


def test_equity_and_debt_choice_maximise_between_the_nodes():
    solution = solved(calibration())
    params, grid = solution.params, solution.fixed_point.operator.grid
    rng = np.random.default_rng(3)
    fine = np.linspace(0, params.highest_coupon, 6001)
    for x in (-0.08, 0.013, 0.05):
        month = Month.with_risk(solution.tables, x)
        z = params.sd_z * rng.uniform(-2.5, 2.5, 5)
        looked = month.look_up(np.repeat(z, len(fine)), np.tile(fine, 5))
        objective = looked[:, 0] + (1 - params.debt_issuance_cost) * looked[:, 1]
        objective = objective.reshape(5, -1)
        cell, weight = grid.z.stencil(z)
        levered, choice = np.einsum("nk,nkc->cn", weight, month.by_z[cell[:, None] + np.arange(4)])
        assert np.abs(objective.max(axis=1) / levered - 1).max() < 2e-6
        at_choice = month.look_up(z, choice)
        value = at_choice[:, 0] + (1 - params.debt_issuance_cost) * at_choice[:, 1]
        assert (objective.max(axis=1) - value < 1e-5 * levered).all()


@pytest.mark.parametrize(
    ("name", "mean", "largest"), [("gs21", 1e-5, 1e-4), ("gs21_risky_debt", 1e-5, 1e-4)]
)
def test_off_node_euler_errors_are_small(name, mean, largest):
    solution = solved(calibration(name))
    errors = off_node(solution, simulated_states(solution, Size(500, 240, 200), every=40))
    for claim in ("equity", "debt"):
        assert errors[claim].mean() < mean
        assert errors[claim].max() < largest


def test_off_node_euler_errors_fall_with_the_grid():
    fine = solved(calibration())
    sample = simulated_states(fine, Size(300, 100, 200), every=25)
    coarse = solved(calibration(**COARSE))
    moved = [replace(state, tables=coarse.tables) for state in sample]
    better, worse = off_node(fine, sample), off_node(coarse, moved)
    for claim in ("equity", "debt"):
        # Halving the steps of a cubic spline divides its error by 16; a kink would leave 2 to 4.
        assert better[claim].mean() < worse[claim].mean() / 6


@pytest.mark.parametrize("name", ["gs21", "gs21_risky_debt"])
def test_derivative_of_the_map_agrees_with_central_differences(name):
    # Frequent refinancing, so that every term weighs.
    params = calibration(name, refinancing_probability=0.4, z_nodes=12, x_nodes=9, b_nodes=21)
    operator = Operator(params, Grid.of(params))
    point = solver.sweep(operator, solver.first_guess(operator.grid), 200, solver.Work(operator))
    rng = np.random.default_rng(1)
    direction = rng.normal(size=point.shape) * (1 + 0.01 * point)
    step = 1e-5
    up, down = (operator.apply(operator.evaluate(point + s * direction)) for s in (step, -step))
    exact = operator.derivative(operator.evaluate(point))(direction)
    assert np.abs((up - down) / (2 * step) - exact).max() < 1e-6 * np.abs(exact).max()


def test_solution_does_not_depend_on_the_first_guess():
    params = calibration(z_nodes=17, x_nodes=13, b_nodes=41)
    usual = solved(params).fixed_point.continuation
    grid = Grid.of(params)
    for equity, debt in ((180.0, 40.0), (20.0, 120.0)):
        start = np.empty((2, *grid.shape))
        start[0], start[1] = equity, np.minimum(debt * grid.b.nodes, 100.0)
        other = solver.solve_fixed_point(params, start).continuation
        assert np.abs(other - usual).max() < 1e-7 * usual[0].max()


VARIANTS = [
    {"price_of_risk": 0.14},
    {"price_of_risk": 0.3, "cash_flow_volatility": 2.5},
    {"cash_flow_volatility": 15.0},
    {"cash_flow_volatility": 1.0},
    {"tax_rate": 0.35},
    {"tax_rate": 0.0},
    {"maintenance_cost": 0.02},
    {"recovery_share": 0.0},
    {"refinancing_probability": 0.03},
    {"refinancing_probability": 0.002},
    {"debt_issuance_cost": 0.02},
    {"highest_investment_cost": 1200.0},
    {"lowest_investment_cost": 5.0},
    {"investment_growth": 1.05},
    {"recovery": "firm_value"},
]


@pytest.mark.parametrize("change", VARIANTS, ids=str)
def test_solver_converges_and_does_not_cycle(change):
    params = calibration(z_nodes=20, x_nodes=13, b_nodes=49, **change)
    assert solver.solve_fixed_point(params).residual <= solver.TOLERANCE


def test_investment_and_recovery_by_hand():
    params = calibration(
        investment_growth=1.5, highest_investment_cost=100.0, tax_rate=0.25, riskless_rate=0.2
    )
    pi = profit(params, np.array(0.0), np.array(0.4))
    assert pi == pytest.approx(0.75 * 0.6 - params.maintenance_cost)
    hold = locked(params, pi, np.array(60.0), np.array(80.0))
    # Investing adds 1.5 * 80 - 60 = 60: taken with probability 0.6, at a mean cost of 30.
    assert hold.probability == pytest.approx(0.6)
    assert hold.equity == pytest.approx(pi + 60 + 0.6 * (60 - 30))
    swap = refinancing(params, pi, np.array(130.0), np.array(70.0), np.array(50.0))
    # Investing adds 0.5 * 130 - (1.5 * 50 - 70) = 60.
    assert swap.probability == pytest.approx(0.6)
    assert swap.equity == pytest.approx(pi + 130 - 70 + 0.6 * (60 - 30))
    never = locked(params, pi, np.array(60.0), np.array(30.0))
    assert (never.probability, never.equity) == (0, pytest.approx(pi + 60))
    always = locked(params, pi, np.array(60.0), np.array(180.0))
    assert (always.probability, always.equity) == (1, pytest.approx(pi + 60 + 210 - 50))

    capital = recovered(params, np.log(2.0), np.array(0.4), np.array(99.0))
    assert capital == pytest.approx(0.4 * (1 - params.maintenance_cost + 2))
    firm = replace(params, recovery="firm_value")
    claim = 0.4 / (1 - np.exp(-0.2))
    assert recovered(firm, 0.0, np.array(0.4), np.array(3.0)) == pytest.approx(0.4 * 3)
    assert recovered(firm, 0.0, np.array(0.4), np.array(99.0)) == pytest.approx(claim)
    assert recovered(firm, 0.0, np.array(0.4), np.array(-9.0)) == 0


@pytest.mark.parametrize("sd", [0.0, 0.7, 5.0])
def test_limited_liability_has_the_moments_of_a_truncated_normal(sd):
    value = np.linspace(-12, 12, 25) + 0.1
    law = LimitedLiability(value, sd)
    m = np.linspace(-9, 9, 400_001)
    density = np.exp(-0.5 * m**2)
    equity = np.maximum(value[:, None] + sd * m, 0)
    for found, payoff in (
        (law.survival, equity > 0),
        (law.mean, equity),
        (law.square, equity**2),
    ):
        assert np.allclose(found, payoff @ density / density.sum(), atol=2e-5)


def test_values_that_diverge_are_refused(monkeypatch):
    monkeypatch.setattr(Params, "violations", lambda _: [])
    params = calibration(z_nodes=17, x_nodes=13, b_nodes=41, investment_growth=20.0)
    with pytest.raises(NumericalError, match="diverge"):
        solver.solve_fixed_point(params)


def test_spline_is_the_not_a_knot_cubic():
    from scipy.interpolate import CubicSpline

    axis = Axis(-0.3, 1.2, 23)
    values = np.random.default_rng(0).normal(size=23)
    points = np.linspace(-0.3, 1.2, 77)
    reference = CubicSpline(axis.nodes, values)
    assert np.allclose(axis.rows(points) @ values, reference(points), atol=1e-13)
    slope = axis.slope_weights(points) @ axis.coefficients @ values
    assert np.allclose(slope, reference(points, 1), atol=1e-11)
    beyond = axis.rows(np.array([-9.0, 9.0])) @ values
    assert np.allclose(beyond, values[[0, -1]], atol=1e-13)


def test_solution_survives_storage_to_the_last_bit():
    solution = solved(calibration(**COARSE))
    again = with_params(solution, solution.params)
    for name, array in solution.to_arrays().items():
        assert np.array_equal(array, again.to_arrays()[name])
    assert again.diagnostics == solution.diagnostics


def test_solve_describes_the_economy_in_its_diagnostics():
    solution = GS21.solve(calibration(**COARSE))
    found = solution.diagnostics
    assert found["residual"] <= 1e-10
    assert found["sharpe_bound"] == pytest.approx(0.5329, abs=1e-4)
    assert 0.69 < found["market_leverage"] < 0.72
    assert found["defaults_per_year"] < 1e-3
    assert 0.11 < found["investments_per_year"] < 0.13
    assert found["credit_spread_per_year"] < 5e-4


def test_a_solution_short_of_its_tolerance_is_refused(monkeypatch):
    monkeypatch.setattr(solver, "MOST_STEPS", 1)
    with pytest.raises(NumericalError, match="residual of"):
        solver.solve_fixed_point(calibration(z_nodes=20, x_nodes=13, b_nodes=49))


def test_a_debt_choice_near_the_end_of_the_grid_is_refused():
    with pytest.raises(NumericalError, match="raise highest_coupon and b_nodes"):
        solve(calibration(z_nodes=20, x_nodes=13, b_nodes=41, highest_coupon=0.7))


def test_bad_calibrations_are_refused_with_all_violations_at_once():
    changes = {
        "x_persistence": 1.0,
        "z_persistence": 1.2,
        "tax_rate": 1.5,
        "recovery_share": -0.1,
        "investment_growth": 1.0,
        "highest_investment_cost": 0.0,
        "recovery": "everything",
        "z_nodes": 3,
        "b_nodes": 10.5,
        "x_reach": 1.0,
        "initial_coupon": 9.0,
        "riskless_rate": 0.0,
        "cash_flow_volatility": -1.0,
    }
    with pytest.raises(CalibrationError) as refused:
        calibration(**changes)
    for name in changes:
        assert f"{name} is " in str(refused.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"riskless_rate": 0.003}, "too small for a finite value"),
        ({"riskless_rate": float("nan")}, "must be a finite number"),
        ({"x_reach": -6.0}, "does not cover the mean of x under the pricing measure"),
    ],
)
def test_a_bad_value_is_named_with_its_rule(change, message):
    with pytest.raises(CalibrationError, match=message):
        calibration(**change)
