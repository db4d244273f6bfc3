"""Newton-Krylov solution of the joint fixed point, with value iteration as a safeguard."""

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np
from scipy.sparse.linalg import LinearOperator, gmres

from truepremia.economies.gs21.grid import Grid
from truepremia.economies.gs21.operator import Operator, Values
from truepremia.economies.gs21.parameters import Params
from truepremia.economies.gs21.solved import way_back
from truepremia.errors import NumericalError
from truepremia.typing import Array

logger = logging.getLogger("truepremia")

TOLERANCE = 1e-10
"""Largest change of any value under the map, relative to the largest value of equity."""

SMOOTHING_PATH = (16.0, 8.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.125)
"""Cash-flow volatilities from which smaller ones are approached: smooth problems are easy."""

APPROACH_TOLERANCE = 1e-4
"""Residual that is enough on the way to the calibration's own grid and volatility."""

APPROACH_STEPS = 15
COARSE_NODES = (17, 13, 41)

COARSE_VOLATILITY = 4.0
"""Smallest cash-flow volatility whose default boundary the coarse grid resolves."""

FIRST_SWEEPS = 400
SAFEGUARD_SWEEPS = 100
MOST_STEPS = 60

MOST_MAPS = 4000
"""Applications of the map, or of its derivative, on the calibration's own grid that a search may
take; those on a smaller grid count by their points. The shipped calibrations take some 700,
a twentieth of their cash-flow volatility some 3,000."""

STALLED_STEPS = 20
"""Newton steps within which the residual must fall to half, else it is stalled: the time of a
failed search is then that of a few steps, not of all of them."""

MOST_SIGNS = 3
"""Signs that there is nothing to find after which a search on the calibration's own grid ends: two
if the coarse grid's search has not reached its tolerance, two for a direction that Krylov's
iteration knows less than half, one for a step of which no length is better. Of 55 random
calibrations that are solved, and three with two fifths to a twentieth of the shipped cash-flow
volatility, none shows more than one."""

SHORTEST_STEP = 0.125
"""Share of a Newton step below which sweeps get further for the same work."""

LEAST_EIGENVALUE, WORST_BASIS = 1e-3, 1e10
"""Eigenvalue below which one over one minus it is taken as one; condition of eigenvectors beyond
which not all of them are used."""

_START = 100.0
_KRYLOV = {"rtol": 0.02, "restart": 60, "maxiter": 3}


class Work:
    """What a search may still do: its cost is bounded, whatever the calibration.

    Parameters
    ----------
    operator : Operator
        The map on the calibration's own grid.
    """

    def __init__(self, operator: Operator):
        self._operator = operator
        self._left = float(MOST_MAPS)

    def count(self, applied: Operator) -> None:
        """Count one application of the map ``applied``, or of its derivative.

        Raises
        ------
        NumericalError
            If none is left.
        """
        self._left -= prod(applied.grid.shape) / prod(self._operator.grid.shape)
        if self._left < 0:
            raise NumericalError(
                f"the values of equity and debt are not found within {MOST_MAPS} applications of "
                "the map; use a larger cash_flow_volatility or fewer grid points (z_nodes, "
                f"x_nodes, b_nodes). {way_back(self._operator.params)}"
            )


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """A solved fixed point.

    Parameters
    ----------
    operator : Operator
        The map and its grid.
    continuation : array, shape (2, nz, nx, nb)
        C and Q.
    residual : float
        Largest change under the map, relative to the largest value of equity.
    steps : int
        Newton steps on this grid.
    """

    operator: Operator
    continuation: Array
    residual: float
    steps: int

    @cached_property
    def values(self) -> Values:
        """What follows from C and Q within the month, at every node."""
        return self.operator.evaluate(self.continuation)


