"""The Gomes-Schmid economy's panels and conditional moments: timing, default, exact moments."""

from dataclasses import replace

import numpy as np
import pytest
from test_gs21_solution import COARSE, GS21, calibration, solved, with_params

from truepremia.economies.gs21 import certificate, conditional
from truepremia.economies.gs21.conditional import State
from truepremia.economies.gs21.dynamics import (
    Draws,
    FirmStreams,
    Shocks,
    advance,
    first_snapshot,
    productivity_path,
)
from truepremia.economies.gs21.month import Month
from truepremia.economies.gs21.portrait import portrait
from truepremia.economies.gs21.simulation import simulate
from truepremia.panel import Panel, Size
from truepremia.seeds import Streams

SIZE = Size(firms=300, months=150, burnin=300)


def simulated(solution, size=SIZE, index=0, undefined_growth="zero"):
    simulation = simulate(solution, size, Streams(11, "gs21", index), undefined_growth)
    panel = Panel.collect(GS21.layout, simulation)
    rows = [row for row in panel.states if len(row[1]["z"])]
    return panel, list(conditional.states(solution, panel.aggregates, rows, size.firms))


@pytest.fixture(scope="module")
def base():
    solution = solved(calibration())
    return solution, *simulated(solution)


@pytest.fixture(scope="module")
def stressed():
    """Firms that start with a coupon of 1.1, far beyond what they would choose."""
    solution = with_params(solved(calibration()), calibration(initial_coupon=1.1))
    return solution, *simulated(solution, Size(firms=1500, months=60, burnin=0))


@pytest.fixture(scope="module")
def risky():
    solution = solved(calibration("gs21_risky_debt"))
    return solution, *simulated(solution, Size(firms=1000, months=500, burnin=120))


def state_column(panel, name):
    return np.stack([row[name] for _, row in panel.states if len(row[name])])


def test_panel_has_the_columns_of_the_contract(base):
    _, panel, _ = base
    columns = set(panel.columns)
    assert set(GS21.layout.columns) - {"month"} <= columns
    assert columns <= set(GS21.columns("panel"))
    assert set(panel.aggregates) == {"month", *GS21.columns("aggregates")}
    assert set(panel.states[-1][1]) == set(GS21.columns("states"))
    types = [{name: column.dtype for name, column in row.items()} for _, row in panel.states]
    assert all(row == types[0] for row in types)
    assert types[0]["b"] == np.dtype(float)
    assert np.isfinite(np.stack(list(panel.columns.values()))).all()


def test_firms_without_any_coupon_have_no_leverage(base):
    _, panel, states = base
    for t, state in enumerate(states):
        free = (state.firms.coupon_stay == 0) & (state.firms.coupon_grow == 0)
        leverage = panel["market_leverage"][t]
        assert not leverage[free].any()
        assert (leverage[~free] > 0).all()


def test_characteristics_follow_from_the_states(stressed):
    solution, panel, states = stressed
    params, aggregates = solution.params, panel.aggregates
    capital, default = state_column(panel, "capital"), state_column(panel, "default")
    z, b = state_column(panel, "z"), state_column(panel, "b")
    price = np.stack([conditional.price(solution, state) for state in states])
    assert np.allclose(panel["mve"], capital * price)
    assert np.allclose(panel["size"], np.log(panel["mve"]))
    assert np.allclose(panel["bm"], 1 / price)
    assert np.allclose(panel["mkt_lev"], b / price)
    growth = np.where(default[1:], 0, capital[1:] / capital[:-1] - 1)
    assert np.allclose(panel["agr"][1:], growth)
    assert set(np.unique(np.round(growth, 12))) == {0.0, 0.14}
    output = np.exp(aggregates["x"][:, None] + z)
    profit = (1 - params.tax_rate) * output - params.maintenance_cost
    assert np.allclose(panel["roe"][1:], np.where(default[1:], 0, profit[:-1]))


