"""What a factor method is, and the returns of its factors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from truepremia.panel import CrossSection
from truepremia.typing import Array

FACTOR_OF_CHARACTERISTIC: Mapping[str, str] = {
    "size": "smb",
    "bm": "hml",
    "agr": "cma",
    "roe": "rmw",
    "mom": "umd",
    "mkt_lev": "mkt_lev",
}
"""Name of the factor that is built from each characteristic."""

MARKET = "mkt_rf"

RANK_CUT = 1e-12
"""Eigenvalues of a Gram matrix below this share of the largest count as zero."""


def factor_names(characteristics: Iterable[str]) -> tuple[str, ...]:
    """Return the factors of ``characteristics`` in their order, the market last."""
    return (*(FACTOR_OF_CHARACTERISTIC[c] for c in characteristics), MARKET)


class FactorMethod(Protocol):
    """A way to form factors from a cross-section.

    Returns and statistics both use :meth:`weights`: it is the one definition of the portfolios.
    """

    @property
    def name(self) -> str:
        """Name of the method in tables."""
        ...

    def names(self, cross_section: CrossSection) -> tuple[str, ...]:
        """Return the names of the K factors."""
        ...

    def weights(self, cross_section: CrossSection) -> Array:
        """Return the factors' weights on the firms, shape (N, K), zero where not investable."""
        ...


@dataclass(frozen=True, eq=False)
class FactorReturns:
    """Monthly returns of K factors.

    Parameters
    ----------
    month : array of int, shape (T,)
        Month t of the formation; the return is earned from t to t + 1.
    names : tuple of str
    returns : array, shape (T, K)
        Excess returns per month; NaN in months without an investable firm.
    """

    month: Array
    names: tuple[str, ...]
    returns: Array


@dataclass(frozen=True, eq=False)
class Formation:
    """The factors formed from one month's cross-section.

    Parameters
    ----------
    cross_section : CrossSection
    weights : array, shape (N, K)
    returns : array, shape (K,)
        Excess returns from the month to the next; NaN if no firm is investable.
    """

    cross_section: CrossSection
    weights: Array
    returns: Array


def form(method: FactorMethod, cross_section: CrossSection) -> Formation:
    """Form the factors of ``method`` in one month."""
    weights = method.weights(cross_section)
    investable = cross_section.investable
    if len(investable):
        # Restricted to investable firms: elsewhere a zero weight may meet a missing return.
        returns = weights[investable].T @ cross_section.excess_return[investable]
    else:
        returns = np.full(weights.shape[1], np.nan)
    return Formation(cross_section, weights, returns)


def factor_returns(method: FactorMethod, cross_sections: Iterable[CrossSection]) -> FactorReturns:
    """Return the monthly returns of the factors of ``method``.

    Parameters
    ----------
    method : FactorMethod
    cross_sections : iterable of CrossSection
        At least one month, in calendar order; consumed month by month.
    """
    months, rows = [], []
    names: tuple[str, ...] = ()
    for cross_section in cross_sections:
        names = names or method.names(cross_section)
        months.append(cross_section.month)
        rows.append(form(method, cross_section).returns)
    return FactorReturns(np.array(months), names, np.array(rows))


def minimum_norm_inverse(gram: Array) -> Array:
    """Return the pseudo-inverse of a symmetric positive semi-definite matrix, shape (K, K)."""
    value, vector = np.linalg.eigh(gram)
    kept = value > RANK_CUT * value[-1]
    return np.asarray((vector[:, kept] / value[kept]) @ vector[:, kept].T)


def on_all_firms(cross_section: CrossSection, weights: Array) -> Array:
    """Spread weights of the investable firms (n, K) over all firms (N, K), zero elsewhere."""
    spread = np.zeros((len(cross_section.firm), weights.shape[1]))
    spread[cross_section.investable] = weights
    return spread
