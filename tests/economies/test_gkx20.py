"""The Gu-Kelly-Xiu economy against quadrature, one simulated step, and known answers."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from conftest import calibration, laboratory_of
from numpy.polynomial import hermite_e

from truepremia.economies.characteristics import PastReturns
from truepremia.economies.gkx20 import conditional
from truepremia.economies.gkx20.conditional import State, exposures, own_variance
from truepremia.economies.gkx20.parameters import linear_or_square
from truepremia.economies.gkx20.simulation import Shocks, Snapshot
from truepremia.economies.gkx20.solution import CHARACTERISTICS, INSTRUMENTS, scaled_ranks
from truepremia.economies.registry import ECONOMIES
from truepremia.errors import CalibrationError, DataError, NumericalError
from truepremia.panel import Size
from truepremia.seeds import Streams

GKX20 = ECONOMIES["gkx20"]
VALUES = calibration("gkx20")
DESIGNS = tuple(product((0, 1), (0, 0.75)))


def solved(**changes):
    return GKX20.solve(GKX20.parameters({**VALUES, **changes}))


def characteristics(firms: int, seed: int = 0) -> dict[str, np.ndarray]:
    draws = np.random.default_rng(seed).standard_normal((len(CHARACTERISTICS), firms))
    return dict(zip(CHARACTERISTICS, draws, strict=True))


def a_state(solution, firms: int = 12, x: float = 0.7) -> State:
    betas = solution.betas(characteristics(firms))
    volatility = solution.params.idiosyncratic_volatility * np.exp(np.linspace(-0.5, 0.5, firms))
    return State(0, x, betas, volatility, np.ones(firms))


@pytest.fixture(scope="module")
def gkx20():
    return laboratory_of("gkx20")


# --- known numbers ------------------------------------------------------------------------------


def test_numbers_of_the_specification():
    params = solved().params
    variances = [2.50942386118389e-3, 1.01531690907645e-2, 2.32962931549057e-2]
    found = own_variance(params, np.array([0.05, 0.1, 0.15]))
    np.testing.assert_allclose(found, variances, rtol=1e-13)
    assert params.price_of_risk(0.7)[3] == pytest.approx(0.180625443443849, rel=1e-13)
    scale, probability = params.tail
    np.testing.assert_allclose(scale, [0.675557157738475, 7.16441400296898], rtol=1e-14)
    assert probability @ scale == pytest.approx(1, rel=1e-15)
    assert probability @ scale**2 == pytest.approx(3, rel=1e-15)
    assert solved().diagnostics["sharpe_bound"] == pytest.approx(0.44664777896946, rel=1e-13)


def test_one_firm_of_the_specification():
    betas = np.array([[-3 / 13, -7 / 13, 1 / 13]])
    firm = State(0, 0.7, betas, np.array([0.1 * np.exp(-0.5)]), np.ones(1))
    moments = GKX20.moments(solved(), firm)
    assert moments.mean[0] == pytest.approx(2.93221256179350e-3, rel=1e-13)
    assert moments.residual[0] == pytest.approx(3.74787753953703e-3, rel=1e-13)


def test_ranks_of_twelve_values_are_even_steps_between_minus_one_and_one():
    values = np.random.default_rng(0).permutation(12).astype(float)[:, None]
    expected = (2 * (values[:, 0] + 1) - 13) / 13
    np.testing.assert_allclose(scaled_ranks(values)[:, 0], expected, rtol=0, atol=3e-16)


def test_discount_factor_of_the_specification(gkx20):
    gamma, eps = solved().params.price_of_risk(0.7), np.array([0.8, -1.1, 0.35, 1.6])
    expected = np.exp(-0.0025 - 0.5 * gamma @ gamma - gamma @ eps)
    assert expected == pytest.approx(0.725413468781736, rel=1e-14)
    aggregates = gkx20.panel.aggregates
    shocks = np.stack([aggregates[f"shock_{k}"] for k in GKX20.shocks], axis=1)
    prices = gkx20.solution.params.price_of_risk(aggregates["x"])
    exponent = -0.0025 - (0.5 * prices**2 + prices * shocks).sum(axis=1)
    np.testing.assert_allclose(aggregates["sdf"], np.exp(exponent), rtol=1e-14)


# --- moments ------------------------------------------------------------------------------------


def own_shock_nodes(params, volatility: float):
    """Nodes of U and their probabilities: trapezoidal sums over eta given each variance."""
    eta = np.arange(-12, 12.1, 0.25)
    weight = 0.25 * np.exp(-0.5 * eta**2) / np.sqrt(2 * np.pi)
    scale, probability = params.tail
    spread = volatility * np.sqrt(scale)
    nodes = np.exp(np.multiply.outer(spread, eta) - 0.5 * spread[:, None] ** 2)
    return nodes.ravel(), np.multiply.outer(probability, weight).ravel()


@pytest.mark.parametrize(("omega", "s"), DESIGNS)
@pytest.mark.parametrize("x", [-1.3, 0.7])
def test_moments_and_prices_equal_quadrature_over_every_shock(omega, s, x):
    solution = solved(nonlinearity=omega, density=s)
    params, state = solution.params, a_state(solution, x=x)
    node, weight = hermite_e.hermegauss(24)
    eps = np.stack(np.meshgrid(*4 * [node], indexing="ij")).reshape(4, -1)
    chance = np.prod(np.meshgrid(*4 * [weight / weight.sum()], indexing="ij"), axis=0).ravel()
    gamma, b = params.price_of_risk(x), exposures(params, state.betas)
    common = params.gross_riskfree + b @ (gamma[:, None] + eps)
    m = np.exp(-params.riskless_rate - 0.5 * gamma @ gamma - gamma @ eps)
    own = [own_shock_nodes(params, v) for v in state.volatility]
    first = np.array([nodes @ weights for nodes, weights in own])
    second = np.array([nodes**2 @ weights for nodes, weights in own])
    mean = first * (common @ chance)
    product_mean = (common * chance) @ common.T
    covariance = product_mean * np.multiply.outer(first, first)
    np.fill_diagonal(covariance, second * np.diag(product_mean))
    covariance -= np.multiply.outer(mean, mean)
    found = GKX20.moments(solution, state)
    np.testing.assert_allclose(found.mean, mean - params.gross_riskfree, rtol=0, atol=2e-14)
    np.testing.assert_allclose(found.covariance(), covariance, rtol=1e-11, atol=1e-15)
    priced = first * (common @ (chance * m)) - 1
    assert np.abs(priced).max() < 1e-12
    assert np.abs(GKX20.euler_errors(solution, state)).max() < 1e-14


def test_euler_errors_of_the_default_panel_are_rounding(gkx20):
    assert gkx20.survey.euler.max() < 1e-14


def a_snapshot(solution, firms: int = 12) -> Snapshot:
    draws = np.random.default_rng(5).standard_normal((15, firms))
    return Snapshot(
        solution=solution,
        x=0.7,
        reference=0.2,
        log_value=draws[0],
        log_book=draws[1],
        growth=0.01 * draws[2],
        investment=draws[3],
        profitability=draws[4],
        raw=draws[5:],
        volatility=np.linspace(0.06, 0.16, firms),
        past=PastReturns().then(np.exp(0.1 * draws[0])).then(np.exp(0.1 * draws[1])),
    )


@pytest.mark.parametrize(("omega", "s"), [(0, 0), (1, 0.75)])
def test_moments_equal_one_simulated_step(omega, s):
    solution = solved(nonlinearity=omega, density=s)
    now, params = a_snapshot(solution), solution.params
    moments = GKX20.moments(solution, now.state(0))
    rng, draws = np.random.default_rng(1), 20_000
    gross, m = np.empty((draws, 12)), np.empty(draws)
    gamma = params.price_of_risk(now.x)
    for k in range(draws):
        normal = rng.standard_normal((13, 12))
        shocks = Shocks(
            x=0.0,
            factors=rng.standard_normal(4),
            own=normal[0],
            tail=rng.random(12) < params.tail_probability,
            investment=normal[1],
            profitability=normal[2],
            raw=normal[3:],
        )
        gross[k] = GKX20.step(solution, now, shocks).past.gross[-1]
        m[k] = np.exp(-params.riskless_rate - 0.5 * gamma @ gamma - gamma @ shocks.factors)
    excess = gross - params.gross_riskfree - moments.mean
    assert np.abs(excess.mean(axis=0) / (excess.std(axis=0) / np.sqrt(draws))).max() < 4
    errors = m[:, None] * gross - 1
    assert np.abs(errors.mean(axis=0) / (errors.std(axis=0) / np.sqrt(draws))).max() < 4
    products = excess[:, :, None] * excess[:, None, :] - moments.covariance()
    t = products.mean(axis=0) / (products.std(axis=0) / np.sqrt(draws))
    assert np.abs(t).max() < 4.5


def test_without_prices_of_risk_nothing_is_earned():
    names = ("market", "value", "profitability", "momentum")
    solution = solved(**dict.fromkeys([f"{n}_price" for n in names], 0.0))
    assert not GKX20.moments(solution, a_state(solution)).mean.any()


def test_own_shock_of_normal_kurtosis_is_log_normal():
    params = solved(kurtosis=3).params
    np.testing.assert_array_equal(params.tail[0], 1)
    s = np.array([0.05, 0.2])
    np.testing.assert_allclose(own_variance(params, s), np.expm1(s**2), rtol=1e-15)


def test_many_firms_reach_the_sharpe_ratio_of_the_factors():
    solution = solved()
    gamma = solution.params.price_of_risk(0.7)
    ratio = [
        GKX20.moments(solution, a_state(solution, firms)).max_sharpe() / np.linalg.norm(gamma)
        for firms in (100, 10_000, 1_000_000)
    ]
    assert ratio[0] < ratio[1] < ratio[2] < 1
    # What is missing falls with the number of firms.
    assert 1 - ratio[2] < 2e-4


def test_every_portfolio_earns_its_exposures_times_their_prices():
    solution = solved(nonlinearity=0.4, density=0.3)
    state = a_state(solution)
    moments = GKX20.moments(solution, state)
    w = np.random.default_rng(2).standard_normal(12)
    gamma = solution.params.price_of_risk(state.x)
    assert w @ moments.mean == pytest.approx((moments.exposure.T @ w) @ gamma, rel=1e-13)
    inner = (moments.exposure.T / moments.residual) @ moments.exposure
    theta = gamma @ inner @ np.linalg.solve(np.eye(4) + inner, gamma)
    assert moments.max_sharpe() == pytest.approx(np.sqrt(theta), rel=1e-12)
    dense = moments.mean @ np.linalg.solve(moments.covariance(), moments.mean)
    assert theta == pytest.approx(dense, rel=1e-11)


# --- loadings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("s", [0, 0.3, 0.75, 1])
def test_linear_loadings_are_the_truth_that_ipca_looks_for(s):
    solution = solved(density=s)
    columns = characteristics(500)
    z = scaled_ranks(np.column_stack([columns[name] for name in CHARACTERISTICS]))
    gamma = solution.gamma()
    np.testing.assert_allclose(gamma.T @ gamma, np.eye(4), atol=1e-15)
    betas = np.column_stack([np.ones(500), z]) @ gamma
    np.testing.assert_allclose(betas[:, 0], 1)
    np.testing.assert_allclose(solution.betas(columns), betas[:, 1:], rtol=0, atol=1e-14)


def test_linear_methods_see_nothing_of_a_centred_square():
    solution, columns = solved(nonlinearity=1), characteristics(501)
    z = scaled_ranks(columns["bm"][:, None])[:, 0]
    beta = solution.betas(columns)[:, 0]
    assert beta.std() > 0.5
    assert abs(z @ beta) < 1e-12 * 501
    assert not solution.gamma()[:, 1:].any()


@pytest.mark.parametrize("omega", [0, 1])
def test_functions_have_the_same_strength_at_both_ends(omega):
    # Variance over even ranks: 1/3 but for terms of order 1/N.
    betas = solved(nonlinearity=omega).betas(characteristics(20_000))
    np.testing.assert_allclose(betas.var(axis=0), 1 / 3, rtol=0.02)
    assert linear_or_square(0.3, np.array(1.0)) == pytest.approx(
        0.7 + 0.3 * np.sqrt(15 / 4) * 2 / 3
    )


def test_equal_weights_at_three_quarters_density():
    gamma = solved(density=0.75).gamma()
    for k, name in enumerate(("bm", "roe", "mom"), start=1):
        weights = gamma[gamma[:, k] != 0, k]
        np.testing.assert_allclose(weights, 0.5, rtol=1e-15)
        assert gamma[INSTRUMENTS.index(name), k] == pytest.approx(0.5)


def test_permuting_firms_permutes_their_loadings():
    solution, columns = solved(nonlinearity=0.5, density=0.4), characteristics(40)
    order = np.random.default_rng(1).permutation(40)
    permuted = solution.betas({name: column[order] for name, column in columns.items()})
    np.testing.assert_array_equal(permuted, solution.betas(columns)[order])


def test_panel_s_loadings_are_functions_of_the_ranks_of_its_columns(gkx20):
    for t in (0, 300, 719):
        columns = {name: gkx20.panel[name][t] for name in CHARACTERISTICS}
        betas = gkx20.solution.betas(columns)
        b = exposures(gkx20.solution.params, betas)
        for k in range(4):
            np.testing.assert_array_equal(gkx20.panel[f"A_{k + 1}_proj"][t], b[:, k])


def instrumented_loadings(z, returns, factors: int, rounds: int):
    """Alternating least squares of r = Z Gamma f + e, Gamma'Gamma = I."""
    gram = np.einsum("tnl,tnm->tlm", z, z)
    cross = np.einsum("tnl,tn->tl", z, returns)
    _, _, vh = np.linalg.svd(np.linalg.solve(gram, cross[..., None])[..., 0], full_matrices=False)
    gamma = vh[:factors].T
    for _ in range(rounds):
        inner = gamma.T @ gram @ gamma
        f = np.linalg.solve(inner, (cross @ gamma)[..., None])[..., 0]
        normal = np.einsum("tlm,tj,tk->ljmk", gram, f, f)
        size = gamma.size
        right = np.einsum("tl,tk->lk", cross, f).ravel()
        gamma = np.linalg.solve(normal.reshape(size, size), right).reshape(gamma.shape)
        gamma, _ = np.linalg.qr(gamma)
    return gamma


