"""Calibrations and states of the Kogan-Papanikolaou economy drawn at random."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from truepremia.economies.kp14 import certificate, conditional
from truepremia.economies.kp14.conditional import State
from truepremia.economies.kp14.parameters import Params
from truepremia.economies.kp14.solution import solve
from truepremia.errors import CalibrationError

ROOT = Path(__file__).parents[2]
ENTRIES = yaml.safe_load((ROOT / "config/economies/kp14.yaml").read_text(encoding="utf-8"))
CALIBRATION = {name: entry["value"] for name, entry in ENTRIES.items()}

RANGES = {
    "productivity_drift": (-0.02, 0.03),
    "productivity_volatility": (0.02, 0.3),
    "technology_drift": (-0.01, 0.01),
    "technology_volatility": (0.01, 0.06),
    "firm_reversion": (0.2, 1.0),
    "firm_volatility": (0.005, 0.2),
    "project_reversion": (0.1, 2.0),
    "project_volatility": (0.05, 3.0),
    "death_rate": (0.02, 0.3),
    "arrival_floor": (0.5, 4.0),
    "high_entry_rate": (0.01, 2.0),
    "low_entry_rate": (0.01, 2.0),
    "high_multiplier": (0.2, 3.0),
    "riskless_rate": (0.03, 0.12),
    "productivity_risk_price": (0.2, 1.0),
    "technology_risk_price": (-0.6, 0.2),
    "returns_to_scale": (0.5, 0.85),
}


def as_calibration(values):
    try:
        return Params.from_mapping({**CALIBRATION, **values})
    except CalibrationError:
        return None


CALIBRATIONS = st.fixed_dictionaries(
    {name: st.floats(low, high) for name, (low, high) in RANGES.items()}
).map(as_calibration)


def random_state(params, rng, firms=30):
    """Firms of stationary productivity with up to eight projects each."""
    count = rng.integers(0, 9, firms)
    owner = np.repeat(np.arange(firms), count)
    capital = rng.lognormal(3, 1.5, len(owner))
    w, v = capital**params.returns_to_scale, params.project_process.stationary(rng, len(owner)) - 1
    sums = (w, w * v, w**2, w**2 * v, w**2 * v**2, capital)
    return State(
        0,
        rng.lognormal(),
        rng.lognormal(),
        params.firm_process.stationary(rng, firms),
        rng.random(firms) < params.high_share,
        np.asarray(params.arrival_rate(rng.standard_exponential(firms))),
        *(np.bincount(owner, s, firms) for s in sums),
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(params=CALIBRATIONS, seed=st.integers(0, 2**32 - 1))
def test_every_valid_economy_prices_every_firm(params, seed):
    assume(params is not None)
    solution = solve(params)
    state = random_state(params, np.random.default_rng(seed))
    assert np.abs(certificate.euler_errors(solution, state)).max() < 1e-12

    moments = conditional.moments(solution, state)
    limit = conditional.sharpe_limit(params)
    assert np.all(moments.residual > 0)
    assert moments.max_sharpe() <= limit * (1 + 1e-9)
    assert limit <= solution.diagnostics["sharpe_bound"] * (1 + 1e-9)


@settings(max_examples=25, suppress_health_check=[HealthCheck.filter_too_much])
@given(params=CALIBRATIONS, seed=st.integers(0, 2**32 - 1), scale=st.floats(0.1, 10))
def test_moments_do_not_depend_on_the_unit_of_account(params, seed, scale):
    """x -> k x leaves returns alone; z -> k z with capital following by k^{1/(1-alpha)}."""
    assume(params is not None)
    solution = solve(params)
    state = random_state(params, np.random.default_rng(seed))
    capital = scale ** (1 / (1 - params.returns_to_scale))
    weight = capital**params.returns_to_scale
    other = State(
        0,
        scale * state.x,
        scale * state.z,
        state.eps,
        state.high,
        state.arrival_rate,
        *(weight * s for s in (state.W0, state.W1)),
        *(weight**2 * s for s in (state.Q0, state.Q1, state.Q2)),
        capital * state.SK,
    )
    one, two = (conditional.moments(solution, s) for s in (state, other))
    np.testing.assert_allclose(two.mean, one.mean, atol=1e-12)
    np.testing.assert_allclose(two.exposure, one.exposure, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(two.residual, one.residual, rtol=1e-8)
    here, there = (conditional.loadings(solution, s) for s in (state, other))
    for name, values in here.items():
        np.testing.assert_allclose(there[name], values, rtol=1e-9, atol=1e-14)


@given(name=st.sampled_from(sorted(RANGES)), value=st.sampled_from([float("nan"), "0.1", None]))
def test_a_value_that_is_no_number_is_refused_by_name(name, value):
    with pytest.raises(CalibrationError, match=f"{name} is"):
        Params.from_mapping({**CALIBRATION, name: value})