def solve_fixed_point(params: Params, start: Array | None = None) -> FixedPoint:
    """Solve for (C, Q): on a coarse grid first, and from smooth default to less smooth.

    Parameters
    ----------
    params : Params
    start : array, shape (2, nz, nx, nb), optional
        First guess on the calibration's own grid; the coarse grid is then left out.

    Raises
    ------
    NumericalError
        If the iteration diverges, or does not reach the tolerance within :data:`MOST_MAPS`.
    """
    operator = Operator(params, Grid.of(params))
    work = Work(operator)
    most_signs = np.inf  # a guess from outside may be far away, and its first steps lead nowhere
    with np.errstate(over="ignore", invalid="ignore"):
        if start is None:
            rough = _coarse_search(operator, work)
            most_signs = MOST_SIGNS - (0 if rough.residual <= APPROACH_TOLERANCE else 2)
            start = rough.operator.grid.prolong(rough.continuation, operator.grid)
            start = _approach(operator, np.maximum(start, 0), COARSE_VOLATILITY, work)
        logger.info("grid %s", operator.grid.shape)
        solved = newton(operator, start, TOLERANCE, MOST_STEPS, work, most_signs)
    if not solved.residual <= TOLERANCE:
        raise NumericalError(
            f"the values of equity and debt have a residual of {solved.residual:.1e} after "
            f"{solved.steps} Newton step{'s' * (solved.steps != 1)}, more than {TOLERANCE:g}, and "
            "it hardly falls; use more grid points (z_nodes, x_nodes, b_nodes) or a larger "
            "cash_flow_volatility. "
            f"{way_back(params)}"
        )
    return solved


def sweep(operator: Operator, continuation: Array, count: int, work: Work) -> Array:
    """Apply the joint map ``count`` times."""
    for _ in range(count):
        work.count(operator)
        continuation = operator.apply(operator.evaluate(continuation))
    if not np.isfinite(continuation).all():
        raise _diverged()
    return continuation


def newton(
    operator: Operator,
    continuation: Array,
    tolerance: float,
    most_steps: int,
    work: Work,
    most_signs: float = np.inf,
) -> FixedPoint:
    """Iterate until the residual is at most ``tolerance``, or return the best point seen.

    A step is shortened until the residual falls; if no step does that, plain sweeps of the joint
    map, which contract, lead to a better point to step from. The search ends early if the least
    residual has not halved within :data:`STALLED_STEPS`, or after ``most_signs`` signs that there
    is nothing to find, of those that :data:`MOST_SIGNS` counts.
    """
    smoother = Smoother(operator)
    point = _Point.at(operator, continuation, work)
    best = point
    least, signs = [point.residual], 0
    for step in range(most_steps):
        stalled = step >= STALLED_STEPS and least[-1] > 0.5 * least[-1 - STALLED_STEPS]
        if best.residual <= tolerance or stalled or signs >= most_signs:
            return FixedPoint(operator, best.continuation, best.residual, step)
        direction, unknown = _newton_direction(operator, point, smoother, work)
        signs += 2 * (unknown > 0.5)
        length = 1.0
        while length >= SHORTEST_STEP:
            ahead = np.maximum(point.continuation + length * direction, 0)
            trial = _Point.at(operator, ahead, work)
            if trial.residual <= (1 - 0.1 * length) * point.residual:
                break
            length /= 2
        else:
            swept = sweep(operator, point.continuation, SAFEGUARD_SWEEPS, work)
            trial = _Point.at(operator, swept, work)
            length = 0.0
            signs += 1
        point = trial
        best = min(best, point, key=lambda p: p.residual)
        least.append(best.residual)
        logger.info("step %d: length %g, residual %.1e", step + 1, length, point.residual)
    return FixedPoint(operator, best.continuation, best.residual, most_steps)


@dataclass(frozen=True, eq=False)
class _Point:
    """An iterate, what follows from it, and how far the map moves it."""

    continuation: Array
    values: Values
    gap: Array
    residual: float

    @classmethod
    def at(cls, operator: Operator, continuation: Array, work: Work) -> "_Point":
        work.count(operator)
        values = operator.evaluate(continuation)
        mapped = operator.apply(values)
        gap = mapped - continuation
        residual = float(np.abs(gap).max() / np.abs(mapped[0]).max())
        if not np.isfinite(residual):
            raise _diverged()
        return cls(continuation, values, gap, residual)


