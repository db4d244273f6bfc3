"""Prices of the Berk-Green-Naik economy against the specification and independent formulas."""

import numpy as np
import pytest
from numpy.polynomial import hermite_e, legendre

from truepremia.economies.bgn.parameters import Params, bond, consol
from truepremia.errors import CalibrationError, NumericalError

NODE, WEIGHT = legendre.leggauss(64)

# Each changes what it names; the rest is the shipped calibration.
CALIBRATIONS = {
    "shipped": {},
    "fast rate": {"rate_persistence": 0.5, "rate_volatility": 0.004},
    "slow quiet rate": {"rate_persistence": 0.98, "rate_volatility": 0.0005},
    "no rate premium": {"rate_sdf_covariance": 0.0},
    "rates hedge": {"rate_sdf_covariance": 0.00014},
    "short projects": {"survival": 0.9, "log_cash_flow": -2.0},
    "many projects": {"adoption_at_zero_rate": 0.9, "adoption_at_mean_rate": 0.3},
    "wild kernel": {"sdf_volatility": 0.8, "rate_sdf_covariance": -0.0004},
}


@pytest.fixture(scope="module", params=CALIBRATIONS)
def solved(request, bgn):
    values = {**bgn.values, **CALIBRATIONS[request.param]}
    return bgn.economy.solve(bgn.economy.parameters(values))


def priced_rates(params: Params) -> np.ndarray:
    """Rates within five stationary standard deviations of the mean."""
    return params.mean_rate + params.stationary_sd * np.array([-5.0, -2.5, 0.0, 1.0, 5.0])


def expectation(function, mean, sd, kink):
    """E f(N(mean, sd^2)) by Gauss-Legendre on either side of the kink; means of shape (M,)."""
    mean, sd = np.atleast_1d(mean), np.broadcast_to(sd, np.shape(np.atleast_1d(mean)))
    at = np.clip((kink - mean) / sd, -9.0, 9.0)
    total = 0.0
    for low, high in ((-9.0, at), (at, 9.0)):
        half = 0.5 * (high - low)[:, None]
        z = 0.5 * (high + low)[:, None] + half * NODE
        density = half * WEIGHT * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
        total = total + np.sum(density * function(mean[:, None] + sd[:, None] * z), axis=1)
    return total


def new_project(solution, rate):
    """E (C D e^{-beta} - 1)^+ per unit of C: never taken above the ceiling, all below the kink."""
    unit = np.exp(solution.params.log_cash_flow)
    worth = unit * solution.consol(rate) * np.exp(-solution.beta_ceiling)
    s = solution.beta_scale
    some = s / (1 - s) * np.minimum(worth, 1) ** (1 / s)
    return np.where(worth < 1, some, worth / (1 - s) - 1) / unit


def risk_neutral_mean(params, rate):
    return params.expected_rate(rate) - params.rate_sdf_covariance


# --- the numbers of the specification ------------------------------------------------------------


def test_consol_has_the_specified_values(bgn):
    # 40-digit arithmetic; the last digits printed in the specification are 1e-10 off.
    assert bgn.solution.consol(0.0) == pytest.approx(61.0094089746076, rel=1e-13)
    assert bgn.solution.consol(0.006236) == pytest.approx(55.5542641578116, rel=1e-13)


def test_projects_are_calibrated_to_the_specified_distribution(bgn):
    # The specification prints eleven decimals.
    assert bgn.solution.beta_scale == pytest.approx(0.13513410245, abs=5e-12)
    assert bgn.solution.beta_ceiling == pytest.approx(0.72218586761, abs=5e-12)


@pytest.mark.parametrize(
    ("rate", "value"),
    [
        (0.006236, 40.862099668956),
        (0.0, 50.413185955630),
        (-0.02, 118.549455546),
        (0.03, 20.814440165694),
    ],
)
def test_growth_options_have_the_specified_values(bgn, rate, value):
    assert bgn.solution.option(rate) == pytest.approx(value, rel=1e-11)


def test_every_project_is_taken_below_the_specified_rate(bgn):
    solution = bgn.solution
    assert solution.kink_rate == pytest.approx(-0.020198985, abs=5e-10)
    consol_there = solution.consol(solution.kink_rate)
    assert np.exp(solution.params.log_cash_flow) * consol_there == pytest.approx(
        np.exp(solution.beta_ceiling), rel=1e-13
    )
    assert solution.adoption(solution.consol(solution.kink_rate - 1e-6)) == 1
    assert solution.adoption(solution.consol(solution.kink_rate + 1e-6)) < 1


def test_perpetual_yield_and_sharpe_bound_have_the_specified_values(bgn):
    assert bgn.solution.params.long_yield == pytest.approx(0.008236, rel=1e-12)
    assert bgn.solution.diagnostics["sharpe_bound"] == pytest.approx(0.416546361, abs=5e-10)


