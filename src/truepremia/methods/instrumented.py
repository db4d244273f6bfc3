"""The optimum of instrumented principal components: maximising what the factors explain.

sum_s x_s'Gamma (Gamma'W_s Gamma)^+ Gamma'x_s over Gamma (L x K) with Gamma'Gamma = I; only the
space that Gamma spans matters. Arrays have the months last: all months are worked on at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from truepremia.errors import MethodError
from truepremia.methods.linear import RANK_CUT, minimum_norm_inverse
from truepremia.typing import Array

LEAST_SQUARES_FIRST = 6
"""Steps of alternating least squares before Newton's method."""

STEPS = 2000
"""Steps after which there is no optimum; the slowest of many windows took fewer than 50."""

FLAT = 1e-13
"""A gradient below this share of the sum is zero."""

NEARLY_FLAT = 1e-9
"""Below this share a gradient that no longer falls is zero up to rounding."""

SAME = 1e-3
"""Sines of the angles to an optimum below which Newton's method would end there."""

LONGEST = 0.5
"""Length of a step, as a tangent of an angle, where the sum is not concave."""

CURVED = 1e-6
"""Least curvature of a direction, as a share of the largest."""

ROUNDING = 1e-14
"""Relative loss of the sum that is not one."""

REGULAR = 1e-8
"""Pivots of W below this share of its largest entry make a month one for the pseudo-inverse."""


@dataclass(frozen=True, eq=False)
class InstrumentedWindow:
    """Z'Z and Z'r of a window's months, in coordinates in which every instrument varies.

    Instruments that are zero in all months drop out: their rows of Gamma are zero.

    Parameters
    ----------
    W : array, shape (L, L, S)
        Z'Z of S months.
    x : array, shape (L, S)
        Z'r.
    mean : array, shape (L, S)
        Z'r / n.
    basis : array, shape (all instruments, L)
        The coordinates: orthonormal columns.
    """

    W: Array
    x: Array
    mean: Array
    basis: Array

    @classmethod
    def of(cls, W: Array, x: Array, n: Array) -> "InstrumentedWindow":
        """Arrange Z'Z (S, L, L), Z'r (S, L) and the numbers of firms (S,) of the months."""
        value, vector = np.linalg.eigh(W.mean(axis=0))
        varies = value > RANK_CUT * value[-1]
        basis = np.eye(len(value)) if varies.all() else vector[:, varies]
        if not varies.all():
            W, x = basis.T @ W @ basis, x @ basis
        mean = x / np.maximum(n, 1)[:, None]
        W = np.ascontiguousarray(np.moveaxis(W, 0, 2))
        return cls(W, np.ascontiguousarray(x.T), np.ascontiguousarray(mean.T), basis)

    def optimum(self, K: int) -> tuple[Array, Array]:
        """Return Gamma (all instruments, K) and the factors of the months (S, K).

        The better of two starts, each followed to a stationary point. All instruments are
        factors where there are no more of them than K.
        """
        L = len(self.x)
        if K >= L:
            f = np.zeros((self.x.shape[1], K))
            f[:, :L] = self.at(np.eye(L), L).f.T
            return _completed(self.basis)[:, :K], f
        best: Point | None = None
        for start in self._starts(K):
            point = self._stationary(self.at(self._least_squares(start), K), best)
            if best is None or point.explained > best.explained:
                best = point
        assert best is not None
        return self.basis @ best.Q[:, :K], np.ascontiguousarray(best.f.T)

    def _least_squares(self, Gamma: Array) -> Array:
        """Return an orthogonal Q whose first columns are Gamma after alternating least squares.

        One step is f = (Gamma'W Gamma)^+ Gamma'x, then sum (f f' x W) vec Gamma = sum vec x f'.
        """
        W = self.W.reshape(len(Gamma) ** 2, -1)
        for _ in range(LEAST_SQUARES_FIRST):
            inverse = self._inverses(self._rotated(Gamma))
            f = np.einsum("kls,ls->ks", inverse, Gamma.T @ self.x)
            Gamma = np.linalg.qr(_best_loadings(f, W, self.x))[0]
        return np.linalg.qr(Gamma, mode="complete")[0]

    def at(self, Q: Array, K: int) -> "Point":
        """Return what factors explain whose Gamma is the first K columns of the orthogonal Q."""
        T, q = self._rotated(Q), Q.T @ self.x
        inverse = self._inverses(T[:K, :K])
        f = np.einsum("kls,ls->ks", inverse, q[:K])
        u = q[K:] - np.einsum("kms,ks->ms", T[:K, K:], f)
        return Point(self, Q, K, T, q, inverse, f, u, float(np.sum(q[:K] * f)), u @ f.T)

    def _starts(self, K: int) -> Iterator[Array]:
        """Yield two starts for Gamma, shape (L, K).

        The leading eigenvectors of sum m m', m = x / n; and those of sum x x' in the coordinates
        in which the mean W is the identity.
        """
        yield np.linalg.eigh(self.mean @ self.mean.T)[1][:, ::-1][:, :K]
        C = np.linalg.inv(np.linalg.cholesky(self.W.mean(axis=2)))
        leading = np.linalg.eigh(C @ (self.x @ self.x.T) @ C.T)[1][:, ::-1][:, :K]
        yield C.T @ leading

    def _stationary(self, point: "Point", found: "Point | None") -> "Point":
        """Follow the explained sum up to where it is flat.

        Newton's steps, with one of least squares wherever the sum would fall.
        Ends early on the way to ``found``.
        """
        for _ in range(STEPS):
            if point.steepness <= FLAT * point.explained:
                return point
            if found is not None and found.near(point):
                return found
            ahead = point.newton()
            if ahead.explained < point.explained * (1 - ROUNDING):
                ahead = point.least_squares()
            nearly = max(point.steepness, ahead.steepness) <= NEARLY_FLAT * point.explained
            if nearly and ahead.steepness >= point.steepness:
                return point
            point = ahead
        raise MethodError(
            f"ipca: no optimum of {point.K} factors in {STEPS} steps; ask for fewer factors"
        )

    def _rotated(self, Q: Array) -> Array:
        """Return Q'W Q of all months, shape (K, K, S) for Q (L, K)."""
        (L, K), S = Q.shape, self.x.shape[1]
        once = Q.T @ self.W.reshape(L, L * S)
        return np.asarray(Q.T @ once.reshape(K, L, S))

    def _inverses(self, A: Array) -> Array:
        """Return the pseudo-inverses of symmetric A, shape (K, K, S), one for each month."""
        if not len(self._irregular):
            return swept(A)[0]
        safe = A.copy()
        safe[:, :, self._irregular] = np.eye(len(A))[:, :, None]
        inverse, _ = swept(safe)
        for s in self._irregular:
            inverse[:, :, s] = minimum_norm_inverse(A[:, :, s])
        return inverse

    @cached_property
    def _irregular(self) -> Array:
        """Months whose W is singular or nearly so."""
        with np.errstate(all="ignore"):
            _, pivots = swept(self.W)
        largest = np.abs(self.W).max(axis=(0, 1))
        return np.flatnonzero(~(pivots.min(axis=0) > REGULAR * largest))


