"""Model-implied factors: the latent shocks behind the loadings, and the premia they carry."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from truepremia.errors import DataError, MethodError, shortened
from truepremia.methods.contract import NO_MONTH, FactorReturns, form, require_choices
from truepremia.methods.fama_macbeth import FamaMacBeth
from truepremia.methods.linear import minimum_norm_inverse
from truepremia.panel import CrossSection, KnownTruth
from truepremia.typing import Array


@dataclass(frozen=True)
class ModelImplied:
    """Portfolios that mimic the aggregate shocks of an economy.

    H = W A (A'W A)^+ with A the loadings per conditional standard deviation, no intercept: the
    return H'r is the price of risk plus a shock of unit variance plus noise.

    Parameters
    ----------
    loading : str
        Which loadings, "taylor" or "proj".
    weighting : {"ols", "value"}
        W: equal weights, or market values.
    """

    loading: str
    weighting: Literal["ols", "value"] = "ols"

    truth: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_choices(self)

    def names(self, known: KnownTruth) -> tuple[str, ...]:
        """Return the names of the latent factors, f_1, f_2, ..."""
        count = self._loadings(known).shape[1]
        return tuple(f"f_{k}" for k in range(1, count + 1))

    def weights(self, known: KnownTruth) -> Array:
        """Return the latent factors' weights on the firms, shape (n, k)."""
        A = self._loadings(known)
        if not len(known):
            return np.zeros(A.shape)
        WA = A
        if self.weighting == "value":
            value = known.market_equity
            WA = A * (value / value.mean())[:, None]
        return np.asarray(WA @ minimum_norm_inverse(A.T @ WA))

    def _loadings(self, known: KnownTruth) -> Array:
        if self.loading not in known.loadings:
            raise MethodError(
                f"loading is {self.loading!r}: must be one of {', '.join(known.loadings) or 'none'}"
            )
        return known.loadings[self.loading]


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

    Raises
    ------
    MethodError
        If ``method`` is no ModelImplied.
    DataError
        If there is no month.
    """
    if not isinstance(method, ModelImplied):
        raise MethodError(
            f"method is {shortened(repr(method), 60)}: must be a ModelImplied, for example "
            "tp.ModelImplied('proj')"
        )
    slopes = FamaMacBeth()
    months, premia, latent = [], [], []
    names: tuple[str, ...] = ()
    latent_names: tuple[str, ...] = ()
    for cross_section in cross_sections:
        known, formation = cross_section.known_truth, form(method, cross_section)
        names, latent_names = known.names, formation.names
        A = known.loadings[method.loading]
        w = np.ascontiguousarray(slopes.weights(known)[:, :-1])
        months.append(known.month)
        latent.append(formation.returns)
        premia.append(w.T @ (A @ formation.returns) if len(known) else np.full(len(names), np.nan))
    if not months:
        raise DataError(NO_MONTH)
    month = np.array(months)
    return (
        FactorReturns(month, names, np.array(premia)),
        FactorReturns(month, latent_names, np.array(latent)),
    )
