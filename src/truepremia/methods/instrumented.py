"""The optimum of instrumented principal components: maximising what the factors explain.

sum_s x_s'Gamma (Gamma'W_s Gamma)^+ Gamma'x_s over Gamma (L x K) with Gamma'Gamma = I; only the
space that Gamma spans matters. Arrays have the months last: all months are worked on at once.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from truepremia.methods.linear import RANK_CUT, minimum_norm_inverse
from truepremia.typing import Array

logger = logging.getLogger("truepremia")

LEAST_SQUARES_FIRST = 6
"""Steps of alternating least squares before Newton's method."""

STEPS = 200
"""Most steps from a start; the slowest of many windows with an optimum took fewer than 50."""

FLAT = 1e-13
"""A gradient below this share of the sum is zero."""

NEARLY_FLAT = 1e-9
"""Below this share a gradient that no longer falls is zero up to rounding."""

SAME = 1e-3
"""Sines of the angles to an optimum below which Newton's method would end there."""

LONGEST = 0.5
"""Length of a step, as a tangent of an angle, where the sum is not concave."""

SHORTER = 0.25
"""Share of a step that is tried where the whole would make the sum fall."""

SHORTEST = 1e-6
"""Shortest share that is tried."""

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

        Where Z'Z is singular in some months, as with fewer firms than instruments, the sum jumps
        wherever Gamma'W Gamma loses rank, and it may have no maximum but a bound that it climbs
        to for ever. What was best when the steps were used up is then the answer, and the log
        says so.
        """
        L = len(self.x)
        if not L:
            return _completed(self.basis)[:, :K], np.zeros((self.x.shape[1], K))
        if K >= L:
            f = np.zeros((self.x.shape[1], K))
            f[:, :L] = self.at(np.eye(L), L).f.T
            return _completed(self.basis)[:, :K], f
        best: Point | None = None
        for Q in self._least_squares(np.array(list(self._starts(K)))):
            point = self._stationary(self.at(Q, K), best)
            if best is None or point.explained > best.explained:
                best = point
        assert best is not None
        if best.steepness > NEARLY_FLAT * best.explained:
            logger.info("ipca: %d factors: the sum still grows after %d steps", K, STEPS)
        return self.basis @ best.Q[:, :K], np.ascontiguousarray(best.f.T)

    def _least_squares(self, Gamma: Array) -> Array:
        """Return orthogonal Q whose first columns are Gamma after alternating least squares.

        One step is f = (Gamma'W Gamma)^+ Gamma'x, then sum (f f' x W) vec Gamma = sum vec x f'.

        Parameters
        ----------
        Gamma : array, shape (starts, L, K)
            Several starts, worked on at once.
        """
        (P, L, K), S = Gamma.shape, self.x.shape[1]
        W = self.W.reshape(L, L * S)
        for _ in range(LEAST_SQUARES_FIRST):
            turned = np.ascontiguousarray(Gamma.transpose(0, 2, 1))
            once = (turned.reshape(P * K, L) @ W).reshape(P, K, L, S)
            A = (turned[:, None] @ once).transpose(1, 2, 0, 3).reshape(K, K, P * S)
            q = (turned @ self.x).transpose(1, 0, 2).reshape(K, P * S)
            Gamma = np.linalg.qr(self.loadings(self._factors(A, q).reshape(K, P, S)))[0]
        return np.linalg.qr(Gamma, mode="complete")[0]

    def loadings(self, f: Array) -> Array:
        """Return the Gamma that fits factors best: sum (f f' x W) vec Gamma = sum vec x f'.

        Parameters
        ----------
        f : array, shape (K, P, S)
            Factors of P problems.

        Returns
        -------
        array, shape (P, L, K)
        """
        (K, P), L = f.shape[:2], len(self.x)
        system = self.weighted(f)[_pairs(K).place].transpose(2, 0, 3, 1, 4)
        right = (f @ self.x.T).transpose(1, 0, 2).reshape(P, K * L)
        return _solved(system.reshape(P, K * L, K * L), right).reshape(P, K, L).transpose(0, 2, 1)

    def weighted(self, f: Array) -> Array:
        """Return sum_s W_s f_b f_d for the pairs b <= d of factors, shape (pairs, P, L, L).

        Parameters
        ----------
        f : array, shape (K, P, S)
        """
        K, P, S = f.shape
        pairs = _pairs(K)
        ff = (f[pairs.first] * f[pairs.second]).reshape(-1, S)
        summed = (ff @ self._packed.T).reshape(-1, P, len(self._packed))
        return np.asarray(summed[:, :, _pairs(len(self.x)).place])

    def at(self, Q: Array, K: int) -> "Point":
        """Return what factors explain whose Gamma is the first K columns of the orthogonal Q."""
        L, S = self.x.shape
        once = Q[:, :K].T @ self.W.reshape(L, L * S)
        T, q = Q.T @ once.reshape(K, L, S), Q.T @ self.x
        inverse = self._inverses(T[:, :K])
        f = np.einsum("kls,ls->ks", inverse, q[:K])
        u = q[K:] - np.einsum("kms,ks->ms", T[:, K:], f)
        return Point(self, Q, K, T[:, K:], inverse, f, u, float(np.sum(q[:K] * f)), u @ f.T)

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
        """Follow the explained sum up to where it is flat, or for as many steps as there are.

        Ends early on the way to ``found``.
        """
        for _ in range(STEPS):
            if point.steepness <= FLAT * point.explained:
                return point
            if found is not None and found.near(point):
                return found
            ahead = point.ahead()
            nearly = max(point.steepness, ahead.steepness) <= NEARLY_FLAT * point.explained
            if nearly and ahead.steepness >= point.steepness:
                return point
            point = ahead
        return point

    def _factors(self, A: Array, q: Array) -> Array:
        """Return A^+ q, shape (K, P S), of P problems one after the other in the months."""
        if len(self._irregular):
            return np.asarray(np.einsum("kls,ls->ks", self._inverses(A), q))
        return solved_along(A, q)

    def _inverses(self, A: Array) -> Array:
        """Return the pseudo-inverses of symmetric A, shape (K, K, P S), month after month."""
        if not len(self._irregular):
            return swept(A)[0]
        S = self.x.shape[1]
        irregular = (np.arange(0, A.shape[2], S)[:, None] + self._irregular).ravel()
        safe = A.copy()
        safe[:, :, irregular] = np.eye(len(A))[:, :, None]
        inverse, _ = swept(safe)
        for s in irregular:
            inverse[:, :, s] = minimum_norm_inverse(A[:, :, s])
        return inverse

    @cached_property
    def _packed(self) -> Array:
        """The entries of W on and above the diagonal, shape (pairs, S)."""
        pairs = _pairs(len(self.x))
        return np.asarray(self.W[pairs.first, pairs.second])

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
    D = Gamma_perp'W Gamma_perp, f = A^+ Gamma'x and e = x - W Gamma f. D is never formed: only
    its sum over the months, weighted by factors, is needed.

    Parameters
    ----------
    window : InstrumentedWindow
    Q : array, shape (L, L)
    K : int
    B : array, shape (K, L - K, S)
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
    B: Array
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
        Gamma = self.window.loadings(self.f[:, None])[0]
        return self.window.at(np.linalg.qr(Gamma, mode="complete")[0], self.K)

    def ahead(self) -> "Point":
        """Return the point one step of Newton's method ahead.

        Where the sum would fall, the better of a shorter step and one of least squares: a valley
        may be too narrow and bent for any whole step.
        """
        step = self.newton()
        whole = self.moved(step)
        if whole.explained >= self.explained * (1 - ROUNDING):
            return whole
        better = self.least_squares()
        share = SHORTER
        while share > SHORTEST:
            shorter = self.moved(share * step)
            if shorter.explained > self.explained:
                return max(better, shorter, key=lambda point: point.explained)
            share *= SHORTER
        return better

    def moved(self, step: Array) -> "Point":
        """Return the point of Gamma + Gamma_perp ``step``, shape (L - K, K)."""
        Y = np.zeros((len(self.Q), self.K))
        Y.flat[:: self.K + 1] = 1.0
        Y[self.K :] = step
        turned = self.Q @ np.linalg.qr(Y, mode="complete")[0]
        return self.window.at(turned, self.K)

    def newton(self) -> Array:
        """Return the step of Newton's method in the chart, shape (L - K, K).

        Where the Hessian H is not negative definite, |H| takes its place and the step is bounded:
        it climbs in every direction (Dauphin and others 2014, the saddle-free method). For the
        directions Gamma_perp E_ab, with R = A^+ B,
        H_(ab)(cd) / 2 = sum -(D - B'R)_ac f_b f_d - R_bc u_a f_d - R_da u_c f_b + A^+_bd u_a u_c.
        """
        K, M, S = self.B.shape
        B, f, u, perp = self.B, self.f, self.u, self.Q[:, K:]
        R = np.einsum("kls,lms->kms", self.inverse, B)
        factors, rest = _pairs(K), _pairs(M)
        ff, uu = f[factors.first] * f[factors.second], u[rest.first] * u[rest.second]
        own = (perp.T @ self.window.weighted(f[:, None])[:, 0] @ perp)[:, rest.first, rest.second]
        explained = [np.einsum("ks,kcs->cs", B[:, a], R[:, a:]) for a in range(M)]
        own = own.T - np.concatenate(explained) @ ff.T
        fit = uu @ self.inverse[factors.first, factors.second].T
        block = (fit - own)[rest.place[:, :, None, None], factors.place]
        uf = (u[:, None] * f).reshape(M * K, S)
        cross = (R.reshape(K * M, S) @ uf.T).reshape(K, M, M, K).transpose(2, 0, 1, 3)
        mixed = cross.reshape(M * K, M * K)
        half = block.transpose(0, 2, 1, 3).reshape(M * K, M * K) - mixed - mixed.T
        value, vector = np.linalg.eigh(half)
        bent = np.maximum(np.abs(value), CURVED * np.abs(value).max())
        step = (vector / bent) @ (vector.T @ self.slope.ravel())
        if value[-1] >= 0:
            step *= min(1.0, LONGEST / float(np.linalg.norm(step)))
        return np.asarray(step.reshape(M, K))


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The pairs i <= j of n things, and where the pair of any two stands among them."""

    first: Array
    second: Array
    place: Array


@cache
def _pairs(n: int) -> _Pairs:
    first, second = np.triu_indices(n)
    place = np.empty((n, n), dtype=int)
    place[first, second] = place[second, first] = np.arange(len(first))
    return _Pairs(first, second, place)


def _solved(system: Array, right: Array) -> Array:
    """Solve positive semi-definite systems, by the pseudo-inverse where one is singular.

    Parameters
    ----------
    system : array, shape (P, J, J)
    right : array, shape (P, J)
    """
    try:
        return np.asarray(np.linalg.solve(system, right[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        return np.array([_one_solved(*one) for one in zip(system, right, strict=True)])


def _one_solved(system: Array, right: Array) -> Array:
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


def solved_along(A: Array, b: Array) -> Array:
    """Solve S symmetric positive definite systems A x = b by elimination in the given order.

    Parameters
    ----------
    A : array, shape (K, K, S)
    b : array, shape (K, S)

    Returns
    -------
    array, shape (K, S)
    """
    A, x = A.copy(), b.copy()
    for k in range(len(A) - 1):
        ratio = A[k, k + 1 :] / A[k, k]
        A[k + 1 :, k + 1 :] -= ratio[:, None] * A[k, k + 1 :]
        x[k + 1 :] -= ratio * x[k]
    for k in reversed(range(len(A))):
        x[k] = (x[k] - (A[k, k + 1 :] * x[k + 1 :]).sum(axis=0)) / A[k, k]
    return x
