"""Names under which editions keep tables and columns, and what a user chooses among them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any


@dataclass(frozen=True)
class Layout:
    """Names under which editions keep a table.

    Parameters
    ----------
    tables : tuple of str
        Names of the table, that of the newest edition first.
    keys : tuple of str
        Columns that identify a row.
    aliases : mapping of str to tuple of str
        Names of a column, where they are not just its own, the preferred one first.
    required, optional : tuple of str
    """

    tables: tuple[str, ...]
    keys: tuple[str, ...]
    aliases: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    def present_in(self, tables: Collection[str]) -> list[str]:
        """Return the tables of a store that may be this one, in order of preference."""
        return [name for wanted in self.tables for name in matching(wanted, tables)]


def matching(wanted: str, present: Collection[str]) -> list[str]:
    """Return the names that are ``wanted`` in any case, the same case first."""
    return sorted((n for n in present if n.lower() == wanted.lower()), key=lambda n: n != wanted)


_MONTH = {"month": ("month", "date")}
LAYOUTS: Mapping[str, Layout] = {
    "stocks": Layout(
        tables=("crsp_monthly",),
        keys=("permno", "month"),
        aliases={**_MONTH, "exchange": ("exchange", "exchcd", "primaryexch")},
        required=("permno", "gvkey", "month", "ret_excess", "mktcap", "exchange"),
        optional=("mktcap_lag", "ret", "retx", "permco"),
    ),
    "accounts": Layout(
        tables=("compustat_annual", "compustat"),
        keys=("gvkey", "datadate"),
        aliases={},
        required=("gvkey", "datadate", "be"),
        optional=("op", "inv", "sale", "cogs", "xsga", "xint", "at", "ib", "dp", "txdi", "indfmt"),
    ),
    "three_factors": Layout(
        tables=("factors_ff3_monthly", "factors_ff_monthly"),
        keys=("month",),
        aliases={**_MONTH, "rf": ("rf", "risk_free"), "umd": ("umd", "mom")},
        required=("month", "smb", "hml"),
        optional=("mkt_excess", "rf", "umd"),
    ),
    "five_factors": Layout(
        tables=("factors_ff5_monthly",),
        keys=("month",),
        aliases={**_MONTH, "umd": ("umd", "mom")},
        required=("month",),
        optional=("smb", "hml", "rmw", "cma", "umd"),
    ),
}
"""The tables of a store; the last one is optional."""


@dataclass(frozen=True)
class Choice:
    """What a user chooses about the reading of a store.

    Parameters
    ----------
    coerce : bool
        Turn text in a required column of numbers into missing values, with a warning.
    busy_timeout : float
        Seconds to wait for a locked database.
    tables : mapping of str to str
        Names of tables, by ``stocks``, ``accounts``, ``three_factors`` and ``five_factors``, where
        the store's are not to be found by their usual names.
    stock_variables, account_items : tuple of str
        Further columns of numbers that are wanted.
    """

    coerce: bool = False
    busy_timeout: float = 5
    tables: Mapping[str, str] = field(default_factory=dict)
    stock_variables: tuple[str, ...] = ()
    account_items: tuple[str, ...] = ()

    def layouts(self) -> dict[str, Layout]:
        """Return the layouts with the chosen tables and columns."""
        chosen = {
            part: replace(layout, tables=(self.tables.get(part, ""),))
            if part in self.tables
            else layout
            for part, layout in LAYOUTS.items()
        }
        for part, more in (("stocks", self.stock_variables), ("accounts", self.account_items)):
            known = (*chosen[part].required, *chosen[part].optional)
            wanted = tuple(name for name in dict.fromkeys(more) if name not in known)
            chosen[part] = replace(chosen[part], optional=(*chosen[part].optional, *wanted))
        return chosen


def table_names(tables: Mapping[str, str]) -> frozenset[str]:
    """Return the names, in lower case, of the tables that are read, some of them chosen."""
    layouts = Choice(tables=tables).layouts().values()
    return frozenset(name.lower() for layout in layouts for name in layout.tables)


def choice_of(settings: Mapping[str, Any]) -> Choice:
    """Return the choice that a stage's settings make."""
    chosen = {f.name: settings[f.name] for f in fields(Choice) if f.name in settings}
    lists = {name: tuple(value) for name, value in chosen.items() if isinstance(value, list)}
    return Choice(**chosen | lists)
