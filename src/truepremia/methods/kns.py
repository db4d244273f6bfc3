"""Shrinking the cross-section: a penalised discount factor, its penalties cross-validated."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from truepremia.errors import MethodError
from truepremia.methods.contract import (
    FactorMethod,
    Portfolio,
    Setting,
    require_choices,
    returns_of,
)
from truepremia.methods.linear import principal_axes
from truepremia.methods.pca import complete_rows
from truepremia.panel import Known
from truepremia.typing import Array

KAPPAS = tuple(0.02 * 100 ** (k / 12) for k in range(13))
"""Prior root expected squared Sharpe ratios a month."""

FOLDS = 3


@dataclass(eq=False)
class KNS:
    """The discount factor of Kozak, Nagel and Santosh (2020), "Shrinking the cross-section".

    b = argmin 1/2 (m - S b)' S^{-1} (m - S b) + g1 |b|_1 + g2/2 |b|^2, their eq. (24), with S and
    m covariance (divisor rows) and mean of the base portfolios in the window,
    g2 = tr S / (kappa^2 rows) and g1 = rho max |m|. (kappa, rho) maximises the mean over three
    contiguous folds of R^2 = 1 - |m_2 - S_2 b|^2 / |m_2|^2, 2 the fold held out. The portfolio is
    L b / (1 + b'm): its scale is that of the regression of one on returns.

    Parameters
    ----------
    base : FactorMethod
        The portfolios L, shape (n, P).
    kappas : sequence of float
        Positive.
    lasso : sequence of float
        The shares rho, in [0, 1).
    space : {"components", "characteristics"}
        Whether the lasso picks principal components of S or the portfolios themselves.
    """

    base: FactorMethod
    kappas: Sequence[float] = KAPPAS
    lasso: Sequence[float] = (0.0,)
    space: Literal["components", "characteristics"] = "components"
    _past: deque[Array] = field(init=False, repr=False)
    _today: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        require_choices(self)

    def start(self, setting: Setting) -> None:
        """Begin with an empty window."""
        self._past = deque(maxlen=setting.window)

    def form(self, known: Known) -> Iterator[Portfolio]:
        """Yield the portfolio of the chosen penalties once the window is full."""
        self._today = self.base.weights(known)
        if len(self._past) < (self._past.maxlen or 0):
            return
        X = complete_rows(self._past)
        kappa, rho = self._chosen(X)
        b = self._coefficients(X, [kappa], [rho])[0]
        scale = 1 + b @ X.mean(axis=0) if len(X) else 1.0
        yield Portfolio(self._today @ (b / scale))

    def learn(self, known: Known, returns: Array) -> None:  # noqa: ARG002 (weights say which firms)
        """Add what the portfolios earned to the window."""
        self._past.append(returns_of(self._today, returns))

    def _chosen(self, X: Array) -> tuple[float, float]:
        """Return the (kappa, rho) of the best cross-validated R^2, the first of equals."""
        grid = [(kappa, rho) for kappa in sorted(self.kappas) for rho in self.lasso]
        edges = [i * len(X) // FOLDS for i in range(FOLDS + 1)]
        if len(grid) == 1 or edges[1] == 0:
            return grid[0]
        fit = np.zeros(len(grid))
        for first, last in pairwise(edges):
            b = self._coefficients(np.delete(X, np.s_[first:last], axis=0), *self._grid)
            m, S = _mean_and_covariance(X[first:last])
            missed = np.sum((m - b @ S) ** 2, axis=1)
            fit += 1 - missed / (m @ m) if m.any() else 0.0
        return grid[int(np.argmax(fit))]

    @property
    def _grid(self) -> tuple[list[float], Sequence[float]]:
        return sorted(self.kappas), self.lasso

    def _coefficients(self, X: Array, kappas: Sequence[float], shares: Sequence[float]) -> Array:
        """Return b at every kappa and, within it, every rho, shape (kappas x rhos, P)."""
        m, S = _mean_and_covariance(X)
        if not S.any():
            return np.zeros((len(kappas) * len(shares), len(m)))
        g2 = np.trace(S) / (np.repeat(kappas, len(shares)) ** 2 * len(X))
        share = np.tile(shares, len(kappas))
        if self.space == "components" or not share.any():
            return _in_components(S, m, share, g2)
        return lasso(S, m, share * np.abs(m).max(), g2)


def _mean_and_covariance(X: Array) -> tuple[Array, Array]:
    if not len(X):
        return np.zeros(X.shape[1]), np.zeros((X.shape[1], X.shape[1]))
    m = X.mean(axis=0)
    return m, (X - m).T @ (X - m) / len(X)


def _in_components(S: Array, m: Array, share: Array, g2: Array) -> Array:
    """Return b = V sign(p) (|p| - g1)_+ / (d + g2), S = V d V', p = V'm, shape (G, P)."""
    d, V = principal_axes(S, m)
    p = V.T @ m
    g1 = share[:, None] * np.abs(p).max()
    shrunk = np.sign(p) * np.maximum(np.abs(p) - g1, 0) / (np.maximum(d, 0) + g2[:, None])
    return np.asarray(shrunk @ V.T)


def lasso(S: Array, m: Array, g1: Array, g2: Array) -> Array:
    """Return b = argmin b'(S + g2) b / 2 - m'b + g1 |b|_1 for G pairs of penalties at once.

    Active sets and signs are guessed from the conditions of the optimum and solved for until they
    agree (Hintermueller, Ito and Kunisch 2003), in a few steps or never. Where they run in a
    circle, portfolios enter one by one and leave where their weight would change its sign
    (Lee, Battle, Raina and Ng 2007): the sum falls in every step, so that there is an end.

    Parameters
    ----------
    S : array, shape (P, P)
        Positive semi-definite.
    m : array, shape (P,)
    g1, g2 : array, shape (G,)
        Not negative; positive.

    Returns
    -------
    array, shape (G, P)
    """
    P, G = len(m), len(g1)
    Q = S + g2[:, None, None] * np.eye(P)
    own = np.diagonal(Q, axis1=1, axis2=2)
    b, sign = np.zeros((G, P)), np.full((G, P), np.nan)
    open_ = np.arange(G)
    for _ in range(_GUESSES):
        reach = b[open_] * own[open_] + m - np.einsum("gpq,gq->gp", Q[open_], b[open_])
        guess = np.sign(reach) * (np.abs(reach) > g1[open_, None])
        changed = (guess != sign[open_]).any(axis=1)
        open_, guess = open_[changed], guess[changed]
        if not len(open_):
            return b
        sign[open_] = guess
        b[open_] = _on_active_set(Q[open_], m, g1[open_], guess)
    b[open_] = _one_by_one(Q[open_], m, g1[open_])
    return b


_GUESSES = 30
_SATISFIED = 1e-12
"""Violation of the optimum's conditions that is rounding, as a share of the largest mean."""


def _on_active_set(Q: Array, m: Array, g1: Array, sign: Array) -> Array:
    """Solve Q_AA b_A = m_A - g1 sign_A, b = 0 elsewhere."""
    active = sign != 0
    both = active[:, :, None] & active[:, None, :]
    system = np.where(both, Q, np.eye(len(m)))
    right = np.where(active, m - g1[:, None] * sign, 0.0)
    return np.asarray(np.linalg.solve(system, right[:, :, None])[:, :, 0])


def _one_by_one(Q: Array, m: Array, g1: Array) -> Array:
    """Solve the lasso for G matrices Q (G, P, P) from b = 0, one change of an active set a step."""
    G, P = len(Q), len(m)
    b, sign, settled = np.zeros((G, P)), np.zeros((G, P)), np.ones(G, dtype=bool)
    everyone = np.arange(G)
    for _ in range(1000 * P):
        slope = m - np.einsum("gpq,gq->gp", Q, b)
        violation = np.where(sign == 0, np.abs(slope) - g1[:, None], -np.inf)
        enters = settled & (violation.max(axis=1) > _SATISFIED * np.abs(m).max())
        if settled.all() and not enters.any():
            return b
        worst = violation.argmax(axis=1)[enters]
        sign[enters, worst] = np.sign(slope[enters, worst])
        aim = _on_active_set(Q, m, g1, sign)
        crosses = (aim * sign < 0) & (b != 0)
        reach = np.divide(b, b - aim, out=np.full((G, P), np.inf), where=crosses)
        first = reach.argmin(axis=1)
        share = np.minimum(reach[everyone, first], 1.0)[:, None]
        b += share * (aim - b)
        settled = ~crosses.any(axis=1)
        b[~settled, first[~settled]] = 0.0
        sign[~settled, first[~settled]] = 0.0
    raise MethodError(f"kns: no lasso of {P} portfolios in {1000 * P} steps; lower kappas")
