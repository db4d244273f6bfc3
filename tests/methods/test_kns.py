"""Shrinking the cross-section, against ridge regressions, plain loops and scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
from worlds import ridge, setting, walk

from truepremia.methods import kns
from truepremia.methods.kns import KAPPAS, KNS, lasso
from truepremia.methods.managed import Managed
from truepremia.methods.registry import KINDS
from truepremia.methods.sorted_portfolios import Deciles

WINDOW = 24


def base_returns(world, base=None):
    base = base or Managed()
    return np.array([base.weights(m.known).T @ m.earned for m in world.months])


def today(world, base=None):
    return (base or Managed()).weights(world.months[-1].known)


@pytest.mark.parametrize("kappa", [0.02, 0.3, 2.0])
@pytest.mark.parametrize("base", [Managed(), Deciles()])
def test_without_lasso_the_portfolio_is_the_ridge_at_the_penalty_of_kappa(small_world, kappa, base):
    w = walk(KNS(base, kappas=[kappa]), small_world.months)[-1][0].weights
    X = base_returns(small_world, base)[-WINDOW - 1 : -1]
    S = np.cov(X.T, bias=True)
    alpha = np.trace(S) / (kappa**2 * WINDOW)
    expected = today(small_world, base) @ ridge(X, alpha, WINDOW)
    np.testing.assert_allclose(w, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())


def coordinate_descent(S, m, g1, g2, sweeps=1000):
    """Minimise b'(S + g2) b / 2 - m'b + g1 |b|_1 one coordinate at a time."""
    b = np.zeros(len(m))
    for _ in range(sweeps):
        for j in range(len(m)):
            rest = m[j] - S[j] @ b + S[j, j] * b[j]
            b[j] = np.sign(rest) * max(abs(rest) - g1, 0) / (S[j, j] + g2)
    return b


def moments(rng, P, rows):
    X = rng.standard_normal((rows, 2)) @ rng.standard_normal((2, P))
    X += 0.3 * rng.standard_normal((rows, P)) + 0.2 * rng.standard_normal(P)
    return X.mean(axis=0), np.cov(X.T, bias=True)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("P", "rows"), [(6, 60), (20, 12)])
def test_lasso_on_portfolios_solves_all_penalties_as_coordinate_descent_does(seed, P, rows):
    m, S = moments(np.random.default_rng(seed), P, rows)
    share = np.tile([0.0, 0.05, 0.2, 0.6], 3)
    g2 = np.repeat([0.5, 2.0, 20.0], 4)
    g1 = share * np.abs(m).max()
    found = lasso(S, m, g1, g2)
    for b, first, second in zip(found, g1, g2, strict=True):
        slope = m - S @ b - second * b
        assert np.all(np.abs(slope) <= first + 1e-10)
        np.testing.assert_allclose(slope[b != 0], first * np.sign(b[b != 0]), atol=1e-10)
        np.testing.assert_allclose(b, coordinate_descent(S, m, first, second), atol=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_guesses_and_entries_one_by_one_end_at_the_same_portfolio(seed, monkeypatch):
    m, S = moments(np.random.default_rng(seed), 15, 40)
    g1, g2 = np.array([0.0, 0.02, 0.3]) * np.abs(m).max(), np.array([0.02, 0.05, 0.1])
    guessed = lasso(S, m, g1, g2)
    monkeypatch.setattr(kns, "_GUESSES", 0)
    np.testing.assert_allclose(lasso(S, m, g1, g2), guessed, rtol=1e-8, atol=1e-9)


def test_lasso_on_portfolios_is_the_lasso_of_scikit_learn():
    from sklearn.linear_model import Lasso  # slow to import

    m, S = moments(np.random.default_rng(1), 8, 40)
    g1, g2 = 0.1 * np.abs(m).max(), 0.05
    root = np.linalg.cholesky(S + g2 * np.eye(8)).T
    reference = Lasso(alpha=g1 / 8, fit_intercept=False, tol=1e-12, max_iter=100_000)
    reference.fit(root, np.linalg.solve(root.T, m))
    found = lasso(S, m, np.array([g1]), np.array([g2]))[0]
    np.testing.assert_allclose(found, reference.coef_, atol=1e-8)


def test_portfolios_that_are_copies_share_their_weight():
    m, S = moments(np.random.default_rng(2), 5, 40)
    twice = np.r_[0, 0:5]
    b = lasso(S[np.ix_(twice, twice)], m[twice], np.array([0.05 * np.abs(m).max()]), np.ones(1))[0]
    np.testing.assert_allclose(b[0], b[1], rtol=1e-12)


def chosen_by_loops(X, kappas, shares, solve):
    """Return (kappa, rho) of the best mean R^2 over three contiguous folds."""
    edges = [int(np.floor(i * len(X) / 3)) for i in range(4)]
    best, fit = None, -np.inf
    for kappa in kappas:
        for rho in shares:
            scores = []
            for i in range(3):
                held = X[edges[i] : edges[i + 1]]
                rest = np.vstack([X[: edges[i]], X[edges[i + 1] :]])
                m, S = rest.mean(axis=0), np.cov(rest.T, bias=True)
                g2 = np.trace(S) / (kappa**2 * len(rest))
                b = solve(S, m, rho, g2)
                m2, S2 = held.mean(axis=0), np.cov(held.T, bias=True)
                scores.append(1 - np.sum((m2 - S2 @ b) ** 2) / np.sum(m2**2))
            if np.mean(scores) > fit:
                best, fit = (kappa, rho), np.mean(scores)
    return best


def on_portfolios(S, m, rho, g2):
    return coordinate_descent(S, m, rho * np.abs(m).max(), g2, 200)


def in_components(S, m, rho, g2):
    d, V = np.linalg.eigh(S)
    p = V.T @ m
    g1 = rho * np.abs(p).max()
    shrunk = [np.sign(q) * max(abs(q) - g1, 0) / (e + g2) for q, e in zip(p, d, strict=True)]
    return V @ np.array(shrunk)


@pytest.mark.parametrize("rows", [5, 12, 20, 60])
def test_lasso_on_components_follows_where_portfolios_are_turned(rows):
    """Also where most directions have no variance in the window, and a mean."""
    rng = np.random.default_rng(rows)
    X = rng.standard_normal((rows, 20)) + 0.3 * rng.standard_normal(20)
    turn = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    m, S = X.mean(axis=0), np.cov(X.T, bias=True)
    share, g2 = np.array([0.0, 0.1, 0.4, 0.7]), np.full(4, 0.5)
    b = kns._in_components(S, m, share, g2)
    turned = kns._in_components(turn.T @ S @ turn, turn.T @ m, share, g2)
    np.testing.assert_allclose(turned @ turn.T, b, atol=1e-11 * np.abs(b).max())
    np.testing.assert_allclose(b[0], np.linalg.solve(S + 0.5 * np.eye(20), m), rtol=1e-9)


@pytest.mark.parametrize(
    ("space", "solve"), [("components", in_components), ("characteristics", on_portfolios)]
)
def test_penalties_are_chosen_by_three_contiguous_folds(small_world, space, solve):
    kappas, shares = (0.05, 0.2), (0.0, 0.1, 0.5)
    method = KNS(Managed(), kappas[::-1], shares, space)
    w = walk(method, small_world.months)[-1][0].weights
    X = base_returns(small_world)[-WINDOW - 1 : -1]
    kappa, rho = chosen_by_loops(X, kappas, shares, solve)
    m, S = X.mean(axis=0), np.cov(X.T, bias=True)
    b = solve(S, m, rho, np.trace(S) / (kappa**2 * WINDOW))
    np.testing.assert_allclose(w, today(small_world) @ b / (1 + b @ m), rtol=1e-6, atol=1e-9)


def test_default_grid_is_that_of_the_registry():
    assert tuple(KINDS["kns"].options["kappas"].default) == KAPPAS
    np.testing.assert_allclose(KAPPAS, np.logspace(np.log10(0.02), np.log10(2), 13), rtol=1e-12)


def test_window_without_returns_and_window_of_one_month_have_a_portfolio(small_world):
    still = [replace(m, excess_return=np.zeros(60)) for m in small_world.months[:30]]
    assert not walk(KNS(Managed()), still)[-1][0].weights.any()
    formed = walk(KNS(Managed()), small_world.months[:3], setting(window=1))
    assert np.isfinite(formed[-1][0].weights).all()
