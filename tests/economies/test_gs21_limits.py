"""Where gs21's solver ends: independent shocks are solved, a stalled search says the way back."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from conftest import ROOT, calibration

from truepremia.economies.gs21 import solver
from truepremia.economies.gs21.grid import Grid
from truepremia.economies.gs21.operator import Operator
from truepremia.economies.gs21.parameters import Params
from truepremia.economies.gs21.solved import SOLVED, way_back
from truepremia.economies.gs21.solver import (
    FixedPoint,
    Smoother,
    Work,
    newton,
    solve_fixed_point,
)
from truepremia.errors import NumericalError

SMALL = {"z_nodes": 12, "x_nodes": 10, "b_nodes": 25, "quadrature_nodes": 5}


def small(**changes):
    return Params.from_mapping(calibration("gs21") | SMALL | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"x_persistence": 0, "z_persistence": 0},
        pytest.param({"x_persistence": 0}, marks=pytest.mark.slow),
        pytest.param({"z_persistence": 0}, marks=pytest.mark.slow),
        pytest.param({"x_persistence": 1e-12}, marks=pytest.mark.slow),
        pytest.param({"z_persistence": 0.05}, marks=pytest.mark.slow),
        pytest.param({"price_of_risk": 0}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_independent_or_unpriced_shocks_are_solved(changes):
    assert solve_fixed_point(small(**changes)).residual <= solver.TOLERANCE


@pytest.mark.parametrize("persistence", [0.0, 1e-12, 0.05, 0.9])
def test_the_preconditioner_inverts_what_it_says_it_inverts(persistence):
    params = small(z_persistence=persistence, x_persistence=0.0)
    operator = Operator(params, Grid.of(params))
    values = np.random.default_rng(1).standard_normal((2, *operator.grid.shape))
    applied = Smoother._both(operator.z_step, operator.x_step, values)
    found = Smoother(operator)(values - params.discount * applied)
    # Exact but for eigenvalues below LEAST_EIGENVALUE, and vectors as long as their condition.
    assert np.abs(found - values).max() < 0.1 * np.abs(values).max()


def lost(monkeypatch, unknown=0.0):
    """Let no step and no sweep lead anywhere, with a share of the gap in no direction."""
    nowhere = np.zeros((2, 12, 10, 25)), unknown
    monkeypatch.setattr(solver, "_newton_direction", lambda *_: nowhere)
    monkeypatch.setattr(solver, "sweep", lambda _, continuation, *more: continuation)


def test_a_stalled_search_ends_after_a_few_steps_with_the_best_point(monkeypatch):
    params = small()
    operator = Operator(params, Grid.of(params))
    lost(monkeypatch)
    start = solver.first_guess(operator.grid)
    found = newton(operator, start, 1e-10, 60, Work(operator))
    assert found.steps == solver.STALLED_STEPS
    assert np.array_equal(found.continuation, start)


def test_a_search_of_any_calibration_ends_after_so_many_applications_of_the_map(monkeypatch):
    monkeypatch.setattr(solver, "MOST_MAPS", 60)
    with pytest.raises(NumericalError, match="not found within 60 applications") as told:
        solve_fixed_point(small(riskless_rate=0.009))
    assert "which is solved, is reached by moving" in str(told.value)


@pytest.mark.parametrize(("unknown", "steps"), [(0.0, 3), (0.4, 3), (0.6, 1)])
def test_a_search_without_hope_ends_after_a_few_signs_of_that(monkeypatch, unknown, steps):
    params = small()
    operator = Operator(params, Grid.of(params))
    lost(monkeypatch, unknown)
    start, work = solver.first_guess(operator.grid), Work(operator)
    found = newton(operator, start, 1e-10, 60, work, solver.MOST_SIGNS)
    assert found.steps == steps
    assert np.array_equal(found.continuation, start)


@pytest.mark.parametrize(("coarse", "steps"), [(1e-5, 3), (1e-3, 1)])
def test_the_message_of_a_search_without_hope_names_what_to_move(monkeypatch, coarse, steps):
    lost(monkeypatch)
    monkeypatch.setattr(
        solver,
        "_coarse_search",
        lambda one, _: FixedPoint(one, solver.first_guess(one.grid), coarse, 15),
    )
    monkeypatch.setattr(solver, "_approach", lambda operator, start, *more: start)
    said = rf"after {steps} Newton steps?, more than.*it hardly falls"
    with pytest.raises(NumericalError, match=said) as told:
        solve_fixed_point(small(riskless_rate=0.009))
    assert "which is solved, is reached by moving" in str(told.value)
    assert len(str(told.value)) < 600


def test_the_way_back_leads_to_the_nearest_of_the_shipped_calibrations():
    shipped = Params.from_mapping(calibration("gs21"))
    told = way_back(replace(shipped, cash_flow_volatility=1.0, riskless_rate=0.007))
    assert told == (
        "config/economies/gs21.yaml, which is solved, is reached by moving "
        "cash_flow_volatility from 1 to 5, riskless_rate from 0.007 to 0.00623583"
    )


@pytest.mark.parametrize("file", SOLVED)
def test_the_solved_calibrations_are_those_of_the_files(file):
    entries = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    numbers = {n: e["value"] for n, e in entries.items() if not isinstance(e["value"], str)}
    assert numbers == dict(SOLVED[file])


@pytest.mark.parametrize("restart", [60, 2])
def test_the_share_of_the_gap_that_a_direction_leaves_is_what_it_leaves(monkeypatch, restart):
    monkeypatch.setattr(solver, "_KRYLOV", {"rtol": 0.02, "restart": restart, "maxiter": 1})
    operator = Operator(small(), Grid.of(small()))
    work, smoother = Work(operator), Smoother(operator)
    swept = solver.sweep(operator, solver.first_guess(operator.grid), 50, work)
    point = solver._Point.at(operator, swept, work)
    direction, unknown = solver._newton_direction(operator, point, smoother, work)
    left = point.gap - direction + operator.derivative(point.values)(direction)
    share = np.linalg.norm(left) / np.linalg.norm(point.gap)
    if restart == 60:
        assert unknown == 0
        assert share <= 0.02 * (1 + 1e-9)
    else:
        assert unknown == pytest.approx(share, rel=1e-9)
        assert share > 0.02
