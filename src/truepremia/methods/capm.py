"""The market: the one factor of the capital asset pricing model."""

from dataclasses import dataclass

import numpy as np

from truepremia.methods.contract import MARKET
from truepremia.panel import Known
from truepremia.portfolios import value_weights
from truepremia.typing import Array


@dataclass(frozen=True)
class CAPM:
    """The value-weighted market of Sharpe (1964) and Lintner (1965): v / sum v."""

    def names(self, known: Known) -> tuple[str, ...]:  # noqa: ARG002 (the same for all firms)
        """Return the name of the factor."""
        return (MARKET,)

    def weights(self, known: Known) -> Array:
        """Return the market's weights on the firms, shape (n, 1)."""
        if not len(known):
            return np.zeros((0, 1))
        return value_weights(known.market_equity)[:, None]
