"""Nothing to solve: returns are log-normal, R' = exp(r + gamma b - b^2/2 + b eps' + own shock)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from truepremia.typing import Array

from .parameters import Params


@dataclass(frozen=True, eq=False)
class Solution:
    """The economy of one calibration."""

    params: Params

    @property
    def diagnostics(self) -> Mapping[str, float]:
        """Bound on Sharpe ratios."""
        return {"sharpe_bound": float(np.sqrt(np.expm1(self.params.price_of_risk**2)))}

    def to_arrays(self) -> dict[str, Array]:
        """Return what must be stored beside the parameters."""
        return {}

    @classmethod
    def from_arrays(cls, params: Params, arrays: Mapping[str, Array]) -> "Solution":
        """Rebuild the solution."""
        del arrays
        return cls(params)


solve = Solution
