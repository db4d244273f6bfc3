"""Which edition a store is, by all the evidence of its names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SEED, BOOK = "seed2023", "book2026"


@dataclass(frozen=True)
class Evidence:
    """A name in the store that speaks for one profile, and how much it weighs."""

    name: str
    profile: str
    weight: float


def evidence_of(
    stocks: str, accounts: str, factors: tuple[str, ...], tables: Mapping[str, tuple[str, ...]]
) -> list[Evidence]:
    """Return what speaks for which profile.

    The name of the months weighs most, in every table that has one of the two; a table with both
    is of the old edition or was added to.

    Parameters
    ----------
    stocks, accounts : str
        Names of the tables that are read.
    factors : tuple of str
        Those of the factors.
    tables : mapping of str to tuple of str
        Columns by table.
    """
    return [*_months(stocks, factors, tables), *_names(stocks, accounts, factors, tables)]


def _months(
    stocks: str, factors: tuple[str, ...], tables: Mapping[str, tuple[str, ...]]
) -> Iterator[Evidence]:
    for table in (stocks, *factors):
        columns = {name.lower() for name in tables[table]}
        if "month" in columns:
            yield Evidence(f"{table}.month", SEED, 0.5 if "date" in columns else 1.0)
        else:
            yield Evidence(f"{table}.date", BOOK, 1.0)


def _names(
    stocks: str, accounts: str, factors: tuple[str, ...], tables: Mapping[str, tuple[str, ...]]
) -> Iterator[Evidence]:
    of_stocks = {name.lower() for name in tables[stocks]}
    for column, profile in {"exchcd": SEED, "altprc": SEED, "primaryexch": BOOK}.items():
        if column in of_stocks:
            yield Evidence(f"{stocks}.{column}", profile, 0.5)
    for table in factors:
        if "risk_free" in {name.lower() for name in tables[table]}:
            yield Evidence(f"{table}.risk_free", BOOK, 0.5)
        if table.lower() == "factors_ff_monthly":
            yield Evidence(table, SEED, 0.5)
    if accounts.lower() == "compustat_annual":
        yield Evidence(accounts, BOOK, 0.5)


def judged(evidence: list[Evidence]) -> tuple[str, str | None]:
    """Return the profile that most speaks for, and a warning if some speaks against it.

    Evidence of equal weight is decided by the first piece, the name of the stocks' months.
    """
    weight = {p: sum(e.weight for e in evidence if e.profile == p) for p in (SEED, BOOK)}
    first = evidence[0].profile
    other = BOOK if first == SEED else SEED
    profile = first if weight[first] >= weight[other] else other
    against = [e.name for e in evidence if e.profile != profile]
    if not against:
        return profile, None
    by = ", ".join(e.name for e in evidence if e.profile == profile)
    return profile, (
        f"the evidence on the edition disagrees: {by} for {profile}, {', '.join(against)} against; "
        "tidy.profile chooses another"
    )
