"""The Kogan-Papanikolaou economy against its specification and against brute force."""

from dataclasses import replace

import numpy as np
import pytest
from kp14_set_up import CALIBRATION, CALM, ENTRIES, KP14, panel_of, solved, states_of

from truepremia.economies.kp14 import certificate, conditional
from truepremia.economies.kp14.parameters import MONTH
from truepremia.economies.kp14.simulation import Block
from truepremia.economies.kp14.solution import solve
from truepremia.errors import CalibrationError, NumericalError

SHARPE_LIMIT = 0.22234306760480693
EMPTY_FIRM_PREMIUM = 0.00169877


@pytest.fixture(scope="module")
def solution():
    return solved()


@pytest.fixture(scope="module")
def panel(solution):
    return panel_of(solution, 1000, 720)


@pytest.fixture(scope="module")
def states(solution, panel):
    return states_of(solution, panel)


@pytest.fixture(scope="module")
def moments(solution, states):
    return [KP14.moments(solution, state) for state in states]


# Prices


def test_derived_constants_are_those_of_the_specification(solution):
    params = solution.params
    assert params.high_share == pytest.approx(0.3191489361702128, rel=1e-14)
    assert params.low_multiplier == pytest.approx(0.3671875, rel=1e-13)
    assert params.npv_scale == pytest.approx(0.05972165551735604, rel=1e-13)
    assert params.option_discount == pytest.approx(0.015752777777777758, rel=1e-13)
    assert params.gross_riskfree == pytest.approx(1.0041753592911185, rel=1e-15)
    assert solution.diagnostics["sharpe_bound"] == pytest.approx(0.22616024238502322, rel=1e-13)
    assert conditional.sharpe_limit(params) == pytest.approx(SHARPE_LIMIT, rel=1e-11)


@pytest.mark.parametrize(
    ("pricing", "assets", "high", "low"),
    [
        (
            "discrete",
            [4.369134925952665, 1.7584445028155273, 1.4058589480217614, 0.9640901456319942],
            [84457.60619042, 90735.77482137, 102342.42890496],
            [78373.59739345, 80706.88567943, 84437.65016209],
        ),
        (
            "continuous",
            [4.3535045711798, 1.7250301880282906, 1.3704262025489926, 0.9261831990367696],
            [82090.11453502, 88171.84807381, 99402.72130115],
            [76156.90264325, 78428.34941902, 82063.87218919],
        ),
    ],
)
def test_prices_are_those_of_the_specification(pricing, assets, high, low):
    solution = solved(pricing=pricing)
    eps = np.array([0.5, 1.0, 1.5])
    np.testing.assert_allclose(solution.assets, assets, rtol=1e-13)
    np.testing.assert_allclose(solution.growth_option(eps, np.ones(3, bool)), high, rtol=2e-12)
    np.testing.assert_allclose(solution.growth_option(eps, np.zeros(3, bool)), low, rtol=2e-12)
    npv = (assets[0] + assets[1] * (eps - 1)) ** (1 / 0.15)
    np.testing.assert_allclose(solution.at(eps)[0], npv, rtol=1e-11)


def test_project_values_solve_their_functional_equation(solution):
    """A(eps,u) = dt eps u / R_f + pi phi_x E[A(eps',u')]: the project is worth its cash flows."""
    params = solution.params
    eps, u = np.array([0.3, 1.0, 2.2]), np.array([0.0, 1.0, 7.0])
    next_eps = 1 + np.exp(-0.35 / 12) * (eps - 1)
    next_u = 1 + np.exp(-0.5 / 12) * (u - 1)
    phi_x = np.exp(-(0.05 + 0.69 * 0.13 - 0.01) / 12)
    right = MONTH * eps * u / params.gross_riskfree
    right = right + (1 - 0.1 / 12) * phi_x * solution.project_value(next_eps, next_u)
    np.testing.assert_allclose(solution.project_value(eps, u), right, rtol=1e-13)


