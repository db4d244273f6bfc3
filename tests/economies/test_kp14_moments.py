"""Conditional moments of the Kogan-Papanikolaou economy against brute force."""

import numpy as np
import pytest
from kp14_set_up import CALM, KP14, solved
from numpy.polynomial import hermite_e, legendre
from scipy import stats

from truepremia.economies.kp14 import conditional
from truepremia.economies.kp14.conditional import State
from truepremia.economies.kp14.parameters import MONTH
from truepremia.economies.kp14.simulation import Block, Snapshot


@pytest.fixture(scope="module")
def solution():
    return solved()


PROJECTS = (
    # (capital, u) of the live projects of four firms
    ((3.0e4, 0.4), (5.5e4, 2.7), (1.2e4, 0.02)),
    ((4.1e4, 1.0),),
    (),
    tuple((2.0e4 + 3e3 * j, 0.3 * j) for j in range(8)),
)
DEVIATIONS = np.array([-0.8, 1.3, 0.2, -1.9])
HIGH = np.array([False, True, False, True])
RATES = np.array([0.31, 0.24, 0.5, 0.9])


def quadrature(params, eps):
    """Nodes and weights for eps' given eps, by scipy's noncentral chi-squared density."""
    theta, sigma = params.firm_reversion, params.firm_volatility
    q = np.exp(-theta / 12)
    c = sigma**2 * (1 - q) / (4 * theta)
    mean = 1 + q * (eps - 1)
    sd = np.sqrt(sigma**2 / theta * (eps * (q - q**2) + (1 - q) ** 2 / 2))
    low, high = max(0.0, mean - 11 * sd), mean + 13 * sd
    unit, weight = legendre.leggauss(160)
    node = 0.5 * (high + low) + 0.5 * (high - low) * unit
    density = stats.ncx2.pdf(node / c, 4 * theta / sigma**2, q * eps / c) / c
    weight = 0.5 * (high - low) * weight * density
    assert abs(weight.sum() - 1) < 1e-10
    return node, weight / weight.sum()


def productivity(params):
    """eps of the four firms, in stationary standard deviations from one."""
    return 1 + DEVIATIONS / np.sqrt(params.firm_process.shape)


def a_state(params, x=0.7, z=0.6):
    capital = [np.array([k for k, _ in firm]) for firm in PROJECTS]
    v = [np.array([u for _, u in firm]) - 1 for firm in PROJECTS]
    w = [k**params.returns_to_scale for k in capital]
    sums = {
        "W0": [a.sum() for a in w],
        "W1": [a @ b for a, b in zip(w, v, strict=True)],
        "Q0": [a @ a for a in w],
        "Q1": [a**2 @ b for a, b in zip(w, v, strict=True)],
        "Q2": [a**2 @ b**2 for a, b in zip(w, v, strict=True)],
        "SK": [k.sum() for k in capital],
    }
    return State(
        0,
        x,
        z,
        productivity(params),
        HIGH,
        RATES,
        **{name: np.array(s) for name, s in sums.items()},
    )


def payoff_moments(solution, firm):
    """E[S'], E[H'], E[S'^2], E[S'H'], E[H'^2] of one firm, project by project."""
    params, A = solution.params, solution.assets
    node, weight = quadrature(params, productivity(params)[firm])
    pi, q, sigma = 1 - params.death_rate / 12, np.exp(-0.5 / 12), params.project_volatility
    first, spread = np.zeros(len(node)), np.zeros(len(node))
    for capital, u in PROJECTS[firm]:
        mean_v = q * (u - 1)
        square_v = mean_v**2 + sigma**2 / 0.5 * (u * (q - q**2) + (1 - q) ** 2 / 2)
        level, slope = A[0] + A[1] * (node - 1), A[2] + A[3] * (node - 1)
        w = capital**params.returns_to_scale
        mean = pi * w * (level + slope * mean_v)
        square = pi * w**2 * (level**2 + 2 * level * slope * mean_v + slope**2 * square_v)
        first, spread = first + mean, spread + square - mean**2
    to_high = 1 - 0.16 / 12 if HIGH[firm] else 0.075 / 12
    arrival = RATES[firm] * (2.35 if HIGH[firm] else 0.3671875) / 12
    f = (A[0] + A[1] * (node - 1)) ** (1 / 0.15)
    outcomes = [
        (
            chance * (arrival if arrives else 1 - arrival),
            RATES[firm] * solution.growth_option(node, np.full(len(node), high))
            + arrives * 0.05972165551735604 * f,
        )
        for high, chance in ((True, to_high), (False, 1 - to_high))
        for arrives in (0, 1)
    ]
    H = sum(chance * value for chance, value in outcomes)
    HH = sum(chance * value**2 for chance, value in outcomes)
    return [weight @ m for m in (first, H, first**2 + spread, first * H, HH)]


