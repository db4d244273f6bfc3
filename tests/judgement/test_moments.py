import numpy as np
import pytest

from truepremia.errors import DataError
from truepremia.moments import Moments

MEAN = np.array([0.02, 0.03])
EXPOSURE = np.array([[0.2], [0.3]])
RESIDUAL = np.array([0.01, 0.04])


def moments(**changes) -> Moments:
    fields = {
        "mean": MEAN,
        "exposure": EXPOSURE,
        "residual": RESIDUAL,
        "riskfree": 0.005,
        "firm": np.array([41, 42]),
        "month": 360,
    }
    return Moments(**{**fields, **changes})


def test_two_firms_by_hand():
    """Sigma = [[.05, .06], [.06, .13]], det = .0029, Sigma^{-1} mu = (.8, .3) / 2.9."""
    m = moments()
    np.testing.assert_allclose(m.covariance(), [[0.05, 0.06], [0.06, 0.13]], rtol=1e-14)
    np.testing.assert_allclose(m.solve(MEAN), [0.8 / 2.9, 0.3 / 2.9], rtol=1e-13)
    squared = (0.02 * 0.8 + 0.03 * 0.3) / 2.9
    assert m.max_sharpe() == pytest.approx(np.sqrt(squared), rel=1e-13)
    np.testing.assert_allclose(
        m.sdf_portfolio(), np.array([0.8, 0.3]) / 2.9 / (1 + squared), rtol=1e-13
    )
    assert m.variance(np.array([1.0, -1.0])) == pytest.approx(0.06, rel=1e-13)
    # The portfolio of nothing is as far away as the maximal Sharpe ratio allows.
    nothing = m.hj_distance(np.zeros(2))
    assert nothing == pytest.approx(np.sqrt(squared / (1 + squared)), rel=1e-13)


def test_the_distance_of_several_portfolios_is_that_of_each():
    m, weights = moments(), np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])
    together = m.hj_distance(weights)
    assert together.shape == (3,)
    for w, distance in zip(weights.T, together, strict=True):
        assert m.hj_distance(w) == pytest.approx(distance, rel=1e-14)


def test_moments_without_common_risk_are_diagonal():
    m = moments(exposure=np.empty((2, 0)))
    np.testing.assert_array_equal(m.covariance(), np.diag(RESIDUAL))
    np.testing.assert_allclose(m.solve(MEAN), MEAN / RESIDUAL)
    assert m.compressed().exposure.shape == (2, 0)


def test_columns_that_carry_nothing_are_dropped():
    wide = moments(exposure=np.hstack([EXPOSURE, np.zeros((2, 3)), 2 * EXPOSURE]))
    small = wide.compressed()
    assert small.exposure.shape == (2, 1)
    np.testing.assert_allclose(small.covariance(), wide.covariance(), rtol=1e-13)


def test_a_column_too_small_to_matter_is_dropped_whatever_its_premium():
    """Its squared Sharpe ratio is at most its variance times the maximal one (Cauchy-Schwarz)."""
    m = moments(exposure=np.full((2, 1), 1e-8), residual=np.ones(2), mean=np.full(2, 100.0))
    small = m.compressed()
    assert small.exposure.shape == (2, 0)
    assert small.max_sharpe() == pytest.approx(m.max_sharpe(), rel=1e-12)


def test_no_premium_at_all_has_no_sharpe_ratio():
    m = moments(mean=np.zeros(2))
    assert m.max_sharpe() == 0
    assert not m.sdf_portfolio().any()
    np.testing.assert_allclose(m.compressed().covariance(), m.covariance(), rtol=1e-13)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -0.01, 1e-15])
def test_firm_without_risk_of_its_own_is_refused_with_its_month(bad):
    with pytest.raises(DataError, match=r"firm 42 in month 360: residual variance .* 1 firm\(s\)"):
        moments(residual=np.array([0.01, bad]))


def test_residual_variance_just_above_the_floor_is_accepted():
    floor = 1e-12 * 0.09
    moments(residual=np.array([0.01, 1.01 * floor]))
    with pytest.raises(DataError, match="covariance is singular"):
        moments(residual=np.array([0.01, 0.99 * floor]))


def test_riskless_return_must_be_finite():
    with pytest.raises(DataError, match="month 360: riskfree is nan"):
        moments(riskfree=np.nan)


@pytest.mark.parametrize(
    "changes",
    [
        {"mean": np.zeros(3)},
        {"residual": np.ones((2, 1))},
        {"exposure": np.ones(2)},
        {"exposure": np.ones((3, 1))},
        {"firm": np.arange(3)},
    ],
)
def test_arrays_of_different_lengths_are_refused(changes):
    with pytest.raises(DataError, match="must all have"):
        moments(**changes)
