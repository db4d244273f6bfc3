"""Centred ranks: the inputs of most methods."""

import numpy as np
import pytest
from scipy.stats import rankdata

from truepremia.panel import centred_ranks, centred_ranks_along

# Values that are equal, differ in the last bits only, or differ in the sign of zero only.
NEIGHBOURS = [0.0, -0.0, 1.0, 1 + 2**-52, 1 + 2**-51, 1 - 2**-53, 2.5, -3.0, 1e-300, -1e-310]


def reference(values):
    n = len(values)
    return (2 * rankdata(values, axis=0) - 1) / (2 * n) - 0.5


@pytest.mark.parametrize("seed", range(40))
def test_ranks_equal_scipy_s_to_the_bit_however_near_the_values_are(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 90))
    values = rng.choice(NEIGHBOURS, size=(n, 5))
    values[:, 0] = rng.standard_normal(n)
    values[:, 1] = rng.choice(rng.standard_normal(4), size=n)
    assert np.array_equal(centred_ranks(values), reference(values))


@pytest.mark.parametrize("n", [1, 2, 1023, 1024, 1025])
def test_ranks_equal_scipy_s_at_the_edges_of_the_bits_that_carry_places(n):
    values = np.random.default_rng(n).standard_normal((n, 70))
    values[: n // 3, 5] = 0.25
    assert np.array_equal(centred_ranks(values), reference(values))
    assert np.array_equal(centred_ranks_along(values.T), reference(values).T)


def test_constant_characteristic_has_rank_zero():
    assert not centred_ranks(np.full((7, 1), 3.0)).any()


def test_no_firms_and_no_characteristics_have_no_ranks():
    assert centred_ranks(np.zeros((0, 3))).shape == (0, 3)
    assert centred_ranks(np.zeros((4, 0))).shape == (4, 0)


def test_values_are_not_changed_by_being_ranked():
    values = np.random.default_rng(0).standard_normal((3, 20))
    before = values.copy()
    centred_ranks_along(values)
    assert np.array_equal(values, before)
