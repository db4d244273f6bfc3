"""Files of a store and of what is replicated from it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from truepremia.columns import Column
from truepremia.errors import DataError
from truepremia.files.formats import write_json, write_table
from truepremia.tidy.reading import Store
from truepremia.tidy.replication import Replication
from truepremia.tidy.tables import (
    PUBLISHED_COLUMNS,
    STOCK_COLUMNS,
    write_accounts,
    write_stocks,
    write_variables,
)

_YEAR = Column("year", "sorting year t; holds for the returns from July of t to June of t + 1")
_MONTH = STOCK_COLUMNS["month"]
_BY_SIZE = Column("", "portfolio on market equity, 1 for the smallest")
_BY_VALUE = Column("", "portfolio on book-to-market, 1 for the lowest")
_SPREAD = "per month"

COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "formations": {
        "permno": STOCK_COLUMNS["permno"],
        "year": _YEAR,
        "exchange": Column("", "listing exchange when the portfolios are formed"),
        "me": Column("million USD", "market equity of June t"),
        "bm": Column("ratio", "book equity of fiscal year t-1 over market equity of December t-1"),
        "op": Column("ratio", "operating profit over book equity of fiscal year t-1"),
        "inv": Column("rate", "growth of total assets in fiscal year t-1"),
        "portfolio_me": _BY_SIZE,
        "portfolio_bm": _BY_VALUE,
        "portfolio_me_ff5": Column("", "size portfolio of the five-factor model, 0 for none"),
        "portfolio_bm_ff5": Column("", "its book-to-market portfolio, 0 for none"),
        "portfolio_op": Column("", "its profitability portfolio, 0 for none"),
        "portfolio_inv": Column("", "its investment portfolio, 0 for none"),
    },
    "breakpoints": {
        "year": _YEAR,
        "variable": Column("", "what is sorted on, with the size group if it is one group's"),
        "probability": Column("1", "probability of the quantile"),
        "value": Column("as the variable", "quantile over the NYSE stocks"),
        "stocks": Column("", "number of those NYSE stocks"),
    },
    "cells": {
        "month": _MONTH,
        "portfolio_me": _BY_SIZE,
        "portfolio_bm": _BY_VALUE,
        "ret": Column("per month", "value-weighted excess return"),
        "stocks": Column("", "stocks with a return in the month"),
        "mktcap_lag": Column("million USD", "their market equity at the end of the month before"),
    },
    "factors": {
        "month": _MONTH,
        "smb": Column(_SPREAD, "small minus big, three-factor model"),
        "hml": Column(_SPREAD, "high minus low book-to-market, three-factor model"),
        "n_cells": Column("", "how many of the six portfolios hold a stock"),
        "mkt_excess": Column(_SPREAD, "value-weighted excess return of all stocks"),
        "smb_ff5": Column(_SPREAD, "small minus big, five-factor model"),
        "hml_ff5": Column(_SPREAD, "high minus low book-to-market, five-factor model"),
        "rmw": Column(_SPREAD, "robust minus weak operating profitability"),
        "cma": Column(_SPREAD, "conservative minus aggressive investment"),
    },
    "portfolios": {
        "month": _MONTH,
        "portfolio_me": _BY_SIZE,
        "portfolio_bm": _BY_VALUE,
        "ret": Column("per month", "value-weighted excess return"),
        "stocks": Column("", "stocks with a return in the month"),
        "size": Column("log million USD", "mean log market equity of June t"),
        "bm": Column("ratio", "mean book-to-market"),
    },
    "momentum": {
        "month": _MONTH,
        "umd": Column(_SPREAD, "winners minus losers of months 12 to 2 before"),
        "st_rev": Column(_SPREAD, "losers minus winners of the month before"),
        "lt_rev": Column(_SPREAD, "losers minus winners of months 60 to 13 before"),
    },
    "sorts": {
        "month": _MONTH,
        "sort": Column("", "name of the sort in the configuration"),
        "portfolio_1": Column("", "portfolio on the first variable, 1 for the lowest"),
        "portfolio_2": Column("", "portfolio on the second variable, 0 if there is none"),
        "ret_vw": Column("per month", "value-weighted excess return"),
        "ret_ew": Column("per month", "equal-weighted excess return"),
        "stocks": Column("", "stocks with a return in the month"),
        "mktcap_lag": Column("million USD", "their market equity at the end of the month before"),
    },
    "sort_breakpoints": {
        "period": Column("date", "first month for which the portfolios hold"),
        "sort": Column("", "name of the sort in the configuration"),
        "variable": Column("", "what is sorted on"),
        "probability": Column("1", "probability of the quantile"),
        "value": Column("as the variable", "quantile over the NYSE stocks"),
        "stocks": Column("", "number of those NYSE stocks"),
    },
    "two_years": {
        "month": _MONTH,
        "smb": Column(_SPREAD, "small minus big, companies with two or more annual accounts"),
        "hml": Column(_SPREAD, "high minus low, companies with two or more annual accounts"),
    },
    "op_breakpoints": {
        "period": Column("date", "first month for which the portfolios hold"),
        "sort": Column("", "name of the sort in the configuration"),
        "variable": Column("", "what is sorted on"),
        "probability": Column("1", "probability of the quantile"),
        "value": Column("as the variable", "quantile over the NYSE stocks"),
        "stocks": Column("", "number of those NYSE stocks"),
    },
    "op_portfolios": {
        "month": _MONTH,
        "sort": Column("", "terciles (30/40/30), quintiles or deciles of NYSE profitability"),
        "portfolio": Column("", "1 for the lowest operating profitability"),
        "ret_vw": Column("per month", "value-weighted excess return"),
        "ret_ew": Column("per month", "equal-weighted excess return"),
        "stocks": Column("", "stocks with a return in the month"),
    },
}
"""Unit and meaning of the columns of every replicated table."""


@contextmanager
def naming(report: Mapping[str, Any]) -> Iterator[None]:
    """Put the store's file before an error about its data.

    Raises
    ------
    DataError
        The same error, naming the file.
    """
    try:
        yield
    except DataError as error:
        raise DataError(f"{report['source']}: {error}") from error


def write_store(paths: Any, name: str, store: Store) -> None:
    """Write a store that was read.

    Parameters
    ----------
    paths : object
        Attributes ``stocks``, ``variables``, ``accounts``, ``published`` and ``report`` name the
        files.
    name : str
        Name of the store.
    store : Store
    """
    write_stocks(paths.stocks, name, store.stocks)
    write_variables(paths.variables, name, store.stocks, store.variables)
    write_accounts(paths.accounts, name, store.accounts)
    write_table(paths.published, "published", name, store.published, PUBLISHED_COLUMNS)
    write_json(paths.report, {"store": name, **store.report})


def write_replication(paths: Any, name: str, replication: Replication) -> None:
    """Write the tables and the report of a replication, one file for each."""
    for table in ("formations", "breakpoints", "cells", "factors", "portfolios"):
        write_replicated(paths[table], table, name, getattr(replication, table))
    write_json(paths.replication, {"store": name, **replication.report})


def write_replicated(path: str | Path, table: str, name: str, columns: Mapping[str, Any]) -> None:
    """Write one replicated table of the store ``name``."""
    write_table(path, table, name, columns, COLUMNS[table])
