"""The exercises of the chapter: two years of accounts, and portfolios on profitability."""

from typing import Any

import numpy as np

from truepremia.tidy.formations import Holdings
from truepremia.tidy.general_sorts import SortPlan, stacked_plans
from truepremia.tidy.replication import THREE_FACTORS, model_factors
from truepremia.tidy.tables import dates
from truepremia.typing import Array

MIN_RECORDS = 2
OP_PLANS = tuple(
    SortPlan(name, ("op",), (percentiles,), "annual")
    for name, percentiles in {
        "terciles": (30.0, 70.0),
        "quintiles": (20.0, 40.0, 60.0, 80.0),
        "deciles": tuple(10.0 * k for k in range(1, 10)),
    }.items()
)


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


def op_portfolios(held: Holdings) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return portfolios on operating profitability, one sort below the other, and breakpoints.

    Stocks need positive book equity and operating profitability; both tables are empty if the
    store has none.
    """
    found = stacked_plans(OP_PLANS, {"annual": held})
    names = {"month": "month", "sort": "sort", "portfolio": "portfolio_1"}
    names |= {name: name for name in ("ret_vw", "ret_ew", "stocks")}
    return {to: found.portfolios[name] for to, name in names.items()}, dict(found.breakpoints)
