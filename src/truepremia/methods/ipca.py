"""Instrumented principal components: latent factors whose loadings are linear in characteristics.

r = Z Gamma f + e with Z = [ranks, 1] (n x L): Kelly, Pruitt and Su (2019), "Characteristics are
covariances". Only Z'Z and Z'r of every month of the window are kept: nothing grows with the firms.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from truepremia.errors import MethodError
from truepremia.methods.contract import Factors, Setting
from truepremia.methods.instrumented import InstrumentedWindow
from truepremia.methods.linear import minimum_norm_inverse
from truepremia.panel import Known
from truepremia.typing import Array


@dataclass(eq=False)
class IPCA:
    """Instrumented principal components over a rolling window.

    Gamma (L x K, Gamma'Gamma = I) maximises sum_s x_s'Gamma (Gamma'W_s Gamma)^+ Gamma'x_s over the
    months s of the window, W = Z'Z and x = Z'r: their eq. (8), the least-squares problem with the
    factors concentrated out. Factors: weights Z Gamma (Gamma'W Gamma)^+ today, past
    f_s = (Gamma'W_s Gamma)^+ Gamma'x_s, all under today's Gamma.

    Parameters
    ----------
    factors : sequence of int
        Numbers of factors K, a variant each; at most the number of characteristics and one.
    """

    factors: Sequence[int] = (1, 2, 3, 4, 5)
    _past: deque[tuple[Array, Array, int]] = field(init=False, repr=False)

    def start(self, setting: Setting) -> None:
        """Begin with an empty window.

        Raises
        ------
        MethodError
            If more factors are asked for than there are instruments.
        """
        L = len(setting.names) + 1
        if max(self.factors) > L:
            raise MethodError(
                f"ipca: factors has {max(self.factors)}: must be at most {L}, the number of "
                "characteristics and one; leave it out"
            )
        self._past = deque(maxlen=setting.window)

    def form(self, known: Known) -> Iterator[Factors]:
        """Yield the factors of every K once the window is full."""
        if len(self._past) < (self._past.maxlen or 0):
            return
        window = InstrumentedWindow.of(*(np.array(p) for p in zip(*self._past, strict=True)))
        Z = instruments(known)
        W = Z.T @ Z
        for K in self.factors:
            Gamma, f = readable(*window.optimum(K))
            names = tuple(f"f{k}" for k in range(1, K + 1))
            weights = Z @ (Gamma @ minimum_norm_inverse(Gamma.T @ W @ Gamma))
            yield Factors(weights, names, f, f"K={K}")

    def learn(self, known: Known, returns: Array) -> None:
        """Add Z'Z and Z'r to the window."""
        Z = instruments(known)
        self._past.append((Z.T @ Z, Z.T @ returns, len(known)))


def instruments(known: Known) -> Array:
    """Return Z = [ranks, 1], shape (n, C + 1)."""
    return np.column_stack([known.ranks(), np.ones(len(known))])


def readable(Gamma: Array, f: Array) -> tuple[Array, Array]:
    """Rotate Gamma and f so that f'f is diagonal, descending, and every factor's mean >= 0."""
    rotation = np.linalg.eigh(f.T @ f)[1][:, ::-1]
    rotation = rotation * np.where((f @ rotation).sum(axis=0) < 0, -1.0, 1.0)
    return Gamma @ rotation, f @ rotation