# --- bonds ---------------------------------------------------------------------------------------


def test_bonds_are_expected_products_of_the_discount_factor(bgn):
    """B(1) and B(2) from the joint normal law of nu and xi alone, without any shift of measure."""
    params = bgn.solution.params
    z, w = hermite_e.hermegauss(40)
    w = w / w.sum()
    nu, u = z[:, None], z[None, :]
    xi = params.correlation * nu + np.sqrt(1 - params.correlation**2) * u
    a, c = bond(params, 2)
    for rate in (-0.01, 0.006236, 0.03):
        m = np.exp(-rate - 0.5 * params.sdf_volatility**2 - params.sdf_volatility * nu)
        next_rate = params.expected_rate(rate) + params.rate_volatility * xi
        assert w @ m[:, 0] == pytest.approx(np.exp(c[1] - a[1] * rate), rel=1e-14)
        two_months = w @ (m * np.exp(-next_rate)) @ w
        assert two_months == pytest.approx(np.exp(c[2] - a[2] * rate), rel=1e-14)


def test_bonds_are_cheaper_when_rates_rise_in_bad_times(bgn):
    def price(covariance):
        values = {**bgn.values, "rate_sdf_covariance": covariance}
        a, c = bond(bgn.economy.parameters(values), 24)
        return np.exp(c - a * 0.006236)

    # nu lowers the discount factor; a negative covariance makes rates high when it is high.
    assert np.all(price(-0.00014)[2:] < price(0.0)[2:])
    assert np.all(price(0.00014)[2:] > price(0.0)[2:])


def test_bonds_obey_the_one_month_recursion(solved):
    params = solved.params
    a, c = bond(params, 40)
    rates = priced_rates(params)
    for k in (1, 5, 39):
        mean = risk_neutral_mean(params, rates)
        continued = expectation(
            lambda r, k=k: np.exp(c[k] - a[k] * r), mean, params.rate_volatility, 0.0
        )
        np.testing.assert_allclose(
            np.exp(c[k + 1] - a[k + 1] * rates), np.exp(-rates) * continued, rtol=1e-13
        )


def test_long_bonds_have_the_perpetual_yield(solved):
    _, c = bond(solved.params, 3000)
    assert c[2999] - c[3000] == pytest.approx(solved.params.long_yield, rel=1e-9)


# --- the consol and the growth options -----------------------------------------------------------


def test_consol_is_the_sum_of_all_surviving_bonds(solved):
    params = solved.params
    rates = priced_rates(params)
    months = 6000
    a, c = bond(params, months)
    k = np.arange(1, months + 1)
    terms = np.exp(k * np.log(params.survival) + c[1:] - np.multiply.outer(rates, a[1:]))
    # What is left after 6000 months decays with the perpetual yield and the deaths.
    q = params.survival * np.exp(-params.long_yield)
    total = terms.sum(axis=1) + terms[:, -1] * q / (1 - q)
    np.testing.assert_allclose(solved.consol(rates), total, rtol=1e-12)
    np.testing.assert_allclose(consol(params, rates), total, rtol=1e-12)


def test_consol_is_next_month_s_payment_and_consol(solved):
    params = solved.params
    rates = priced_rates(params)
    mean = risk_neutral_mean(params, rates)
    next_month = expectation(lambda r: 1 + solved.consol(r), mean, params.rate_volatility, 0.0)
    value = params.survival * np.exp(-rates) * next_month
    np.testing.assert_allclose(solved.consol(rates), value, rtol=1e-12)


def test_growth_options_are_next_month_s_project_and_growth_options(solved):
    params = solved.params
    rates = priced_rates(params)
    mean = risk_neutral_mean(params, rates)
    next_month = expectation(
        lambda r: new_project(solved, r) + solved.option(r),
        mean,
        params.rate_volatility,
        solved.kink_rate,
    )
    np.testing.assert_allclose(solved.option(rates), np.exp(-rates) * next_month, rtol=1e-12)


def test_growth_options_are_the_sum_of_all_future_projects(solved):
    """One integral for each month in which a project may be taken, and the geometric tail."""
    params = solved.params
    kappa = params.rate_persistence
    months = 6000
    a, c = bond(params, months)
    j = np.arange(1, months + 1)
    variance = params.rate_volatility**2 * (1 - kappa ** (2 * j)) / (1 - kappa**2)
    tilt = np.zeros(months + 1)
    for i in range(months):
        before = variance[i - 1] if i else 0.0
        tilt[i + 1] = kappa * (tilt[i] + before) + params.rate_sdf_covariance
    q = np.exp(-params.long_yield)
    for rate in priced_rates(params)[[0, 2, 4]]:
        mean = kappa**j * rate + (1 - kappa**j) * params.mean_rate - tilt[1:]
        worth = expectation(
            lambda r: new_project(solved, r), mean, np.sqrt(variance), solved.kink_rate
        )
        terms = np.exp(c[1:] - a[1:] * rate) * worth
        total = terms.sum() + terms[-1] * q / (1 - q)
        assert solved.option(rate) == pytest.approx(total, rel=1e-11)


