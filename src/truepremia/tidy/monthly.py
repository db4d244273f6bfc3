"""Monthly formations: stocks sorted at the end of every month and held over the next one.

A formation of month m is made at the end of month m - 1. ``mom`` is the return of months m - 12 to
m - 2 (Jegadeesh and Titman 1993; Carhart 1997), ``st_rev`` that of m - 1 and ``lt_rev`` that of
m - 60 to m - 13 (De Bondt and Thaler 1985). Every month of the span must have a return. Variables
of accounts are those of the annual formation that holds in month m.
"""

from collections.abc import Mapping

import numpy as np

from truepremia.errors import DataError
from truepremia.tidy.formations import (
    MIN_NYSE_STOCKS,
    Formations,
    Holdings,
    row_of_month,
    sortable,
)
from truepremia.tidy.replication import FactorModel, Spread, model_factors
from truepremia.tidy.tables import MONTHS_PER_YEAR, Stocks, dates, year_of
from truepremia.typing import Array

PAST_RETURNS: Mapping[str, tuple[int, int]] = {
    "mom": (12, 2),
    "st_rev": (1, 1),
    "lt_rev": (60, 13),
}
"""First and last month of every past return, counted back from the month that is held."""

MODELS: Mapping[str, FactorModel] = {
    "mom": FactorModel("smb_mom", "me_mom", (Spread("umd", "mom", "mom"),)),
    "st_rev": FactorModel(
        "smb_st_rev", "me_st_rev", (Spread("st_rev", "st_rev", "st_rev", long_high=False),)
    ),
    "lt_rev": FactorModel(
        "smb_lt_rev", "me_lt_rev", (Spread("lt_rev", "lt_rev", "lt_rev", long_high=False),)
    ),
}
"""Size by past return, 2 x 3: momentum is long winners, reversals are long losers."""


def total_returns(
    stocks: Stocks, variables: Mapping[str, Array], riskless: Mapping[int, float]
) -> tuple[Array, str | None]:
    """Return the total return of every stock month, shape (n,), and a warning, if any.

    Parameters
    ----------
    stocks : Stocks
    variables : mapping of str to array, shape (n,)
        Optional columns of the stocks; ``ret`` is the total return.
    riskless : mapping of int to float
        By month since January 1970; added to excess returns if there is no ``ret``.
    """
    if "ret" in variables:
        return variables["ret"], None
    months = np.unique(stocks.month)
    rate = np.array([riskless.get(int(month), np.nan) for month in months])
    if np.isnan(rate).all():
        return stocks.ret_excess, (
            "the store has neither total returns (ret) nor riskless returns (rf): past returns "
            "cumulate excess returns"
        )
    return stocks.ret_excess + rate[np.searchsorted(months, stocks.month)], None


def past_return(stocks: Stocks, total: Array, first: int, last: int) -> Array:
    """Return the cumulated return of the months ``first`` to ``last`` before the next one, (n,).

    NaN where one of them has no return. Row i is the end of a month, so that ``last`` = 1 is its
    own return.

    Parameters
    ----------
    stocks : Stocks
    total : array, shape (n,)
        Return per month.
    first, last : int
        Months before the one that is held, ``first`` the earlier.
    """
    rows = np.arange(len(stocks.month))
    latest = row_of_month(stocks, rows, 1 - last) if last > 1 else rows
    growth = np.zeros(len(rows))
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log1p(total)
    for back in range(first - last + 1):
        there = latest - back
        same = (latest >= 0) & (there >= 0)
        np.maximum(there, 0, out=there)
        same &= stocks.permno[there] == stocks.permno
        same &= stocks.month[there] == stocks.month - (last - 1 + back)
        growth += np.where(same, logs[there], np.nan)
    return np.asarray(np.expm1(growth))


def monthly_holdings(
    stocks: Stocks, annual: Holdings, known_at_month_end: Mapping[str, Array]
) -> Holdings:
    """Return stocks that are sorted monthly, each held over the month after.

    Parameters
    ----------
    stocks : Stocks
    annual : Holdings
        Whose variables of accounts are carried to the months in which they hold.
    known_at_month_end : mapping of str to array, shape (n,)
        Past returns and other variables of the stock months.

    Raises
    ------
    DataError
        If no month has enough NYSE stocks.
    """
    row = np.flatnonzero((stocks.permno[1:] == stocks.permno[:-1]) & (np.diff(stocks.month) == 1))
    held = row + 1
    earns = ~np.isnan(stocks.ret_excess[held]) & (stocks.mktcap_lag[held] > 0)
    earns &= (stocks.exchange.code[row] >= 0) & ~np.isnan(stocks.mktcap[row])
    row, held = row[earns], held[earns]
    at = _annual_formation(annual.formations, stocks.permno[held], stocks.month[held])
    known = {
        name: np.where(at >= 0, values[at], np.nan)
        for name, values in annual.formations.variables.items()
        if name not in ("me", "records")
    }
    variables = {"me": stocks.mktcap[row], **known}
    variables |= {name: values[row] for name, values in known_at_month_end.items()}
    formations = Formations(
        row=row,
        permno=stocks.permno[row],
        period=stocks.month[held].astype(np.int64),
        exchange=stocks.exchange[row],
        variables=variables,
        counted=np.ones(len(row), dtype=bool),
    )
    order = np.lexsort([formations.permno, formations.period])
    formations, held = formations[order], held[order]
    enough, skipped = sortable(formations, np.ones(len(order), dtype=bool))
    if not enough.any():
        raise DataError(
            f"no month has {MIN_NYSE_STOCKS} NYSE stocks that are held over the next one; correct "
            "crsp_monthly.exchange or add months"
        )
    held = held[enough]
    return Holdings(
        formations=formations[enough],
        profile=annual.profile,
        formation=np.arange(len(held)),
        month=stocks.month[held],
        ret=stocks.ret_excess[held],
        weight=stocks.mktcap_lag[held],
        report={"skipped_months": [str(day)[:7] for day in dates(np.array(skipped, dtype=int))]},
    )


def _annual_formation(formations: Formations, permno: Array, month: Array) -> Array:
    """Return the formation that holds for each stock and month, -1 for none."""
    month = month.astype(np.int64)
    year = year_of(month) - (month % MONTHS_PER_YEAR < 6)
    keys = formations.permno * 10_000 + formations.period
    order = np.argsort(keys)
    wanted = permno * 10_000 + year
    at = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    return np.where(keys[order][at] == wanted, order[at], -1)


def no_momentum() -> dict[str, Array]:
    """Return the table of momentum and reversals without a month."""
    factors = {model.spreads[0].factor: np.empty(0) for model in MODELS.values()}
    return {"month": np.empty(0, dtype="datetime64[D]"), **factors}


def momentum_factors(held: Holdings) -> tuple[dict[str, Array], list[str]]:
    """Return momentum and the two reversals by month, and warnings.

    Parameters
    ----------
    held : Holdings
        Sorted monthly, with the past returns among its variables.
    """
    months = np.unique(held.formations.period).astype(np.int32)
    table: dict[str, Array] = {"month": dates(months)}
    warnings = []
    for name, model in MODELS.items():
        found = model_factors(held, model, ~np.isnan(held.formations.variables[name]))
        factor = model.spreads[0].factor
        values = np.full(len(months), np.nan)
        if factor in found.factors:
            values[np.searchsorted(months, found.months)] = found.factors[factor]
        table[factor] = values
        if found.skipped:
            warnings.append(
                f"{factor}: {len(found.skipped)} months skipped, fewer than {MIN_NYSE_STOCKS} NYSE "
                "stocks with the past return"
            )
    return table, warnings
