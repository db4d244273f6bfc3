"""Annual formations: which stocks are sorted in a year, on what, into which portfolios.

A formation of year t holds for the returns from July of t to June of t + 1. Size is the market
equity of June t, book-to-market the book equity of the fiscal year that ended in t - 1 over the
market equity of December t - 1 (Fama and French 1993).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from truepremia.errors import DataError
from truepremia.portfolios import bins, breakpoints
from truepremia.tidy.profiles import Profile
from truepremia.tidy.tables import (
    MONTHS_PER_YEAR,
    NYSE,
    Accounts,
    Coded,
    Stocks,
    year_of,
)
from truepremia.typing import Array

MEDIAN = (0.5,)
TERCILES = (0.3, 0.7)
MIN_NYSE_STOCKS = 5
"""A year with fewer NYSE stocks has no breakpoints worth the name and is skipped."""

COST_ITEMS = ("cogs", "xsga", "xint")

_JUNE = 6


@dataclass(frozen=True, eq=False)
class Formations:
    """Sorted stocks of all years, in ascending order of year and permno.

    Parameters
    ----------
    row : array of int, shape (k,)
        Row of June t among the stock months.
    permno, year : array of int, shape (k,)
        The stock and the sorting year t.
    exchange : Coded
    me : array, shape (k,)
        Market equity of June t, million USD.
    be : array, shape (k,)
        Book equity of the fiscal year ending in t - 1, million USD.
    bm : array, shape (k,)
        ``be`` over the market equity of December t - 1.
    op, inv : array, shape (k,)
        Operating profitability and investment of the same account, NaN where missing.
    records : array of int, shape (k,)
        Annual accounts of the company up to and including the one that is used.
    """

    row: Array
    permno: Array
    year: Array
    exchange: Coded
    me: Array
    be: Array
    bm: Array
    op: Array
    inv: Array
    records: Array

    def __getitem__(self, rows: Any) -> "Formations":
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def __len__(self) -> int:
        return len(self.permno)

    @cached_property
    def nyse(self) -> Array:
        """Which stocks give the breakpoints, shape (k,)."""
        return self.exchange.is_name(NYSE)


@dataclass(frozen=True, eq=False)
class Breakpoints:
    """Breakpoints of one variable in one group of stocks.

    Parameters
    ----------
    group : int
        The group, for example the sorting year.
    probabilities : tuple of float
    values : array, same length
    stocks : int
        NYSE stocks they are quantiles of.
    """

    group: int
    probabilities: tuple[float, ...]
    values: Array
    stocks: int


@dataclass(frozen=True, eq=False)
class Sort:
    """A sort into portfolios on one variable.

    Parameters
    ----------
    portfolio : array of int8, shape (k,)
        Portfolio of each formation, 1 for the lowest, 0 for a stock that is not sorted.
    portfolios : int
        Number of portfolios.
    edges : tuple of Breakpoints
        By ascending group.
    """

    portfolio: Array
    portfolios: int
    edges: tuple[Breakpoints, ...]


def usable(stocks: Stocks, profile: Profile) -> tuple[Array, dict[str, int]]:
    """Return which stock months a profile works with, and the missing values by column."""
    missing = {
        "gvkey": stocks.gvkey.code < 0,
        "ret_excess": np.isnan(stocks.ret_excess),
        "mktcap": np.isnan(stocks.mktcap),
        "mktcap_lag": np.isnan(stocks.mktcap_lag),
        "exchange": stocks.exchange.code < 0,
    }
    counts = {name: int(rows.sum()) for name, rows in missing.items()}
    if not profile.complete_rows:
        return np.ones(len(stocks.month), dtype=bool), counts
    return ~np.logical_or.reduce(list(missing.values())), counts


def form(
    stocks: Stocks,
    rows: Array,
    accounts: Accounts,
    profile: Profile,
    op_require_cost: bool = False,
) -> tuple[Formations, dict[str, int]]:
    """Return the formations of all years, and counts of what is odd about the accounts.

    Parameters
    ----------
    stocks : Stocks
    rows : array of bool, shape (n,)
        The months that the profile works with.
    accounts : Accounts
    profile : Profile
    op_require_cost : bool
        Whether operating profitability needs at least one cost item.

    Raises
    ------
    DataError
        If no stock has all that a formation needs in any year.
    """
    annual, counts = _one_account_a_year(accounts, profile)
    june = np.flatnonzero(rows & (stocks.month % MONTHS_PER_YEAR == _JUNE - 1))
    december = _later(stocks, june, -_JUNE)
    listed = _later(stocks, june, profile.exchange_month - _JUNE)
    found = (december >= 0) & (listed >= 0) & rows[december] & rows[listed]
    june, december, listed = june[found], december[found], listed[found]
    year = year_of(stocks.month[june])
    account = annual.rows(stocks.gvkey[december], year - 1)
    found = (account >= 0) & (stocks.exchange.code[listed] >= 0)
    found &= ~np.isnan(stocks.mktcap[june]) & ~np.isnan(stocks.mktcap[december])
    june, december, listed, account = (a[found] for a in (june, december, listed, account))
    if not len(june):
        raise DataError(
            "no complete formation: no stock of crsp_monthly has a June, the December before it "
            "and an account of that year with be; add months or accounts to the store"
        )
    items = annual.accounts.items
    formations = Formations(
        row=june,
        permno=stocks.permno[june],
        year=year[found],
        exchange=stocks.exchange[listed],
        me=stocks.mktcap[june],
        be=items["be"][account],
        bm=items["be"][account] / stocks.mktcap[december],
        op=operating_profitability(items, op_require_cost)[account],
        inv=items.get("inv", np.full(len(annual.records), np.nan))[account],
        records=annual.records[account],
    )
    return formations[np.lexsort([formations.permno, formations.year])], counts


def sortable(formations: Formations, candidates: Array) -> tuple[Array, list[int]]:
    """Return which candidates stand in years with enough NYSE stocks, and the years without.

    Parameters
    ----------
    formations : Formations
    candidates : array of bool, shape (k,)

    Returns
    -------
    rows : array of bool, shape (k,)
    skipped : list of int
    """
    years, position = np.unique(formations.year, return_inverse=True)
    nyse = np.bincount(position, weights=formations.nyse & candidates)
    stocks = np.bincount(position, weights=candidates)
    enough = nyse >= MIN_NYSE_STOCKS
    return candidates & enough[position], years[~enough & (stocks > 0)].tolist()


def operating_profitability(items: Mapping[str, Array], require_cost: bool) -> Array:
    """Return operating profit over book equity, as stored or from its items, shape (n,).

    A missing cost is zero; ``require_cost`` demands at least one (French's rule).

    Raises
    ------
    DataError
        If ``require_cost`` cannot be checked because the store has no cost items.
    """
    costs = [items[name] for name in COST_ITEMS if name in items]
    if require_cost and not costs:
        raise DataError(
            f"op_require_cost needs a column {', '.join(COST_ITEMS)} in the accounts of the store: "
            "add one, or set tidy.op_require_cost to false"
        )
    if "op" in items:
        profitability = items["op"]
    elif "sale" in items:
        with np.errstate(divide="ignore", invalid="ignore"):
            profitability = (items["sale"] - sum(map(np.nan_to_num, costs))) / items["be"]
    else:
        profitability = np.full(len(items["be"]), np.nan)
    has_cost = np.logical_or.reduce([~np.isnan(cost) for cost in costs]) if require_cost else True
    return np.where(has_cost & np.isfinite(profitability), profitability, np.nan)


def sort(
    formations: Formations,
    variable: str,
    probabilities: Sequence[float],
    closed: Literal["right", "left"],
    rows: Array,
    group: Array,
) -> Sort:
    """Sort stocks into portfolios by the NYSE breakpoints of their group.

    Parameters
    ----------
    formations : Formations
    variable : str
        Name of the field that is sorted on.
    probabilities : sequence of float
        Probabilities of the breakpoints, ascending.
    closed : {"right", "left"}
        Side on which a portfolio includes its breakpoint.
    rows : array of bool, shape (k,)
        Stocks that are sorted.
    group : array of int, shape (k,)
        Stocks that are sorted together, for example those of a year; each group has a NYSE stock.
    """
    values = getattr(formations, variable)
    portfolio = np.zeros(len(formations), dtype=np.int8)
    edges = []
    for which, members in _groups(group, rows):
        nyse = members[formations.nyse[members]]
        at = breakpoints(values[nyse], probabilities)
        portfolio[members] = bins(values[members], at, closed) + 1
        edges.append(Breakpoints(which, tuple(probabilities), at, len(nyse)))
    return Sort(portfolio, len(probabilities) + 1, tuple(edges))


def _groups(group: Array, rows: Array) -> Iterator[tuple[int, Array]]:
    """Yield every group in ascending order with its members among ``rows``."""
    members = np.flatnonzero(rows)
    members = members[np.argsort(group[members], kind="stable")]
    starts = np.flatnonzero(np.diff(group[members], prepend=-1))
    for together in np.split(members, starts[1:]) if len(members) else ():
        yield int(group[together[0]]), together


def held_months(stocks: Stocks, formations: Formations) -> tuple[Array, Array]:
    """Return the months for which formations hold, July of t to June of t + 1.

    Returns
    -------
    row : array of int, shape (m,)
        Rows of ``stocks``.
    formation : array of int, shape (m,)
        Row of ``formations`` that holds for each, ascending.
    """
    june = formations.row[:, None]
    following = june + np.arange(1, MONTHS_PER_YEAR + 1)
    holds = following < len(stocks.month)
    np.minimum(following, len(stocks.month) - 1, out=following)
    holds &= stocks.month[following] <= stocks.month[june] + MONTHS_PER_YEAR
    holds &= stocks.permno[following] == stocks.permno[june]
    return following[holds], np.nonzero(holds)[0]


def _later(stocks: Stocks, row: Array, months: int) -> Array:
    """Return the rows of the same stocks ``months`` later, earlier if negative, -1 for none.

    Rows are in order and unique: the wanted one is that many rows away, or nearer after a gap.
    """
    found = np.full(len(row), -1)
    sought = np.arange(len(row))
    for distance in range(abs(months), -1, -1):
        near = row[sought]
        other = np.clip(near + np.sign(months) * distance, 0, len(stocks.month) - 1)
        hit = stocks.month[other] == stocks.month[near] + months
        hit &= stocks.permno[other] == stocks.permno[near]
        found[sought[hit]] = other[hit]
        sought = sought[~hit]
    return found


@dataclass(frozen=True, eq=False)
class _AnnualAccounts:
    """One account for each company and calendar year."""

    accounts: Accounts
    records: Array

    def rows(self, gvkey: Coded, year: Array) -> Array:
        """Return the account of each company in each year, -1 for none."""
        company = _translated(gvkey, self.accounts.gvkey.names)
        keys = self._keys(self.accounts.gvkey.code, self.accounts.year)
        return np.where(company >= 0, _position(keys, self._keys(company, year)), -1)

    def _keys(self, company: Array, year: Array) -> Array:
        return np.asarray(company.astype(np.int64) * 10_000 + year)


def _one_account_a_year(
    accounts: Accounts, profile: Profile
) -> tuple[_AnnualAccounts, dict[str, int]]:
    """Return the latest account with book equity of each company and calendar year."""
    company = accounts.gvkey.code
    new = np.diff(company, prepend=-1) != 0
    position = np.arange(len(company))
    records = position - np.maximum.accumulate(np.where(new, position, 0)) + 1
    has_equity = ~np.isnan(accounts.items["be"])
    accounts, records = accounts[has_equity], records[has_equity]
    key = accounts.gvkey.code.astype(np.int64) * 10_000 + accounts.year
    latest = np.diff(key, append=-1) != 0
    accounts, records = accounts[latest], records[latest]
    positive = accounts.items["be"] > 0
    counts = {
        "accounts_without_equity": int(np.sum(~has_equity)),
        "accounts_later_in_their_year": int(np.sum(~latest)),
        "accounts_without_positive_equity": int(np.sum(~positive)),
    }
    if profile.positive_book_equity:
        accounts, records = accounts[positive], records[positive]
    return _AnnualAccounts(accounts, records), counts


def _position(keys: Array, wanted: Array) -> Array:
    """Return where each wanted key stands in ascending ``keys``, -1 for nowhere."""
    if not len(keys):
        return np.full(len(wanted), -1)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)


def _translated(texts: Coded, names: Sequence[str]) -> Array:
    """Return the codes of ``texts`` in other ``names``, -1 for those that are not there."""
    position = {name: i for i, name in enumerate(names)}
    new = np.array([*(position.get(name, -1) for name in texts.names), -1], dtype=np.int64)
    return np.asarray(new[texts.code])
