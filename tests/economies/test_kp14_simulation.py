"""Panels of the Kogan-Papanikolaou economy against its laws of motion and definitions."""

import numpy as np
import pytest
from kp14_set_up import CALIBRATION, KP14, panel_of, solved, states_of
from scipy import stats

from truepremia.economies.kp14 import conditional
from truepremia.economies.kp14.simulation import COLUMNS, Block
from truepremia.errors import DataError
from truepremia.panel import Size
from truepremia.seeds import Streams


@pytest.fixture(scope="module")
def solution():
    return solved()


@pytest.fixture(scope="module")
def panel(solution):
    return panel_of(solution, 1000, 720)


@pytest.fixture(scope="module")
def states(solution, panel):
    return states_of(solution, panel)


@pytest.fixture(scope="module")
def moments(solution, states):
    return [KP14.moments(solution, state) for state in states]


def test_realised_returns_have_the_conditional_moments(solution, panel, states, moments):
    """Given X1 and X2, returns deviate from their mean by d, on average over all firm-months."""
    params = solution.params
    x, z = panel.aggregates["x"], panel.aggregates["z"]
    gaps, ratios = [], []
    for t in range(719):
        payoff = conditional.Payoff.at(solution, states[t], solution.means(states[t].eps))
        X1 = x[t + 1] / x[t]
        X2 = X1 * (z[t + 1] / z[t]) ** (17 / 3)
        given = payoff.paid + X1 * payoff.in_place + X2 * payoff.options
        gap = panel["xret"][t] + params.gross_riskfree - given
        gaps.append(np.mean(gap / np.sqrt(moments[t].residual)))
        ratios.append(np.mean(gap**2 / moments[t].residual))
    for values, expected in ((gaps, 0.0), (ratios, 1.0)):
        error = np.std(values, ddof=1) / np.sqrt(len(values))
        assert error < 0.02
        assert abs(np.mean(values) - expected) < 4.5 * error


def test_the_realised_discount_factor_prices_the_portfolio_of_all_firms(panel):
    m, rf = panel.aggregates["sdf"], panel.aggregates["rf"]
    equal = panel["xret"].mean(axis=1) + 1 + rf
    value = (panel["xret"] * panel["mve"]).sum(axis=1) / panel["mve"].sum(axis=1) + 1 + rf
    for gross in (1 + rf, equal, value):
        priced = m * gross
        error = priced.std(ddof=1) / np.sqrt(len(priced))
        assert error < 0.01
        assert abs(priced.mean() - 1) < 4 * error


def test_discount_factor_and_levels_follow_the_shocks(panel):
    a = panel.aggregates
    risk = 0.69 * a["shock_x"] - 0.35 * a["shock_z"]
    log_sdf = -0.05 / 12 - (0.69**2 + 0.35**2) / 24 - risk / np.sqrt(12)
    np.testing.assert_allclose(a["sdf"], np.exp(log_sdf), rtol=1e-13)
    growth = (0.01 - 0.13**2 / 2) / 12 + 0.13 / np.sqrt(12) * a["shock_x"]
    np.testing.assert_allclose(np.diff(np.log(a["x"])), growth[:-1], atol=1e-13)
    growth = (0.005 - 0.035**2 / 2) / 12 + 0.035 / np.sqrt(12) * a["shock_z"]
    np.testing.assert_allclose(np.diff(np.log(a["z"])), growth[:-1], atol=1e-13)


def test_returns_are_cash_flow_plus_value_less_investment(solution, panel, states):
    """What is left of the payoff after P' and c is the cost of one project of optimal scale."""
    arrivals = 0
    for t in range(0, 719, 40):
        now, after = states[t], states[t + 1]
        gross = panel["xret"][t] + solution.params.gross_riskfree
        before, later = (conditional.price(solution, state) for state in (now, after))
        cost = now.cash_flow + later - gross * before
        scale = after.x / after.z * solution.optimal_capital(after.z, after.eps)
        share = cost / scale
        invests = share > 0.5
        np.testing.assert_allclose(share[invests], 1.0, rtol=1e-8)
        np.testing.assert_allclose(share[~invests], 0.0, atol=1e-8)
        assert np.all(
            after.SK[invests] >= solution.optimal_capital(after.z, after.eps)[invests] * (1 - 1e-12)
        )
        arrivals += invests.sum()
    assert 0.025 < arrivals / (18 * 1000) < 0.042