class Smoother:
    """The inverse of I - e^{-r} T_z x T_x, which is the derivative without the firm's options.

    Applied in the eigenvectors of T_z and T_x; the real part is kept. Of independent or nearly
    independent shocks only the first eigenvalues differ from zero and only their vectors are
    determined. The inverse is then taken on those; it is one on all others.
    """

    def __init__(self, operator: Operator):
        (eigen_z, self._z, self._z_inverse), (eigen_x, self._x, self._x_inverse) = (
            _modes(step) for step in (operator.z_step, operator.x_step)
        )
        self._whole = len(eigen_z) == len(operator.z_step) and len(eigen_x) == len(operator.x_step)
        kept = 1 - operator.params.discount * np.multiply.outer(eigen_z, eigen_x)
        self._gain = (1 / kept)[..., None]

    def __call__(self, values: Array) -> Array:
        """Apply to values (2, nz, nx, nb)."""
        modes = self._both(self._z_inverse, self._x_inverse, values)
        if not self._whole:
            change = self._both(self._z, self._x, (self._gain - 1) * modes).real
            return np.ascontiguousarray(values + change)
        return np.ascontiguousarray(self._both(self._z, self._x, self._gain * modes).real)

    @staticmethod
    def _both(z: Array, x: Array, values: Array) -> Array:
        shape = values.shape
        flat = values.reshape(shape[0], shape[1], -1)
        return np.asarray(np.matmul(x, np.matmul(z, flat).reshape(shape[0], -1, *shape[2:])))


def _modes(step: Array) -> tuple[Array, Array, Array]:
    """Return eigenvalues, right eigenvectors as columns, and the left ones as rows, dual to them.

    All of them if they are a basis that can be inverted, else those of eigenvalues above
    :data:`LEAST_EIGENVALUE`.
    """
    eigen, right = np.linalg.eig(step)
    if np.linalg.cond(right) < WORST_BASIS:
        return eigen, right, np.linalg.inv(right)
    large = np.abs(eigen) > LEAST_EIGENVALUE
    dual_eigen, left = np.linalg.eig(step.T)
    left = left[:, np.argsort(-np.abs(dual_eigen))[: large.sum()]]
    return eigen[large], right[:, large], np.linalg.solve(left.T @ right[:, large], left.T)


def _coarse_search(operator: Operator, work: Work) -> FixedPoint:
    """Return a rough solution on a coarse grid, or the best point seen there."""
    params, grid = operator.params, operator.grid
    nodes = [min(n, few) for n, few in zip(grid.shape, COARSE_NODES, strict=True)]
    sd = max(params.cash_flow_volatility, COARSE_VOLATILITY)
    coarse = Operator(replace(params, cash_flow_volatility=sd), Grid.of(params, nodes))
    logger.info("coarse grid %s: %d sweeps", coarse.grid.shape, FIRST_SWEEPS)
    start = sweep(coarse, first_guess(coarse.grid), FIRST_SWEEPS, work)
    start = _approach(coarse, start, np.inf, work)
    return newton(coarse, start, APPROACH_TOLERANCE, APPROACH_STEPS, work)


def _approach(operator: Operator, start: Array, below: float, work: Work) -> Array:
    """Solve roughly for the path of cash-flow volatilities down to the operator's own."""
    for sd in SMOOTHING_PATH:
        if operator.params.cash_flow_volatility < sd < below:
            logger.info("grid %s, cash-flow volatility %g", operator.grid.shape, sd)
            smoother = Operator(replace(operator.params, cash_flow_volatility=sd), operator.grid)
            rough = newton(smoother, start, APPROACH_TOLERANCE, APPROACH_STEPS, work)
            start = rough.continuation
    return start


def first_guess(grid: Grid) -> Array:
    """Return the values from which the first sweeps start, shape (2, nz, nx, nb)."""
    debt = np.minimum(_START * grid.b.nodes, _START)
    guess = np.empty((2, *grid.shape))
    guess[0], guess[1] = _START, debt
    return guess


def _newton_direction(
    operator: Operator, point: _Point, smoother: Smoother, work: Work
) -> tuple[Array, float]:
    """Solve (I - T') d = gap approximately by right-preconditioned GMRES.

    Returns
    -------
    array, shape (2, nz, nx, nb)
        d.
    float
        Share of the gap that is left, zero if it is within the tolerance.
    """
    derivative, gap = operator.derivative(point.values), point.gap

    def apply(vector: Array) -> Array:
        work.count(operator)
        direction = smoother(vector.reshape(gap.shape))
        return np.asarray((direction - derivative(direction)).ravel())

    system = LinearOperator((gap.size, gap.size), matvec=apply, dtype=float)
    solved, given_up = gmres(system, gap.ravel(), **_KRYLOV)
    left = np.linalg.norm(gap.ravel() - apply(solved)) / np.linalg.norm(gap) if given_up else 0.0
    return smoother(solved.reshape(gap.shape)), float(left)


def _diverged() -> NumericalError:
    return NumericalError(
        "the values of equity and debt diverge: no finite solution at this calibration; raise "
        "riskless_rate or highest_investment_cost, or lower investment_growth"
    )
