"""How the editions of the recipe differ, and what else a replication can choose.

"seed2023" is the chapter of 2023 with its printed operations, "book2026" the present one; what
each option means is in docs/replication.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal


@dataclass(frozen=True)
class Profile:
    """One edition of the recipe.

    Parameters
    ----------
    name : str
    complete_rows : bool
        Whether a month of a stock with any missing value is dropped before anything else.
    positive_book_equity : bool
        Whether book equity must be positive.
    exchange_month : {6, 7}
        Month of the sorting year whose row says on which exchange the stock is listed; a stock
        without that row is not sorted.
    closed : {"right", "left"}
        Side on which a portfolio includes its breakpoint.
    """

    name: str
    complete_rows: bool
    positive_book_equity: bool
    exchange_month: Literal[6, 7]
    closed: Literal["right", "left"]


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("seed2023", True, False, 7, "right"),
        Profile("book2026", False, True, 6, "left"),
    )
}


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
    market_equity : {"security", "company"}
        Whether size and book-to-market take the market equity of the security, or of all
        securities of its company; a company then gives the breakpoints one stock, its largest.
    """

    profile: str
    five_factor_sort: Literal["dependent", "independent"] = "dependent"
    op_require_cost: bool = False
    market_equity: Literal["security", "company"] = "security"


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
