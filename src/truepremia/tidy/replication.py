"""The replicated factors: spreads between the portfolios of annual sorts.

A factor model crosses a sort on size with sorts on other variables. SMB is small minus big over
all of its portfolios, the spread of a variable its highest minus its lowest portfolios, both of
equal weight (Fama and French 1993, 2015).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from truepremia.portfolios import cell_weights
from truepremia.tidy.formations import (
    COST_ITEMS,
    MIN_NYSE_STOCKS,
    Formations,
    Holdings,
    holdings,
    sortable,
    usable,
)
from truepremia.tidy.profiles import PROFILES, Options, Profile
from truepremia.tidy.sorts import MEDIAN, QUINTILES, TERCILES, Breakpoints, Cells, cells, sort
from truepremia.tidy.tables import Accounts, Stocks, dates
from truepremia.typing import Array

_SMALL, _BIG = 0, 1
_SIZES = 2
_LOW, _HIGH = 0, -1


@dataclass(frozen=True)
class Spread:
    """A factor that is long one end of a variable and short the other.

    Parameters
    ----------
    factor : str
        Name of the factor.
    sort : str
        Name of the sort, as in tables.
    variable : str
        What is sorted on.
    long_high : bool
        Whether the factor is long the stocks in which the variable is high.
    """

    factor: str
    sort: str
    variable: str
    long_high: bool = True


@dataclass(frozen=True)
class FactorModel:
    """Factors of one set of sorts: size, crossed with every other variable.

    Parameters
    ----------
    size_factor, size_sort : str
        Names of the factor and of the sort.
    spreads : tuple of Spread
    """

    size_factor: str
    size_sort: str
    spreads: tuple[Spread, ...]


THREE_FACTORS = FactorModel("smb", "me", (Spread("hml", "bm", "bm"),))
FIVE_FACTORS = FactorModel(
    size_factor="smb_ff5",
    size_sort="me_ff5",
    spreads=(
        Spread("hml_ff5", "bm_ff5", "bm"),
        Spread("rmw", "op", "op"),
        Spread("cma", "inv", "inv", long_high=False),
    ),
)


@dataclass(frozen=True, eq=False)
class ModelFactors:
    """The factors of a model, and the sorts behind them; empty where no stock can be sorted.

    Parameters
    ----------
    formations : int
        Number of formations that are sorted.
    skipped : list of int
        Periods without enough NYSE stocks.
    months : array of int32, shape (M,)
        Months since January 1970, ascending.
    factors : mapping of str to array, shape (M,)
        In decimals per month, NaN without a whole leg.
    portfolios : mapping of str to array, shape (k,)
        Portfolio of each formation by sort.
    edges : mapping of str to sequence of Breakpoints
        By sort.
    cells : mapping of str to Cells
        The portfolios behind the spread of each sort.
    """

    formations: int = 0
    skipped: list[int] = field(default_factory=list)
    months: Array = field(default_factory=lambda: np.empty(0, dtype=np.int32))
    factors: Mapping[str, Array] = field(default_factory=dict)
    portfolios: Mapping[str, Array] = field(default_factory=dict)
    edges: Mapping[str, Sequence[Breakpoints]] = field(default_factory=dict)
    cells: Mapping[str, Cells] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Replication:
    """All that is replicated from a store: tables as mappings of names to columns, a report."""

    formations: Mapping[str, Any]
    breakpoints: Mapping[str, Any]
    cells: Mapping[str, Any]
    factors: Mapping[str, Any]
    portfolios: Mapping[str, Any]
    report: Mapping[str, Any]


def replicate(
    stocks: Stocks, accounts: Accounts, options: Options, company: Array | None = None
) -> Replication:
    """Replicate the factors of a store.

    Parameters
    ----------
    stocks : Stocks
    accounts : Accounts
    options : Options
    company : array, shape (n,), optional
        Identifier of each stock's company, for market equity by company.

    Raises
    ------
    DataError
        If no year has a complete formation or enough NYSE stocks.
    """
    held = holdings(stocks, accounts, options, company)
    f = held.formations
    three = model_factors(held, THREE_FACTORS, np.ones(len(f), dtype=bool))
    op_and_inv = ~np.isnan(f.variables["op"]) & ~np.isnan(f.variables["inv"])
    five = model_factors(held, FIVE_FACTORS, op_and_inv, options.five_factor_sort == "dependent")
    six = three.cells["bm"]
    fifths = [sort(held, variable, QUINTILES) for variable in ("me", "bm")]
    means = {"size": np.log(f.variables["me"]), "bm": f.variables["bm"]}
    portfolios = cells(held, fifths, means)
    edges = [*three.edges.items(), *five.edges.items()]
    edges += [("me", fifths[0].edges), ("bm", fifths[1].edges)]
    n_cells = np.sum(~np.isnan(six.by_month()[1]), axis=(1, 2), dtype=np.int8)
    report = {
        **held.report,
        "five_factor_sort": options.five_factor_sort,
        "five_factor_formations": five.formations,
        "five_factor_skipped_years": five.skipped,
        "months": len(three.months),
        "gaps": _gaps(three.months, stocks),
        "months_with_empty_cells": int(np.sum(n_cells < np.prod(six.shape))),
        "equal_breakpoints": sum(bool((np.diff(e.values) == 0).any()) for _, b in edges for e in b),
    }
    return Replication(
        formations=_formation_table(f, {**three.portfolios, **five.portfolios}),
        breakpoints=_breakpoint_table(edges),
        cells=_cell_table(six) | {"mktcap_lag": six.mktcap_lag},
        factors={
            "month": dates(three.months),
            **three.factors,
            "n_cells": n_cells,
            "mkt_excess": _on(three.months, *_market(stocks, held.profile)),
            **{name: _on(three.months, five.months, found) for name, found in five.factors.items()},
        },
        portfolios=_cell_table(portfolios) | dict(portfolios.means),
        report=report | {"warnings": warnings_of(report)},
    )


def _gaps(months: Array, stocks: Stocks) -> list[str]:
    """Say which months between the first and the last have no factors, and why.

    Parameters
    ----------
    months : array of int, shape (M,)
        Months with factors, ascending.
    stocks : Stocks
    """
    before = np.flatnonzero(np.diff(months) > 1)
    said = []
    for last, following in zip(months[before], months[before + 1], strict=True):
        absent = np.arange(last + 1, following)
        traded = np.isin(absent, stocks.month)
        why = "no stock can be sorted" if traded.all() else "crsp_monthly has no stocks"
        if traded.any() and not traded.all():
            why += f" in {int((~traded).sum())} of them and none can be sorted in the others"
        first, end = (str(day)[:7] for day in dates(absent[[0, -1]]))
        said.append(f"no factors from {first} to {end}, {len(absent)} months: {why}")
    return said


def model_factors(
    held: Holdings, model: FactorModel, candidates: Array, within_size: bool = False
) -> ModelFactors:
    """Return the factors of a model from the stocks that have all of its variables.

    Parameters
    ----------
    held : Holdings
    model : FactorModel
    candidates : array of bool, shape (k,)
        Formations that have the variables.
    within_size : bool
        Whether breakpoints are those of the stock's size group; their names then end in the group.
    """
    f = held.formations
    rows, skipped = sortable(f, candidates)
    by_size = sort(held, "me", MEDIAN, rows)
    if within_size:
        rows, one_sided = _with_nyse_in_both_sizes(f, rows, by_size.portfolio)
        skipped = sorted({*skipped, *one_sided})
        by_size = sort(held, "me", MEDIAN, rows)
    if not rows.any():
        return ModelFactors(skipped=skipped)
    group = _SIZES * f.period + by_size.portfolio - 1 if within_size else f.period
    sorts = {s.sort: sort(held, s.variable, TERCILES, rows, group) for s in model.spreads}
    crossed = {name: cells(held, (by_size, by)) for name, by in sorts.items()}
    edges: dict[str, Sequence[Breakpoints]] = {model.size_sort: by_size.edges}
    for name, by in sorts.items():
        edges |= _by_size_group(name, by.edges) if within_size else {name: by.edges}
    months, factors = _spreads(model, crossed)
    portfolios = {model.size_sort: by_size, **sorts}
    return ModelFactors(
        formations=int(rows.sum()),
        skipped=skipped,
        months=months,
        factors=factors,
        portfolios={f"portfolio_{name}": by.portfolio for name, by in portfolios.items()},
        edges=edges,
        cells=crossed,
    )


def _with_nyse_in_both_sizes(f: Formations, rows: Array, by_size: Array) -> tuple[Array, list[int]]:
    """Return the rows of years whose two size groups have NYSE stocks, and the other years."""
    years, position = np.unique(f.period, return_inverse=True)
    nyse = [np.bincount(position, weights=rows & f.nyse & (by_size == s)) for s in (1, 2)]
    one_sided = (np.minimum(*nyse) == 0) & (np.bincount(position, weights=rows) > 0)
    return rows & ~one_sided[position], years[one_sided].tolist()


def _by_size_group(name: str, edges: Sequence[Breakpoints]) -> dict[str, list[Breakpoints]]:
    return {
        f"{name}_{size}": [
            replace(e, group=e.group // _SIZES) for e in edges if e.group % _SIZES == remainder
        ]
        for remainder, size in ((_SMALL, "small"), (_BIG, "big"))
    }


def _spreads(model: FactorModel, crossed: Mapping[str, Cells]) -> tuple[Array, dict[str, Array]]:
    """Return the months and the factors of the crossed sorts; an empty cell is left out.

    All crossed sorts hold the same stocks, hence have the same months.
    """
    by_month = {name: found.by_month() for name, found in crossed.items()}
    returns = {name: found for name, (_, found) in by_month.items()}
    every = np.concatenate(list(returns.values()), axis=2)
    factors = {model.size_factor: _mean(every[:, _SMALL]) - _mean(every[:, _BIG])}
    for spread in model.spreads:
        found = returns[spread.sort]
        high_minus_low = _mean(found[:, :, _HIGH]) - _mean(found[:, :, _LOW])
        factors[spread.factor] = high_minus_low if spread.long_high else -high_minus_low
    return next(iter(by_month.values()))[0], factors


def _mean(returns: Array) -> Array:
    """Return the mean over the portfolios that hold a stock, NaN if none does, shape (M,)."""
    held = ~np.isnan(returns)
    count = held.sum(axis=1)
    total = np.where(held, returns, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _market(stocks: Stocks, profile: Profile) -> tuple[Array, Array]:
    """Return the months and the value-weighted excess return of all stocks, sorted or not."""
    rows, _ = usable(stocks, profile)
    weighted = rows & ~np.isnan(stocks.ret_excess) & (stocks.mktcap_lag > 0)
    first = int(stocks.month.min())
    position = stocks.month[weighted] - first
    months = int(position.max(initial=-1)) + 1
    share, occupied = cell_weights(stocks.mktcap_lag[weighted], position, months)
    returns = np.bincount(position, weights=share * stocks.ret_excess[weighted], minlength=months)
    return first + np.flatnonzero(occupied), returns[occupied]


def _on(months: Array, found_months: Array, values: Array) -> Array:
    """Return ``values`` on other months, NaN where they are unknown."""
    position = np.minimum(np.searchsorted(found_months, months), len(found_months) - 1)
    return np.where(found_months[position] == months, values[position], np.nan)


def _formation_table(f: Formations, portfolios: Mapping[str, Array]) -> dict[str, Any]:
    table = {
        "permno": f.permno,
        "year": f.period.astype(np.int32),
        "exchange": f.exchange.to_arrow(),
        **{name: f.variables[name] for name in ("me", "bm", "op", "inv")},
    }
    return {**table, **portfolios}


def _breakpoint_table(named: Sequence[tuple[str, Sequence[Breakpoints]]]) -> dict[str, Any]:
    """Return the breakpoints by year, variable and probability."""
    rows = sorted(
        (edges.group, name, probability, float(value), edges.stocks)
        for name, found in named
        for edges in found
        for probability, value in zip(edges.probabilities, edges.values, strict=True)
    )
    year, variable, probability, value, stocks = zip(*rows, strict=True)
    return {
        "year": np.array(year, dtype=np.int32),
        "variable": np.array(variable, dtype=object),
        "probability": np.array(probability),
        "value": np.array(value),
        "stocks": np.array(stocks, dtype=np.int32),
    }


def _cell_table(found: Cells) -> dict[str, Any]:
    by_size, by_value = found.portfolio
    return {
        "month": dates(found.month),
        "portfolio_me": by_size,
        "portfolio_bm": by_value,
        "ret": found.ret,
        "stocks": found.stocks,
    }


def warnings_of(report: Mapping[str, Any]) -> list[str]:
    """Return the sentences about a replication that a user should read."""
    counted = {
        "months_without_weight": "stock months have no positive mktcap_lag and were dropped",
        "accounts_later_in_their_year": (
            "accounts are followed by another one of the company in the same calendar year and "
            "were passed over"
        ),
        "accounts_without_positive_equity": (
            "accounts have book equity that is not positive and were "
            + ("left out" if PROFILES[report["profile"]].positive_book_equity else "kept")
        ),
        "accounts_without_cost": (
            f"accounts have none of {', '.join(COST_ITEMS)}, which op_require_cost asks for: op is "
            "missing, set tidy.op_require_cost to false to take missing costs for zero"
        ),
        "formations_of_larger_companies": (
            "formations are of a company with further securities, whose market equity counts"
        ),
        "months_with_empty_cells": "months have an empty portfolio of the six",
        "equal_breakpoints": "sorts have equal breakpoints, the portfolio between them is empty",
    }
    listed = {
        "skipped_years": f"fewer than {MIN_NYSE_STOCKS} NYSE stocks",
        "five_factor_skipped_years": "too few NYSE stocks for the five-factor model",
    }
    return [
        *report["gaps"],
        *(f"{report[name]} {said}" for name, said in counted.items() if report.get(name)),
        *(
            f"years skipped, {said}: {', '.join(map(str, report[name]))}"
            for name, said in listed.items()
            if report[name]
        ),
    ]
