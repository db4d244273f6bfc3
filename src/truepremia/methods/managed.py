"""Managed portfolios: one long-short portfolio a characteristic, weighted by ranks."""

from dataclasses import dataclass

import numpy as np

from truepremia.methods.linear import at_gross_two
from truepremia.panel import Known
from truepremia.typing import Array

EQUAL_MARKET = "mkt_equal"


@dataclass(frozen=True)
class Managed:
    """Rank-weighted portfolios of Kozak, Nagel and Santosh (2020), eq. (28), and the market.

    The portfolio of a characteristic with centred ranks g is 2 g / sum |g|: one long, one short;
    zero where all firms tie. The market is equal weighted, 1 / n.
    """

    def names(self, known: Known) -> tuple[str, ...]:
        """Return the names of the C + 1 portfolios."""
        return (*known.names, EQUAL_MARKET)

    def weights(self, known: Known) -> Array:
        """Return the portfolios' weights on the firms, shape (n, C + 1)."""
        n = len(known)
        return np.column_stack([at_gross_two(known.ranks()), np.full(n, 1 / max(n, 1))])