@pytest.mark.parametrize("changes", [{}, CALM])
def test_growth_options_solve_their_functional_equation(changes):
    """G_s = phi_z E[lambda_s dt C f(eps') + G_{s'}(eps')], expectation by scipy's density."""
    solution = solved(**changes)
    params = solution.params
    sd = 1 / np.sqrt(params.firm_process.shape)
    for eps in 1 + sd * np.array([-2.5, -1.0, 0.0, 1.0, 3.0, 5.0]):
        node, weight = quadrature(params, eps)
        f = (solution.assets[0] + solution.assets[1] * (node - 1)) ** (1 / 0.15)
        for high in (False, True):
            to_high = float(params.high_probability(high))
            multiplier = float(params.multiplier(high))
            new = multiplier * MONTH * params.npv_scale * f
            future = sum(
                chance * solution.growth_option(node, np.full(len(node), regime))
                for regime, chance in ((True, to_high), (False, 1 - to_high))
            )
            right = np.exp(-params.option_discount * MONTH) * (weight @ (new + future))
            left = solution.growth_option(np.array([eps]), np.array([high]))[0]
            assert left == pytest.approx(right, rel=3e-12)


@pytest.mark.parametrize("changes", [{}, CALM, {"pricing": "continuous"}])
def test_moments_equal_brute_force_over_every_shock(changes):
    solution = solved(**changes)
    params = solution.params
    state = a_state(params)
    a, x, za = 17 / 3, state.x, state.z ** (17 / 3)
    shock, weight = hermite_e.hermegauss(40)
    weight = weight / weight.sum()
    X1 = np.exp((0.01 - 0.13**2 / 2) / 12 + 0.13 / np.sqrt(12) * shock)[:, None]
    Z = np.exp((0.005 - 0.035**2 / 2) / 12 + 0.035 / np.sqrt(12) * shock)[None, :]
    X2 = X1 * Z**a
    joint = np.multiply.outer(weight, weight)
    S, H, SS, SH, HH = np.array([payoff_moments(solution, i) for i in range(4)]).T
    P, c = conditional.price(solution, state), state.cash_flow

    given = [c[i] + x * X1 * S[i] + x * za * X2 * H[i] for i in range(4)]
    mean = np.array([np.sum(joint * g) for g in given])
    cov = np.array([[np.sum(joint * (g - m) * (h - n)) for h, n in zip(given, mean, strict=True)]
                    for g, m in zip(given, mean, strict=True)])  # fmt: skip
    own = [
        np.sum(joint * (X1**2 * (SS[i] - S[i] ** 2)
                        + 2 * X1 * X2 * za * (SH[i] - S[i] * H[i])
                        + X2**2 * za**2 * (HH[i] - H[i] ** 2)))
        for i in range(4)
    ]  # fmt: skip
    own = x**2 * np.array(own)

    moments = KP14.moments(solution, state)
    np.testing.assert_allclose(moments.mean + params.gross_riskfree, mean / P, rtol=1e-11)
    np.testing.assert_allclose(moments.residual, own / P**2, rtol=1e-8)
    common = moments.exposure @ moments.exposure.T
    np.testing.assert_allclose(common, cov / np.multiply.outer(P, P), rtol=1e-9)
    assert moments.exposure.shape == (4, 2)