def test_momentum_is_eleven_returns_and_zero_within_a_year_of_entry(stressed):
    _, panel, _ = stressed
    gross = 1 + panel["xret"] + panel.aggregates["rf"][:, None]
    default = state_column(panel, "default")
    assert np.isnan(panel["mom"][:12]).all()
    for t in range(12, len(gross)):
        young = default[t - 11 : t + 1].any(axis=0)
        expected = np.where(young, 0, gross[t - 12 + 1 - 1 : t - 1].prod(axis=0) - 1)
        assert np.allclose(panel["mom"][t], expected)
    assert (panel["mom"][12:] == 0).any()


def test_a_return_of_minus_one_is_a_default_and_nothing_else(stressed, risky):
    for _, panel, _ in (stressed, risky):
        gross = 1 + panel["xret"] + panel.aggregates["rf"][:, None]
        lost = np.abs(gross[:-1]) < 1e-14
        assert np.array_equal(lost, state_column(panel, "default")[1:])


def test_undefined_growth_of_entrants_can_be_missing():
    solution = with_params(solved(calibration()), calibration(initial_coupon=1.1))
    panel, _ = simulated(solution, Size(firms=500, months=12, burnin=1), undefined_growth="nan")
    default = state_column(panel, "default")
    assert default.any()
    for name in ("agr", "roe"):
        assert np.array_equal(np.isnan(panel[name]), default)


def test_coupons_follow_investment_and_refinancing(base):
    solution, panel, states = base
    g = solution.params.investment_growth
    capital, b = state_column(panel, "capital"), state_column(panel, "b")
    for t, state in enumerate(states[:-1]):
        invested = capital[t + 1] > capital[t] * 1.01
        kept = np.where(invested, b[t] / g, b[t])
        chosen = state.firms.coupon_stay
        assert np.allclose(b[t + 1], np.where(state.refinances, chosen, kept), atol=1e-15)
    refinanced = np.mean([state.refinances.mean() for state in states])
    assert refinanced == pytest.approx(0.01, abs=4 * np.sqrt(0.01 / 45000))


def test_defaulting_equity_gets_nothing_and_an_entrant_takes_its_place():
    params = calibration(**COARSE)
    tables, count = solved(params).tables, 6
    nothing = np.zeros(count)
    never = np.zeros(count, dtype=bool)
    quiet = Draws(nothing, never, nothing, np.ones(count), nothing, never)
    first = first_snapshot(tables, 0.0, quiet)
    assert (first.capital == 1).all()
    shock = np.array([0, -1e6, 0, 0, -1e6, 0.0])
    entering = np.array([9, 1.5, 9, 9, -0.5, 9.0])
    drawn = replace(
        quiet, cash_flow=shock, entrant_z=entering, entrant_refinances=np.arange(6) == 4
    )
    always_invest = np.array([0, 0, 0, 1, 1, 1.0])
    now = advance(tables, first, Shocks(0.01, always_invest, drawn))
    assert now.entered.tolist() == [False, True, False, False, True, False]
    assert (now.gross[now.entered] == 0).all()
    assert (now.gross[~now.entered] > 0).all()
    g = params.investment_growth
    survivors = [g, g, 1.0, 1.0]
    assert now.capital[[0, 2, 3, 5]].tolist() == survivors
    assert np.allclose(now.capital[[1, 4]], params.entrant_capital * np.mean(survivors))
    assert (now.coupon[[1, 4]] == 0).all()
    assert np.allclose(now.z[[1, 4]], params.sd_z * entering[[1, 4]])
    assert now.refinances.tolist() == [False, False, False, False, True, False]
    assert now.firms.coupon_stay[4] > 0.6
    # Entrants are priced as firms of their own state are.
    fresh = Month.with_risk(tables, 0.01).firms(now.z, now.coupon, now.refinances)
    assert np.allclose(now.price, fresh.expected()[:, 0], rtol=1e-14)
    everyone = advance(
        tables, first, Shocks(0.01, always_invest, replace(quiet, cash_flow=nothing - 1e6))
    )
    assert np.allclose(everyone.capital, params.entrant_capital)


