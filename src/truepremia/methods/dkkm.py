"""Complexity: ridge portfolios of many random features of the characteristics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from truepremia.methods.contract import Portfolio, Setting
from truepremia.methods.linear import RANK_CUT, left_out_returns, left_out_shares
from truepremia.panel import Known, centred_ranks_along
from truepremia.portfolios import value_weights
from truepremia.typing import Array

BESIDE_MARKET = 1e-28
"""Share of their squares that is rounding where features are nothing beside the market."""

BANDWIDTHS = 0.5 + 0.1 * np.arange(6)
"""Standard deviations of the directions, one drawn for each."""


@dataclass(eq=False)
class DKKM:
    """Random Fourier features of Didisheim, Ke, Kelly and Malamud (2024), "APT or AIPT?".

    With x the ranks of a firm's characteristics, the features are sin(w_h'x) and cos(w_h'x),
    w_h = gamma_h z_h, gamma_h from 0.5 to 1 and z_h standard normal; each is ranked over the firms.
    Factor d earns f_d = sum_i phi_di r_i. The D factors of a size X and the value-weighted market
    m, which is not penalised, are combined by

    min |1 - X beta - m b_m|^2 + W D alpha |beta|^2,  w = Phi beta + b_m v / sum v.

    Parameters
    ----------
    features : sequence of int
        Sizes D, even: half sines, half cosines. Smaller sizes are part of larger ones.
    rank_features : bool
        Whether the features are ranked over the firms, or taken as they are.
    """

    features: Sequence[int] = (6, 36, 360)
    rank_features: bool = True
    _directions: Array = field(init=False, repr=False)
    _window: "FeatureWindow" = field(init=False, repr=False)
    _alphas: Array = field(init=False, repr=False)
    _today: Array = field(init=False, repr=False)

    def start(self, setting: Setting) -> None:
        """Draw the directions and begin with an empty window."""
        count = max(self.features) // 2
        bandwidth = BANDWIDTHS[setting.generator(0).integers(0, len(BANDWIDTHS), size=count)]
        normal = setting.generator(1).standard_normal((count, len(setting.names)))
        self._directions = bandwidth[:, None] * normal
        self._alphas = np.asarray(setting.alphas, dtype=float)
        self._window = FeatureWindow(setting.window, tuple(sorted(self.features)))
        self._today = np.zeros((2 * count, 0))

    def form(self, known: Known) -> Iterator[Portfolio]:
        """Yield the portfolios of every size and penalty once the window is full."""
        self._today = fourier_features(self._directions, known.ranks(), self.rank_features)
        if not self._window.full:
            return
        market = value_weights(known.market_equity) if len(known) else np.zeros(0)
        for D in self.features:
            fitted = self._window.portfolios(D, self._alphas)
            weights = self._today[:D].T @ fitted.features + np.outer(market, fitted.market)
            for k, alpha in enumerate(self._alphas):
                yield Portfolio(weights[:, k], f"D={D}", "alpha", float(alpha))
            if fitted.shares is not None:
                left = weights[:, self._alphas > 0] @ fitted.shares
                yield Portfolio(left, f"D={D}", "loo")

    def learn(self, known: Known, returns: Array) -> None:
        """Add what the features and the market earned to the window."""
        if len(known):
            market = float(value_weights(known.market_equity) @ returns)
            self._window.add(self._today @ returns, market)
        else:
            self._window.add(np.full(len(self._today), np.nan), np.nan)


def fourier_features(directions: Array, ranks: Array, ranked: bool) -> Array:
    """Return the features of a month, sine and cosine of every direction in turn, shape (D, n).

    Ranks need no sine: with u = w'x / 2 pi the cosine falls in the distance of u from the nearest
    integer, and the sine in that of u - 1/4.

    Parameters
    ----------
    directions : array, shape (D / 2, C)
    ranks : array, shape (n, C)
    ranked : bool
        Whether the features are ranked over the firms.
    """
    features = np.empty((2 * len(directions), len(ranks)))
    columns = np.ascontiguousarray(ranks.T)
    for first in range(0, len(directions), _DIRECTIONS_AT_A_TIME):
        # Not a matrix product: firms that tie in x tie here, wherever they stand.
        some = directions[first : first + _DIRECTIONS_AT_A_TIME]
        angle = np.einsum("hc,cn->hn", some, columns)
        block = features[2 * first : 2 * (first + _DIRECTIONS_AT_A_TIME)]
        if not ranked:
            np.sin(angle, out=block[0::2])
            np.cos(angle, out=block[1::2])
            continue
        angle /= 2 * np.pi
        np.subtract(angle, 0.25, out=block[0::2])
        block[1::2] = angle
        nearest = np.rint(block)
        np.subtract(nearest, block, out=nearest)
        np.abs(nearest, out=nearest)
        block[:] = centred_ranks_along(np.negative(nearest, out=nearest))
    return features


_DIRECTIONS_AT_A_TIME = 16


@dataclass(frozen=True, eq=False)
class Fitted:
    """Portfolios of the factors of one size, at every penalty.

    Parameters
    ----------
    features : array, shape (D, A)
        beta.
    market : array, shape (A,)
        b_m.
    shares : array, shape (A+,), or None
        Leave-one-out shares of the positive penalties, None if there is none.
    """

    features: Array
    market: Array
    shares: Array | None


class FeatureWindow:
    """What the features earned in the months of the window, and the products of these months.

    Parameters
    ----------
    months : int
        Length W of the window.
    sizes : tuple of int
        Sizes D, ascending. Those of at least W features keep the months' products X X'.
    """

    def __init__(self, months: int, sizes: tuple[int, ...]):
        self._months, self._count = months, 0
        self._X = np.full((months, sizes[-1]), np.nan)
        self._market = np.full(months, np.nan)
        self._edges = sizes
        self._products = {D: np.zeros((months, months)) for D in sizes if months <= D}

    @property
    def full(self) -> bool:
        """Whether the window is full."""
        return self._count >= self._months

    def add(self, earned: Array, market: float) -> None:
        """Add a month in the place of the oldest one."""
        place = self._count % self._months
        self._X[place], self._market[place] = earned, market
        self._count += 1
        product, first = np.zeros(self._months), 0
        for D in self._edges:
            if D in self._products:
                product = product + self._X[:, first:D] @ earned[first:D]
                self._products[D][place] = self._products[D][:, place] = product
                first = D

    def portfolios(self, D: int, alphas: Array) -> Fitted:
        """Return the portfolios of the first D features and the market.

        With M = I - m m' / m'm and MX = U S V': beta = X'U (U'1 / (S^2 + W D alpha)), the market
        b_m = m'(1 - X beta) / m'm, the leverages the diagonal of
        m m' / m'm + U S^2 / (S^2 + W D alpha) U'.
        """
        rows = np.isfinite(self._market)
        if not rows.any():
            alone = np.zeros((0, int((alphas > 0).sum())))
            shares = left_out_shares(alone) if alone.shape[1] else None
            return Fitted(np.zeros((D, len(alphas))), np.zeros(len(alphas)), shares)
        X, m = self._X[rows, :D], self._market[rows]
        scale = float(m @ m)
        m = m / np.sqrt(scale) if scale > 0 else m
        left, square = self._decomposed(D, rows, X, m)
        penalty = self._months * D * alphas
        share = 1 / (square[:, None] + penalty)
        ones = left.sum(axis=0)
        beta = X.T @ (left @ (ones[:, None] * share))
        market = m @ (1 - X @ beta) / np.sqrt(scale) if scale > 0 else np.zeros(len(alphas))
        share = square[:, None] * share[:, alphas > 0]
        if not share.shape[1]:
            return Fitted(beta, market, None)
        fitted = (m * m.sum())[:, None] + left @ (ones[:, None] * share)
        leverage = (m**2)[:, None] + left**2 @ share
        return Fitted(beta, market, left_out_shares(left_out_returns(fitted, leverage)))

    def _decomposed(self, D: int, rows: Array, X: Array, m: Array) -> tuple[Array, Array]:
        """Return U (rows, J) and S^2 (J,) of M X, from the smaller of its two Gram matrices."""
        if D not in self._products:
            apart = X - np.outer(m, m @ X)
            square, right = np.linalg.eigh(apart.T @ apart)
            kept = square > max(RANK_CUT * square[-1], BESIDE_MARKET * np.sum(X**2))
            return (apart @ right[:, kept]) / np.sqrt(square[kept]), square[kept]
        v = reflector(m)
        turned = reflected(reflected(self._products[D][np.ix_(rows, rows)], v).T, v)
        square, inner = np.linalg.eigh(turned[1:, 1:])
        kept = square > RANK_CUT * square[-1] if len(square) else np.zeros(0, dtype=bool)
        left = np.vstack([np.zeros(int(kept.sum())), inner[:, kept]])
        return reflected(left, v), square[kept]


def reflector(m: Array) -> Array:
    """Return v for which I - v v' takes the unit vector m to the first axis, up to sign.

    Rows and columns but the first of (I - v v') G (I - v v') are then what is left of G beside m,
    without the rounding of m's own part, which can be far larger. Golub and Van Loan, section 5.1.
    """
    v = m.copy()
    v[0] += np.copysign(1.0, v[0])
    return np.asarray(v * np.sqrt(2 / (v @ v)))


def reflected(columns: Array, v: Array) -> Array:
    """Return (I - v v') applied to columns, shape (rows, J)."""
    return columns - np.outer(v, v @ columns)