def test_loadings_equal_their_definitions(solution):
    """Projection by quadrature over the shocks; Taylor by differences of the payoff."""
    state = a_state(solution.params)
    found = conditional.loadings(solution, state)
    shock, weight = hermite_e.hermegauss(40)
    joint = np.multiply.outer(weight, weight) / weight.sum() ** 2
    x1 = state.x * np.exp((0.01 - 0.13**2 / 2) / 12 + 0.13 / np.sqrt(12) * shock)[:, None]
    z1 = state.z * np.exp((0.005 - 0.035**2 / 2) / 12 + 0.035 / np.sqrt(12) * shock)[None, :]
    P, c = conditional.price(solution, state), state.cash_flow
    for i in range(4):
        S, H, *_ = payoff_moments(solution, i)
        payoff = (c[i] + x1 * S + x1 * z1 ** (17 / 3) * H) / P[i]
        for name, level in (("A_1_proj", z1), ("A_2_proj", x1)):
            gap = level - np.sum(joint * level)
            sd = np.sqrt(np.sum(joint * gap**2))
            assert found[name][i] == pytest.approx(np.sum(joint * gap * payoff) / sd, rel=1e-10)

    at_mean = 1 + np.exp(-0.35 / 12) * (state.eps - 1)
    lam = np.where(HIGH, 2.35, 0.3671875)
    to_high = np.where(HIGH, 1 - 0.16 / 12, 0.075 / 12)
    f = (solution.assets[0] + solution.assets[1] * (at_mean - 1)) ** (1 / 0.15)
    h = RATES * (
        to_high * solution.growth_option(at_mean, np.ones(4, bool))
        + (1 - to_high) * solution.growth_option(at_mean, np.zeros(4, bool))
        + lam / 12 * 0.05972165551735604 * f
    )
    s = np.array([payoff_moments(solution, i)[0] for i in range(4)])

    def value(x, z):
        return (x * s + x * z ** (17 / 3) * h) / P

    x, z = state.x * np.exp(0.01 / 12), state.z * np.exp(0.005 / 12)
    sd_x, sd_z = (m * np.sqrt(np.expm1(v**2 / 12)) for m, v in ((x, 0.13), (z, 0.035)))
    step = 1e-4
    taylor_z = (value(x, z * (1 + step)) - value(x, z * (1 - step))) / (2 * step * z) * sd_z
    taylor_x = (value(x * (1 + step), z) - value(x * (1 - step), z)) / (2 * step * x) * sd_x
    np.testing.assert_allclose(found["A_1_taylor"], taylor_z, rtol=1e-6)
    np.testing.assert_allclose(found["A_2_taylor"], taylor_x, rtol=1e-8)


def copies(solution, firm, count, rng):
    """Make a block of ``count`` firms that are all in the state of ``PROJECTS[firm]``."""
    capital, u = np.array(PROJECTS[firm]).reshape(-1, 2).T
    capital = np.tile(capital, count)
    now = Snapshot(
        eps=np.full(count, productivity(solution.params)[firm]),
        high=np.full(count, HIGH[firm]),
        arrival_rate=np.full(count, RATES[firm]),
        owner=np.repeat(np.arange(count), len(u)),
        capital=capital,
        weight=capital**solution.params.returns_to_scale,
        u=np.tile(u, count),
        built=np.zeros(count),
    )
    return Block(now, rng)


@pytest.mark.parametrize("firm", range(4))
def test_moments_equal_one_simulated_step(solution, firm):
    """Many copies of one firm share each aggregate draw: d is their variance within a draw."""
    state = a_state(solution.params)
    moments = KP14.moments(solution, state)
    payoff = conditional.Payoff.at(solution, state, solution.means(state.eps))
    rng = np.random.default_rng(firm)
    draws, count = 200, 1000
    gap, within = np.empty(draws), np.empty(draws)
    for k in range(draws):
        dx, dz = rng.standard_normal(2) / np.sqrt(12)
        X1 = np.exp((0.01 - 0.13**2 / 2) / 12 + 0.13 * dx)
        Z = np.exp((0.005 - 0.035**2 / 2) / 12 + 0.035 * dz)
        block = copies(solution, firm, count, rng)
        block.advance(solution, state.z * Z)
        after = State(1, state.x * X1, state.z * Z, **block.now.columns())
        cost = after.x / after.z * block.now.built
        worth = conditional.price(solution, after) - cost
        gross = (state.cash_flow[firm] + worth) / payoff.price[firm]
        given = payoff.paid[firm] + X1 * payoff.in_place[firm]
        given += X1 * Z ** (17 / 3) * payoff.options[firm]
        gap[k], within[k] = gross.mean() - given, gross.var(ddof=1)
    d = moments.residual[firm]
    assert abs(gap.mean()) < 4.5 * np.sqrt(d / (draws * count))
    error = within.std(ddof=1) / np.sqrt(draws)
    assert error < 0.04 * d
    assert abs(within.mean() - d) < 4.5 * error
