import numpy as np
import pytest
from scipy import stats
from scipy.special import eval_hermitenorm, factorial

from truepremia.economies.quadrature import (
    ChebyshevSeries,
    chebyshev_sum,
    hermite,
    legendre_panels,
    normal_panels,
)
from truepremia.errors import NumericalError


def test_hermite_polynomials_are_the_textbook_s_over_root_factorial():
    x = np.linspace(-4, 4, 9).reshape(3, 3)
    psi = hermite(x, 12)
    assert psi.shape == (13, 3, 3)
    for n in range(13):
        # The recursion accumulates rounding relative to the largest value of the polynomial.
        wanted = eval_hermitenorm(n, x) / np.sqrt(factorial(n))
        np.testing.assert_allclose(psi[n], wanted, rtol=0, atol=1e-13 * np.abs(wanted).max())


@pytest.mark.parametrize("order", [0, 1])
def test_hermite_polynomials_of_low_order_are_one_and_x(order):
    x = np.array([-1.0, 0.5])
    np.testing.assert_array_equal(hermite(x, order), [np.ones(2), x][: order + 1])


def test_hermite_polynomials_are_orthonormal_under_the_normal_law():
    x, w = normal_panels(np.array(0.3))
    psi = hermite(x, 3)
    # Products of degree 6 grow by 1e5 out to where the rule stops, at 2e-17 of the mass.
    np.testing.assert_allclose((psi * w) @ psi.T, np.eye(4), rtol=0, atol=1e-11)


def test_gauss_panels_integrate_polynomials_exactly_on_every_panel():
    edges = np.array([[0.0, 1.0, 1.0, 3.0], [-2.0, 0.0, 0.5, 1.0]])
    x, w = legendre_panels(edges, 5)
    assert x.shape == w.shape == (2, 15)
    for power in range(10):  # exact up to degree 2 n - 1
        wanted = (edges[:, -1] ** (power + 1) - edges[:, 0] ** (power + 1)) / (power + 1)
        np.testing.assert_allclose(np.sum(w * x**power, axis=1), wanted, rtol=1e-13, atol=1e-14)
    assert np.all(w[0, 5:10] == 0), "a panel of zero length contributes nothing"


@pytest.mark.parametrize("kink", [-100.0, -8.5, -1.0, 0.0, 2.5, 100.0, np.inf, -np.inf])
def test_normal_quadrature_is_exact_for_an_option_with_a_kink_anywhere(kink):
    z, w = normal_panels(np.array(kink))
    assert w.sum() == pytest.approx(1, abs=1e-14)
    if abs(kink) < 8:
        price = stats.norm.pdf(kink) - kink * stats.norm.sf(kink)
        assert w @ np.maximum(z - kink, 0) == pytest.approx(price, rel=1e-12)
    assert w @ np.exp(0.4 * z) == pytest.approx(np.exp(0.08), rel=1e-13)


def test_normal_quadrature_has_one_row_for_each_kink():
    z, w = normal_panels(np.array([-1.0, 2.0]), nodes_per_panel=8)
    assert z.shape == w.shape == (2, 16)
    assert np.all(np.diff(z, axis=1) > 0)
    assert np.array_equal(z[:, 7] < [-1, 2], [True, True])
    assert np.array_equal(z[:, 8] > [-1, 2], [True, True])


def test_chebyshev_series_is_exact_to_rounding_with_its_derivative():
    series = ChebyshevSeries.fit(np.exp, -1.0, 3.0, "the exponential")
    x = np.linspace(-1, 3, 101)
    np.testing.assert_allclose(series(x), np.exp(x), rtol=0, atol=2e-14 * np.exp(3))
    np.testing.assert_allclose(series.derivative(x), np.exp(x), rtol=0, atol=1e-11)
    assert series(0.0).shape == ()
    assert len(series.coefficients) < 32


def test_chebyshev_series_takes_a_longer_series_for_a_rougher_function():
    smooth = ChebyshevSeries.fit(np.cos, -1.0, 1.0, "a cosine")
    # The argument is rounded to 100 eps: no series resolves the cosine beyond 1e-14.
    rough = ChebyshevSeries.fit(
        lambda x: np.cos(100 * x), -1.0, 1.0, "a fast cosine", tolerance=1e-13
    )
    assert len(rough.coefficients) > 100 > len(smooth.coefficients)
    x = np.linspace(-1, 1, 57)
    np.testing.assert_allclose(rough(x), np.cos(100 * x), rtol=0, atol=1e-12)


def test_function_with_a_kink_is_refused_by_name():
    with pytest.raises(NumericalError, match="the kink is not resolved"):
        ChebyshevSeries.fit(np.abs, -1.0, 1.5, "the kink", max_degree=256)


@pytest.mark.parametrize("x", [-1.0000001, 2.1, np.nan, np.inf])
def test_series_is_never_extrapolated(x):
    series = ChebyshevSeries.fit(np.exp, -1.0, 2.0, "the exponential")
    for evaluate in (series, series.derivative):
        with pytest.raises(NumericalError, match="the exponential was asked for at"):
            evaluate(np.array([0.0, x]))
    series(np.array([-1.0, 2.0]))


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 20, 151])
@pytest.mark.parametrize("shape", [(), (1,), (0,), (7,), (1, 128), (2, 3, 4), (512,), (720, 2)])
def test_series_is_summed_to_the_bits_of_numpy(degree, shape):
    rng = np.random.default_rng(degree)
    series = rng.standard_normal(degree + 1) * 10.0 ** -rng.uniform(0, 16, degree + 1)
    x = np.asarray(rng.uniform(-1, 1, shape))
    kept = x.copy(), series.copy()
    total = chebyshev_sum(x, series)
    assert total.shape == shape
    assert np.array_equal(total, np.polynomial.chebyshev.chebval(x, series))
    assert np.array_equal(x, kept[0])
    assert np.array_equal(series, kept[1])
