"""The window regression against its normal equations, for any window of factor returns."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from truepremia.judgement.statistics import window_portfolio


@st.composite
def windows(draw, rank_deficient=False):
    months, factors = draw(st.integers(2, 60)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.normal(0.01, 0.05, (months, factors)) * 10.0 ** rng.uniform(-1, 0, factors)
    if rank_deficient:
        X[:, -1] = X[:, 0] if draw(st.booleans()) else 0.0
    return X


@given(windows(), st.floats(1e-4, 10), st.integers(1, 400))
def test_ridge_solves_the_normal_equations_with_the_penalty_of_the_full_window(X, alpha, window):
    dense = np.linalg.solve(X.T @ X + window * alpha * np.eye(X.shape[1]), X.T @ np.ones(len(X)))
    got = window_portfolio(X, (alpha,), window)
    # The penalty bounds the condition number by 1 + |X|^2 / (window alpha) < 1e5.
    np.testing.assert_allclose(got[:, 0], dense, rtol=0, atol=1e-10 * np.abs(dense).max())


@given(windows())
def test_no_penalty_gives_least_squares(X):
    got = window_portfolio(X, (0.0,), len(X))[:, 0]
    wanted = np.linalg.lstsq(X, np.ones(len(X)), rcond=None)[0]
    cond = np.linalg.cond(X)
    if cond < 1e4:
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-13 * cond**2 * np.abs(wanted).max())


@given(windows(rank_deficient=True))
def test_no_penalty_gives_the_shortest_solution_when_factors_are_redundant(X):
    got = window_portfolio(X, (0.0,), len(X))[:, 0]
    wanted = np.linalg.pinv(X, rcond=1e-8) @ np.ones(len(X))
    singular = np.linalg.svd(X, compute_uv=False)
    alive = singular[singular > 1e-8 * singular.max(initial=1e-300)]
    if len(alive) and alive[0] / alive[-1] < 1e4:
        error = 1e-13 * (alive[0] / alive[-1]) ** 2 * np.abs(wanted).max()
        np.testing.assert_allclose(got, wanted, rtol=0, atol=error)
    if X.shape[1] > 1 and not X[:, -1].any():
        assert abs(got[-1]) <= 1e-12 * np.abs(got).max()


@given(windows(), st.lists(st.integers(0, 59), max_size=70), st.sampled_from([0.0, 0.01, 1.0]))
def test_months_without_returns_are_left_out_and_the_penalty_stays(X, holes, alpha):
    holed = X.copy()
    holed[[h for h in holes if h < len(X)]] = np.nan
    kept = holed[~np.isnan(holed[:, 0])]
    got = window_portfolio(holed, (alpha,), len(X))
    assert np.all(np.isfinite(got))
    np.testing.assert_array_equal(got, window_portfolio(kept, (alpha,), len(X)))
    if not len(kept):
        assert not got.any()


@given(windows(), st.lists(st.floats(0, 5), min_size=1, max_size=5, unique=True))
def test_penalties_are_solved_one_by_one_and_shrink_the_portfolio(X, alphas):
    together = window_portfolio(X, alphas, 360)
    for a, alpha in enumerate(alphas):
        alone = window_portfolio(X, (alpha,), 360)[:, 0]
        np.testing.assert_allclose(together[:, a], alone, rtol=1e-13, atol=0)
    lengths = np.linalg.norm(together[:, np.argsort(alphas)], axis=0)
    assert np.all(np.diff(lengths) <= 1e-12 * lengths[:1])
