"""Random streams: one for the aggregate shocks of a panel, one for each fixed block of firms.

Streams depend on the root seed, the economy, the panel index and the block alone. Results are
therefore the same for any number of cores and any order of execution, and the aggregate path
of a panel is the same for any number of firms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np

FIRMS_PER_BLOCK = 1000
"""Firms that share one random stream. Part of the definition of a panel: changing it changes
the draws of every firm."""

_AGGREGATE, _FIRMS, _METHOD = 0, 1, 2


@dataclass(frozen=True)
class Streams:
    """The random streams of one panel.

    Parameters
    ----------
    seed : int
        Root seed of the run, non-negative.
    model : str
        Name of the economy.
    index : int
        Index of the panel, non-negative.
    """

    seed: int
    model: str
    index: int

    def aggregate(self) -> np.random.Generator:
        """Return the generator of the aggregate shocks."""
        return self._generator(_AGGREGATE)

    def firms(self, block: int) -> np.random.Generator:
        """Return the generator of the firm-level shocks of ``block``."""
        return self._generator(_FIRMS, block)

    def method(self, name: str) -> Callable[[int], np.random.Generator]:
        """Return the function from a number k to the k-th generator of the method ``name``."""

        def generator(k: int) -> np.random.Generator:
            return self._generator(_METHOD, crc32(name.encode()), k)

        return generator

    def _generator(self, *key: int) -> np.random.Generator:
        spawn_key = (crc32(self.model.encode()), self.index, *key)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=spawn_key))


def blocks(firms: int) -> list[slice]:
    """Split ``firms`` firms into the consecutive blocks that share one random stream."""
    starts = range(0, firms, FIRMS_PER_BLOCK)
    return [slice(start, min(start + FIRMS_PER_BLOCK, firms)) for start in starts]
