"""Annual formations: which stocks are sorted in a year, on what, and what they earn afterwards.

A formation of year t holds for the returns from July of t to June of t + 1. Size is the market
equity of June t, book-to-market the book equity of the fiscal year that ended in t - 1 over the
market equity of December t - 1 (Fama and French 1993).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from truepremia.errors import DataError
from truepremia.tidy.profiles import PROFILES, Options, Profile
from truepremia.tidy.tables import MONTHS_PER_YEAR, NYSE, Accounts, Coded, Stocks, year_of
from truepremia.typing import Array

MIN_NYSE_STOCKS = 5
"""A period with fewer NYSE stocks has no breakpoints worth the name and is skipped."""

COST_ITEMS = ("cogs", "xsga", "xint")

_JUNE = 6


@dataclass(frozen=True, eq=False)
class Formations:
    """Stocks that can be sorted, in ascending order of period and permno.

    Parameters
    ----------
    row : array of int, shape (k,)
        Row among the stock months when portfolios are formed, June t in an annual sort.
    permno, period : array of int, shape (k,)
        The stock, and what is formed: the sorting year t of an annual sort.
    exchange : Coded
    variables : mapping of str to array, shape (k,)
        What can be sorted on. Of an annual sort: ``me`` and ``me_december``, market equity of
        June t and of December t - 1, million USD;
        ``be``, book equity of the fiscal year ending in t - 1, million USD; ``bm``, ``be`` over the
        market equity of December t - 1; ``op`` and ``inv``, operating profitability and investment
        of the same account, NaN where missing; ``records``, annual accounts of the company up to
        and including that account.
    counted : array of bool, shape (k,)
        Whether a stock counts for breakpoints; of a company that is sorted on the market equity
        of all its securities, only the largest does.
    """

    row: Array
    permno: Array
    period: Array
    exchange: Coded
    variables: Mapping[str, Array]
    counted: Array

    def __getitem__(self, rows: Any) -> "Formations":
        variables = {name: values[rows] for name, values in self.variables.items()}
        kept = (self.row[rows], self.permno[rows], self.period[rows], self.exchange[rows])
        return Formations(*kept, variables, self.counted[rows])

    def __len__(self) -> int:
        return len(self.permno)

    def with_variables(self, variables: Mapping[str, Array]) -> "Formations":
        """Return the same formations with other variables."""
        return replace(self, variables=variables)

    @cached_property
    def nyse(self) -> Array:
        """Which stocks give the breakpoints, shape (k,)."""
        return np.asarray(self.exchange.is_name(NYSE) & self.counted)


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


def holdings(
    stocks: Stocks, accounts: Accounts, options: Options, company: Array | None = None
) -> Holdings:
    """Form portfolios of a store by a profile.

    Parameters
    ----------
    stocks : Stocks
    accounts : Accounts
    options : Options
    company : array, shape (n,), optional
        Identifier of each stock's company (permco), NaN where unknown; for market equity by
        company.

    Raises
    ------
    DataError
        If no year has a complete formation or enough NYSE stocks.
    """
    profile = PROFILES[options.profile]
    rows, missing = usable(stocks, profile)
    annual, odd_accounts = _one_account_a_year(accounts, profile)
    if options.market_equity == "company":
        equity = company_equity(stocks, company)
    else:
        equity = MarketEquity(stocks.mktcap, np.ones(len(stocks.month), dtype=bool))
    formations = _formations(stocks, rows, annual, options, equity)
    enough, skipped = sortable(formations, np.ones(len(formations), dtype=bool))
    if not enough.any():
        raise DataError(
            f"every formation year has fewer than {MIN_NYSE_STOCKS} NYSE stocks with all sorting "
            "variables, so there are no breakpoints; correct crsp_monthly.exchange"
        )
    formations = formations[enough]
    row, formation = _held_months(stocks, formations)
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
            "first_year": int(formations.period[0]),
            "last_year": int(formations.period[-1]),
            "skipped_years": skipped,
            "months_missing": missing,
            "months_without_weight": int(np.sum(earns & ~weighted)),
            **odd_accounts,
            **_without_costs(options, accounts),
            **_changed_by_company(options, stocks, formations),
        },
    )


def account_items(stocks: Stocks, accounts: Accounts, held: Holdings) -> dict[str, Array]:
    """Return every item of the account behind the book equity of each formation, shape (k,)."""
    annual, _ = _one_account_a_year(accounts, held.profile)
    f = held.formations
    december = row_of_month(stocks, f.row, -_JUNE)
    rows = annual.rows(stocks.gvkey[december], f.period - 1)
    return {name: values[rows] for name, values in annual.accounts.items.items()}


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


def sortable(formations: Formations, candidates: Array) -> tuple[Array, list[int]]:
    """Return which candidates stand in periods with enough NYSE stocks, and the periods without.

    Parameters
    ----------
    formations : Formations
    candidates : array of bool, shape (k,)

    Returns
    -------
    rows : array of bool, shape (k,)
    skipped : list of int
    """
    periods, position = np.unique(formations.period, return_inverse=True)
    nyse = np.bincount(position, weights=formations.nyse & candidates)
    stocks = np.bincount(position, weights=candidates)
    enough = nyse >= MIN_NYSE_STOCKS
    return candidates & enough[position], periods[~enough & (stocks > 0)].tolist()


@dataclass(frozen=True, eq=False)
class MarketEquity:
    """Market equity that is sorted on, and which stocks count for breakpoints, both (n,)."""

    value: Array
    counted: Array


def company_equity(stocks: Stocks, company: Array | None) -> MarketEquity:
    """Return the market equity of each stock's company, the sum over its securities of the month.

    A stock without a known company is one of its own.

    Raises
    ------
    DataError
        If the store does not say which securities belong together.
    """
    if company is None or np.isnan(company).all():
        raise DataError(
            "market equity by company needs a column crsp_monthly.permco with values; add it, or "
            "set tidy.market_equity to security"
        )
    alone = np.isnan(company)
    identifier = np.where(alone, -stocks.permno - 1.0, company)
    order = np.lexsort([stocks.permno, -np.nan_to_num(stocks.mktcap), identifier, stocks.month])
    month, of = stocks.month[order], identifier[order]
    first = (np.diff(month, prepend=-1) != 0) | (np.diff(of, prepend=np.inf) != 0)
    group = np.cumsum(first) - 1
    total = np.bincount(group, weights=np.nan_to_num(stocks.mktcap[order]))
    value, counted = np.empty(len(order)), np.empty(len(order), dtype=bool)
    value[order], counted[order] = total[group], first
    return MarketEquity(np.where(np.isnan(stocks.mktcap), np.nan, value), counted)


def _without_costs(options: Options, accounts: Accounts) -> dict[str, int]:
    """Return how many accounts cannot have the cost that they are asked for."""
    if not options.op_require_cost or any(name in accounts.items for name in COST_ITEMS):
        return {}
    return {"accounts_without_cost": len(accounts.items["be"])}


def _changed_by_company(options: Options, stocks: Stocks, formations: Formations) -> dict[str, int]:
    """Return how many formations have a company with other securities, if that matters."""
    if options.market_equity == "security":
        return {}
    own = stocks.mktcap[formations.row]
    return {"formations_of_larger_companies": int(np.sum(formations.variables["me"] > own))}


def _formations(
    stocks: Stocks,
    rows: Array,
    annual: "_AnnualAccounts",
    options: Options,
    equity: MarketEquity,
) -> Formations:
    """Return the formations of all years from the months ``rows``, bool, shape (n,).

    Raises
    ------
    DataError
        If no stock has all that a formation needs in any year.
    """
    june, december, listed = _months_of(stocks, rows, options)
    found = (december >= 0) & (listed >= 0)
    june, december, listed = june[found], december[found], listed[found]
    year = year_of(stocks.month[june])
    account = annual.rows(stocks.gvkey[december], year - 1)
    found = (account >= 0) & (stocks.exchange.code[listed] >= 0)
    found &= ~np.isnan(stocks.mktcap[june]) & ~np.isnan(stocks.mktcap[december])
    if not found.any():
        raise DataError(f"{_NO_FORMATION} {_nothing_formed(stocks, rows, annual, options)}")
    june, december, listed, account = (a[found] for a in (june, december, listed, account))
    items = annual.accounts.items
    variables = {
        "me": equity.value[june],
        "me_december": equity.value[december],
        "be": items["be"][account],
        "bm": items["be"][account] / equity.value[december],
        "op": _operating_profitability(items, options.op_require_cost)[account],
        "inv": items.get("inv", np.full(len(annual.records), np.nan))[account],
        "records": annual.records[account],
    }
    permno, year = stocks.permno[june], year[found]
    exchange, counted = stocks.exchange[listed], equity.counted[june]
    formations = Formations(june, permno, year, exchange, variables, counted)
    return formations[np.lexsort([permno, year])]


_NO_FORMATION = "no complete formation: no stock of crsp_monthly"


def _months_of(stocks: Stocks, rows: Array, options: Options) -> tuple[Array, Array, Array]:
    """Return the rows of every June, and those of the December before and of the exchange.

    These two are -1 where the stock has no such month among ``rows``.
    """
    june = np.flatnonzero(rows & (stocks.month % MONTHS_PER_YEAR == _JUNE - 1))
    december = row_of_month(stocks, june, -_JUNE)
    listed = row_of_month(stocks, june, PROFILES[options.profile].exchange_month - _JUNE)
    return june, np.where(rows[december], december, -1), np.where(rows[listed], listed, -1)


def _nothing_formed(
    stocks: Stocks, rows: Array, annual: "_AnnualAccounts", options: Options
) -> str:
    """Say which of the things that a formation needs no stock has, the first of them."""
    june, december, listed = _months_of(stocks, rows, options)
    before = december >= 0
    after = before & (listed >= 0)
    if not len(june):
        return "has a row of a June; add months to the store"
    if not before.any():
        return "has a June and the December before it; add months to the store"
    if not after.any():
        return (
            "has a June, the December before it and the July after it, of which the profile takes "
            "the exchange; add months to the store or choose another profile"
        )
    in_december = stocks.gvkey[december[after]]
    ours, theirs = in_december.present(), annual.accounts.gvkey.present()
    if not theirs:
        return "has an account: compustat has none with usable be; add be"
    if not ours:
        return "with a June and the December before it has a gvkey; add gvkey"
    if not set(ours) & set(theirs):
        return (
            f"has an account: gvkeys such as {ours[0]!r} in crsp_monthly and {theirs[0]!r} in "
            "compustat never agree; write them alike"
        )
    if not (annual.rows(in_december, year_of(stocks.month[june[after]]) - 1) >= 0).any():
        return (
            "has a June, the December before it and an account of that year with be; add months "
            "or accounts to the store"
        )
    return (
        "has mktcap in June and in the December before it, an exchange, and an account of that "
        "year with be; correct these columns of crsp_monthly"
    )


def _held_months(stocks: Stocks, formations: Formations) -> tuple[Array, Array]:
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


def _one_account_a_year(
    accounts: Accounts, profile: Profile
) -> tuple["_AnnualAccounts", dict[str, int]]:
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


def _operating_profitability(items: Mapping[str, Array], require_cost: bool) -> Array:
    """Return operating profit over book equity, as stored or from its items, shape (n,).

    A missing cost is zero; ``require_cost`` demands at least one (French's rule), so that without
    any cost item no profitability is known.
    """
    costs = [items[name] for name in COST_ITEMS if name in items]
    if "op" in items:
        profitability = items["op"]
    elif "sale" in items:
        with np.errstate(divide="ignore", invalid="ignore"):
            profitability = (items["sale"] - sum(map(np.nan_to_num, costs))) / items["be"]
    else:
        profitability = np.full(len(items["be"]), np.nan)
    has_cost = np.any([~np.isnan(cost) for cost in costs], axis=0) if require_cost else True
    return np.where(has_cost & np.isfinite(profitability), profitability, np.nan)


def row_of_month(stocks: Stocks, row: Array, months: int) -> Array:
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