@dataclass(frozen=True, eq=False)
class Point:
    """What factors explain, and where to go from there.

    With Gamma_perp the other columns of Q, A = Gamma'W Gamma, B = Gamma'W Gamma_perp,
    D = Gamma_perp'W Gamma_perp, f = A^+ Gamma'x and e = x - W Gamma f.

    Parameters
    ----------
    window : InstrumentedWindow
    Q : array, shape (L, L)
    K : int
    T : array, shape (L, L, S)
        Q'W Q: the blocks A, B, D.
    q : array, shape (L, S)
        Q'x.
    inverse : array, shape (K, K, S)
        A^+.
    f : array, shape (K, S)
    u : array, shape (L - K, S)
        Gamma_perp'e.
    explained : float
        The sum.
    slope : array, shape (L - K, K)
        Gamma_perp' sum e f': half the gradient in the chart Gamma + Gamma_perp B.
    """

    window: InstrumentedWindow
    Q: Array
    K: int
    T: Array
    q: Array
    inverse: Array
    f: Array
    u: Array
    explained: float
    slope: Array

    @property
    def steepness(self) -> float:
        """Length of the gradient."""
        return 2 * float(np.linalg.norm(self.slope))

    def near(self, other: "Point") -> bool:
        """Return whether two points are the same but for the last steps of Newton's method."""
        K = self.K
        return float(np.linalg.norm(other.Q[:, K:].T @ self.Q[:, :K])) < SAME

    def least_squares(self) -> "Point":
        """Return the point of the best Gamma for these factors."""
        return self._moved(_best_loadings(self.f, self.T.reshape(-1, self.f.shape[1]), self.q))

    def newton(self) -> "Point":
        """Return the point one step of Newton's method ahead.

        Where the Hessian H is not negative definite, |H| takes its place and the step is bounded:
        it climbs in every direction (Dauphin and others 2014, the saddle-free method). For the
        directions Gamma_perp E_ab, with R = A^+ B,
        H_(ab)(cd) / 2 = sum -(D - B'R)_ac f_b f_d - R_bc u_a f_d - R_da u_c f_b + A^+_bd u_a u_c.
        """
        K, L, S = self.K, len(self.q), self.q.shape[1]
        M = L - K
        B, D, f, u = self.T[:K, K:], self.T[K:, K:], self.f, self.u
        R = np.einsum("kls,lms->kms", self.inverse, B)
        schur = (D - np.einsum("kas,kcs->acs", B, R)).reshape(M * M, S)
        ff, uu = (f[:, None] * f).reshape(K * K, S), (u[:, None] * u).reshape(M * M, S)
        uf = (u[:, None] * f).reshape(M * K, S)
        own = (schur @ ff.T).reshape(M, M, K, K).transpose(0, 2, 1, 3)
        fit = (uu @ self.inverse.reshape(K * K, S).T).reshape(M, M, K, K).transpose(0, 2, 1, 3)
        cross = (R.reshape(K * M, S) @ uf.T).reshape(K, M, M, K).transpose(2, 0, 1, 3)
        mixed = cross.reshape(M * K, M * K)
        half = (fit - own).reshape(M * K, M * K) - mixed - mixed.T
        value, vector = np.linalg.eigh(half)
        bent = np.maximum(np.abs(value), CURVED * np.abs(value).max())
        step = (vector / bent) @ (vector.T @ self.slope.ravel())
        if value[-1] >= 0:
            step *= min(1.0, LONGEST / float(np.linalg.norm(step)))
        Y = np.zeros((L, K))
        Y.flat[:: K + 1] = 1.0
        Y[K:] = step.reshape(M, K)
        return self._moved(Y)

    def _moved(self, Y: Array) -> "Point":
        """Return the point whose Gamma spans Q Y."""
        return self.window.at(self.Q @ np.linalg.qr(Y, mode="complete")[0], self.K)


