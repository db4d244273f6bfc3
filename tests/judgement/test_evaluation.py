"""Portfolio statistics against dense matrices and plain loops, on a small panel with holes."""

import numpy as np
import pytest

from truepremia.errors import DataError
from truepremia.judgement.statistics import (
    STATISTICS,
    Judged,
    portfolio_statistics,
    window_portfolio,
)
from truepremia.methods.contract import FactorReturns, factor_returns
from truepremia.methods.fama_french import FamaFrench
from truepremia.methods.fama_macbeth import FamaMacBeth
from truepremia.methods.model_implied import ModelImplied
from truepremia.moments import Moments
from truepremia.panel import CrossSection

FIRMS, MONTHS, START, WINDOW = 30, 60, 100, 24
NAMES = ("size", "bm", "agr", "roe", "mom")
ALPHAS = (0.0, 1e-3, 0.1)
METHODS = {
    "ff": FamaFrench(),
    "fm": FamaMacBeth(),
    "taylor": ModelImplied("taylor"),
    "proj": ModelImplied("proj"),
}
EMPTY_MONTH = START + 30


def market(seed=5) -> tuple[list[CrossSection], list[Moments]]:
    rng = np.random.default_rng(seed)
    months, known = [], []
    for month in range(START, START + MONTHS):
        value = np.exp(rng.normal(0, 1, FIRMS))
        characteristics = rng.normal(0, 1, (FIRMS, 5))
        characteristics[:, 0] = np.log(value)
        characteristics[:, 2] *= rng.random(FIRMS) < 0.2  # most firms do not grow
        loadings = {"taylor": rng.normal(0, 1, (FIRMS, 2)), "proj": rng.normal(1, 1, (FIRMS, 2))}
        mean = rng.normal(0.01, 0.01, FIRMS)
        exposure, residual = rng.normal(0, 0.05, (FIRMS, 4)), rng.uniform(0.001, 0.01, FIRMS)
        known.append(Moments(mean, exposure, residual, 0.004, np.arange(FIRMS), month))
        shocks, own = rng.normal(0, 1, 4), rng.normal(0, 1, FIRMS)
        xret = mean + exposure @ shocks + np.sqrt(residual) * own
        missing = rng.random(FIRMS) < 0.1
        characteristics[missing, 3] = np.nan
        value[rng.random(FIRMS) < 0.05] = np.nan
        xret[rng.random(FIRMS) < 0.05] = np.nan
        if month == EMPTY_MONTH:
            value[:] = np.nan
        months.append(
            CrossSection(month, np.arange(FIRMS), NAMES, characteristics, value, xret, loadings)
        )
    return months, known


def judged(months, methods=METHODS, alphas=ALPHAS):
    return [Judged(n, m, factor_returns(m, months), alphas) for n, m in methods.items()]


@pytest.fixture(scope="module")
def small_market():
    return market()


@pytest.fixture(scope="module")
def statistics(small_market):
    months, known = small_market
    return portfolio_statistics(judged(months), months, known[WINDOW:], WINDOW)


def shortened_returns(returns, keep):
    return FactorReturns(returns.month[keep], returns.names, returns.returns[keep])


@pytest.mark.parametrize(
    "keep",
    [
        np.arange(MONTHS) < MONTHS - 5,
        np.arange(MONTHS) != MONTHS - 4,
        np.repeat(np.arange(MONTHS), 2),
        np.arange(MONTHS)[::-1],
    ],
    ids=["end early", "miss a month", "have months twice", "run backwards"],
)
def test_returns_that_are_not_those_of_the_window_are_refused(small_market, keep):
    months, known = small_market
    ff = FamaFrench()
    item = Judged("ff", ff, shortened_returns(factor_returns(ff, months), keep), ALPHAS)
    with pytest.raises(
        DataError, match=r"ff: month \d+ (needs returns of the months|has \d+ months)"
    ):
        portfolio_statistics([item], months, known[WINDOW:], WINDOW)