def test_slopes_are_derivatives_of_the_prices(solved):
    rates = priced_rates(solved.params)
    h = 1e-3 * solved.params.stationary_sd
    for price, slope in (
        (solved.consol, solved.consol_slope),
        (solved.option, solved.option_slope),
    ):
        near, far = (
            (price(rates + step) - price(rates - step)) / (2 * step) for step in (h, 2 * h)
        )
        # Richardson: the rounding of the prices, 1e-15/h, is what is left.
        np.testing.assert_allclose(slope(rates), (4 * near - far) / 3, rtol=1e-8)


# --- new projects --------------------------------------------------------------------------------


def test_adoption_probabilities_are_the_calibrated_ones(solved):
    params = solved.params
    at_zero, at_mean = solved.adoption(solved.consol(np.array([0.0, params.mean_rate])))
    assert at_zero == pytest.approx(params.adoption_at_zero_rate, rel=1e-12)
    assert at_mean == pytest.approx(params.adoption_at_mean_rate, rel=1e-12)


def test_project_values_are_integrals_over_the_risk_of_new_projects(solved):
    unit, s = np.exp(solved.params.log_cash_flow), solved.beta_scale
    for log_worth in (-3.0, -0.5, 0.0, 0.2):  # of the project at the ceiling of beta
        D = np.exp(log_worth + solved.beta_ceiling) / unit
        # beta = ceiling - s E; taken from E > -log_worth / s on; the tail e^{-(1-2s) E} is cut
        # where it is below 1e-17.
        first = max(-log_worth / s, 0.0)
        edges = first + np.linspace(0, 40 / (1 - 2 * s), 41)
        half = 0.5 * np.diff(edges)[:, None]
        E = 0.5 * (edges[1:] + edges[:-1])[:, None] + half * NODE
        gain = unit * D * np.exp(-(solved.beta_ceiling - s * E)) - 1
        density = half * WEIGHT * np.exp(-E)
        mean, square = solved.project_npv(np.array(D))
        assert mean == pytest.approx(np.sum(density * gain), rel=1e-12)
        assert square == pytest.approx(np.sum(density * gain**2), rel=1e-12)
        assert solved.adoption(np.array(D)) == pytest.approx(np.sum(density), rel=1e-12)


# --- what is refused -----------------------------------------------------------------------------


def refusal(bgn, **changes) -> str:
    with pytest.raises(CalibrationError) as caught:
        bgn.economy.parameters({**bgn.values, **changes})
    return str(caught.value)


def test_diverging_growth_options_are_refused(bgn):
    text = refusal(bgn, rate_volatility=0.008)
    assert "growth options diverge" in text
    assert "raise mean_rate" in text


def test_every_value_out_of_range_is_named_in_one_message(bgn):
    text = refusal(bgn, survival=1.0, rate_volatility=-0.1, adoption_at_zero_rate=0.0, investment=0)
    for name in ("survival", "rate_volatility", "adoption_at_zero_rate", "investment"):
        assert name in text
    assert len(text.splitlines()) == 1


def test_every_inconsistent_pair_is_named_in_one_message(bgn):
    text = refusal(
        bgn, rate_sdf_covariance=0.002, adoption_at_zero_rate=0.05, adoption_at_mean_rate=0.05
    )
    for name in ("rate_sdf_covariance", "adoption_at_zero_rate", "growth options diverge"):
        assert name in text


def test_new_projects_of_infinite_variance_are_refused(bgn):
    text = refusal(bgn, adoption_at_zero_rate=0.051, adoption_at_mean_rate=0.05)
    assert "spread of project betas" in text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.99", True, None])
def test_what_is_no_finite_number_is_refused(bgn, value):
    assert "survival" in refusal(bgn, survival=value)


def test_unknown_and_missing_parameters_are_named(bgn):
    values = {name: value for name, value in bgn.values.items() if name != "investment"}
    with pytest.raises(CalibrationError, match=r"survivall.*survival.*'investment' is missing"):
        bgn.economy.parameters({**values, "survivall": 1})


def test_rates_beyond_the_solved_range_raise_and_are_never_extrapolated(bgn):
    for rate in (0.006236 + 0.056, 0.006236 - 0.056, np.nan):
        with pytest.raises(NumericalError, match="never extrapolated"):
            bgn.solution.option(rate)
    bgn.solution.option(np.array([0.006236 - 0.055, 0.006236 + 0.055]))
