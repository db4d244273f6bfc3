"""Fama-MacBeth factors: the slope portfolios of monthly cross-sectional regressions."""

from dataclasses import dataclass

import numpy as np

from truepremia.methods.contract import factor_names
from truepremia.methods.linear import minimum_norm_inverse
from truepremia.panel import Known
from truepremia.typing import Array

CONSTANT = 1e-10
"""A characteristic whose s.d. is at most this share of its largest absolute value is constant."""


@dataclass(frozen=True)
class FamaMacBeth:
    """Fama-MacBeth factors of one cross-section (docs/conventions.md, "Fama-MacBeth").

    P = Z (Z'Z)^+ with Z the characteristics in standard units: the weights whose returns are
    the regression slopes with an intercept. Each column is scaled to a gross position of 2
    (one long, one short); a constant characteristic has a zero column; exactly collinear
    ones share their slope by the minimum norm. The market is equal weighted.
    """

    def names(self, known: Known) -> tuple[str, ...]:
        """Return the names of the factors."""
        return factor_names(known.names)

    def weights(self, known: Known) -> Array:
        """Return the factors' weights on the firms, shape (n, C + 1)."""
        weights = np.zeros((len(known), len(known.names) + 1))
        if len(known):
            weights[:, :-1] = _slopes(known.characteristics)
            weights[:, -1] = 1 / len(known)
        return weights


def _slopes(characteristics: Array) -> Array:
    """Return the slope portfolios, each of gross position 2, shape (n, C)."""
    centred = characteristics - characteristics.mean(axis=0)
    deviation = np.sqrt(np.mean(centred**2, axis=0))
    varies = deviation > CONSTANT * np.abs(characteristics).max(axis=0)
    weights = np.zeros_like(characteristics)
    if varies.any():
        Z = centred[:, varies] / deviation[varies]
        P = Z @ minimum_norm_inverse(Z.T @ Z)
        weights[:, varies] = 2 * P / np.abs(P).sum(axis=0)
    return weights
