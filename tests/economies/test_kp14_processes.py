"""The square-root process: its draws, its eigenfunctions and its quadrature."""

import numpy as np
import pytest
from scipy import special, stats

from truepremia.economies.processes import SquareRootProcess

FIRM = SquareRootProcess(0.35, 0.2, 1 / 12)
CALM = SquareRootProcess(0.35, 0.02, 1 / 12)
PROJECT = SquareRootProcess(0.5, 1.5, 1 / 12)  # degrees < 1: it touches zero
CALM_PROJECT = SquareRootProcess(0.5, 0.15, 1 / 12)
EVERY = pytest.mark.parametrize(
    "process", [FIRM, CALM, PROJECT, CALM_PROJECT], ids=["firm", "calm", "project", "calm project"]
)


def law(process, start):
    """The transition as written by Cox, Ingersoll and Ross, from theta and sigma alone."""
    theta, sigma, dt = process.speed, process.volatility, process.period
    c = sigma**2 * (1 - np.exp(-theta * dt)) / (4 * theta)
    return stats.ncx2(4 * theta / sigma**2, np.exp(-theta * dt) * start / c, scale=c)


def test_the_default_project_needs_the_poisson_mixture():
    assert PROJECT.degrees == pytest.approx(0.8888888888888888)
    assert FIRM.degrees == pytest.approx(35)
    assert CALM.degrees == pytest.approx(3500)


@EVERY
@pytest.mark.parametrize("start", [0.3, 1.0, 2.5])
def test_a_step_has_the_exact_transition_law(process, start):
    draws = process.step(np.random.default_rng(3), np.full(20_000, start))
    assert stats.kstest(draws, law(process, start).cdf).pvalue > 1e-4
    assert draws.min() >= 0


def test_a_project_at_zero_leaves_it():
    draws = PROJECT.step(np.random.default_rng(3), np.zeros(20_000))
    df, c = 4 * 0.5 / 1.5**2, PROJECT.scale
    assert stats.kstest(draws, stats.chi2(df, scale=c).cdf).pvalue > 1e-4


@EVERY
def test_the_stationary_law_is_kept_by_a_step(process):
    rng = np.random.default_rng(4)
    draws = process.step(rng, process.stationary(rng, 20_000))
    nu = 2 * process.speed / process.volatility**2
    assert stats.kstest(draws, stats.gamma(nu, scale=1 / nu).cdf).pvalue > 1e-4


@EVERY
@pytest.mark.parametrize("start", [0.0, 1.0, 3.0])
def test_the_conditional_variance_is_that_of_the_law(process, start):
    start = max(start, 1e-12)
    expected = law(process, start).var()
    assert process.variance(np.array([start - 1]))[0] == pytest.approx(expected, rel=1e-9)


@EVERY
def test_polynomials_are_orthonormal_under_the_stationary_law(process):
    nodes, weights = process.gauss_rule(24)
    assert weights.sum() == pytest.approx(1, abs=1e-15)
    assert weights.min() > 0
    assert np.all(nodes > -1)
    basis = np.stack(list(process.polynomials(nodes, 20)))
    np.testing.assert_allclose((basis * weights) @ basis.T, np.eye(20), atol=1e-10)
    nu = process.shape
    for power, moment in enumerate([1, 0, 1 / nu, 2 / nu**2, 3 / nu**2 + 6 / nu**3]):
        assert weights @ nodes**power == pytest.approx(moment, rel=1e-10, abs=1e-13)


def test_quadrature_weights_are_accurate_in_the_far_tail():
    """Sixty orders of magnitude below the largest weight, against scipy's Gauss-Laguerre rule."""
    nodes, weights = FIRM.gauss_rule(48)
    y, expected = special.roots_genlaguerre(48, FIRM.shape - 1)
    np.testing.assert_allclose(1 + nodes, y / FIRM.shape, rtol=1e-12)
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-9)
    assert weights.min() < 1e-50


@pytest.mark.parametrize("process", [FIRM, CALM], ids=["firm", "calm"])
def test_polynomials_are_eigenfunctions_of_the_transition(process):
    """E[p_n(v') | v] = q^n p_n(v), by Monte Carlo of 200,000 draws."""
    start = 1 + 0.7 / np.sqrt(process.shape)
    draws = process.step(np.random.default_rng(6), np.full(200_000, start))
    now = process.polynomials(np.array([start - 1]), 6)
    later = process.polynomials(draws - 1, 6)
    for n, (p, values) in enumerate(zip(now, later, strict=True)):
        error = values.std() / np.sqrt(len(values))
        assert abs(values.mean() - process.persistence**n * p[0]) <= 4.5 * error


def test_a_series_is_the_sum_of_its_terms():
    deviation = np.linspace(-0.6, 1.5, 7)
    coefficients = np.random.default_rng(1).normal(size=(3, 9))
    basis = np.stack(list(FIRM.polynomials(deviation, 9)))
    np.testing.assert_allclose(
        FIRM.expand(coefficients, deviation), coefficients @ basis, rtol=1e-12, atol=1e-12
    )
