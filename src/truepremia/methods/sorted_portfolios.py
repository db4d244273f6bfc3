"""Sorted portfolios: size and book-to-market quintiles, and deciles of every characteristic."""

from dataclasses import dataclass

import numpy as np

from truepremia.errors import MethodError
from truepremia.panel import Known
from truepremia.portfolios import bins, breakpoints, cell_weights
from truepremia.typing import Array

SIZE, BOOK_TO_MARKET = "size", "bm"
QUINTILES = (0.2, 0.4, 0.6, 0.8)
DECILES = tuple(k / 10 for k in range(1, 10))


@dataclass(frozen=True)
class Sorts25:
    """The 25 portfolios of Fama and French (1993): size quintile by book-to-market quintile.

    The quintiles are independent sorts over all firms, the portfolios value weighted. Column
    5 s + b holds size quintile s and book-to-market quintile b; an empty cell earns zero.
    """

    def names(self, known: Known) -> tuple[str, ...]:  # noqa: ARG002 (the same for all firms)
        """Return the names of the 25 portfolios, "s1b1" for small firms of low book-to-market."""
        return tuple(f"s{s}b{b}" for s in range(1, 6) for b in range(1, 6))

    def weights(self, known: Known) -> Array:
        """Return the portfolios' weights on the firms, shape (n, 25).

        Raises
        ------
        MethodError
            If the firms have no size or no book-to-market ratio.
        """
        missing = [name for name in (SIZE, BOOK_TO_MARKET) if name not in known.names]
        if missing:
            raise MethodError(
                f"the 25 portfolios need the characteristics {SIZE} and {BOOK_TO_MARKET}: there is "
                f"no {' and no '.join(missing)}, only {', '.join(known.names)}; switch the method "
                "off or use deciles"
            )
        weights = np.zeros((len(known), 25))
        if len(known):
            sorted_on = [known.names.index(SIZE), known.names.index(BOOK_TO_MARKET)]
            values = known.characteristics[:, sorted_on]
            edges = breakpoints(values, QUINTILES)
            cell = bins(values, edges) @ (5, 1)
            weights[np.arange(len(known)), cell] = cell_weights(known.market_equity, cell, 25)[0]
        return weights


@dataclass(frozen=True)
class Deciles:
    """Ten equal-weighted portfolios a characteristic, as in Kozak, Nagel and Santosh (2020).

    The breakpoints are the deciles over all firms; an empty decile earns zero.
    """

    def names(self, known: Known) -> tuple[str, ...]:
        """Return the names of the 10 C portfolios, such as "bm_10" for the highest."""
        return tuple(f"{name}_{d}" for name in known.names for d in range(1, 11))

    def weights(self, known: Known) -> Array:
        """Return the portfolios' weights on the firms, shape (n, 10 C)."""
        values, portfolios = known.characteristics, 10 * len(known.names)
        weights = np.zeros((len(known), portfolios))
        if len(known):
            decile = bins(values, breakpoints(values, DECILES))
            cell = np.arange(0, portfolios, 10) + decile
            within, _ = cell_weights(np.ones(cell.size), cell.ravel(), portfolios)
            np.put_along_axis(weights, cell, within.reshape(cell.shape), axis=1)
        return weights
