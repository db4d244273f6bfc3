"""The portfolio algebra of Moments against dense matrices, for any number of firms and columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truepremia.errors import DataError
from truepremia.moments import COMPRESSION_TOLERANCE, Moments

EPS = np.finfo(float).eps


ANY_WIDTH = st.integers(0, 40)


@st.composite
def moments(draw, columns=ANY_WIDTH):
    n, k = draw(st.integers(1, 25)), draw(columns)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0.0, 0.3, 2.0]))
    exposure = rng.standard_normal((n, k)) * 10.0 ** rng.uniform(-spread, 0, k)
    residual = 10.0 ** rng.uniform(-2 * spread, 0, n)
    mean = draw(st.sampled_from([0.0, 0.01, 1.0])) * rng.standard_normal(n)
    return Moments(mean, exposure, residual, 0.005, np.arange(n) + 100, 360)


def tolerance(m: Moments) -> float:
    """Rounding of a solve, with a margin for the dimension.

    The dense solve loses the condition number of Sigma. Woodbury's difference cancels where
    common risk is large beside own risk: it loses that of I + F'D^{-1}F.
    """
    common = np.linalg.norm(m.exposure / np.sqrt(m.residual)[:, None], 2) if m.exposure.size else 0
    return float(100 * EPS * max(np.linalg.cond(m.covariance()), 1 + common**2))


def assert_close(value, wanted, relative):
    scale = np.abs(wanted).max(initial=0.0)
    np.testing.assert_allclose(value, wanted, rtol=0, atol=relative * scale + 1e-300)


def second_moment(m: Moments) -> np.ndarray:
    return m.covariance() + np.outer(m.mean, m.mean)


@given(moments())
def test_covariance_is_common_plus_own_risk(m):
    dense = sum(np.outer(f, f) for f in m.exposure.T) + np.diag(m.residual)
    np.testing.assert_allclose(m.covariance(), dense, rtol=0, atol=1e-14 * dense.max())


@given(moments(), st.integers(1, 9))
def test_compression_by_blocks_of_firms_keeps_every_covariance(m, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("truepremia.moments.BLOCK", block)
        compressed = m.compressed()
    deviation = np.sqrt(np.diag(m.covariance()))
    apart = (compressed.covariance() - m.covariance()) / np.outer(deviation, deviation)
    assert np.abs(apart).max() <= 2 * COMPRESSION_TOLERANCE


@given(moments(), st.integers(0, 3))
def test_variance_is_the_dense_quadratic_form(m, portfolios):
    weights = np.random.default_rng(0).standard_normal((len(m.firm), portfolios))
    wanted = np.array([w @ m.covariance() @ w for w in weights.T])
    np.testing.assert_allclose(m.variance(weights), wanted, rtol=1e-12)
    for w, v in zip(weights.T, wanted, strict=True):
        assert m.variance(w) == pytest.approx(v, rel=1e-12)


@given(moments())
def test_solve_is_the_dense_solve(m):
    vectors = np.random.default_rng(0).standard_normal((len(m.firm), 3))
    wanted = np.linalg.solve(m.covariance(), vectors)
    assert_close(m.solve(vectors), wanted, tolerance(m))
    assert_close(m.solve(vectors[:, 0]), wanted[:, 0], tolerance(m))


@given(moments())
def test_second_moment_solve_is_the_dense_solve(m):
    vectors = np.random.default_rng(0).standard_normal((len(m.firm), 3))
    wanted = np.linalg.solve(second_moment(m), vectors)
    # The rank-one update divides by 1 + SR^2, which may be large beside the solution.
    error = tolerance(m) * (1 + m.max_sharpe() ** 2)
    assert_close(m.solve_second_moment(vectors), wanted, error)
    assert_close(m.solve_second_moment(vectors[:, 0]), wanted[:, 0], error)


@given(moments())
def test_maximal_sharpe_ratio_is_attained_by_the_sdf_portfolio_and_by_nothing_else(m):
    squared = m.mean @ np.linalg.solve(m.covariance(), m.mean)
    assert m.max_sharpe() ** 2 == pytest.approx(squared, rel=tolerance(m))
    w = m.sdf_portfolio()
    if m.mean.any():
        sharpe = m.mean @ w / np.sqrt(m.variance(w))
        assert sharpe == pytest.approx(m.max_sharpe(), rel=tolerance(m))
    others = np.random.default_rng(1).standard_normal((len(m.firm), 20))
    ratios = m.mean @ others / np.sqrt(m.variance(others))
    assert np.all(ratios <= m.max_sharpe() * (1 + 1e-9))


@given(moments())
def test_sdf_portfolio_prices_every_asset(m):
    """1 - w*'r is a discount factor: E[(1 - w*'r) r] = mean - S w* = 0."""
    wanted = np.linalg.solve(second_moment(m), m.mean)
    error = tolerance(m) * (1 + m.max_sharpe() ** 2)
    assert_close(m.sdf_portfolio(), wanted, error)
    pricing_error = m.mean - second_moment(m) @ m.sdf_portfolio()
    assert np.abs(pricing_error).max() <= error * np.abs(m.mean).max()


@given(moments(), st.sampled_from([0.0, 1e-3, 1.0]))
def test_hansen_jagannathan_distance_has_three_equal_forms(m, distance):
    away = np.random.default_rng(2).standard_normal((len(m.firm), 2))
    weights = m.sdf_portfolio()[:, None] + distance * away
    S, squared_sharpe = second_moment(m), m.max_sharpe() ** 2
    got = m.hj_distance(weights)
    for w, value in zip(weights.T, got, strict=True):
        e = m.mean - S @ w
        by_errors = e @ np.linalg.solve(S, e)
        by_expansion = m.mean @ np.linalg.solve(S, m.mean) - 2 * w @ m.mean + w @ S @ w
        mean, variance = w @ m.mean, w @ m.covariance() @ w
        scalar = (1 - mean) ** 2 + variance - 1 / (1 + squared_sharpe)
        # The other forms subtract numbers of the size of the largest term.
        size = 1 + mean**2 + variance + squared_sharpe
        error = tolerance(m) * size * (1 + squared_sharpe)
        for form in (by_errors, by_expansion, scalar):
            assert abs(value**2 - form) <= error
        assert m.hj_distance(w) == pytest.approx(value, rel=1e-12)


@given(moments(), st.floats(1e-12, 1e-3))
def test_distance_is_accurate_next_to_the_optimum(m, step):
    """A step v away from the optimum is at a distance sqrt(v'Sv), to full relative accuracy."""
    v = np.random.default_rng(3).standard_normal(len(m.firm))
    w = m.sdf_portfolio()
    moved = w + step * v
    taken = moved - w  # what rounding left of the step
    assert m.hj_distance(moved) == pytest.approx(
        np.sqrt(taken @ second_moment(m) @ taken), rel=1e-11
    )
    assert m.hj_distance(w) == 0


@given(moments(), st.sampled_from([np.nan, np.inf, -np.inf, -1.0, 0.0, 1e-13]), st.data())
def test_a_residual_variance_that_is_no_risk_is_refused_by_name(m, bad, data):
    i = data.draw(st.integers(0, len(m.firm) - 1))
    residual, exposure = m.residual.copy(), m.exposure.copy()
    if not exposure.shape[1]:
        exposure = np.zeros((len(residual), 1))
    exposure[i, 0] = 3.0  # common risk beside which 1e-13 is no risk
    residual[i] = bad
    with pytest.raises(DataError, match=rf"firm {m.firm[i]} in month 360.*1 firm\(s\)"):
        Moments(m.mean, exposure, residual, m.riskfree, m.firm, m.month)


@given(moments(columns=st.integers(1, 5)), st.sampled_from(["mean", "exposure"]), st.data())
def test_moments_that_are_not_finite_are_refused_by_name(m, part, data):
    i = data.draw(st.integers(0, len(m.firm) - 1))
    arrays = {"mean": m.mean.copy(), "exposure": m.exposure.copy()}
    arrays[part][i] = data.draw(st.sampled_from([np.nan, np.inf]))
    with pytest.raises(DataError, match=rf"firm {m.firm[i]} in month 360.*not finite"):
        Moments(arrays["mean"], arrays["exposure"], m.residual, m.riskfree, m.firm, m.month)


@given(moments(), st.integers(1, 4))
def test_compressed_moments_lose_columns_and_nothing_else(m, rank):
    """Columns that repeat others are dropped; covariance and maximal Sharpe ratio stay."""
    rng = np.random.default_rng(rank)
    basis = rng.standard_normal((len(m.firm), rank))
    exposure = basis @ rng.standard_normal((rank, 30))
    # Residual risk of the order of common risk: the metric of d is then well conditioned.
    wide = Moments(m.mean, exposure, 1 + m.residual, m.riskfree, m.firm, m.month)
    small = wide.compressed()
    assert small.exposure.shape[1] <= rank
    deviation = np.sqrt(wide.variance(np.eye(len(m.firm))))
    gap = (wide.covariance() - small.covariance()) / np.outer(deviation, deviation)
    assert np.abs(gap).max() < 1e-12
    assert small.max_sharpe() == pytest.approx(wide.max_sharpe(), rel=1e-12)
    assert small.month == wide.month
    assert small.riskfree == wide.riskfree


@given(moments())
def test_any_moments_can_be_compressed(m):
    small = m.compressed()
    assert small.exposure.shape[1] <= min(m.exposure.shape[1], len(m.firm))
    deviation = np.sqrt(m.variance(np.eye(len(m.firm))))
    gap = (m.covariance() - small.covariance()) / np.outer(deviation, deviation)
    assert np.abs(gap).max(initial=0.0) < 1e-12
    assert small.max_sharpe() == pytest.approx(m.max_sharpe(), rel=1e-12 + 1e-3 * tolerance(m))


def residual_of(m: Moments, solution: np.ndarray, vector: np.ndarray) -> float:
    """Return |v - Sigma x| / |v| in longer numbers than those that found x."""
    long = (np.asarray(a, np.longdouble) for a in (m.exposure, m.residual, solution, vector))
    F, d, x, v = long
    return float(np.linalg.norm((v - F @ (F.T @ x) - d * x).astype(float)) / np.linalg.norm(vector))


@pytest.mark.skipif(np.finfo(np.longdouble).eps >= EPS, reason="no longer numbers here")
@pytest.mark.parametrize("ratio", [1.0, 1e2, 1e4])
def test_one_refinement_restores_the_digits_that_woodbury_loses(ratio):
    """For a diversified vector, one within the span of common risk ``ratio`` times own risk."""
    rng = np.random.default_rng(0)
    exposure = np.sqrt(ratio) * rng.standard_normal((1000, 6))
    m = Moments(
        rng.standard_normal(1000), exposure, rng.uniform(0.5, 1.5, 1000), 0.0, range(1000), 0
    )
    vector = exposure[:, 0]
    assert residual_of(m, m._woodbury(vector), vector) > 100 * EPS
    assert residual_of(m, m.solve(vector), vector) < 100 * EPS