def test_aggregate_path_and_firm_draws_do_not_depend_on_the_number_of_firms():
    solution = solved(calibration(**COARSE))
    few, _ = simulated(solution, Size(1000, 20, 15))
    many, _ = simulated(solution, Size(1300, 20, 15))
    for name, column in few.aggregates.items():
        assert np.array_equal(column, many.aggregates[name])
    assert not state_column(few, "default").any()
    for name in ("xret", "mve", "mom", "A_1_taylor"):
        assert np.allclose(few[name], many[name][:, :1000], rtol=1e-13)
    again, _ = simulated(solution, Size(1000, 20, 15))
    assert all(np.array_equal(few[name], again[name]) for name in few.columns)


def test_shocks_draw_from_their_laws():
    params = calibration()
    draws = FirmStreams(params, 2500, Streams(3, "gs21", 0))
    drawn = [draws.draw() for _ in range(20)]
    for name in ("innovation", "cash_flow", "entrant_z"):
        sample = np.concatenate([getattr(d, name) for d in drawn])
        assert abs(sample.mean()) < 4 / np.sqrt(50000)
        assert abs(sample.var() - 1) < 4 * np.sqrt(2 / 50000)
    cost = np.concatenate([d.cost for d in drawn])
    assert 0 <= cost.min() < cost.max() < 1
    path = productivity_path(params, 200_000, np.random.default_rng(0))
    assert path.std() == pytest.approx(params.sd_x, rel=0.05)


def test_discounted_returns_are_one_on_the_pricing_nodes(base, stressed, risky):
    for solution, _, states in (base, stressed, risky):
        for state in states[::5]:
            assert np.abs(certificate.euler_errors(solution, state)).max() < 1e-12


def test_mean_is_minus_covariance_with_the_discount_factor(base, stressed, risky):
    for solution, _, states in (base, stressed, risky):
        rate, gamma = solution.params.riskless_rate, solution.params.price_of_risk
        node, weight, _ = states[0].tables.nodes
        kernel = np.exp(-rate - gamma**2 / 2 - gamma * node)
        discount = np.sqrt(weight) * (kernel - np.exp(-rate))
        for state in states[::10]:
            moments = conditional.moments(solution, state)
            priced = -np.exp(rate) * moments.exposure @ discount
            assert np.abs(moments.mean - priced).max() < 1e-11


def test_euler_error_sees_a_wrong_price(base):
    solution, _, states = base
    state = states[0]
    wrong = replace(state, coupon=state.coupon)
    wrong.firms.stay[:, 0] *= 1 + 1e-9
    assert np.abs(certificate.euler_errors(solution, wrong)).max() > 1e-10


def test_max_sharpe_obeys_the_bound(base, stressed, risky):
    for solution, _, states in (base, stressed, risky):
        bound = solution.diagnostics["sharpe_bound"]
        assert bound == pytest.approx(np.sqrt(np.exp(solution.params.price_of_risk**2) - 1))
        found = [conditional.moments(solution, s).max_sharpe() for s in states[::5]]
        assert 0.3 * bound < min(found) <= max(found) <= bound


def distressed_states(solution):
    """Six firms: unlevered, typical, rich, near default, deep in distress, refinancing."""
    sd = solution.params.sd_z
    return State(
        month=0,
        x=-0.03,
        z=sd * np.array([0.0, 0.3, 2.5, -0.5, -1.8, -0.3]),
        coupon=np.array([0.0, 0.75, 0.7, 0.95, 1.1, 0.8]),
        refinances=np.array([False, False, False, False, False, True]),
        tables=solution.tables,
    )


