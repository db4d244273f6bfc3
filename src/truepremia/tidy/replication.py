"""The replicated factors: portfolios of annual sorts, their value-weighted returns, spreads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np

from truepremia.errors import DataError
from truepremia.portfolios import cell_weights
from truepremia.tidy.formations import (
    MEDIAN,
    MIN_NYSE_STOCKS,
    TERCILES,
    Breakpoints,
    Formations,
    Sort,
    form,
    held_months,
    sort,
    sortable,
    usable,
)
from truepremia.tidy.profiles import PROFILES, Profile
from truepremia.tidy.tables import Accounts, Stocks, dates
from truepremia.typing import Array

QUINTILES = (0.2, 0.4, 0.6, 0.8)
_SMALL, _BIG = 0, 1
_SIZES = 2
_LOW, _HIGH = 0, -1


@dataclass(frozen=True)
class Options:
    """How a store is replicated.

    Parameters
    ----------
    profile : str
        Name of the profile.
    five_factor_sort : {"dependent", "independent"}
        Whether the breakpoints of book-to-market, profitability and investment of the
        five-factor model are those of the stock's size group or of all stocks.
    op_require_cost : bool
        Whether operating profitability needs at least one cost item.
    """

    profile: str
    five_factor_sort: Literal["dependent", "independent"] = "dependent"
    op_require_cost: bool = False


def options_of(settings: Mapping[str, Any], store: Mapping[str, Any]) -> Options:
    """Return the options that a stage's settings choose for a store.

    Parameters
    ----------
    settings : mapping
        Settings of the stage; the profile "auto" is that of the store's edition.
    store : mapping
        The report on the store.
    """
    names = [f.name for f in fields(Options) if f.name in settings]
    chosen = {name: settings[name] for name in names}
    if chosen["profile"] == "auto":
        chosen["profile"] = store["profile"]
    return Options(**chosen)


@dataclass(frozen=True, eq=False)
class Holdings:
    """The stocks that can be sorted, and the months in which they earn.

    Parameters
    ----------
    formations : Formations
    profile : Profile
    formation : array of int, shape (m,)
        Row of ``formations`` that holds for each month in which a stock earns a return.
    month : array of int32, shape (m,)
        Months since January 1970.
    ret, weight : array, shape (m,)
        Excess return, and market equity at the beginning of the month.
    report : mapping
        Counts of what was left out.
    """

    formations: Formations
    profile: Profile
    formation: Array
    month: Array
    ret: Array
    weight: Array
    report: Mapping[str, Any]

    def sort(
        self,
        variable: str,
        probabilities: Sequence[float],
        rows: Array | None = None,
        group: Array | None = None,
    ) -> Sort:
        """Sort all formations, or ``rows`` of them, within their years or other groups."""
        f = self.formations
        rows = np.ones(len(f), dtype=bool) if rows is None else rows
        group = f.year if group is None else group
        return sort(f, variable, probabilities, self.profile.closed, rows, group)


@dataclass(frozen=True, eq=False)
class Cells:
    """Returns of the portfolios of a sort, by month and portfolio.

    Parameters
    ----------
    month : array of int32, shape (c,)
        Months since January 1970, ascending; a portfolio without a stock has no row.
    shape : tuple of int
        Number of portfolios in each dimension.
    portfolio : tuple of array of int8, each of shape (c,)
        The portfolio in each dimension, 1 for the lowest.
    ret : array, shape (c,)
        Excess return of the month, weighted by market equity at its beginning.
    ret_equal : array, shape (c,)
        The same, equal weighted.
    stocks : array of int32, shape (c,)
    mktcap_lag : array, shape (c,)
        Sum of the weights, million USD.
    means : mapping of str to array, shape (c,)
        Equal-weighted means over the stocks.
    """

    month: Array
    shape: tuple[int, ...]
    portfolio: tuple[Array, ...]
    ret: Array
    ret_equal: Array
    stocks: Array
    mktcap_lag: Array
    means: Mapping[str, Array]

    def by_month(self) -> tuple[Array, Array]:
        """Return the months and their returns, (M,) and (M, portfolios...), NaN where empty."""
        months, at = np.unique(self.month, return_inverse=True)
        returns = np.full((len(months), *self.shape), np.nan)
        returns[(at, *(p - 1 for p in self.portfolio))] = self.ret
        return months, returns


@dataclass(frozen=True, eq=False)
class Replication:
    """All that is replicated from a store: tables as mappings of names to columns, a report."""

    formations: Mapping[str, Any]
    breakpoints: Mapping[str, Any]
    cells: Mapping[str, Any]
    factors: Mapping[str, Any]
    portfolios: Mapping[str, Any]
    report: Mapping[str, Any]


def holdings(stocks: Stocks, accounts: Accounts, options: Options) -> Holdings:
    """Form portfolios of a store by a profile.

    Raises
    ------
    DataError
        If no year has a complete formation or enough NYSE stocks.
    """
    profile = PROFILES[options.profile]
    rows, missing = usable(stocks, profile)
    formations, odd_accounts = form(stocks, rows, accounts, profile, options.op_require_cost)
    enough, skipped = sortable(formations, np.ones(len(formations), dtype=bool))
    if not enough.any():
        raise DataError(
            f"every formation year has fewer than {MIN_NYSE_STOCKS} NYSE stocks with all sorting "
            "variables, so there are no breakpoints; correct crsp_monthly.exchange"
        )
    formations = formations[enough]
    row, formation = held_months(stocks, formations)
    ret, weight = stocks.ret_excess[row], stocks.mktcap_lag[row]
    earns = rows[row] & ~np.isnan(ret) & ~np.isnan(weight)
    weighted = earns & (weight > 0)
    if not weighted.any():
        raise DataError(
            "no complete formation: no stock of crsp_monthly has a return with mktcap_lag between "
            "July of its sorting year and the next June; add months to the store"
        )
    return Holdings(
        formations=formations,
        profile=profile,
        formation=formation[weighted],
        month=stocks.month[row[weighted]],
        ret=ret[weighted],
        weight=weight[weighted],
        report={
            "profile": profile.name,
            "formations": len(formations),
            "first_year": int(formations.year[0]),
            "last_year": int(formations.year[-1]),
            "skipped_years": skipped,
            "months_missing": missing,
            "months_without_weight": int(np.sum(earns & ~weighted)),
            **odd_accounts,
        },
    )


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


def replicate(stocks: Stocks, accounts: Accounts, options: Options) -> Replication:
    """Replicate the factors of a store.

    Parameters
    ----------
    stocks : Stocks
    accounts : Accounts
    options : Options

    Raises
    ------
    DataError
        If no year has a complete formation or enough NYSE stocks.
    """
    held = holdings(stocks, accounts, options)
    by_size, by_value = held.sort("me", MEDIAN), held.sort("bm", TERCILES)
    six = cells(held, (by_size, by_value))
    months, returns = six.by_month()
    five = _five_factors(held, options.five_factor_sort)
    size_fifths, value_fifths = held.sort("me", QUINTILES), held.sort("bm", QUINTILES)
    means = {"size": np.log(held.formations.me), "bm": held.formations.bm}
    portfolios = cells(held, (size_fifths, value_fifths), means)
    n_cells = np.sum(~np.isnan(returns), axis=(1, 2), dtype=np.int8)
    edges = [
        *(("me", by_size.edges), ("bm", by_value.edges)),
        *(("me", size_fifths.edges), ("bm", value_fifths.edges)),
        *five.edges.items(),
    ]
    report = {
        **held.report,
        "five_factor_sort": options.five_factor_sort,
        "five_factor_formations": five.formations,
        "five_factor_skipped_years": five.skipped_years,
        "months": len(months),
        "months_with_empty_cells": int(np.sum(n_cells < np.prod(six.shape))),
        "equal_breakpoints": sum(bool((np.diff(e.values) == 0).any()) for _, b in edges for e in b),
    }
    return Replication(
        formations=_formation_table(
            held.formations,
            {
                "portfolio_me": by_size.portfolio,
                "portfolio_bm": by_value.portfolio,
                **five.portfolios,
            },
        ),
        breakpoints=_breakpoint_table(edges),
        cells=_cell_table(six) | {"mktcap_lag": six.mktcap_lag},
        factors={
            "month": dates(months),
            **three_factors(returns),
            "n_cells": n_cells,
            "mkt_excess": _on(months, *_market(stocks, held.profile)),
            **{name: _on(months, five.months, factor) for name, factor in five.factors.items()},
        },
        portfolios=_cell_table(portfolios) | dict(portfolios.means),
        report=report | {"warnings": warnings_of(report)},
    )


def three_factors(returns: Array) -> dict[str, Array]:
    """Return SMB and HML of the six portfolios; an empty portfolio is left out of its mean.

    Parameters
    ----------
    returns : array, shape (M, 2, 3)
        By month, size and book-to-market, NaN where no stock is held.
    """
    return {
        "smb": _mean(returns[:, _SMALL]) - _mean(returns[:, _BIG]),
        "hml": _mean(returns[:, :, _HIGH]) - _mean(returns[:, :, _LOW]),
    }


def cells(held: Holdings, sorts: Sequence[Sort], means: Mapping[str, Array] | None = None) -> Cells:
    """Return the value-weighted returns of the portfolios of one or more crossed sorts.

    Parameters
    ----------
    held : Holdings
    sorts : sequence of Sort
        All of the same stocks.
    means : mapping of str to array, shape (k,), optional
        Variables of the formations whose means in the cells are wanted.
    """
    shape = tuple(s.portfolios for s in sorts)
    in_month = int(np.prod(shape))
    cell_of = np.ravel_multi_index([np.maximum(s.portfolio, 1) - 1 for s in sorts], shape)
    formation, month, earned, weight = held.formation, held.month, held.ret, held.weight
    is_sorted = sorts[0].portfolio > 0
    if not is_sorted.all():
        rows = is_sorted[formation]
        formation, month, earned, weight = (a[rows] for a in (formation, month, earned, weight))
    first = int(month.min(initial=np.iinfo(np.int32).max))
    cell = (month - first) * in_month + cell_of[formation]
    n = int(cell.max(initial=-1)) + 1
    share, _ = cell_weights(weight, cell, n)
    count = np.bincount(cell, minlength=n)
    occupied = np.flatnonzero(count)

    def total(values: Array) -> Array:
        return np.bincount(cell, weights=values, minlength=n)[occupied]

    return Cells(
        month=(first + occupied // in_month).astype(np.int32),
        shape=shape,
        portfolio=tuple(
            (p + 1).astype(np.int8) for p in np.unravel_index(occupied % in_month, shape)
        ),
        ret=total(share * earned),
        ret_equal=total(earned) / count[occupied],
        stocks=count[occupied].astype(np.int32),
        mktcap_lag=total(weight),
        means={name: total(v[formation]) / count[occupied] for name, v in (means or {}).items()},
    )


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
        "months_with_empty_cells": "months have an empty portfolio of the six",
        "equal_breakpoints": "sorts have equal breakpoints, the portfolio between them is empty",
    }
    listed = {
        "skipped_years": f"fewer than {MIN_NYSE_STOCKS} NYSE stocks",
        "five_factor_skipped_years": "too few NYSE stocks for the five-factor model",
    }
    return [
        *(f"{report[name]} {said}" for name, said in counted.items() if report[name]),
        *(
            f"years skipped, {said}: {', '.join(map(str, report[name]))}"
            for name, said in listed.items()
            if report[name]
        ),
    ]


@dataclass(frozen=True, eq=False)
class _FiveFactors:
    """The five-factor model; empty where the store does not have its variables."""

    formations: int = 0
    skipped_years: list[int] = field(default_factory=list)
    months: Array = field(default_factory=lambda: np.empty(0, dtype=np.int32))
    factors: Mapping[str, Array] = field(default_factory=dict)
    portfolios: Mapping[str, Array] = field(default_factory=dict)
    edges: Mapping[str, Sequence[Breakpoints]] = field(default_factory=dict)


def _five_factors(held: Holdings, how: Literal["dependent", "independent"]) -> _FiveFactors:
    """Return the five-factor model, on the stocks that have all of its variables.

    Names of breakpoints end in the size group when they are those of a group.
    """
    f = held.formations
    rows, skipped = sortable(f, ~np.isnan(f.op) & ~np.isnan(f.inv))
    by_size = held.sort("me", MEDIAN, rows)
    if how == "dependent":
        rows, one_sided = _with_nyse_in_both_sizes(f, rows, by_size.portfolio)
        skipped = sorted({*skipped, *one_sided})
        by_size = held.sort("me", MEDIAN, rows)
    if not rows.any():
        return _FiveFactors(skipped_years=skipped)
    group = f.year if how == "independent" else _SIZES * f.year + by_size.portfolio - 1
    sorts = {
        "bm_ff5": held.sort("bm", TERCILES, rows, group),
        "op": held.sort("op", TERCILES, rows, group),
        "inv": held.sort("inv", TERCILES, rows, group),
    }
    crossed = {name: cells(held, (by_size, by)).by_month() for name, by in sorts.items()}
    months = crossed["op"][0]
    returns = {name: found for name, (_, found) in crossed.items()}
    every_size = np.concatenate(list(returns.values()), axis=2)
    spread = {name: three_factors(found)["hml"] for name, found in returns.items()}
    portfolios = {"me_ff5": by_size, **sorts}
    edges: dict[str, Sequence[Breakpoints]] = {"me_ff5": by_size.edges}
    for name, by in sorts.items():
        edges |= _by_size_group(name, by.edges) if how == "dependent" else {name: by.edges}
    return _FiveFactors(
        formations=int(rows.sum()),
        skipped_years=skipped,
        months=months,
        factors={
            "smb_ff5": three_factors(every_size)["smb"],
            "hml_ff5": spread["bm_ff5"],
            "rmw": spread["op"],
            "cma": -spread["inv"],
        },
        portfolios={f"portfolio_{name}": by.portfolio for name, by in portfolios.items()},
        edges=edges,
    )


def _with_nyse_in_both_sizes(f: Formations, rows: Array, by_size: Array) -> tuple[Array, list[int]]:
    """Return the rows of years whose two size groups have NYSE stocks, and the other years."""
    years, position = np.unique(f.year, return_inverse=True)
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


def _mean(returns: Array) -> Array:
    """Return the mean over the portfolios that hold a stock, NaN if none does, shape (M,)."""
    held = ~np.isnan(returns)
    count = held.sum(axis=1)
    total = np.where(held, returns, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _on(months: Array, found_months: Array, values: Array) -> Array:
    """Return ``values`` on other months, NaN where they are unknown."""
    position = np.minimum(np.searchsorted(found_months, months), len(found_months) - 1)
    return np.where(found_months[position] == months, values[position], np.nan)


def _formation_table(f: Formations, portfolios: Mapping[str, Array]) -> dict[str, Any]:
    table = {
        "permno": f.permno,
        "year": f.year.astype(np.int32),
        "exchange": f.exchange.to_arrow(),
        "me": f.me,
        "bm": f.bm,
        "op": f.op,
        "inv": f.inv,
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