def test_characteristics_have_the_stated_timing(solution, panel, states):
    for t in (12, 300, 719):
        now, before = states[t], states[t - 1]
        old = before.book
        held = old > 0
        np.testing.assert_allclose(panel["mve"][t], conditional.price(solution, now), rtol=1e-15)
        np.testing.assert_array_equal(panel["size"][t], np.log(panel["mve"][t]))
        np.testing.assert_allclose(panel["bm"][t], now.x / now.z * now.SK / panel["mve"][t])
        agr, roe = panel["agr"][t], panel["roe"][t]
        np.testing.assert_allclose(agr[held], now.book[held] / old[held] - 1, atol=1e-12)
        np.testing.assert_allclose(roe[held], before.cash_flow[held] / old[held])
        assert np.all(agr[~held] == 0)
        assert np.all(roe[~held] == 0)
        gross = panel["xret"] + solution.params.gross_riskfree
        np.testing.assert_allclose(panel["mom"][t], gross[t - 12 : t - 1].prod(axis=0) - 1)
        np.testing.assert_array_equal(panel["no_capital"][t], now.SK == 0)
        assert np.all(panel["bm"][t][panel["no_capital"][t]] == 0)


def test_undefined_growth_is_missing_on_request(solution):
    zero = panel_of(solution, 200, 3)
    missing = panel_of(solution, 200, 3, undefined_growth="nan")
    undefined = np.isnan(missing["agr"])
    assert 0 < undefined.mean() < 0.5
    np.testing.assert_array_equal(np.isnan(missing["roe"]), undefined)
    for name in ("agr", "roe"):
        np.testing.assert_array_equal(np.nan_to_num(missing[name]), zero[name])
    assert np.isfinite(missing["bm"]).all()


def test_momentum_is_missing_until_a_year_is_known(solution):
    panel = panel_of(solution, 20, 15, burnin=0)
    assert np.isnan(panel["mom"][:12]).all()
    assert np.isfinite(panel["mom"][12:]).all()
    assert panel["no_capital"][0].all()


def test_the_panel_has_the_contracted_columns(solution, panel):
    *_, produced = KP14.simulate(solution, Size(5, 1, 20), Streams(1, "kp14", 0)).months
    assert set(produced.states) == set(COLUMNS["states"])
    assert set(panel.aggregates) == {"month", *COLUMNS["aggregates"]}
    assert set(KP14.layout.columns) <= {"month", *panel.columns}
    assert [month for month, _ in panel.states] == list(range(300, 1020))
    assert panel["firmid"].dtype == np.int32
    assert panel["no_capital"].dtype == bool
    floats = set(panel.columns) - {"firmid", "no_capital"}
    assert all(panel[name].dtype == np.float64 for name in floats)
    assert all(np.isfinite(panel[name]).all() for name in floats)


def test_states_must_be_those_of_every_firm(solution):
    panel = panel_of(solution, 5, 2)
    with pytest.raises(DataError, match="all 6 firms"):
        list(KP14.states(solution, panel.aggregates, panel.states, 6))
    with pytest.raises(DataError, match="in month 300"):
        list(KP14.states(solution, panel.aggregates, panel.states[::-1], 5))


def test_firms_draw_from_their_own_block_alone(solution):
    small, large = panel_of(solution, 1000, 2), panel_of(solution, 1200, 2)
    for name in small.aggregates:
        np.testing.assert_array_equal(small.aggregates[name], large.aggregates[name])
    for name in small.columns:
        np.testing.assert_array_equal(small[name], large[name][:, :1000])
    assert not np.array_equal(large["mve"][:, :200], large["mve"][:, 1000:])
    again = panel_of(solution, 1000, 2)
    other = panel_of(solution, 1000, 2, seed=2)
    np.testing.assert_array_equal(small["xret"], again["xret"])
    assert not np.array_equal(small["xret"], other["xret"])


def test_regimes_and_arrivals_have_their_stationary_means(solution, states):
    """Regimes turn over at rate mu_H + mu_L: months are correlated, firms are independent."""
    high = np.array([state.high for state in states])
    share = high.mean(axis=0)
    error = share.std(ddof=1) / np.sqrt(len(share))
    assert abs(share.mean() - 0.3191489361702128) < 4.5 * error
    assert error < 0.01
    multiplier = solution.params.multiplier(high)
    error = multiplier.mean(axis=0).std(ddof=1) / np.sqrt(len(share))
    assert abs(multiplier.mean() - 1) < 4.5 * error
    entries = (high[1:] & ~high[:-1]).sum() / (~high[:-1]).sum()
    exits = (~high[1:] & high[:-1]).sum() / high[:-1].sum()
    assert entries == pytest.approx(0.075 / 12, rel=0.07)
    assert exits == pytest.approx(0.16 / 12, rel=0.07)
    rate = states[0].arrival_rate
    assert rate.min() >= 0.2
    assert abs(rate.mean() - 0.4) < 4.5 * 0.2 / np.sqrt(len(rate))


