"""Principal components, against ridge regressions, numpy and scikit-learn."""

import numpy as np
import pytest
from worlds import ALPHAS, combined, instrumented_world, ridge, setting, walk, weights_of

from truepremia.judgement.engine import judge
from truepremia.judgement.window import window_portfolio
from truepremia.methods.managed import Managed
from truepremia.methods.pca import PCA, principal_components
from truepremia.methods.sorted_portfolios import Deciles, Sorts25

P = 6


def base_returns(world, base=None):
    base = base or Managed()
    return np.array([base.weights(m.known).T @ m.earned for m in world.months])


def test_all_components_together_are_the_ridge_on_the_portfolios(small_world):
    method = PCA(Managed(), factors=(P,))
    items = walk(method, small_world.months)[-1]
    X = base_returns(small_world)[-25:-1]
    today = Managed().weights(small_world.months[-1].known)
    for (_, alpha), w in combined(items, None, 24).items():
        np.testing.assert_allclose(w, today @ ridge(X, alpha, 24), rtol=1e-9, atol=1e-11)


def test_components_are_those_of_scikit_learn(small_world):
    from sklearn import decomposition  # slow to import

    X = base_returns(small_world)
    expected = decomposition.PCA(n_components=P).fit(X).components_
    found = principal_components(X).T
    signs = np.sign(np.sum(found * expected, axis=1))
    np.testing.assert_allclose(found, signs[:, None] * expected, atol=1e-9)
    assert (found.sum(axis=1) >= 0).all()


def test_penalised_window_portfolio_is_the_ridge_regression_of_scikit_learn(small_world):
    from sklearn.linear_model import Ridge  # slow to import

    X = base_returns(small_world, Sorts25())[:30]
    for alpha in (1e-3, 1e-2, 1.0):
        fitted = Ridge(alpha=30 * alpha, fit_intercept=False).fit(X, np.ones(30)).coef_
        np.testing.assert_allclose(window_portfolio(X, [alpha], 30)[:, 0], fitted, rtol=1e-8)


def test_components_weigh_means_as_lettau_and_pelger_do(small_world):
    X = base_returns(small_world)
    m = X.mean(axis=0)
    moments = X.T @ X / len(X) + 10 * np.outer(m, m)
    v = principal_components(X, gamma=10)
    np.testing.assert_allclose(
        v.T @ moments @ v, np.diag(np.sort(np.linalg.eigvalsh(moments))[::-1]), atol=1e-15
    )


def test_weight_on_means_without_bound_gives_the_portfolio_of_mean_returns(small_world):
    X = base_returns(small_world)
    v = principal_components(X, gamma=1e12)[:, 0]
    m = X.mean(axis=0)
    np.testing.assert_allclose(np.abs(v @ m), np.linalg.norm(m), rtol=1e-9)


def test_more_factors_than_portfolios_are_all_portfolios(small_world):
    items = walk(PCA(Managed(), factors=(P, 40)), small_world.months)[-1]
    assert items[0].names == items[1].names
    assert np.array_equal(items[0].weights, items[1].weights)


def test_past_is_the_window_under_today_s_rotation(small_world):
    items = walk(PCA(Deciles(), factors=(2,)), small_world.months)
    assert not any(items[:24])
    X = base_returns(small_world, Deciles())
    for t in (24, 40, 59):
        (item,) = items[t]
        v = principal_components(X[t - 24 : t])[:, :2]
        np.testing.assert_allclose(item.past, X[t - 24 : t] @ v, atol=1e-14)
        today = Deciles().weights(small_world.months[t].known)
        np.testing.assert_allclose(item.weights, today @ v, atol=1e-14)


def test_rotations_and_signs_of_the_components_change_no_portfolio(small_world):
    item = walk(PCA(Managed(), factors=(3,)), small_world.months)[-1][0]
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    for alpha in ALPHAS:
        turned = item.weights @ turn @ ridge(item.past @ turn, alpha, 24)
        np.testing.assert_allclose(
            turned, item.weights @ ridge(item.past, alpha, 24), rtol=1e-9, atol=1e-12
        )


def test_second_component_is_needed_where_the_first_shock_is_hardly_priced():
    world = instrumented_world(
        firms=300, months=180, premia=(0.002, 0.03), risk=(0.20, 0.08), residual=0.04
    )
    how = setting(window=120)
    verdict = judge(PCA(Deciles(), factors=(1, 2)), world.months, world.moments[120:], how)
    s = verdict.statistics
    chosen = s.choice == "alpha"
    chosen &= s.alpha == 0
    sharpe = {k: np.mean((s.mean / s.stdev)[chosen & (s.variant == k)]) for k in ("K=1", "K=2")}
    best = np.mean([m.max_sharpe() for m in world.moments[120:]])
    assert sharpe["K=2"] > 0.9 * best
    assert sharpe["K=1"] < 0.7 * best


@pytest.mark.parametrize("rows", [2, 3, 5, 7])
@pytest.mark.parametrize("gamma", [-1.0, 10.0])
def test_portfolios_follow_where_base_portfolios_are_turned(rows, gamma):
    """Also where there are more factors than months less one, which leaves axes undetermined."""
    rng = np.random.default_rng(rows)
    X = rng.standard_normal((rows, 8)) + 0.3 * rng.standard_normal(8)
    turn = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    for K in (1, 3, 5):
        V, turned = (principal_components(Y, gamma)[:, :K] for Y in (X, X @ turn))
        np.testing.assert_allclose(V.T @ V, np.eye(K), atol=1e-13)
        for alpha in (0.0, 1e-2, 1.0):
            one = V @ window_portfolio(X @ V, [alpha], rows)[:, 0]
            other = turn @ turned @ window_portfolio(X @ turn @ turned, [alpha], rows)[:, 0]
            np.testing.assert_allclose(other, one, atol=1e-9 * np.abs(one).max())


@pytest.mark.parametrize("gamma", [-1, 0, 10])
def test_no_return_at_all_leaves_portfolios_of_zero(small_world, gamma):
    from dataclasses import replace

    still = [replace(m, excess_return=np.zeros(60)) for m in small_world.months[:30]]
    verdict = judge(PCA(Managed(), (1, 2), gamma), still, small_world.moments[24:30], setting())
    assert not verdict.statistics.stdev.any()
    assert np.isfinite(weights_of(walk(PCA(Managed(), (1, 2), gamma), still)[-1])).all()
