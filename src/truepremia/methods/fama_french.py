"""Fama-French factors: 2x3 sorts on size and one characteristic, value weighted."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from truepremia.methods.contract import factor_names, require_choices
from truepremia.panel import Known
from truepremia.portfolios import bins, breakpoints, cell_weights, value_weights
from truepremia.typing import Array

SIZE = "size"
BOOK_TO_MARKET = "bm"
LOW_MINUS_HIGH = ("agr",)
"""Characteristics whose factor is low minus high."""

_SMALL, _BIG, _LOW, _HIGH = 0, 1, 0, 2


@dataclass(frozen=True)
class FamaFrench:
    """Fama-French factors of one cross-section (docs/conventions.md, "Fama-French").

    Small is at or below the median size; low and high are at or below the 30% and above the
    70% quantile over all investable firms. A factor is the mean over the two size groups of
    the value-weighted high portfolio minus the low one; SMB is small minus big over the three
    book-to-market rows; the market is value weighted.

    Parameters
    ----------
    empty_cells : {"balanced", "zero"}
        What happens when a cell holds no firm. "balanced": the factor is the mean over the
        size groups in which both cells hold firms, and zero if there is none, so that it
        always costs nothing. "zero": an empty cell has a zero return and the other leg
        remains, as in earlier code.
    """

    empty_cells: Literal["balanced", "zero"] = "balanced"

    def __post_init__(self) -> None:
        require_choices(self)

    def names(self, known: Known) -> tuple[str, ...]:
        """Return the names of the factors."""
        return factor_names(known.names)

    def weights(self, known: Known) -> Array:
        """Return the factors' weights on the firms, shape (n, C + 1)."""
        names, value, characteristics = known.names, known.market_equity, known.characteristics
        weights = np.zeros((len(known), len(names) + 1))
        if len(known):
            size = characteristics[:, names.index(SIZE)]
            group = bins(size, breakpoints(size, [0.5]))
            tercile = bins(characteristics, breakpoints(characteristics, [0.3, 0.7]))
            for j, name in enumerate(names):
                cell = 3 * group + tercile[:, j]
                if name == SIZE:
                    continue
                weights[:, j] = self._spread(value, cell)
                if name in LOW_MINUS_HIGH:
                    weights[:, j] *= -1
                if name == BOOK_TO_MARKET:
                    weights[:, names.index(SIZE)] = self._small_minus_big(value, cell, rows=3)
            if BOOK_TO_MARKET not in names:
                weights[:, names.index(SIZE)] = self._small_minus_big(value, group, rows=1)
            weights[:, -1] = value_weights(value)
        return weights

    def _spread(self, value: Array, cell: Array) -> Array:
        """Return the weights of high minus low, averaged over the size groups, shape (n,)."""
        within, occupied = cell_weights(value, cell, 6)
        occupied = occupied.reshape(2, 3)
        share = np.zeros((2, 3))
        if self.empty_cells == "balanced":
            paired = occupied[:, _LOW] & occupied[:, _HIGH]
            share[paired, _HIGH] = 1 / max(paired.sum(), 1)
            share[paired, _LOW] = -share[paired, _HIGH]
        else:
            share[:, _HIGH], share[:, _LOW] = 0.5, -0.5
        return np.asarray(within * share.ravel()[cell])

    def _small_minus_big(self, value: Array, cell: Array, rows: int) -> Array:
        """Return the weights of the mean small portfolio minus the mean big one, shape (n,)."""
        within, occupied = cell_weights(value, cell, 2 * rows)
        held = occupied.reshape(2, rows).sum(axis=1)
        share = np.zeros(2)
        if self.empty_cells == "zero":
            share[:] = 1 / rows, -1 / rows
        elif held.all():
            share[:] = 1 / held[_SMALL], -1 / held[_BIG]
        return np.asarray(within * share[cell // rows])