def test_covariance_agrees_with_one_step_monte_carlo(base):
    solution = base[0]
    params, state = solution.params, distressed_states(solution)
    moments = conditional.moments(solution, state)
    rng = np.random.default_rng(5)
    clusters, copies, count = 500, 200, len(state.z)
    decided, gross = state.firms, np.empty((clusters, copies, count))
    died = 0
    for c in range(clusters):
        shape = (copies, count)
        x = params.x_persistence * state.x + params.x_volatility * rng.standard_normal()
        z = params.z_persistence * state.z + params.z_volatility * rng.standard_normal(shape)
        invests = rng.random(shape) < decided.investment.probability
        coupon = np.where(invests, decided.coupon_grow, decided.coupon_stay)
        refinances = rng.random(shape) < params.refinancing_probability
        month = Month.with_risk(solution.tables, x)
        firms = month.firms(z.ravel(), coupon.ravel(), refinances.ravel())
        equity = firms.investment.equity.reshape(shape)
        equity = equity + params.cash_flow_volatility * rng.standard_normal(shape)
        died += (equity[:, 4] <= 0).sum()
        growth = np.where(invests, params.investment_growth, 1)
        gross[c] = growth * np.maximum(equity, 0) / conditional.price(solution, state)
    assert died > 1000
    mean = moments.mean + np.exp(params.riskless_rate)
    within = gross.mean(axis=1)
    product = within[:, :, None] * within[:, None, :]
    product[:, np.arange(count), np.arange(count)] = (gross**2).mean(axis=1)
    second = moments.covariance() + np.multiply.outer(mean, mean)
    for found, exact in ((within, mean), (product, second)):
        error = found.std(axis=0, ddof=1) / np.sqrt(clusters)
        assert (np.abs(found.mean(axis=0) - exact) < 4 * error).all()
        assert (error < 0.2 * np.abs(exact)).all()


def standardised_surprises(solution, panel, states):
    """Return t-statistics of surprises in equal-weighted returns and in squared returns."""
    portfolio, squares = [], []
    for t, state in enumerate(states):
        moments = conditional.moments(solution, state)
        weight = np.full(len(state.z), 1 / len(state.z))
        surprise = panel["xret"][t] - moments.mean
        portfolio.append(weight @ surprise / np.sqrt(moments.variance(weight)))
        variance = (moments.exposure**2).sum(axis=1) + moments.residual
        squares.append(np.mean(surprise**2 / variance) - 1)
    portfolio, squares = np.array(portfolio), np.array(squares)
    count = np.sqrt(len(portfolio))
    return portfolio.mean() * count, squares.mean() * count / squares.std(ddof=1)


@pytest.mark.parametrize("economy", ["base", "stressed", "risky"])
def test_realised_returns_agree_with_their_conditional_moments(economy, request):
    solution, panel, states = request.getfixturevalue(economy)
    mean, variance = standardised_surprises(solution, panel, states)
    assert abs(mean) < 4
    assert abs(variance) < 4
    defaults = state_column(panel, "default").sum()
    assert (defaults < 5) if economy == "base" else (defaults > 100)


def test_realised_returns_agree_when_the_cash_flow_shock_is_large():
    params = calibration(cash_flow_volatility=15.0, **COARSE)
    solution = with_params(solved(params), replace(params, initial_coupon=1.1))
    panel, states = simulated(solution, Size(firms=1500, months=60, burnin=0))
    assert state_column(panel, "default").sum() > 100
    mean, variance = standardised_surprises(solution, panel, states)
    assert max(abs(mean), abs(variance)) < 4


def test_realised_sdf_prices_every_firm(base, risky):
    for solution, panel, _ in (base, risky):
        priced = panel.aggregates["sdf"] @ panel["xret"] / len(panel.month)
        product = panel.aggregates["sdf"][:, None] * panel["xret"]
        error = product.std(axis=0, ddof=1) / np.sqrt(len(panel.month))
        assert np.abs(priced / error).max() < 5
        sdf = panel.aggregates["sdf"]
        discount = np.exp(-solution.params.riskless_rate)
        assert abs(sdf.mean() - discount) < 4 * sdf.std() / np.sqrt(len(sdf))


