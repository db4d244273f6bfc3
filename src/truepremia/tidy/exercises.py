"""The exercises of the chapter: two years of accounts, and portfolios on profitability."""

from typing import Any

import numpy as np

from truepremia.tidy.formations import Holdings, sortable
from truepremia.tidy.replication import THREE_FACTORS, model_factors
from truepremia.tidy.sorts import DECILES, QUINTILES, TERCILES, cells, sort
from truepremia.tidy.tables import dates
from truepremia.typing import Array

MIN_RECORDS = 2
OP_SORTS = {"terciles": TERCILES, "quintiles": QUINTILES, "deciles": DECILES}


def two_years(held: Holdings) -> dict[str, Array]:
    """Return SMB and HML of companies with two or more annual accounts.

    The accounts are counted up to and including the one that is used, whether they have book
    equity or not; breakpoints are those of the stocks that remain. Months without any such stock
    have no row.
    """
    enough = held.formations.variables["records"] >= MIN_RECORDS
    found = model_factors(held, THREE_FACTORS, enough)
    none = {"smb": np.empty(0), "hml": np.empty(0)}
    return {"month": dates(found.months), **none, **found.factors}


def op_portfolios(held: Holdings) -> dict[str, Any]:
    """Return the returns of portfolios on operating profitability, one sort below the other.

    Stocks need positive book equity and operating profitability; the table is empty if the
    store has none.
    """
    f = held.formations
    rows, _ = sortable(f, (f.variables["be"] > 0) & ~np.isnan(f.variables["op"]))
    found = {name: cells(held, [sort(held, "op", p, rows)]) for name, p in OP_SORTS.items()}

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