def _best_loadings(f: Array, W: Array, x: Array) -> Array:
    """Return the Gamma (L, K) that fits factors best: sum (f f' x W) vec Gamma = sum vec x f'.

    Parameters
    ----------
    f : array, shape (K, S)
    W : array, shape (L L, S)
    x : array, shape (L, S)
    """
    (K, S), L = f.shape, len(x)
    ff = (f[:, None] * f).reshape(K * K, S)
    gram = (ff @ W.T).reshape(K, K, L, L)
    system = gram.transpose(0, 2, 1, 3).reshape(K * L, K * L)
    return _solved(system, (f @ x.T).ravel()).reshape(K, L).T


def _solved(system: Array, right: Array) -> Array:
    """Solve a positive semi-definite system, by the pseudo-inverse where it is singular."""
    try:
        return np.asarray(np.linalg.solve(system, right))
    except np.linalg.LinAlgError:
        return np.asarray(minimum_norm_inverse(system) @ right)


def _completed(basis: Array) -> Array:
    """Return orthonormal columns followed by those that complete them."""
    rest = np.linalg.eigh(basis @ basis.T)[1][:, : len(basis) - basis.shape[1]]
    return np.hstack([basis, rest])


def swept(A: Array) -> tuple[Array, Array]:
    """Return the inverses of symmetric positive definite matrices, and their pivots.

    Parameters
    ----------
    A : array, shape (K, K, S)
        S matrices; where one is singular its inverse is not finite or large.

    Returns
    -------
    inverse : array, shape (K, K, S)
    pivots : array, shape (K, S)
        By Gauss and Jordan's elimination in the given order.
    """
    A = A.copy()
    pivots = np.empty(A.shape[1:])
    for k in range(len(A)):
        pivots[k] = A[k, k]
        row, column = A[k] / pivots[k], A[:, k].copy()
        row[k], column[k] = 1 / pivots[k], -1.0
        A[k], A[:, k] = 0.0, 0.0
        A -= column[:, None] * row
    return A, pivots