def test_moments_without_their_cross_section_and_numbers_that_cannot_be_are_refused(small_market):
    months, known = small_market
    with pytest.raises(DataError, match="has moments and no cross-section"):
        portfolio_statistics(judged(months), months, known[:WINDOW:-1], WINDOW)
    for alpha in (-1.0, np.nan, np.inf):
        with pytest.raises(DataError, match="must be a finite number of at least 0"):
            portfolio_statistics(judged(months, alphas=(0.0, alpha)), months, known, WINDOW)
    with pytest.raises(DataError, match="window is 0: must be at least 1"):
        portfolio_statistics(judged(months), months, known[WINDOW:], 0)


def plain_weights(plain, method, cross_section):
    if isinstance(method, FamaFrench):
        return plain.fama_french(cross_section, "balanced")
    if isinstance(method, FamaMacBeth):
        return plain.fama_macbeth(cross_section)
    return plain.latent(cross_section, method.loading)


@pytest.mark.parametrize("k", range(4), ids=list(METHODS))
def test_statistics_are_those_of_dense_matrices_and_plain_loops(plain, small_market, statistics, k):
    months, known = small_market
    (name, method), got = list(METHODS.items())[k], statistics[k]
    weights = [plain_weights(plain, method, month) for month in months]
    returns = []
    for month, L in zip(months, weights, strict=True):
        firms = plain.investable(month)
        held = [sum(L[i, j] * month.excess_return[i] for i in firms) for j in range(L.shape[1])]
        returns.append(held if firms else [np.nan] * L.shape[1])
    returns = np.array(returns)

    rows = []
    for t in range(WINDOW, MONTHS):
        X = returns[t - WINDOW : t]
        X = X[~np.isnan(X).any(axis=1)]
        mu, Sigma = known[t].mean, known[t].covariance()
        S = Sigma + np.outer(mu, mu)
        for alpha in ALPHAS:
            if alpha == 0:
                pi = np.linalg.pinv(X, rcond=1e-7) @ np.ones(len(X))
            else:
                penalty = WINDOW * alpha * np.eye(X.shape[1])
                pi = np.linalg.solve(X.T @ X + penalty, X.T @ np.ones(len(X)))
            w = weights[t] @ pi
            e = mu - S @ w
            xret = np.nansum(w * months[t].excess_return)
            rows.append(
                [
                    START + t,
                    alpha,
                    np.sqrt(w @ Sigma @ w),
                    w @ mu,
                    xret,
                    np.sqrt(e @ np.linalg.solve(S, e)),
                ]
            )
    wanted = dict(
        zip(("month", "alpha", "stdev", "mean", "xret", "hjd"), np.array(rows).T, strict=True)
    )
    assert got.method == name
    np.testing.assert_array_equal(got.month, wanted["month"])
    np.testing.assert_array_equal(got.alpha, wanted["alpha"])
    for name in ("stdev", "mean", "xret", "hjd"):
        # Windows of 24 months of seven factors: condition numbers below 1e3, squared.
        np.testing.assert_allclose(getattr(got, name), wanted[name], rtol=1e-9, atol=1e-11)


def test_statistics_have_the_columns_of_the_contract(statistics):
    assert STATISTICS == ("month", "method", "alpha", "stdev", "mean", "xret", "hjd")
    for one in statistics:
        assert one.month.dtype == np.int64
        assert one.alpha.dtype == np.float64
        rows = (MONTHS - WINDOW) * len(ALPHAS)
        for name in ("month", "alpha", "stdev", "mean", "xret", "hjd"):
            assert getattr(one, name).shape == (rows,)
            assert np.all(np.isfinite(getattr(one, name)))


def test_a_month_in_which_nothing_can_be_held_earns_nothing(small_market, statistics):
    _, known = small_market
    for one in statistics:
        rows = one.month == EMPTY_MONTH
        assert rows.sum() == len(ALPHAS)
        for name in ("stdev", "mean", "xret"):
            assert not getattr(one, name)[rows].any()
        nothing = known[EMPTY_MONTH - START].hj_distance(np.zeros(FIRMS))
        np.testing.assert_allclose(one.hjd[rows], nothing, rtol=1e-13)


