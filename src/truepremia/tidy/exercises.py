"""The exercises of the chapter: two years of accounts, and portfolios on profitability."""

from typing import Any

import numpy as np

from truepremia.tidy.formations import MEDIAN, TERCILES, sortable
from truepremia.tidy.replication import QUINTILES, Holdings, cells, three_factors
from truepremia.tidy.tables import dates
from truepremia.typing import Array

MIN_RECORDS = 2
OP_SORTS = {
    "terciles": TERCILES,
    "quintiles": QUINTILES,
    "deciles": tuple(k / 10 for k in range(1, 10)),
}


def two_years(held: Holdings) -> dict[str, Array]:
    """Return SMB and HML of companies with two or more annual accounts.

    The accounts are counted up to and including the one that is used, whether they have book
    equity or not; breakpoints are those of the stocks that remain. Months without any such stock
    have no row.
    """
    rows, _ = sortable(held.formations, held.formations.records >= MIN_RECORDS)
    by_size, by_value = held.sort("me", MEDIAN, rows), held.sort("bm", TERCILES, rows)
    months, returns = cells(held, (by_size, by_value)).by_month()
    return {"month": dates(months), **three_factors(returns)}


def op_portfolios(held: Holdings) -> dict[str, Any]:
    """Return the returns of portfolios on operating profitability, one sort below the other.

    Stocks need positive book equity and operating profitability; the table is empty if the
    store has none.
    """
    f = held.formations
    rows, _ = sortable(f, (f.be > 0) & ~np.isnan(f.op))
    found = {name: cells(held, [held.sort("op", p, rows)]) for name, p in OP_SORTS.items()}

    def stacked(column: str) -> Array:
        return np.concatenate([getattr(c, column) for c in found.values()])

    months = [len(c.month) for c in found.values()]
    return {
        "month": dates(stacked("month")),
        "sort": np.repeat(np.array(list(found), dtype=object), months),
        "portfolio": np.concatenate([c.portfolio[0] for c in found.values()]),
        "ret_vw": stacked("ret"),
        "ret_ew": stacked("ret_equal"),
        "stocks": stacked("stocks"),
    }