def test_firm_productivity_has_its_stationary_law(states):
    eps = np.array([state.eps for state in states])
    for values, expected in ((eps, 1.0), ((eps - 1) ** 2, 0.2**2 / 0.7)):
        by_firm = values.mean(axis=0)
        error = by_firm.std(ddof=1) / np.sqrt(len(by_firm))
        assert abs(by_firm.mean() - expected) < 4.5 * error
    start = stats.kstest(eps[0], stats.gamma(17.5, scale=1 / 17.5).cdf)
    assert start.pvalue > 1e-4


def test_projects_arrive_at_the_rate_of_the_regime_before_it_switches():
    """With switching for certain every month, firms that were low arrive at the low rate."""
    solution = solved(high_entry_rate=12.0, low_entry_rate=12.0, high_multiplier=1.9)
    block = Block.drawn(solution.params, 20_000, np.random.default_rng(8))
    before = block.now.high
    block.advance(solution, 0.5)
    arrives = block.now.built > 0
    np.testing.assert_array_equal(block.now.high, ~before)
    chance = block.now.arrival_rate * np.where(before, 1.9, 0.1) / 12
    for group in (before, ~before):
        error = np.sqrt((chance[group] * (1 - chance[group])).sum())
        assert abs(arrives[group].sum() - chance[group].sum()) < 4.5 * error


def test_a_new_project_has_mean_output_and_is_alive(solution):
    block = Block.drawn(solution.params, 5000, np.random.default_rng(9))
    block.advance(solution, 0.5)
    block, built = block.now, block.now.built
    arrives = np.flatnonzero(built)
    assert len(arrives) > 100
    np.testing.assert_array_equal(block.owner, arrives)
    np.testing.assert_array_equal(block.u, 1.0)
    scale = (0.85 * 0.5 * solution.project_value(block.eps, np.ones(1))) ** (1 / 0.15)
    np.testing.assert_allclose(built[arrives], scale[arrives], rtol=1e-12)
    np.testing.assert_array_equal(block.capital, built[arrives])
    np.testing.assert_array_equal(block.weight, block.capital**0.85)


def test_live_projects_tend_to_arrivals_over_deaths(solution):
    """After 80 years the number of projects is Poisson-like with mean lambda_f / delta."""
    block = Block.drawn(solution.params, 2000, np.random.default_rng(5))
    for _ in range(960):
        block.advance(solution, 0.5)
    block = block.now
    count = np.bincount(block.owner, minlength=2000)
    gap = count - block.arrival_rate / 0.1
    error = gap.std(ddof=1) / np.sqrt(2000)
    assert abs(gap.mean()) < 4.5 * error
    assert error < 0.1
    u_error = block.u.std(ddof=1) / np.sqrt(len(block.u))
    assert abs(block.u.mean() - 1) < 4.5 * u_error


@pytest.mark.parametrize(
    ("name", "shift"), [("initial_productivity", 1.0), ("initial_technology", 17 / 3)]
)
def test_the_level_of_the_economy_does_not_matter(solution, name, shift):
    base = panel_of(solution, 200, 12)
    scaled_solution = solved(**{name: 3 * CALIBRATION[name]})
    scaled = panel_of(scaled_solution, 200, 12)
    same = ("xret", "bm", "agr", "roe", "mom")
    same += tuple(f"A_{k}_{m}" for k in (1, 2) for m in ("taylor", "proj"))
    for column in same:
        np.testing.assert_allclose(scaled[column], base[column], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(scaled["size"] - base["size"], shift * np.log(3), rtol=1e-12)
    pairs = zip(states_of(solution, base), states_of(scaled_solution, scaled), strict=True)
    for one, other in pairs:
        m, n = KP14.moments(solution, one), KP14.moments(scaled_solution, other)
        np.testing.assert_allclose(n.mean, m.mean, atol=1e-13)
        np.testing.assert_allclose(n.exposure, m.exposure, rtol=1e-11)
        np.testing.assert_allclose(n.residual, m.residual, rtol=1e-10)


def test_taylor_and_projection_loadings_nearly_agree(panel):
    for k in (1, 2):
        gap = panel[f"A_{k}_taylor"] / panel[f"A_{k}_proj"] - 1
        assert 1e-6 < np.abs(gap).max() < 0.006
