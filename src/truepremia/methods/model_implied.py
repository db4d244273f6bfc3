"""Model-implied factors: the latent shocks behind the loadings, and the premia they carry."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from truepremia.methods.contract import FactorReturns, form, minimum_norm_inverse, on_all_firms
from truepremia.methods.fama_macbeth import FamaMacBeth
from truepremia.panel import CrossSection
from truepremia.typing import Array


@dataclass(frozen=True)
class ModelImplied:
    """Portfolios that mimic the aggregate shocks of an economy.

    H = W A (A'W A)^+ with A the loadings per conditional standard deviation, no intercept: the
    return H'r is the price of risk plus a shock of unit variance plus noise.

    Parameters
    ----------
    loading : str
        Which loadings, "taylor" or "proj"; also the method's name in tables.
    weighting : {"ols", "value"}
        W: equal weights, or market values.
    """

    loading: str
    weighting: Literal["ols", "value"] = "ols"

    @property
    def name(self) -> str:
        """Name of the method in tables."""
        return self.loading

    def names(self, cross_section: CrossSection) -> tuple[str, ...]:
        """Return the names of the latent factors, f_1, f_2, ..."""
        count = cross_section.loadings[self.loading].shape[1]
        return tuple(f"f_{k}" for k in range(1, count + 1))

    def weights(self, cross_section: CrossSection) -> Array:
        """Return the latent factors' weights on the firms, shape (N, k)."""
        firms = cross_section.investable
        A = cross_section.loadings[self.loading][firms]
        if not len(firms):
            return np.zeros((len(cross_section.firm), A.shape[1]))
        WA = A
        if self.weighting == "value":
            value = cross_section.market_equity[firms]
            WA = A * (value / value.mean())[:, None]
        return on_all_firms(cross_section, WA @ minimum_norm_inverse(A.T @ WA))


def model_premia(
    method: ModelImplied, cross_sections: Iterable[CrossSection]
) -> tuple[FactorReturns, FactorReturns]:
    """Return the model-implied premia of the characteristics and the latent factor returns.

    The premium of characteristic c is w_c' A f: what the Fama-MacBeth factor of c would have
    earned had each return been its loadings times the latent factors. It has the sign and the
    scale of that factor, and does not change when the shocks are rotated.

    Parameters
    ----------
    method : ModelImplied
    cross_sections : iterable of CrossSection
        At least one month, in calendar order; consumed month by month.

    Returns
    -------
    premia : FactorReturns
        One column per characteristic, named like it.
    latent : FactorReturns
        One column per aggregate shock.
    """
    slopes = FamaMacBeth()
    months, premia, latent = [], [], []
    names: tuple[str, ...] = ()
    latent_names: tuple[str, ...] = ()
    for cross_section in cross_sections:
        names, latent_names = cross_section.names, method.names(cross_section)
        formation = form(method, cross_section)
        firms = cross_section.investable
        A = cross_section.loadings[method.loading][firms]
        w = slopes.weights(cross_section)[firms, :-1]
        months.append(cross_section.month)
        latent.append(formation.returns)
        premia.append(w.T @ (A @ formation.returns) if len(firms) else np.full(len(names), np.nan))
    month = np.array(months)
    return (
        FactorReturns(month, names, np.array(premia)),
        FactorReturns(month, latent_names, np.array(latent)),
    )
