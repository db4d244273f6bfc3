"""Calibrations of the Gomes-Schmid economy that are known to be solved, to measure from."""

from collections.abc import Mapping
from math import log

from truepremia.economies.gs21.parameters import Params

SOLVED: Mapping[str, Mapping[str, float]] = {
    "config/economies/gs21.yaml": {
        "x_persistence": 0.98304757249154,
        "x_volatility": 0.00704630523944,
        "z_persistence": 0.96548938460563,
        "z_volatility": 0.09559933809,
        "riskless_rate": 0.00623583333333333,
        "price_of_risk": 0.5,
        "investment_growth": 1.14,
        "lowest_investment_cost": 0,
        "highest_investment_cost": 2000,
        "entrant_capital": 0.2,
        "maintenance_cost": 0.00666666666666667,
        "tax_rate": 0.2,
        "debt_issuance_cost": 0.004,
        "refinancing_probability": 0.01,
        "recovery_share": 0.4,
        "cash_flow_volatility": 5,
        "initial_coupon": 0,
        "z_nodes": 48,
        "x_nodes": 27,
        "b_nodes": 101,
        "quadrature_nodes": 10,
        "z_reach": 5,
        "x_reach": 5,
        "highest_coupon": 1.2,
    },
    "config/economies/gs21_risky_debt.yaml": {
        "x_persistence": 0.992,
        "x_volatility": 0.038,
        "z_persistence": 0.985,
        "z_volatility": 0.13,
        "riskless_rate": 0.00623583333333333,
        "price_of_risk": 0.1,
        "investment_growth": 1.14,
        "lowest_investment_cost": 0,
        "highest_investment_cost": 1000,
        "entrant_capital": 0.2,
        "maintenance_cost": 0.32,
        "tax_rate": 0.2,
        "debt_issuance_cost": 0.004,
        "refinancing_probability": 0.01,
        "recovery_share": 0.6,
        "cash_flow_volatility": 5,
        "initial_coupon": 0,
        "z_nodes": 48,
        "x_nodes": 27,
        "b_nodes": 121,
        "quadrature_nodes": 10,
        "z_reach": 5,
        "x_reach": 5,
        "highest_coupon": 2.4,
    },
}
"""The numbers of the shipped calibrations by file, held to the files by a test."""

MOST_NAMED = 4


def way_back(params: Params) -> str:
    """Return how far the nearest solved calibration is: what differs from it most, and how.

    Distances are differences of logarithms, of numbers that may be zero plain differences.
    """
    by_file = {file: _distances(params, values) for file, values in SOLVED.items()}
    file = min(by_file, key=lambda f: sum(by_file[f].values()))
    apart = sorted(by_file[file].items(), key=lambda item: -item[1])
    moves = [
        f"{name} from {getattr(params, name):.6g} to {SOLVED[file][name]:.6g}"
        for name, distance in apart[:MOST_NAMED]
        if distance > 0
    ]
    total = sum(distance > 0 for _, distance in apart)
    rest = f" (and {total - len(moves)} more)" if total > len(moves) else ""
    return f"{file}, which is solved, is reached by moving {', '.join(moves)}{rest}"


def _distances(params: Params, solved: Mapping[str, float]) -> dict[str, float]:
    return {name: _apart(getattr(params, name), value) for name, value in solved.items()}


def _apart(one: float, other: float) -> float:
    return abs(log(one / other)) if one > 0 and other > 0 else abs(one - other)