def test_sharpe_ratios_and_distances_obey_their_bounds(small_market, statistics):
    _, known = small_market
    best = {m.month: m.max_sharpe() for m in known}
    for one in statistics:
        bound = np.array([best[month] for month in one.month])
        held = one.stdev > 0
        assert np.all(one.mean[held] / one.stdev[held] <= bound[held] * (1 + 1e-12))
        scalar = (1 - one.mean) ** 2 + one.stdev**2 - 1 / (1 + bound**2)
        np.testing.assert_allclose(
            one.hjd**2, scalar, rtol=0, atol=1e-11 * (1 + one.stdev**2).max()
        )


@pytest.mark.parametrize("k", range(4), ids=list(METHODS))
def test_a_return_changes_nothing_before_it_is_paid(small_market, statistics, k):
    months, known = small_market
    at = START + 40
    future = [
        m
        if m.month != at
        else CrossSection(
            m.month,
            m.firm,
            m.names,
            m.characteristics,
            m.market_equity,
            m.excess_return + 0.5,
            m.loadings,
        )
        for m in months
    ]
    one = dict([list(METHODS.items())[k]])
    changed = portfolio_statistics(judged(future, one), future, known[WINDOW:], WINDOW)[0]
    before = statistics[k]
    known_at = before.month <= at
    # The return of the changed month is earned by that month's portfolio, which knew nothing.
    for name in ("stdev", "mean", "hjd"):
        one, other = getattr(before, name), getattr(changed, name)
        assert np.array_equal(one[known_at], other[known_at]), name
        within = (before.month > at) & (before.month <= at + WINDOW)
        assert np.all(one[within & (before.month != EMPTY_MONTH)] != other[within]), name
    assert np.array_equal(before.xret[before.month < at], changed.xret[before.month < at])


def test_a_return_is_forgotten_after_the_window(small_market, statistics):
    months, known = small_market
    first = months[0]
    louder = CrossSection(
        first.month,
        first.firm,
        first.names,
        first.characteristics,
        first.market_equity,
        first.excess_return + 0.5,
        first.loadings,
    )
    changed = portfolio_statistics(judged([louder, *months[1:]]), months, known[WINDOW:], WINDOW)
    for one, other in zip(statistics, changed, strict=True):
        in_window = one.month <= START + WINDOW
        assert np.all(one.stdev[in_window] != other.stdev[in_window])
        assert np.array_equal(one.stdev[~in_window], other.stdev[~in_window])


def test_no_months_with_moments_give_empty_statistics(small_market):
    months, _ = small_market
    for one in portfolio_statistics(judged(months), months, [], WINDOW):
        for name in ("month", "alpha", "stdev", "mean", "xret", "hjd"):
            assert getattr(one, name).shape == (0,)
        assert one.month.dtype == np.int64


def test_statistics_of_one_month_are_those_of_all(small_market, statistics):
    months, known = small_market
    alone = portfolio_statistics(judged(months), months, [known[50]], WINDOW)
    for one, all_months in zip(alone, statistics, strict=True):
        rows = all_months.month == START + 50
        np.testing.assert_array_equal(one.stdev, all_months.stdev[rows])
        np.testing.assert_array_equal(one.hjd, all_months.hjd[rows])


def test_window_without_any_return_holds_nothing():
    assert not window_portfolio(np.full((24, 3), np.nan), (0.0, 1.0), 24).any()


def test_factor_that_never_pays_is_not_held_at_any_penalty():
    X = np.random.default_rng(0).normal(0.1, 0.2, (24, 3))
    X[:, 1] = 0
    fitted = window_portfolio(X, (0.0, 0.01), 24)
    assert np.abs(fitted[1]).max() < 1e-14
    assert np.abs(fitted[[0, 2]]).min() > 1e-3


def test_window_of_nothing_but_zeros_holds_nothing():
    assert not window_portfolio(np.zeros((24, 2)), (0.0, 0.5), 24).any()
