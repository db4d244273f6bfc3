"""How the editions of the recipe differ.

"seed2023" is the chapter of 2023 with its printed operations, "book2026" the present one; what
each option means is in docs/replication.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


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
