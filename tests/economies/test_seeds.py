import numpy as np
import pytest

from truepremia.seeds import FIRMS_PER_BLOCK, Streams, blocks


def first_draws(streams: Streams) -> list[float]:
    return [streams.aggregate().random(), *(streams.firms(b).random() for b in range(3))]


def test_streams_are_a_function_of_seed_economy_index_and_block_alone():
    assert first_draws(Streams(1, "bgn", 0)) == first_draws(Streams(1, "bgn", 0))


def test_any_change_gives_other_draws():
    panels = [(1, "bgn", 0), (2, "bgn", 0), (1, "kp14", 0), (1, "bgn", 1), (0, "bgn", 0)]
    draws = [draw for panel in panels for draw in first_draws(Streams(*panel))]
    assert len(set(draws)) == len(draws)


def test_streams_of_a_panel_are_uncorrelated():
    streams = Streams(7, "bgn", 3)
    rows = [streams.aggregate().standard_normal(10_000)]
    rows += [streams.firms(b).standard_normal(10_000) for b in range(5)]
    correlation = np.corrcoef(rows) - np.eye(6)
    assert np.abs(correlation).max() < 4.5 / np.sqrt(10_000)


def test_draws_are_pinned():
    """A change here changes every panel that was ever published: say so in the changelog."""
    streams = Streams(20260101, "bgn", 0)
    assert streams.aggregate().integers(2**32) == AGGREGATE
    assert streams.firms(0).integers(2**32) == FIRST_BLOCK


AGGREGATE, FIRST_BLOCK = 3167252371, 3788773512


@pytest.mark.parametrize("firms", [1, 37, 1000, 1001, 2500])
def test_blocks_partition_the_firms_in_order(firms):
    parts = blocks(firms)
    covered = np.concatenate([np.arange(firms)[part] for part in parts])
    assert np.array_equal(covered, np.arange(firms))
    assert all(part.stop - part.start == FIRMS_PER_BLOCK for part in parts[:-1])
    assert all(part.start == b * FIRMS_PER_BLOCK for b, part in enumerate(parts))