def test_a_small_volatility_of_firms_loses_no_probability():
    """As sigma_eps falls prices tend to those of eps = 1 for ever, at the rate sigma_eps^2."""
    gaps = []
    for volatility in (0.02, 0.005):
        solution = solved(firm_volatility=volatility)
        params = solution.params
        discount = np.exp(-params.option_discount * MONTH)
        flow = discount * MONTH * params.npv_scale * solution.assets[0] ** (1 / 0.15)
        certain = flow / (1 - discount)
        cycle = flow / (1 - params.regime_persistence * discount)
        high = certain + (params.high_multiplier - 1) * cycle
        gaps.append(solution.growth_option(np.ones(1), np.array([True]))[0] / high - 1)
        eps = 1 + volatility * np.array([-3.0, 0.0, 3.0])
        mean, *_ = certificate.expectations(solution, eps)
        np.testing.assert_allclose(mean, 1 + np.exp(-0.35 / 12) * (eps - 1), rtol=1e-13)
    assert 0 < gaps[0] < 0.01
    assert gaps[1] == pytest.approx(gaps[0] / 16, rel=0.01)


def test_a_series_that_does_not_converge_is_refused():
    with pytest.raises(NumericalError, match=r"firm_volatility 0\.6 is too high"):
        solved(firm_volatility=0.6)


def test_a_solution_survives_its_arrays(solution):
    again = KP14.restore(solution.params, solution.to_arrays())
    assert again.diagnostics == solution.diagnostics
    eps = np.linspace(0.3, 2, 5)
    np.testing.assert_array_equal(again.means(eps), solution.means(eps))


# Calibration


def test_the_calibration_declares_every_parameter():
    assert set(ENTRIES) == set(solved().params.to_mapping())
    assert all(set(entry) == {"value", "unit", "meaning", "source"} for entry in ENTRIES.values())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"riskless_rate": 0.03}, "growth options"),
        ({"riskless_rate": -0.3}, "discount rate of projects"),
        ({"high_multiplier": 3.2}, "high_multiplier is 3.2: at most 3.133"),
        ({"arrival_spread": 4.0}, "arrival probability"),
        ({"returns_to_scale": 1.0}, "returns_to_scale is 1: must lie strictly"),
        ({"returns_to_scale": 0.0}, "returns_to_scale is 0: must lie strictly"),
        ({"death_rate": 12.0}, "death_rate is 12"),
        ({"low_entry_rate": 13.0}, "low_entry_rate is 13: at most 12"),
        ({"project_volatility": 1e-6}, r"project_volatility is 1e-06: must be 0 or lie in \[0.001"),
        ({"firm_volatility": 0.9}, "firm_volatility is 0.9: at most 0.8367"),
        ({"pricing": "exact"}, "pricing is 'exact': must be one of discrete, continuous"),
        ({"technology_volatility": float("nan")}, "must be a finite number"),
    ],
)
def test_a_bad_calibration_is_refused(changes, named):
    with pytest.raises(CalibrationError, match=named):
        solved(**changes)


def test_all_violations_are_reported_at_once():
    with pytest.raises(CalibrationError) as caught:
        solved(
            riskless_rate=0.03, high_multiplier=4.0, arrival_spread=9.0, pricing="x", death_rate=-1
        )
    for name in ("riskless_rate is", "high_multiplier is", "pricing is", "death_rate is"):
        assert name in str(caught.value)


def test_a_drawn_firm_with_too_many_arrivals_is_refused(solution):
    class Extreme:
        def standard_exponential(self, count):
            return np.full(count, 60.0)

    with pytest.raises(CalibrationError, match="a firm was drawn"):
        Block.drawn(solution.params, 3, Extreme())


# Euler equations and bounds


def test_discrete_prices_satisfy_every_euler_equation(solution, states):
    worst = max(np.abs(KP14.euler_errors(solution, state)).max() for state in states)
    assert worst < 1e-12


def test_the_second_configuration_satisfies_every_euler_equation():
    solution = solved(**CALM)
    for state in states_of(solution, panel_of(solution, 1000, 24)):
        assert np.abs(KP14.euler_errors(solution, state)).max() < 1e-12
        assert KP14.moments(solution, state).max_sharpe() < SHARPE_LIMIT