def test_loadings_are_derivative_and_covariance_of_the_return(base, stressed, risky):
    from scipy.interpolate import CubicSpline

    for solution, panel, states in (base, stressed, risky):
        params, grid = solution.params, solution.fixed_point.operator.grid
        state, last = states[-1], -1
        found = conditional.loadings(solution, state)
        assert np.array_equal(found["A_1_taylor"], panel["A_1_taylor"][last])
        moments = conditional.moments(solution, state)
        node, weight, _ = state.tables.nodes
        covariance = moments.exposure @ (np.sqrt(weight) * node)
        assert np.abs(found["A_1_proj"] - covariance).max() < 1e-12

        ahead = params.x_persistence * state.x
        step = 1e-4
        sides = CubicSpline(grid.x.nodes, solution.fixed_point.values.payoff, axis=1)(
            [ahead - step, ahead + step]
        )
        slope = CubicSpline(grid.b.nodes, (sides[:, 1] - sides[:, 0]) / (2 * step), axis=1)
        sample = np.arange(0, len(state.z), 25)
        firms, p = state.firms, state.firms.investment.probability
        for i in sample:
            at = [
                CubicSpline(grid.z.nodes, slope(b[i]))(params.z_persistence * state.z[i])
                for b in (firms.coupon_stay, firms.coupon_grow)
            ]
            payoff = (1 - p[i]) * at[0] + p[i] * params.investment_growth * at[1]
            exact = params.x_volatility * payoff / conditional.price(solution, state)[i]
            assert found["A_1_taylor"][i] == pytest.approx(exact, rel=2e-3, abs=1e-6)
        healthy = panel["market_leverage"][last] < 0.8
        ratio = (found["A_1_taylor"] / found["A_1_proj"])[healthy]
        assert np.abs(ratio - 1).max() < 0.1


def test_moments_hold_without_the_smoothing_shock():
    # A coupon that never leads to default: the limit is smooth and the grid's end is the policy.
    nodes = {"z_nodes": 24, "x_nodes": 15, "b_nodes": 41, "highest_coupon": 0.4}
    limit = solved(calibration(cash_flow_volatility=0.0, **nodes))
    near = solved(calibration(cash_flow_volatility=1e-3, **nodes))
    assert np.allclose(limit.fixed_point.continuation, near.fixed_point.continuation, rtol=1e-6)
    _, states = simulated(limit, Size(200, 5, 50))
    for state in states:
        assert np.abs(certificate.euler_errors(limit, state)).max() < 1e-12
        assert (conditional.moments(limit, state).residual > 0).all()


def test_state_rows_that_do_not_fit_are_refused(base):
    from truepremia.errors import DataError

    solution, panel, _ = base
    rows = [row for row in panel.states if len(row[1]["z"])]
    with pytest.raises(DataError, match="simulate the panel again"):
        list(conditional.states(solution, panel.aggregates, rows[1:], SIZE.firms))
    with pytest.raises(DataError, match="simulate the panel again"):
        list(conditional.states(solution, panel.aggregates, rows, SIZE.firms - 1))


def test_default_economy_levers_to_seventy_percent_and_hardly_defaults(base):
    _, panel, _ = base
    assert 0.64 < panel["market_leverage"].mean() < 0.76
    assert state_column(panel, "default").mean() * 12 < 1e-3


def test_risky_economy_matches_its_table_of_moments(risky):
    solution = risky[0]
    found = portrait(solution.tables, Size(1000, 600, 200), Streams(1, "gs21", 0))
    assert 0.003 < found["defaults_per_year"] < 0.018
    assert 0.38 < found["market_leverage"] < 0.47
    assert 0.007 < found["credit_spread_per_year"] < 0.014
    assert 0.045 < found["market_premium_per_year"] < 0.06
    assert 0.14 < found["market_volatility_per_year"] < 0.175
    assert found["default_correlation_with_x"] < -0.3
