import numpy as np
import pandas as pd
import pytest

from truepremia.portfolios import bins, breakpoints, cell_weights, value_weights


def test_breakpoints_interpolate_linearly_at_n_minus_one_p():
    values = np.array([4.0, 1.0, 2.0, 8.0])
    # Positions 0.9 and 2.1 in the order 1, 2, 4, 8.
    np.testing.assert_allclose(breakpoints(values, [0.3, 0.7]), [1.9, 4.4], rtol=1e-15)


@pytest.mark.parametrize("n", [1, 2, 3, 11, 50])
def test_breakpoints_are_those_of_pandas_column_by_column(n):
    values = np.random.default_rng(n).standard_normal((n, 3))
    wanted = pd.DataFrame(values).quantile([0.3, 0.5, 0.7]).to_numpy()
    np.testing.assert_allclose(breakpoints(values, [0.3, 0.5, 0.7]), wanted, rtol=1e-15)


@pytest.mark.parametrize("n", [11, 21, 31, 61, 101, 1001])
def test_breakpoint_at_an_observation_is_that_observation(n):
    values = np.random.default_rng(n).permutation(np.log(np.arange(1, n + 1)))
    ordered = np.sort(values)
    for p, edge in zip((3, 5, 7), breakpoints(values, [0.3, 0.5, 0.7]), strict=True):
        assert edge == ordered[p * (n - 1) // 10]


@pytest.mark.parametrize("probabilities", [[0.5], [0.3, 0.7], [0.0, 0.1, 0.45, 0.9, 1.0]])
@pytest.mark.parametrize("shape", [(1,), (2, 3), (10,), (997, 4)])
def test_breakpoints_and_bins_are_those_of_numpy_to_the_bit(shape, probabilities):
    generator = np.random.default_rng(len(probabilities))
    for values in (generator.standard_normal(shape), generator.integers(0, 5, shape)):
        edges = breakpoints(values, probabilities)
        wanted = np.quantile(values, probabilities, axis=0, method="linear")
        np.testing.assert_array_equal(edges, wanted)
        for closed, side in (("right", "left"), ("left", "right")):
            cells = bins(values, edges, closed)
            by_column = (a.reshape(len(a), -1).T for a in (cells, values, edges))
            for cell, column, edge in zip(*by_column, strict=True):
                np.testing.assert_array_equal(cell, np.searchsorted(edge, column, side=side))


def test_value_at_a_breakpoint_is_in_the_lower_bin():
    values = np.array([0.0, 1.0, 1.5, 2.0, 3.0])
    assert list(bins(values, np.array([1.0, 2.0]))) == [0, 0, 1, 1, 2]


def test_value_at_a_breakpoint_is_in_the_upper_bin_when_closed_on_the_left():
    values = np.array([0.0, 1.0, 1.5, 2.0, 3.0])
    assert list(bins(values, np.array([1.0, 2.0]), closed="left")) == [0, 1, 1, 2, 2]


def test_equal_breakpoints_leave_the_middle_empty():
    values = np.array([0.0, 0.0, 0.0, 0.0, 5.0])
    edges = breakpoints(values, [0.3, 0.7])
    assert list(edges) == [0.0, 0.0]
    assert list(bins(values, edges)) == [0, 0, 0, 0, 2]


def test_weights_sum_to_one_in_every_occupied_cell():
    value = np.array([1.0, 3.0, 2.0, 6.0])
    weights, occupied = cell_weights(value, np.array([0, 0, 3, 3]), 4)
    np.testing.assert_allclose(weights, [0.25, 0.75, 0.25, 0.75])
    assert list(occupied) == [True, False, False, True]


def test_weights_of_no_firm_are_empty():
    weights, occupied = cell_weights(np.empty(0), np.empty(0, dtype=int), 2)
    assert weights.shape == (0,)
    assert not occupied.any()


def test_market_is_weighted_by_value():
    np.testing.assert_allclose(value_weights(np.array([1.0, 3.0])), [0.25, 0.75])
