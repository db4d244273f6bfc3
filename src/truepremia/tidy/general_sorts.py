"""Portfolios sorted on any variable, one- or two-way, annually or monthly, in one table.

Names of variables: ``me`` market equity, ``bm`` book-to-market, ``op`` operating profitability,
``inv`` investment, ``ep`` earnings, ``cfp`` cash flow (earnings, depreciation and deferred taxes)
and ``dp`` dividends of the year, each over market equity, ``mom``, ``st_rev`` and ``lt_rev`` past
returns; any other name is a column of the accounts or of the stocks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from truepremia.errors import DataError
from truepremia.tidy.formations import Holdings, account_items, sortable
from truepremia.tidy.monthly import (
    PAST_RETURNS,
    momentum_factors,
    monthly_holdings,
    no_momentum,
    past_return,
    total_returns,
)
from truepremia.tidy.sorts import cells, sort
from truepremia.tidy.tables import MONTHS_PER_YEAR, Accounts, Stocks, dates
from truepremia.typing import Array

POSITIVE_ONLY = frozenset({"bm", "op", "ep", "cfp", "dp"})
"""Variables of which only stocks with a positive value are sorted (op: with positive be)."""

CASH_FLOW_ITEMS = ("ib", "dp", "txdi")

OF_A_SORT = "sort "
"""How warnings begin that are about a sort that the user asked for."""

MADE_OF: Mapping[str, str] = {
    "ep": "ib among the accounts",
    "cfp": f"{', '.join(CASH_FLOW_ITEMS)} among the accounts",
    "dp": "ret and retx among the stocks",
}
"""Columns of a store of which a variable is made that no column has."""


@dataclass(frozen=True)
class SortPlan:
    """A sort that is asked for.

    Parameters
    ----------
    name : str
    variables : tuple of str
        One or two.
    percentiles : tuple of tuple of float
        Of every variable, ascending, between 0 and 100.
    rebalance : {"annual", "monthly"}
    """

    name: str
    variables: tuple[str, ...]
    percentiles: tuple[tuple[float, ...], ...]
    rebalance: Literal["annual", "monthly"]


def plans_of(settings: Sequence[Mapping[str, Any]]) -> list[SortPlan]:
    """Return the plans of a stage's settings."""
    return [
        SortPlan(
            name=plan["name"],
            variables=tuple(name for name, _ in plan["by"]),
            percentiles=tuple(tuple(map(float, at)) for _, at in plan["by"]),
            rebalance=plan["rebalance"],
        )
        for plan in settings
    ]


@dataclass(frozen=True, eq=False)
class Sorted:
    """Returns of all planned portfolios, their breakpoints, and warnings."""

    portfolios: Mapping[str, Any]
    breakpoints: Mapping[str, Any]
    warnings: list[str]


@dataclass(frozen=True, eq=False)
class StoreSorts:
    """Momentum and reversals by month, and all planned portfolios."""

    momentum: Mapping[str, Any]
    planned: Sorted


def sort_store(
    plans: Sequence[SortPlan],
    annual: Holdings,
    stocks: Stocks,
    accounts: Accounts,
    variables: Mapping[str, Array],
    riskless: Mapping[int, float],
) -> StoreSorts:
    """Return momentum, the reversals and the portfolios of every plan.

    Parameters
    ----------
    plans : sequence of SortPlan
    annual : Holdings
        Stocks as the factors sort them.
    stocks : Stocks
    accounts : Accounts
    variables : mapping of str to array, shape (n,)
        Optional columns of the stocks.
    riskless : mapping of int to float
        By month since January 1970.
    """
    total, warning = total_returns(stocks, variables, riskless)
    warnings = [warning] if warning else []
    past = {name: past_return(stocks, total, *span) for name, span in PAST_RETURNS.items()}
    held = {"annual": with_variables(annual, stocks, accounts, {**variables, **past})}
    try:
        extras = {name: values for name, values in variables.items() if name not in _NOT_SORTED}
        held["monthly"] = monthly_holdings(stocks, held["annual"], {**extras, **past})
        momentum, said = momentum_factors(held["monthly"])
    except DataError as error:
        momentum, said = no_momentum(), [f"momentum and reversals are left out: {error}"]
    found = stacked_plans([plan for plan in plans if plan.rebalance in held], held)
    said += [
        f"{OF_A_SORT}{plan.name}: no month can be sorted"
        for plan in plans
        if plan.rebalance not in held
    ]
    return StoreSorts(
        momentum, Sorted(found.portfolios, found.breakpoints, [*warnings, *said, *found.warnings])
    )


_NOT_SORTED = ("permco",)


def stacked_plans(plans: Sequence[SortPlan], held: Mapping[str, Holdings]) -> Sorted:
    """Return the tables of some plans, one below the other.

    Parameters
    ----------
    plans : sequence of SortPlan
    held : mapping of str to Holdings
        By how often they are sorted.
    """
    parts, edges, warnings = [], [], []
    for plan in plans:
        found = planned(plan, held[plan.rebalance])
        if isinstance(found, str):
            warnings.append(found)
            continue
        parts.append(found[0])
        edges.append(found[1])
    return Sorted(_stacked(parts, _PORTFOLIOS), _stacked(edges, _BREAKPOINTS), warnings)