def test_continuous_prices_are_off_by_a_basis_point_a_month(panel):
    solution = solved(pricing="continuous")
    states = states_of(solution, panel)[::40]
    errors = np.array([KP14.euler_errors(solution, state) for state in states])
    assert 2e-5 < np.abs(errors).mean() < 4e-4
    assert KP14.moments(solution, states[0]).max_sharpe() > SHARPE_LIMIT + 0.005


def test_the_certificate_sees_a_wrong_price(solution, states):
    wrong_projects = replace(solution, assets=solution.assets * [1, 1, 1 + 1e-6, 1])
    tilt = np.ones(solution.values.shape)
    tilt[2] += 1e-6
    wrong_options = replace(solution, values=solution.values * tilt)
    for wrong in (wrong_projects, wrong_options):
        assert np.abs(KP14.euler_errors(wrong, states[0])).max() > 1e-10


def test_the_certificate_reads_its_quadrature_without_loss(solution):
    eps = np.array([0.11, 0.3, 0.9, 1.0, 1.7, 2.9, 3.3, 6.0])
    np.testing.assert_allclose(
        certificate._next_month(solution, eps), certificate.expectations(solution, eps), rtol=1e-12
    )


@pytest.mark.parametrize("changes", [{}, CALM])
def test_output_is_forecast_by_its_mean_reversion(changes):
    params = solved(**changes).params
    intercept, slope = certificate._output_forecast(params)
    assert slope == pytest.approx(np.exp(-0.5 / 12), rel=1e-12)
    assert intercept == pytest.approx(1 - np.exp(-0.5 / 12), rel=1e-12)


def test_mean_returns_are_exact_prices_of_two_claims(solution, states, moments):
    """c/(P R_f) + phi_x b_x + phi_z b_z = 1, and the premium follows from b_x and b_z alone."""
    params = solution.params
    phi_x, phi_z = 0.9892498668304088, 0.998688129773583
    Ex, Za = 1.0008336806520262, 1.0037177734682066
    for state, moment in zip(states[::60], moments[::60], strict=True):
        payoff = conditional.Payoff.at(solution, state, solution.means(state.eps))
        b_x, b_z, R_f = payoff.in_place, payoff.options, params.gross_riskfree
        np.testing.assert_allclose(payoff.paid / R_f + phi_x * b_x + phi_z * b_z, 1.0, rtol=1e-12)
        premium = (Ex - R_f * phi_x) * b_x + (Ex * Za - R_f * phi_z) * b_z
        np.testing.assert_allclose(moment.mean, premium, atol=1e-13)


def test_firms_without_capital_share_one_premium(panel, moments):
    empty = panel["no_capital"]
    assert 0.03 < empty.mean() < 0.2
    means = np.concatenate([m.mean[e] for m, e in zip(moments, empty, strict=True)])
    assert np.ptp(means) < 1e-13
    assert means[0] == pytest.approx(EMPTY_FIRM_PREMIUM, abs=5e-9)


def test_no_month_exceeds_the_sharpe_ratio_of_the_two_claims(moments):
    assert min(m.max_sharpe() for m in moments) > 0.2195
    assert max(m.max_sharpe() for m in moments) <= 0.2223431


def test_the_limit_is_approached_from_below_as_firms_are_added(solution):
    last = states_of(solution, panel_of(solution, 10_000, 1))[0]
    moments = KP14.moments(solution, last)
    ratios = [subset(moments, n).max_sharpe() for n in (10, 100, 1000, 10_000)]
    assert np.all(np.diff(ratios) > 0)
    assert SHARPE_LIMIT - 2.5e-4 < ratios[-1] <= 0.2223431


def subset(moments, firms):
    return replace(
        moments,
        mean=moments.mean[:firms],
        exposure=moments.exposure[:firms],
        residual=moments.residual[:firms],
        firm=moments.firm[:firms],
    )


def test_own_variance_is_that_of_monthly_returns(moments):
    sd = np.sqrt(np.concatenate([m.residual for m in moments]))
    assert sd.min() > 0.005
    assert 0.01 < np.median(sd) < 0.04
    assert sd.max() < 0.25


def test_solving_is_quick_and_repeatable():
    params = KP14.parameters(CALIBRATION)
    one, other = solve(params), solve(params)
    for name, array in one.to_arrays().items():
        np.testing.assert_array_equal(array, other.to_arrays()[name])
