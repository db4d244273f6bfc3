"""Random features, against refitting by brute force, ridge regressions and plain sines."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.stats import rankdata
from worlds import NAMES, instrumented_world, setting, walk

from truepremia.methods.dkkm import BANDWIDTHS, DKKM, FeatureWindow, fourier_features
from truepremia.methods.linear import left_out_returns, left_out_shares
from truepremia.portfolios import value_weights

ALPHAS = np.array([1e-4, 1e-2, 0.1])


def filled(D, months=30, rows=30, seed=0, missing=()):
    """Return a full window of D features with a large market in them, and its returns."""
    rng = np.random.default_rng(seed)
    market = 0.01 + 0.05 * rng.standard_normal(rows)
    X = np.outer(market, rng.standard_normal(D)) + 0.02 * rng.standard_normal((rows, D))
    for t in missing:
        X[t], market[t] = np.nan, np.nan
    window = FeatureWindow(months, (D,))
    for x, m in zip(X, market, strict=True):
        window.add(x, m)
    kept = np.isfinite(market[-months:])
    return window, X[-months:][kept], market[-months:][kept]


def refitted(X, m, penalty):
    """Return beta and b_m of min |1 - X beta - m b_m|^2 + penalty |beta|^2."""
    D = X.shape[1]
    tall = np.zeros((len(X) + D, D + 1))
    tall[: len(X), :D], tall[: len(X), D] = X, m
    tall[len(X) :, :D] = np.sqrt(penalty) * np.eye(D)
    b = np.linalg.lstsq(tall, np.r_[np.ones(len(X)), np.zeros(D)], rcond=1e-13)[0]
    return b[:D], b[D]


@pytest.mark.parametrize("D", [2, 12, 28, 30, 90])
@pytest.mark.parametrize("missing", [(), (3, 29)])
def test_portfolios_are_the_ridge_that_leaves_the_market_alone(D, missing):
    window, X, m = filled(D, missing=missing)
    fitted = window.portfolios(D, ALPHAS)
    for k, alpha in enumerate(ALPHAS):
        beta, market = refitted(X, m, 30 * D * alpha)
        np.testing.assert_allclose(fitted.features[:, k], beta, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(fitted.market[k], market, rtol=1e-6)


@pytest.mark.parametrize("D", [4, 29, 31, 60])
def test_no_penalty_is_the_limit_of_small_ones(D):
    window, X, m = filled(D)
    fitted = window.portfolios(D, np.array([0.0]))
    # Minimum norm in beta alone: the market is taken out of everything first.
    M = np.eye(30) - np.outer(m, m) / (m @ m)
    beta = np.linalg.pinv(M @ X, rcond=1e-6) @ M.sum(axis=1)
    np.testing.assert_allclose(fitted.features[:, 0], beta, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(fitted.market[0], m @ (1 - X @ beta) / (m @ m), rtol=1e-6)
    if D >= 30:
        np.testing.assert_allclose(X @ beta + m * fitted.market[0], 1, atol=1e-6)
    assert fitted.shares is None


@pytest.mark.parametrize("D", [6, 30, 64])
def test_leave_one_out_shares_are_those_of_refitting_without_each_month(D):
    window, X, m = filled(D, seed=D + 1)
    R = np.empty((30, 3))
    for s in range(30):
        rest = np.arange(30) != s
        for k, alpha in enumerate(ALPHAS):
            beta, market = refitted(X[rest], m[rest], 30 * D * alpha)
            R[s, k] = X[s] @ beta + m[s] * market
    shares = window.portfolios(D, np.r_[0.0, ALPHAS]).shares
    np.testing.assert_allclose(shares, nnls(R, np.ones(30))[0], rtol=1e-6, atol=1e-8)


def test_dual_and_primal_agree_where_features_are_nearly_as_many_as_months():
    window, _, _ = filled(29, months=30)
    primal = window.portfolios(29, ALPHAS)
    dual = FeatureWindow(30, (29,))
    dual._products = {29: window._X @ window._X.T}
    dual._X, dual._market, dual._count = window._X, window._market, 30
    turned = dual.portfolios(29, ALPHAS)
    for one, other in zip(
        (primal.features, primal.market, primal.shares),
        (turned.features, turned.market, turned.shares),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)


def test_shares_satisfy_the_first_order_conditions_of_non_negative_least_squares():
    rng = np.random.default_rng(0)
    for _ in range(20):
        R = 0.3 + rng.standard_normal((30, 6))
        q = left_out_shares(R)
        slope = R.T @ (R @ q - 1)
        assert (q >= 0).all()
        assert (slope >= -1e-10).all()
        np.testing.assert_allclose(slope[q > 0], 0, atol=1e-10)


def test_most_shrunk_portfolio_is_left_where_every_one_loses():
    assert left_out_shares(-np.ones((9, 4))).tolist() == [0, 0, 0, 1]
    assert left_out_shares(np.zeros((0, 4))).tolist() == [0, 0, 0, 1]


def test_month_left_out_of_a_ridge_earns_what_the_formula_says():
    X = np.random.default_rng(1).standard_normal((12, 3)) + 0.5
    H = X @ np.linalg.solve(X.T @ X + 2 * np.eye(3), X.T)
    found = left_out_returns(H.sum(axis=1)[:, None], np.diag(H)[:, None])[:, 0]
    for s in range(12):
        rest = np.arange(12) != s
        b = np.linalg.solve(X[rest].T @ X[rest] + 2 * np.eye(3), X[rest].sum(axis=0))
        np.testing.assert_allclose(found[s], X[s] @ b, rtol=1e-12)


def test_ranked_features_are_the_ranks_of_sines_and_cosines(small_world):
    ranks = small_world.months[3].known.ranks()
    directions = np.random.default_rng(0).standard_normal((40, 5)) * 6
    features = fourier_features(directions, ranks, True)
    n = len(ranks)
    for h, w in enumerate(directions):
        for k, wave in enumerate((np.sin, np.cos)):
            expected = (2 * rankdata(wave(ranks @ w)) - 1) / (2 * n) - 0.5
            np.testing.assert_allclose(features[2 * h + k], expected, atol=1e-15)


def test_raw_features_are_sines_and_cosines(small_world):
    ranks = small_world.months[3].known.ranks()
    directions = np.random.default_rng(0).standard_normal((3, 5))
    features = fourier_features(directions, ranks, False)
    np.testing.assert_allclose(features[0::2], np.sin(directions @ ranks.T), atol=1e-15)
    np.testing.assert_allclose(features[1::2], np.cos(directions @ ranks.T), atol=1e-15)


def test_ranked_sine_along_one_characteristic_is_that_characteristic_s_rank(small_world):
    ranks = small_world.months[0].known.ranks()
    directions = np.eye(5) * 0.9
    assert np.array_equal(fourier_features(directions, ranks, True)[0::2], ranks.T)


def test_firms_that_tie_in_everything_tie_in_every_feature(small_world):
    ranks = np.vstack([small_world.months[0].known.ranks()] * 2)
    directions = np.random.default_rng(2).standard_normal((50, 5)) * 3
    features = fourier_features(directions, ranks, True)
    assert np.array_equal(features[:, :60], features[:, 60:])


def test_smaller_sizes_are_part_of_larger_ones(small_world):
    small = {p.alpha: p for p in walk(DKKM((4,)), small_world.months[:30])[-1]}
    for item in walk(DKKM((40, 4)), small_world.months[:30])[-1]:
        if item.variant == "D=4" and item.choice == "alpha":
            np.testing.assert_allclose(item.weights, small[item.alpha].weights, rtol=1e-9)


def test_directions_are_normal_with_the_stated_standard_deviations():
    method, how = DKKM((4000,)), setting()
    method.start(how)
    j = how.generator(0).integers(0, 6, size=2000)
    normal = how.generator(1).standard_normal((2000, len(NAMES)))
    np.testing.assert_allclose(method._directions, BANDWIDTHS[j][:, None] * normal, rtol=1e-15)
    np.testing.assert_allclose(BANDWIDTHS, [0.5, 0.6, 0.7, 0.8, 0.9, 1.0], rtol=1e-15)


def test_small_directions_are_the_ridge_on_rank_portfolios_with_both_markets_free(small_world):
    """With directions eps Q, Q'Q = I: sines eps Q'g and cosines 1, penalty alpha eps^2."""
    eps, alpha = 1e-4, 1e-2
    method = DKKM((10,), rank_features=False)
    how = setting(alphas=(alpha * eps**2,))
    method.start(how)
    method._directions = eps * np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
    X, wide = [], []
    for m in small_world.months:
        items = list(method.form(m.known))
        method.learn(m.known, m.earned)
        g, v = m.known.ranks(), value_weights(m.known.market_equity)
        X.append(g.T @ m.earned)
        wide.append([m.earned.sum(), v @ m.earned])
    now = small_world.months[-1].known
    X, wide = np.array(X)[-25:-1], np.array(wide)[-25:-1]
    tall = np.zeros((29, 7))
    tall[:24, :5], tall[:24, 5:] = X, wide
    tall[24:, :5] = np.sqrt(24 * 10 * alpha) * np.eye(5)
    b = np.linalg.lstsq(tall, np.r_[np.ones(24), np.zeros(5)], rcond=1e-13)[0]
    v = value_weights(now.market_equity)
    expected = now.ranks() @ b[:5] + b[5] + b[6] * v
    np.testing.assert_allclose(items[0].weights, expected, rtol=1e-5, atol=1e-6)


def test_as_many_features_as_months_interpolate_and_are_useless_without_penalty():
    """The peak of double descent: perfect in the window, far worse than holding nothing after."""
    from truepremia.judgement.engine import judge

    world = instrumented_world(firms=80, months=90)
    how = setting(window=40, alphas=(0.0, 0.1))
    verdict = judge(DKKM((40,)), world.months, world.moments[40:], how)
    s = verdict.statistics
    share = {a: np.mean((s.mean / s.stdev)[s.alpha == a]) for a in (0.0, 0.1)}
    distance = {a: np.mean(s.hjd[s.alpha == a]) for a in (0.0, 0.1)}
    theta = np.mean([m.max_sharpe() for m in world.moments[40:]])
    assert share[0.0] < 0.3 * theta < 0.6 * theta < share[0.1]
    assert distance[0.0] > 1 > distance[0.1]


def test_window_without_returns_has_portfolios_of_zero(small_world):
    still = [replace(m, excess_return=np.zeros(60)) for m in small_world.months[:30]]
    for item in walk(DKKM((4, 40)), still)[-1]:
        assert not item.weights.any()