def with_variables(
    annual: Holdings, stocks: Stocks, accounts: Accounts, variables: Mapping[str, Array]
) -> Holdings:
    """Return holdings whose formations have every variable that the store allows.

    Earnings, cash flow and own items of accounts are those of the account behind book equity;
    columns of stocks those of June.
    """
    f = annual.formations
    items = account_items(stocks, accounts, annual)
    me_december = f.variables["me_december"]
    known = dict(f.variables)
    known |= {name: values for name, values in items.items() if name not in known}
    known |= {name: values[f.row] for name, values in variables.items() if name not in known}
    known.pop("dp", None)  # depreciation among the accounts, dividends among the variables
    if "ib" in items:
        known["ep"] = items["ib"] / me_december
    if all(name in items for name in CASH_FLOW_ITEMS):
        known["cfp"] = sum(items[name] for name in CASH_FLOW_ITEMS) / me_december
    if "retx" in variables and "ret" in variables:
        paid = (variables["ret"] - variables["retx"]) * stocks.mktcap_lag
        known["dp"] = _year_to(stocks, paid)[f.row] / f.variables["me"]
    return replace(annual, formations=f.with_variables(known))


def _year_to(stocks: Stocks, monthly: Array) -> Array:
    """Return the sum over the twelve months that end with each row, missing ones zero, (n,)."""
    rows = np.arange(len(monthly))
    total = np.zeros(len(monthly))
    for back in range(MONTHS_PER_YEAR):
        # Rows of a stock ascend: the month is found if it is at most so many rows away.
        there = np.maximum(rows - back, 0)
        within = (stocks.permno[there] == stocks.permno) & (rows >= back)
        within &= stocks.month[there] > stocks.month - MONTHS_PER_YEAR
        total += np.where(within, np.nan_to_num(monthly[there]), 0.0)
    return total


_PORTFOLIOS: Mapping[str, Any] = {
    "month": np.empty(0, dtype="datetime64[D]"),
    "sort": np.empty(0, dtype=object),
    "portfolio_1": np.empty(0, dtype=np.int8),
    "portfolio_2": np.empty(0, dtype=np.int8),
    "ret_vw": np.empty(0),
    "ret_ew": np.empty(0),
    "stocks": np.empty(0, dtype=np.int32),
    "mktcap_lag": np.empty(0),
}
_BREAKPOINTS: Mapping[str, Any] = {
    "period": np.empty(0, dtype="datetime64[D]"),
    "sort": np.empty(0, dtype=object),
    "variable": np.empty(0, dtype=object),
    "probability": np.empty(0),
    "value": np.empty(0),
    "stocks": np.empty(0, dtype=np.int32),
}


def planned(plan: SortPlan, held: Holdings) -> tuple[dict[str, Any], dict[str, Any]] | str:
    """Return the rows of a plan in both tables, portfolios and breakpoints, or why there are none.

    Parameters
    ----------
    plan : SortPlan
    held : Holdings
        With the plan's variables, sorted as often as the plan says.
    """
    f = held.formations
    absent = [name for name in plan.variables if name not in f.variables]
    if absent:
        made = [f"{name}, which is made of {MADE_OF[name]}" for name in absent if name in MADE_OF]
        made += [name for name in absent if name not in MADE_OF]
        return f"{OF_A_SORT}{plan.name}: the store has no {'; no '.join(made)}; it is left out"
    candidates = np.ones(len(f), dtype=bool)
    for name in plan.variables:
        values = f.variables[name]
        candidates &= np.isfinite(values)
        if name in POSITIVE_ONLY:
            candidates &= (f.variables["be"] if name == "op" else values) > 0
    rows, _ = sortable(f, candidates)
    if not rows.any():
        return f"{OF_A_SORT}{plan.name}: no period has enough NYSE stocks with {plan.variables}"
    sorts = [
        sort(held, name, [p / 100 for p in at], rows)
        for name, at in zip(plan.variables, plan.percentiles, strict=True)
    ]
    found = cells(held, sorts)
    second = found.portfolio[1] if len(sorts) > 1 else np.zeros(len(found.month), dtype=np.int8)
    portfolios = {
        "month": dates(found.month),
        "sort": np.full(len(found.month), plan.name, dtype=object),
        "portfolio_1": found.portfolio[0],
        "portfolio_2": second,
        "ret_vw": found.ret,
        "ret_ew": found.ret_equal,
        "stocks": found.stocks,
        "mktcap_lag": found.mktcap_lag,
    }
    rows_of_edges = [
        (_first_month(plan, edges.group), name, probability, value, edges.stocks)
        for name, by in zip(plan.variables, sorts, strict=True)
        for edges in by.edges
        for probability, value in zip(edges.probabilities, edges.values, strict=True)
    ]
    period, variable, probability, value, stocks = zip(*rows_of_edges, strict=True)
    breakpoints = {
        "period": np.array(period, dtype="datetime64[D]"),
        "sort": np.full(len(period), plan.name, dtype=object),
        "variable": np.array(variable, dtype=object),
        "probability": np.array(probability),
        "value": np.array(value),
        "stocks": np.array(stocks, dtype=np.int32),
    }
    return portfolios, breakpoints


def _first_month(plan: SortPlan, group: int) -> Any:
    """Return the first month for which a formation holds."""
    return np.datetime64(f"{group}-07-01") if plan.rebalance == "annual" else dates(np.array(group))


def _stacked(parts: Sequence[Mapping[str, Any]], empty: Mapping[str, Any]) -> dict[str, Any]:
    every = [*parts] or [empty]
    return {name: np.concatenate([part[name] for part in every]) for name in empty}