def test_ipca_recovers_the_true_loadings_from_720_months(gkx20):
    panel = gkx20.panel
    z = np.empty((720, 1000, 16))
    z[:, :, 0] = 1
    for t in range(720):
        z[t, :, 1:] = scaled_ranks(np.column_stack([panel[c][t] for c in CHARACTERISTICS]))
    gamma = instrumented_loadings(z, panel["xret"], 4, rounds=60)
    cosines = np.linalg.svd(gamma.T @ gkx20.solution.gamma(), compute_uv=False)
    assert np.degrees(np.arccos(np.clip(cosines.min(), -1, 1))) < 3


# --- simulation ---------------------------------------------------------------------------------


def test_returns_are_their_factors_times_an_own_shock_of_the_stated_kurtosis(gkx20):
    panel, params = gkx20.panel, gkx20.solution.params
    shocks = np.stack([panel.aggregates[f"shock_{k}"] for k in GKX20.shocks], axis=1)
    prices = params.price_of_risk(panel.aggregates["x"])
    b = np.stack([panel[f"A_{k}_proj"] for k in range(1, 5)], axis=-1)
    common = params.gross_riskfree + np.einsum("tnk,tk->tn", b, prices + shocks)
    volatility = panel.states[0][1]["volatility"]
    own = np.log((panel["xret"] + params.gross_riskfree) / common)
    # The drift is -s^2 W / 2 and W is not seen: its mean is removed, its variance of 2 is not.
    shock = own / volatility + 0.5 * volatility
    assert abs(shock.mean()) < 4 / np.sqrt(shock.size)
    by_month = (shock**2).mean(axis=1)
    expected = 1 + 0.25 * 2 * (volatility**2).mean()
    error = by_month.std(ddof=1) / np.sqrt(len(by_month))
    assert abs(by_month.mean() - expected) < 4 * error
    assert (shock**4).mean() == pytest.approx(9, abs=0.25)
    tail = (np.abs(shock) > 4).mean()
    # Pr(|N| > 4 / sqrt(7.164)) = .135 in a tail month, none otherwise.
    assert tail == pytest.approx(params.tail_probability * 0.135, rel=0.05)


