"""What the Gomes-Schmid solution looks like."""

import numpy as np
from matplotlib.figure import Figure

from truepremia.economies.gs21.solution import Solution

_LINES = {"low": ":", "middle": "-", "high": "--"}


def draw(solution: Solution, figure: Figure) -> None:
    """Draw equity and debt over the coupon, and the choice of debt over productivity.

    Low and high are two stationary standard deviations from the middle.
    """
    solved = solution.fixed_point
    grid, values, params = solved.operator.grid, solved.values, solved.operator.params
    middle = grid.z.count // 2
    x_at = _nodes_at(grid.x.nodes, grid.x.nodes.mean(), params.sd_x)
    z_at = _nodes_at(grid.z.nodes, 0.0, params.sd_z)
    equity, debt, choice = figure.subplots(1, 3)
    for name, k in x_at.items():
        equity.plot(grid.b.nodes, np.maximum(values.locked.equity[middle, k], 0), _LINES[name])
        debt.plot(grid.b.nodes, values.claim[middle, k], _LINES[name], label=f"{name} x")
    for name, k in z_at.items():
        choice.plot(grid.x.nodes, values.coupon_choice[k], _LINES[name], label=f"{name} z")
    equity.set(title="Equity", xlabel="coupon $b$")
    debt.set(title="Debt, expected claim", xlabel="coupon $b$")
    choice.set(title="Coupon chosen, $b^*$", xlabel="log aggregate productivity $x$")
    for axes in (equity, debt):
        axes.set_ylim(bottom=0)
    for axes in (equity, debt, choice):
        axes.grid(visible=True)
    debt.legend()
    choice.legend()
    equity.set_ylabel("per unit of capital")


def _nodes_at(nodes: np.ndarray, mean: float, sd: float) -> dict[str, int]:
    """Return the nodes nearest to the mean and to two standard deviations around it."""
    points = {"low": mean - 2 * sd, "middle": mean, "high": mean + 2 * sd}
    return {name: int(np.abs(nodes - point).argmin()) for name, point in points.items()}
