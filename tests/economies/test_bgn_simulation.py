"""The simulated Berk-Green-Naik panel against the laws it is drawn from, and its identities."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from truepremia.economies.bgn.conditional import Market
from truepremia.economies.bgn.simulation import Shocks, Snapshot
from truepremia.panel import Size
from truepremia.seeds import Streams


@pytest.fixture(scope="module")
def projects(bgn):
    """All projects ever taken, one row each; ``month`` is the month of birth."""
    births = bgn.panel.states
    columns = {name: np.concatenate([rows[name] for _, rows in births]) for name in births[0][1]}
    columns["month"] = np.repeat(
        [month for month, _ in births], [len(rows["firmid"]) for _, rows in births]
    )
    return columns


@pytest.fixture(scope="module")
def live(bgn):
    """Number of live projects n and sum S of e^{-beta} of every firm, each (T, N)."""
    held = [(s.count, s.by_firm(np.exp(-s.beta))) for s in bgn.states()]
    return np.array([n for n, _ in held]), np.array([s for _, s in held])


@pytest.fixture(scope="module")
def all_rates(bgn):
    """Log rates of dates 3..end: the path is the same for any burn-in."""
    size = Size(firms=1, months=bgn.size.end + 1 - 3, burnin=3)
    aggregates = bgn.economy.simulate(bgn.solution, size, _streams(bgn), "zero").aggregates
    return dict(zip(aggregates["month"], aggregates["r"], strict=True)), aggregates


def _streams(bgn):
    return Streams(bgn.seed, "bgn", 0)


# --- aggregate path ------------------------------------------------------------------------------


def test_rate_is_the_autoregression_of_its_shocks(bgn):
    a, params = bgn.panel.aggregates, bgn.solution.params
    following = params.expected_rate(a["r"][:-1]) + params.rate_volatility * a["xi"][:-1]
    np.testing.assert_allclose(a["r"][1:], following, rtol=0, atol=1e-16)
    np.testing.assert_allclose(a["rf"], np.expm1(a["r"]), rtol=1e-14)


def test_discount_factor_is_that_of_the_shocks(bgn):
    a, params = bgn.panel.aggregates, bgn.solution.params
    sigma, rho = params.sdf_volatility, params.correlation
    np.testing.assert_allclose(
        a["sdf"], np.exp(-a["r"] - sigma**2 / 2 - sigma * a["nu"]), rtol=1e-14
    )
    np.testing.assert_allclose(
        a["nu"], rho * a["xi"] + np.sqrt(1 - rho**2) * a["mu"], rtol=0, atol=1e-14
    )


def test_shocks_are_standard_normal_with_the_calibrated_correlation(bgn):
    months = 20_000
    simulation = bgn.economy.simulate(bgn.solution, Size(1, months, 13), _streams(bgn), "zero")
    nu, xi, mu = (simulation.aggregates[name] for name in ("nu", "xi", "mu"))
    for shock in (nu, xi, mu):
        assert stats.kstest(shock, "norm").pvalue > 1e-4
        assert abs(np.mean(shock[1:] * shock[:-1])) < 4 / np.sqrt(months)
    assert abs(np.mean(mu * xi)) < 4 / np.sqrt(months)
    assert abs(np.mean(nu * xi) - bgn.solution.params.correlation) < 4 / np.sqrt(months)


def test_standardised_rate_uses_the_burn_in_alone(bgn, all_rates):
    a = bgn.panel.aggregates
    rates, from_three = all_rates
    # Dates 1 and 2 enter the standardisation of a panel that starts at 3 as (r1 + r2) / 2 and
    # |r1 - r2| / sqrt(2): all that mean and s.d. of the longer burn-in need of them.
    scale = np.diff(from_three["r"][:2]) / np.diff(from_three["rf_stand"][:2]) / 4
    centre = from_three["r"][0] - 4 * scale * from_three["rf_stand"][0]
    first_two = centre + np.array([-1, 1]) * scale / np.sqrt(2)
    burnin = np.concatenate([first_two, [rates[t] for t in range(3, bgn.size.burnin)]])
    assert len(burnin) == bgn.size.burnin - 1
    wanted = (a["r"] - burnin.mean()) / (4 * burnin.std(ddof=1))
    np.testing.assert_allclose(a["rf_stand"], wanted, rtol=0, atol=1e-10)


def test_a_longer_panel_has_the_same_beginning(bgn):
    short, long = (bgn.simulate(Size(20, months, 14)) for months in (10, 30))
    for name in short.aggregates:
        assert np.array_equal(short.aggregates[name], long.aggregates[name][:10]), name
    for name in short.columns:
        assert np.array_equal(short[name], long[name][:10]), name


# --- projects ------------------------------------------------------------------------------------


def highest_beta(bgn, all_rates, projects):
    """Highest beta worth taking at each birth, and which births have a known rate."""
    rates, _ = all_rates
    known = projects["month"] >= 3
    rate = np.array([rates[m] for m in projects["month"][known]])
    params = bgn.solution.params
    return params.log_cash_flow + np.log(bgn.solution.consol(rate)), known


def test_only_projects_worth_their_cost_are_taken(bgn, projects, all_rates):
    bound, known = highest_beta(bgn, all_rates, projects)
    bound = np.minimum(bound, bgn.solution.beta_ceiling)
    below = bound - projects["beta"][known]
    assert np.all(below >= 0)
    # Memoryless: the distance to the bound has the law of the distance to the ceiling.
    assert stats.kstest(below / bgn.solution.beta_scale, "expon").pvalue > 1e-4


def test_projects_are_taken_as_often_as_the_rate_says(bgn, all_rates):
    rates, _ = all_rates
    firms = bgn.size.firms
    gaps, variances = [], []
    for month, rows in bgn.panel.states:
        if month >= 3:
            p = float(bgn.solution.adoption(bgn.solution.consol(rates[month])))
            gaps.append(len(rows["firmid"]) - firms * p)
            variances.append(firms * p * (1 - p))
        assert len(np.unique(rows["firmid"])) == len(rows["firmid"]), "one new project a month"
    gaps, variances = np.array(gaps), np.array(variances)
    assert abs(gaps.sum()) < 4 * np.sqrt(variances.sum())
    # Binomial draws month by month: their squares sum to a chi-squared with s.d. sqrt(2 T).
    assert abs(np.sum(gaps**2 / variances) - len(gaps)) < 4 * np.sqrt(2 * len(gaps))


def test_projects_live_geometrically_long(bgn, projects):
    life = projects["death"] - projects["month"]
    pi = bgn.solution.params.survival
    assert life.min() == 1
    for k in (1, 2, 10, 50, 100, 300):
        survive = np.mean(life > k)
        error = np.sqrt(pi**k * (1 - pi**k) / len(life))
        assert abs(survive - pi**k) < 4 * error, k


def test_cash_flow_volatilities_are_uniform_above_the_systematic_part(bgn, projects):
    params = bgn.solution.params
    above = projects["volatility"] - np.abs(projects["beta"]) / params.sdf_volatility
    assert stats.kstest(above / params.volatility_width, "uniform").pvalue > 1e-4
    life = projects["death"] - projects["month"]
    for one, other in ((above, life), (above, projects["beta"]), (life, projects["beta"])):
        assert abs(stats.spearmanr(one, other).statistic) < 4 / np.sqrt(len(life))


def test_burn_in_starts_from_an_empty_economy_and_misses_few_projects(bgn, projects, live):
    assert projects["month"].min() == 1
    count, _ = live
    start, pi = bgn.size.start, bgn.solution.params.survival
    born = projects["month"] <= start
    survival = pi ** (start - projects["month"][born])
    expected, variance = survival.sum(), np.sum(survival * (1 - survival))
    assert abs(count[0].sum() - expected) < 4 * np.sqrt(variance)
    # The specification's 6.4 to 6.6 is for other draws; the rate's path moves it by a few tenths.
    assert 5.5 < count.mean() < 7.5


def test_firms_without_book_value_are_in_the_panel(bgn, live):
    count, _ = live
    assert 0 < np.mean(count == 0) < 0.01
    assert np.array_equal(bgn.panel["no_capital"], count == 0)
    assert np.all(bgn.panel["bm"][count == 0] == 0)


# --- accounting identities -----------------------------------------------------------------------


def test_book_value_is_the_cost_of_the_live_projects(bgn, live):
    count, _ = live
    book = bgn.panel["bm"] * bgn.panel["mve"]
    np.testing.assert_allclose(book, bgn.solution.params.investment * count, rtol=1e-14, atol=0)


def test_market_value_is_growth_options_and_live_projects(bgn, live):
    _, held = live
    solution, rate = bgn.solution, bgn.panel.aggregates["r"][:, None]
    unit = np.exp(solution.params.log_cash_flow) * solution.params.investment
    value = unit * (solution.option(rate) + solution.consol(rate) * held)
    np.testing.assert_allclose(bgn.panel["mve"], value, rtol=1e-13)


def test_asset_growth_counts_projects(bgn, live):
    count, _ = live
    before, now = count[:-1], count[1:]
    growth = bgn.panel["agr"][1:]
    had = before > 0
    np.testing.assert_allclose(growth[had], now[had] / before[had] - 1, rtol=0, atol=1e-15)
    assert np.all(growth[~had] == 0)
    last_died = had & (now == 0)
    assert last_died.any()
    assert np.all(growth[last_died] == -1)


def test_returns_are_price_and_cash_flow_less_investment(bgn, live):
    count, _ = live
    panel, investment = bgn.panel, bgn.solution.params.investment
    invests = np.zeros(panel["mve"].shape)
    for month, rows in panel.states:
        if month >= bgn.size.start:
            invests[month - bgn.size.start, rows["firmid"]] = investment
    cash = panel["roe"][1:] * investment * count[:-1]
    gross = (panel["mve"][1:] + cash - invests[1:]) / panel["mve"][:-1]
    wanted = gross - np.exp(panel.aggregates["r"][:-1, None])
    np.testing.assert_allclose(panel["xret"][:-1], wanted, rtol=0, atol=1e-13)


def test_cash_flows_are_paid_by_survivors_alone_and_are_positive(bgn, live):
    count, _ = live
    states = itertools.islice(bgn.states(), 40)
    roe = bgn.panel["roe"]
    for t, (old, new) in enumerate(itertools.pairwise(states)):
        born = dict(bgn.panel.states)[new.month]["firmid"]
        survivors = new.count - np.bincount(born, minlength=bgn.size.firms)
        assert np.array_equal(roe[t + 1] > 0, survivors > 0)
        assert np.all(survivors <= old.count)
    assert np.all(roe[1:][count[:-1] == 0] == 0)


@pytest.mark.parametrize("cost", [1, 2.5])
def test_scale_of_investment_moves_size_alone(bgn, cost):
    size = Size(firms=25, months=20, burnin=15)
    values = {**bgn.values, "investment": cost}
    scaled = bgn.economy.solve(bgn.economy.parameters(values))
    one, other = bgn.simulate(size), bgn.simulate(size, solution=scaled)
    np.testing.assert_allclose(other["size"], one["size"] + np.log(cost), rtol=0, atol=1e-13)
    for name in ("xret", "bm", "agr", "roe", "mom", "A_1_proj", "A_2_taylor"):
        np.testing.assert_allclose(other[name], one[name], rtol=0, atol=1e-12)


def test_growth_over_no_book_value_is_zero_or_missing_as_asked(bgn):
    # A young economy: most firms have no project yet.
    size = Size(firms=200, months=30, burnin=13)
    zero, missing = (bgn.simulate(size, undefined_growth=p) for p in ("zero", "nan"))
    for name in zero.columns:
        if name not in ("agr", "roe"):
            assert np.array_equal(zero[name], missing[name]), name
    undefined = zero["bm"][:-1] == 0
    assert 0.05 < undefined.mean() < 0.95
    for name in ("agr", "roe"):
        assert np.array_equal(np.isnan(missing[name][1:]), undefined)
        assert np.all(zero[name][1:][undefined] == 0)
        assert np.array_equal(missing[name][1:][~undefined], zero[name][1:][~undefined])
    left = [len(c.investable) for c in missing.cross_sections()]
    assert left[1:] == [int(n) for n in (~undefined).sum(axis=1)]


def test_a_full_block_of_firms_is_the_same_in_a_larger_panel(bgn):
    small, large = (bgn.simulate(Size(firms, 5, 14)) for firms in (1000, 1500))
    for name in small.columns:
        assert np.array_equal(small[name], large[name][:, :1000]), name


def test_one_step_pays_survivors_and_prices_what_is_left(bgn):
    """Three firms: one whose project dies, one whose project pays, one that takes a project."""
    solution, params = bgn.solution, bgn.solution.params
    today, later = Market.at(solution, 0.006), Market.at(solution, 0.004)
    now = replace(
        Snapshot.empty(today, 3),
        owner=np.array([0, 1]),
        death=np.array([5, 9]),
        beta=np.array([0.3, -0.2]),
        volatility=np.array([0.9, 1.1]),
    )
    shocks = Shocks(
        market=later,
        nu=0.7,
        survives=np.array([False, True]),
        cash_flow=np.array([-0.4]),
        taker=np.array([2]),
        beta=np.array([0.1]),
        volatility=np.array([0.5]),
        death=np.array([8]),
    )
    then = bgn.economy.step(solution, now, shocks)
    b = -0.2 / params.sdf_volatility
    own = np.sqrt(1.1**2 - b**2)
    paid = np.exp(params.log_cash_flow - 1.1**2 / 2 + b * 0.7 - own * 0.4)
    unit = np.exp(params.log_cash_flow)
    old = unit * (today.option + today.consol * np.exp([-0.3, 0.2, -np.inf]))
    new = unit * (later.option + later.consol * np.exp([-np.inf, 0.2, -0.1]))
    np.testing.assert_allclose(then.cash, [0, paid, 0], rtol=1e-15)
    np.testing.assert_allclose(then.gross, (new + np.array([0, paid, -1])) / old, rtol=1e-14)
    assert then.owner.tolist() == [1, 2]
    assert then.death.tolist() == [9, 8]
