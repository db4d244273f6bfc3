"""A store as a panel for the laboratory of methods.

Row (t, i) holds what is known of stock i at the end of month t, and its excess return from t to
t + 1. Accounts of the fiscal year that ended in calendar year y - 1 are known from June of y to May
of y + 1 (Fama and French 1993), so that they are sorted on from July to June.
"""

from collections.abc import Mapping

import numpy as np

from truepremia.columns import Column
from truepremia.tidy.formations import Holdings
from truepremia.tidy.monthly import PAST_RETURNS, monthly_holdings, past_return
from truepremia.tidy.tables import Stocks
from truepremia.typing import Array

PANEL_COLUMNS: Mapping[str, Column] = {
    "month": Column("YYYYMM", "month t, at whose end the row is known"),
    "firmid": Column("", "security identifier of CRSP (permno)"),
    "xret": Column("per month", "excess return from t to t + 1"),
    "mve": Column("million USD", "market equity at the end of t"),
    "size": Column("log million USD", "log of mve"),
    "bm": Column("ratio", "book equity over market equity of December, lagged, NaN if unknown"),
    "op": Column("ratio", "operating profit over book equity, lagged, NaN if unknown"),
    "inv": Column("rate", "growth of total assets, lagged, NaN if unknown"),
    "mom": Column("return", "of months t - 11 to t - 1, NaN if unknown"),
}
"""Columns of the exported panel; months are integers YYYYMM, ascending, firms ascend in each."""


def store_panel(annual: Holdings, stocks: Stocks, total: Array) -> dict[str, Array]:
    """Return the panel of a store, with the columns of ``PANEL_COLUMNS``.

    A stock has a row in month t if its market equity and exchange are known at t, and its excess
    return and ``mktcap_lag`` in t + 1; months without five NYSE stocks have no rows.

    Parameters
    ----------
    annual : Holdings
        Stocks as the factors sort them, for the lagged accounts.
    stocks : Stocks
    total : array, shape (n,)
        Total returns of the stock months.

    Raises
    ------
    DataError
        If no month has enough NYSE stocks.
    """
    held = monthly_holdings(
        stocks, annual, {"mom": past_return(stocks, total, *PAST_RETURNS["mom"])}
    )
    f = held.formations
    known = f.period - 1
    return {
        "month": (12 * 1970 + known) // 12 * 100 + known % 12 + 1,
        "firmid": f.permno,
        "xret": held.ret,
        "mve": f.variables["me"],
        "size": np.log(f.variables["me"]),
        **{name: f.variables[name] for name in ("bm", "op", "inv", "mom")},
    }
