"""Principal components of portfolios, of their second moments with any weight on the means."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from truepremia.methods.contract import FactorMethod, Factors, Setting, returns_of
from truepremia.methods.linear import principal_axes
from truepremia.panel import Known
from truepremia.typing import Array


@dataclass(eq=False)
class PCA:
    """Principal components of base portfolios over a rolling window; RP-PCA where gamma > -1.

    The factors are the first K eigenvectors V of S + (1 + gamma) m m', with S and m covariance
    (divisor rows) and mean of the portfolios' returns X in the window: Lettau and Pelger (2020),
    "Estimating latent asset-pricing factors", eq. (3), whose X'X / T + gamma m m' it is.
    gamma = -1 is PCA. Weights are L V today, the past is X V: today's rotation in all months.

    Parameters
    ----------
    base : FactorMethod
        The portfolios L, shape (n, P).
    factors : sequence of int
        Numbers of factors K, a variant each; more than P are P.
    gamma : float
        Weight on the means, at least -1.
    """

    base: FactorMethod
    factors: Sequence[int] = (1, 2, 3, 4, 5)
    gamma: float = -1.0
    _past: deque[Array] = field(init=False, repr=False)
    _today: Array = field(init=False, repr=False)

    def start(self, setting: Setting) -> None:
        """Begin with an empty window."""
        self._past = deque(maxlen=setting.window)

    def form(self, known: Known) -> Iterator[Factors]:
        """Yield the factors of every K once the window is full."""
        self._today = self.base.weights(known)
        if len(self._past) < (self._past.maxlen or 0):
            return
        X = complete_rows(self._past)
        components = principal_components(X, self.gamma)
        for K in self.factors:
            V = components[:, :K]
            names = tuple(f"pc{k}" for k in range(1, V.shape[1] + 1))
            yield Factors(self._today @ V, names, X @ V, f"K={K}")

    def learn(self, known: Known, returns: Array) -> None:  # noqa: ARG002 (weights say which firms)
        """Add what the portfolios earned to the window."""
        self._past.append(returns_of(self._today, returns))


def complete_rows(past: Sequence[Array]) -> Array:
    """Return the months with a return, shape (rows, P)."""
    X = np.array(past)
    return np.asarray(X[np.isfinite(X).all(axis=1)])


def principal_components(X: Array, gamma: float = -1.0) -> Array:
    """Return the eigenvectors of S + (1 + gamma) m m', shape (P, P), largest eigenvalue first.

    Of the directions without variance m's part is the first. Signs are such that the entries of
    each sum to at least zero.

    Parameters
    ----------
    X : array, shape (rows, P)
        Returns of the portfolios.
    gamma : float
        Weight on the means.
    """
    mean = X.mean(axis=0) if len(X) else np.zeros(X.shape[1])
    apart = X - mean
    moments = apart.T @ apart / max(len(X), 1) + (1 + gamma) * np.outer(mean, mean)
    components = principal_axes(moments, mean)[1][:, ::-1]
    return np.asarray(components * np.where(components.sum(axis=0) < 0, -1.0, 1.0))
