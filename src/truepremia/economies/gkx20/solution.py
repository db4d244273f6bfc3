"""The Gu-Kelly-Xiu economy: loadings as functions of ranks, and the truth that IPCA looks for.

Nothing has to be solved: returns are linear in four priced factors, with loadings that are known
functions of the cross-sectional ranks of the firms' characteristics.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from truepremia.economies.gkx20.parameters import (
    RAW,
    Params,
    linear_or_product,
    linear_or_sign,
    linear_or_square,
)
from truepremia.panel import centred_ranks
from truepremia.typing import Array

CHARACTERISTICS = ("size", "bm", "agr", "roe", "mom", *RAW)
"""Characteristics in the order of the contract."""

INSTRUMENTS = ("constant", *CHARACTERISTICS)
"""What loadings are linear in when ``nonlinearity`` is zero: one, and the ranks."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The economy of one calibration.

    Parameters
    ----------
    params : Params
    """

    params: Params

    @property
    def ranked(self) -> tuple[str, ...]:
        """Characteristics whose ranks move a loading."""
        standard = () if self.params.density == 1 else ("bm", "roe", "mom")
        return (*standard, *(RAW[:9] if self.params.density > 0 else ()))

    def betas(self, characteristics: Mapping[str, Array]) -> Array:
        """Return beta_1, beta_2, beta_3 of all firms of one month, shape (N, 3).

        beta_1 = sqrt(1-s) g_1(bm) + sqrt(s/3) sum g_1(c1, c2, c3), and so on with the ranks
        z of the characteristics over all firms; the loading on the market is one.

        Parameters
        ----------
        characteristics : mapping of str to array, shape (N,)
            At least :attr:`ranked`.
        """
        columns = [characteristics[name] for name in self.ranked]
        z = dict(zip(self.ranked, scaled_ranks(np.column_stack(columns)).T, strict=True))
        omega, s = self.params.nonlinearity, self.params.density
        betas = np.zeros((len(columns[0]), 3))
        if s < 1:
            standard = (
                linear_or_square(omega, z["bm"]),
                linear_or_product(omega, z["bm"], z["roe"]),
                linear_or_sign(omega, z["mom"]),
            )
            betas += np.sqrt(1 - s) * np.column_stack(standard)
        if s > 0:
            for j in range(3):
                first, second, third = (z[f"c{j + 1 + start}"] for start in (0, 3, 6))
                raw = (
                    linear_or_square(omega, first),
                    linear_or_product(omega, first, second),
                    linear_or_sign(omega, third),
                )
                betas += np.sqrt(s / 3) * np.column_stack(raw)
        return betas

    def gamma(self) -> Array:
        """Return the loadings' loadings Gamma on :data:`INSTRUMENTS`, shape (16, 4).

        At zero nonlinearity beta = Z Gamma with orthonormal columns: the truth of an IPCA with
        the instruments Z = (1, z). The linear part of the loadings otherwise.
        """
        s, place = self.params.density, INSTRUMENTS.index
        gamma = np.zeros((len(INSTRUMENTS), 4))
        gamma[0, 0] = 1
        for k, name in enumerate(("bm", "roe", "mom"), start=1):
            gamma[place(name), k] = np.sqrt(1 - s)
            gamma[[place(f"c{3 * k - 3 + j}") for j in (1, 2, 3)], k] = np.sqrt(s / 3)
        gamma[:, 1:] *= 1 - self.params.nonlinearity
        return gamma

    @property
    def diagnostics(self) -> Mapping[str, float]:
        """Bound on Sharpe ratios, and what the calibration implies for loadings and own risk."""
        price, scales = self.params.highest_price, self.params.tail[0]
        return {
            "sharpe_bound": float(np.sqrt(np.expm1(price @ price))),
            "worst_gross_return": self.params.safety,
            "largest_value_beta": float(self.params.largest_beta[1]),
            "quiet_variance_scale": float(scales[0]),
            "tail_variance_scale": float(scales[1]),
        }

    def to_arrays(self) -> dict[str, Array]:
        """Return the arrays that, with the parameters, are the whole solution."""
        return {"gamma": self.gamma()}

    @classmethod
    def from_arrays(cls, params: Params, arrays: Mapping[str, Array]) -> "Solution":
        """Rebuild the solution from :meth:`to_arrays`, which the parameters determine."""
        del arrays
        return cls(params)


def solve(params: Params) -> Solution:
    """Return the economy; everything is closed form."""
    return Solution(params)


def scaled_ranks(values: Array) -> Array:
    """Return z = 2 rank / (N + 1) - 1 down every column, ties sharing their mean rank.

    Parameters
    ----------
    values : array, shape (N, C)
    """
    n = len(values)
    return np.asarray(centred_ranks(values) * (2 * n / (n + 1)))
