"""The solved Gomes-Schmid economy: values of equity and debt, and what the economy looks like."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from truepremia.economies.contract import Undefined
from truepremia.economies.gs21.grid import Grid
from truepremia.economies.gs21.month import Tables
from truepremia.economies.gs21.operator import Operator
from truepremia.economies.gs21.parameters import Params
from truepremia.economies.gs21.portrait import EVENTS, portrait
from truepremia.economies.gs21.solver import FixedPoint, solve_fixed_point
from truepremia.errors import NumericalError
from truepremia.panel import Size
from truepremia.seeds import Streams
from truepremia.typing import Array

logger = logging.getLogger("truepremia")

PORTRAIT_SIZE = Size(firms=1000, months=600, burnin=300)
PORTRAIT_SEED = 0

CHOICE_MARGIN = 0.95
"""Share of the coupon grid beyond which a choice of debt counts as limited by the grid."""

MOST_LIMITED = 1e-4
"""Highest stationary probability of a choice of debt beyond that share."""


@dataclass(frozen=True, eq=False)
class Solution:
    """A solved Gomes-Schmid economy.

    Parameters
    ----------
    params : Params
    fixed_point : FixedPoint
        Continuation values C and Q of equity and debt per unit of next month's capital.
    portrait : mapping of str to float
        Moments of a simulated economy; see :func:`truepremia.economies.gs21.portrait.portrait`.
    """

    params: Params
    fixed_point: FixedPoint
    portrait: Mapping[str, float]

    @cached_property
    def tables(self) -> Tables:
        """What simulation and moments look firms up in."""
        return Tables.of(self.fixed_point)

    @property
    def diagnostics(self) -> Mapping[str, float | Undefined]:
        """Accuracy of the solution, its debt choices, and what the economy looks like."""
        choice = self.fixed_point.values.coupon_choice
        return {
            "residual": self.fixed_point.residual,
            "newton_steps": self.fixed_point.steps,
            "lowest_coupon_choice": float(choice.min()),
            "highest_coupon_choice": float(choice.max()),
            "limited_choice_probability": limited_choice_probability(self.fixed_point),
            "sharpe_bound": self.params.sharpe_bound,
            **{name: Undefined(why) for name, why in EVENTS.items()},
            **self.portrait,
        }

    def to_arrays(self) -> dict[str, Array]:
        """Return the arrays that, with the parameters, are the whole solution."""
        solved = self.fixed_point
        return {
            "equity": solved.continuation[0],
            "debt": solved.continuation[1],
            "convergence": np.array([solved.residual, solved.steps]),
            "portrait_names": np.array(list(self.portrait)),
            "portrait": np.array(list(self.portrait.values())),
        }

    @classmethod
    def from_arrays(cls, params: Params, arrays: Mapping[str, Array]) -> "Solution":
        """Rebuild the solution from :meth:`to_arrays`."""
        residual, steps = arrays["convergence"]
        fixed_point = FixedPoint(
            Operator(params, Grid.of(params)),
            np.stack([arrays["equity"], arrays["debt"]]),
            float(residual),
            int(steps),
        )
        names = map(str, arrays["portrait_names"])
        values = map(float, arrays["portrait"])
        return cls(params, fixed_point, dict(zip(names, values, strict=True)))


def solve(params: Params) -> Solution:
    """Solve for the values of equity and debt, and simulate what the economy looks like.

    Raises
    ------
    NumericalError
        If the iteration diverges or does not reach its tolerance, or firms choose debt near the
        end of the grid.
    """
    solved = solve_fixed_point(params)
    limited = limited_choice_probability(solved)
    if limited > MOST_LIMITED:
        raise NumericalError(
            f"firms choose coupons beyond {CHOICE_MARGIN:g} of the grid's end "
            f"{params.highest_coupon:g} with probability {limited:.1e}, more than "
            f"{MOST_LIMITED:g}; raise highest_coupon and b_nodes"
        )
    logger.info("simulating %d firms for the table of moments", PORTRAIT_SIZE.firms)
    streams = Streams(PORTRAIT_SEED, "gs21 portrait", 0)
    return Solution(params, solved, portrait(Tables.of(solved), PORTRAIT_SIZE, streams))


def limited_choice_probability(solved: FixedPoint) -> float:
    """Return the stationary probability that b* lies beyond 0.95 of the grid.

    Firms choose among coupons on the grid; where the best of all would lie beyond its end, the
    end is a covenant of the model. It must not matter.
    """
    params, grid = solved.operator.params, solved.operator.grid
    weight = np.multiply.outer(
        np.exp(-0.5 * (grid.z.nodes / params.sd_z) ** 2),
        np.exp(-0.5 * (grid.x.nodes / params.sd_x) ** 2),
    )
    limited = solved.values.coupon_choice > CHOICE_MARGIN * params.highest_coupon
    return float(weight[limited].sum() / weight.sum())