def test_payout_brings_size_back_and_changes_no_return(gkx20):
    panel, params = gkx20.panel, gkx20.solution.params
    gross = 1 + panel["xret"] + panel.aggregates["rf"][:, None]
    log_value, reference = np.log(panel["mve"]), panel.aggregates["reference"]
    payout = log_value[:-1] + np.log(gross[:-1]) - log_value[1:]
    expected = params.payout_yield + params.size_reversion * (log_value - reference[:, None])[:-1]
    np.testing.assert_allclose(payout, expected, rtol=0, atol=1e-13)
    spread = log_value.std(axis=1)
    assert spread[0] == pytest.approx(spread[-1], abs=0.25)


def test_characteristics_of_their_own_have_their_persistence(gkx20):
    expected = gkx20.solution.params.raw_persistence
    np.testing.assert_allclose(expected, np.arange(0.905, 1, 0.01), rtol=1e-14)
    for j, rho in enumerate(expected, start=1):
        c = gkx20.panel[f"c{j}"]
        innovation = c[1:] - rho * c[:-1]
        assert abs(innovation.mean()) < 5 * np.sqrt((1 - rho**2) / innovation.size)
        assert innovation.var() == pytest.approx(1 - rho**2, rel=0.01)


def test_momentum_of_a_young_panel_compounds_the_returns_there_are():
    solution = solved()
    streams = Streams(1, "gkx20", 0)
    produced = list(GKX20.simulate(solution, Size(20, 5, 0), streams).months)
    rows = [month.panel for month in produced]
    gross = [row["xret"] + solution.params.gross_riskfree for row in rows]
    assert not rows[0]["mom"].any()
    assert not rows[1]["mom"].any()
    np.testing.assert_allclose(rows[2]["mom"], gross[0] - 1, atol=1e-14)
    np.testing.assert_allclose(rows[3]["mom"], gross[0] * gross[1] - 1, atol=1e-14)


def test_factors_that_take_everything_stop_the_simulation():
    solution = solved()
    now = a_snapshot(solution)
    nothing = np.zeros(12)
    shocks = Shocks(
        x=0.0,
        factors=np.array([-25.0, 0, 0, 0]),
        own=nothing,
        tail=nothing.astype(bool),
        investment=nothing,
        profitability=nothing,
        raw=np.zeros((10, 12)),
    )
    with pytest.raises(NumericalError, match="left with the gross return"):
        GKX20.step(solution, now, shocks)


def test_states_must_be_those_of_every_firm(gkx20):
    panel = gkx20.panel
    rows = list(panel.states[:3])
    head = {name: column[:3] for name, column in panel.aggregates.items()}
    with pytest.raises(DataError, match="all 7 firms"):
        list(GKX20.states(gkx20.solution, head, rows, 7))


# --- calibrations -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value_volatility": 0.0}, "value_volatility is 0: must be positive"),
        ({"idiosyncratic_volatility": 0.0}, "idiosyncratic_volatility is 0: must be positive"),
        ({"market_volatility": -0.1}, "market_volatility is -0.1: must be at least 0"),
        ({"volatility_spread": -1.0}, "volatility_spread is -1: must be at least 0"),
        ({"investment_volatility": -1.0}, "investment_volatility is -1: must be at least 0"),
        ({"profitability_dispersion": -1.0}, "profitability_dispersion is -1: must be at least 0"),
        ({"state_persistence": 1.0}, r"state_persistence is 1: must lie in \[0, 1\)"),
        ({"lowest_persistence": -0.1}, r"lowest_persistence is -0.1: must lie in \[0, 1\)"),
        ({"nonlinearity": 1.1}, r"nonlinearity is 1.1: must lie in \[0, 1\]"),
        ({"density": -0.1}, r"density is -0.1: must lie in \[0, 1\]"),
        ({"size_reversion": 0.0}, "size_reversion is 0: must lie strictly between 0 and 1"),
        ({"book_reversion": 1.0}, "book_reversion is 1: must lie strictly between 0 and 1"),
        ({"tail_probability": 1.0}, "tail_probability is 1: must lie strictly between 0 and 1"),
        ({"kurtosis": 2.9}, "kurtosis is 2.9: must be at least 3"),
        (
            {"idiosyncratic_volatility": 0.5, "volatility_spread": 2.0, "size_reversion": 0.5},
            "in a tail month the own log s.d. is 9.89, must be at most 4",
        ),
        (
            {"idiosyncratic_volatility": 0.4, "volatility_spread": 1.8, "kurtosis": 3.0},
            "below its target, must be at most 600",
        ),
        ({"kurtosis": 61.0}, "kurtosis is 61: must be at most 3/tail_probability, 60"),
        ({"value_volatility": 0.2}, "loses everything within 6 s.d.*value_volatility 0.2"),
    ],
)
def test_a_bad_calibration_is_refused(change, message):
    with pytest.raises(CalibrationError, match=message):
        solved(**change)


def test_all_faults_are_named_at_once():
    with pytest.raises(CalibrationError) as refused:
        solved(kurtosis=100.0, value_volatility=0.3, density=0.5, size_reversion=2.0)
    for text in ("kurtosis is 100", "loses everything", "size_reversion is 2"):
        assert text in str(refused.value)


def test_the_second_calibration_has_the_sharpe_ratios_of_the_paper_s_magnitudes():
    solution = GKX20.solve(GKX20.parameters(calibration("gkx20_paper")))
    state = a_state(solution, firms=1000, x=0.0)
    state = replace(state, volatility=np.full(1000, 0.05))
    assert GKX20.moments(solution, state).max_sharpe() == pytest.approx(0.576, abs=0.005)
    assert conditional.sharpe_bound(solution, state) == pytest.approx(np.sqrt(2 * 0.16 + 0.0144))
